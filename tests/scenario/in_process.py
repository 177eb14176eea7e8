"""The service in this process, without threads: `workflowsvc.testing.World` as scenarios need it.

Owns the restarts of the process. A `restless` one restarts wherever it can, also between the commit of an event and the
delivery of its message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.scenario.audit import check_memory
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import Fault
from workflowsvc.settings import Settings
from workflowsvc.store.errors import Conflict
from workflowsvc.store.interface import Transaction
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant
from workflowsvc.testing import PendingAnswer, World
from workflowsvc.testing.scenarios import functions
from workflowsvc.testing.scenarios.service import Refused


class UnluckyStore(SqliteStore):
    """A store in memory whose every commit meets a conflict once: each batch is run, rolled back and run again."""

    def __init__(self) -> None:
        super().__init__(None)
        self.sure = True  # no conflicts, for code that does not retry
        self._failed = False

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self._failed = not self.sure and not self._failed
        with super().transaction() as tx:
            yield tx
            if self._failed:
                raise Conflict("another node was faster")


class RestartingWorld(World):
    """Keeps the counters of its ids over restarts: they stand for time, which does not pass between two of them."""

    restless = False
    functions_answer = False

    def restart(self) -> None:
        ids = self.state.ids if hasattr(self, "state") else None
        super().restart()
        if ids is not None:
            self.state.ids = ids
        if self.functions_answer:
            self.state.invoke = functions.invoke

    def run(self) -> None:
        while self._step():
            if self.restless and self.state.agenda.messages_waiting and not len(self.state.pollers):
                self.restart()

    def _step(self) -> bool:
        if not isinstance(self.store, UnluckyStore):
            return self.writer.step()
        self.store.sure = False
        try:
            return self.writer.step()
        finally:
            self.store.sure = True


class InProcess:
    """A `workflowsvc.testing.scenarios.service.Service`."""

    def __init__(
        self,
        settings: Settings,
        *,
        functions_answer: bool = False,
        restless: bool = False,
        unlucky: bool = False,
    ) -> None:
        """`restless`: restarts wherever it can. `unlucky`: every commit fails the first time."""
        self.world = RestartingWorld(settings=settings, store=UnluckyStore() if unlucky else None)
        self.world.restless = restless
        self.world.functions_answer = functions_answer
        self.world.restart()

    @property
    def now_ms(self) -> int:
        return self.world.clock.now_ms()

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        try:
            return self.world.call(operation, tenant, **members)
        except Fault as fault:
            raise Refused(fault.code, fault.message) from fault

    def wait(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> WaitingInProcess:
        return WaitingInProcess(self.world, self.world.poll(operation, tenant, **members))

    def advance(self, ms: int) -> None:
        self.world.advance(ms=ms)

    def set_clock(self, ms: int) -> None:
        self.world.clock.step(ms)
        self.world.run()

    def sleep(self, ms: int) -> None:
        self.world.clock.advance(ms)
        self.world.restart()
        self.world.run()

    def do(self, run: Callable[[UnitOfWork], Any]) -> Any:
        answer = PendingAnswer()
        self.world.writer.submit(Command(run, answer))
        self.world.run()
        return answer.result()

    def audit(self) -> None:
        assert not self.world.state.quarantine.runs, "a rule has met a bug"
        with self.world.store.transaction() as tx:
            check_memory(UnitOfWork(tx, self.now_ms, self.world.state), self.world.state)

    def close(self) -> None:
        self.world.store.close()


class WaitingInProcess:
    """A `workflowsvc.testing.scenarios.service.Waiting`."""

    def __init__(self, world: World, pending: PendingAnswer) -> None:
        self._world = world
        self._pending = pending

    @property
    def done(self) -> bool:
        return self._pending.done

    def answer(self) -> Any:
        try:
            return self._pending.result()
        except Fault as fault:
            raise Refused(fault.code, fault.message) from fault

    def hang_up(self) -> None:
        assert self._pending.poll is not None
        self._pending.poll.abandon()
        self._world.run()
