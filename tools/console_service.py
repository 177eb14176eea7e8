"""A World in the place of the service behind the console, for pictures and tests.

Owns how a call is begun: on the thread that asks, which is the console's. Must not know what the console asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflowsvc.access.caller import Caller
    from workflowsvc.service.action import Action
    from workflowsvc.testing import World


class ConsoleService:
    """A World as the service behind the console: it is used by the thread of the console alone."""

    def __init__(self, world: World) -> None:
        self._world = world

    def begin(
        self,
        action: Action,
        caller: Caller,
        request: Any,
        _disconnect: object,
        done: Callable[[Any], None],
        request_id: str = "",
    ) -> None:
        """See `http.calls.Service`."""
        dispatcher = self._world.dispatcher
        try:
            dispatcher.dispatch(dispatcher.context(action, caller, request_id), request, done)
        except Exception as error:
            done(error)
        self._world.run()

    def permits(self, _caller: Caller, _action: str, _domain: str) -> bool | None:
        """Everything, as with `--auth off`."""
        return True
