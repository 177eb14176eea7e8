"""The interface of a service to the scenarios, for every way of playing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.tenant import Tenant


class Refused(Exception):
    """The service answered with a fault."""

    def __init__(self, code: str, message: str | None) -> None:
        super().__init__(f"{code}: {message}" if message else code)


class Waiting(Protocol):
    """A long poll that was sent and is held."""

    @property
    def done(self) -> bool: ...

    def answer(self) -> Any:
        """The decoded answer, once it is done; raises Refused."""
        ...

    def hang_up(self) -> None:
        """The client closes its connection."""
        ...


class Service(Protocol):
    """A new service, on a clock that only `advance` moves."""

    @property
    def now_ms(self) -> int: ...

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        """The decoded answer, None for an empty body; raises Refused. A poll without a task is answered at once."""
        ...

    def wait(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Waiting:
        """A poll that is held."""
        ...

    def advance(self, ms: int) -> None:
        """Time passes, and whatever becomes due on the way happens at its own moment."""
        ...

    def set_clock(self, ms: int) -> None:
        """The operator sets the clock: no time passes, but the service reads another time."""
        ...

    def sleep(self, ms: int) -> None:
        """The process dies, time passes, a new process starts."""
        ...

    def do(self, run: Callable[[UnitOfWork], Any]) -> Any:
        """Runs a function within a transaction of the service, for what no client can do."""
        ...

    def audit(self) -> None:
        """Fails when memory or store differ from a replay of the histories."""
        ...

    def close(self) -> None: ...
