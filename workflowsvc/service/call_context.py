"""What an action needs of a call beside its input: which action, of whom, when, and the service's tools."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import Struct

from workflowsvc.access.caller import Caller
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import Fault
from workflowsvc.service.action import Action
from workflowsvc.service.authorization import CallAccess
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.tokens import Tokens
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant


class CallContext(Struct, frozen=True):
    """`now` is the moment at which the call arrived, in milliseconds; what changes an execution uses the clock of its
    unit of work instead. `request_id` is empty when no request of a client asks.
    """

    action: Action
    caller: Caller
    now: int
    tokens: Tokens
    settings: Settings
    buckets: Buckets
    request_id: str = ""
    access: CallAccess | None = None
    """What the caller may do; None: everything."""

    @property
    def tenant(self) -> Tenant:
        """Whose names are meant."""
        return self.caller.tenant

    def refusal_of_poll(self, request: Any) -> Callable[[UnitOfWork], Fault | None] | None:
        """Asked again before a task is handed to a poll that has waited; None: nothing is to be asked."""
        return None if self.access is None else partial(self.access.refusal_of_poll, request=request)
