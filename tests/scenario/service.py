"""What a scenario needs of a service, whichever way it is reached."""

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
    """A long poll that was sent and may be answered later."""

    @property
    def done(self) -> bool: ...

    def answer(self) -> Any:
        """The decoded answer, once it is done; raises Refused."""
        ...

    def hang_up(self) -> None:
        """The connection goes away."""
        ...


class Service(Protocol):
    """A service of its own, on a clock that only `advance` moves."""

    @property
    def now_ms(self) -> int: ...

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        """The decoded answer, None for an empty body; raises Refused. A poll that finds nothing is answered at once."""
        ...

    def wait(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Waiting:
        """A poll that is held."""
        ...

    def advance(self, ms: int) -> None:
        """Time passes, and whatever becomes due on the way happens at its own moment."""
        ...

    def set_clock(self, ms: int) -> None:
        """Somebody sets the clock: no time passes, but the moment differs."""
        ...

    def sleep(self, ms: int) -> None:
        """The process dies, time passes, a new process begins."""
        ...

    def do(self, run: Callable[[UnitOfWork], Any]) -> Any:
        """Something that no client can do, done by the service's own hands."""
        ...

    def audit(self) -> None:
        """Fails when what is kept in memory and in the store is not what the histories say."""
        ...

    def close(self) -> None: ...
