"""The service in this process, without threads: `workflowsvc.testing.World` as scenarios need it.

Owns the restarts of the process. A `restless` one restarts wherever it can, also between the commit of an event and the
delivery of its message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.scenario.audit import check_memory
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.settings import Settings
from workflowsvc.store.errors import Conflict
from workflowsvc.store.interface import Transaction
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World
from workflowsvc.testing.scenarios import functions
from workflowsvc.testing.scenarios.in_world import InWorld


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


class InProcess(InWorld):
    """A World that may die, and whose memory is compared with a fresh replay."""

    world: RestartingWorld

    def __init__(
        self,
        settings: Settings,
        *,
        functions_answer: bool = False,
        restless: bool = False,
        unlucky: bool = False,
    ) -> None:
        """`restless`: restarts wherever it can. `unlucky`: every commit fails the first time."""
        super().__init__(RestartingWorld(settings=settings, store=UnluckyStore() if unlucky else None))
        self.world.restless = restless
        self.world.functions_answer = functions_answer
        self.world.restart()

    def audit(self) -> None:
        assert not self.world.state.quarantine.runs, "a rule has met a bug"
        with self.world.store.transaction() as tx:
            check_memory(UnitOfWork(tx, self.now_ms, self.world.state), self.world.state)
