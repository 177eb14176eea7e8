"""Two nodes of one installation in this process, on one PostgreSQL and one clock; calls alternate between them.

Owns which node a call reaches, that both finish their background work before the next call, and that hints arrive at
once. The nodes' memories differ as in two processes, except for the counter of ids: it stands for time, which does not
pass within a command of a scenario.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.postgres.places import Place
from tests.scenario.audit import check_memory
from tests.scenario.in_process import InProcess
from tests.scenario.runner import ScenarioSettings
from workflowsvc.clock import ManualClock
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.ids import Ids
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import Fault
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.rows import ListKey
from workflowsvc.tenant import Tenant
from workflowsvc.testing import PendingAnswer, World
from workflowsvc.testing.scenarios import functions
from workflowsvc.testing.scenarios.in_world import WaitingInWorld
from workflowsvc.testing.scenarios.service import Refused


class PairedStore(PostgresStore):
    """A store whose hints reach the other node directly, so that nothing happens between two commands."""

    other: PairedStore | None = None
    _heard: Callable[[list[ListKey]], None] | None = None

    def hint(self, lists: list[ListKey]) -> None:
        if self.other is not None and self.other._heard is not None:
            self.other._heard(lists)

    def listen(self, heard: Callable[[list[ListKey]], None]) -> None:
        self._heard = heard


class NodeWorld(World):
    """One of the two nodes; `TwoNodes` runs both together."""

    functions_answer = False

    ids: Ids | None = None

    def restart(self) -> None:
        super().restart()
        if self.ids is not None:
            self.state.ids = self.ids
        if self.functions_answer:
            self.state.invoke = functions.invoke

    def run(self) -> None:
        pass


class TwoNodes(InProcess):
    """A `workflowsvc.testing.scenarios.service.Service`. Held polls wait on the first node."""

    def __init__(self, wanted: ScenarioSettings, place: Place) -> None:
        self.clock = ManualClock()
        self.worlds: list[NodeWorld] = []
        stores = [PairedStore(place.dsn), PairedStore(place.dsn)]
        stores[0].other, stores[1].other = stores[1], stores[0]
        for seed, store in enumerate(stores):
            world = NodeWorld(settings=wanted.settings, store=store, clock=self.clock, seed=seed)
            world.functions_answer = wanted.functions_answer
            world.ids = self.worlds[0].state.ids if self.worlds else world.state.ids
            world.restart()
            self.worlds.append(world)
        self.world = self.worlds[0]
        self._calls = 0

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def _next(self) -> NodeWorld:
        self._calls += 1
        world = self.worlds[self._calls % 2]
        world.state.catalog.open_counts.clear()  # a node forgets these each second, as other nodes change them
        return world

    def _run(self) -> None:
        """Runs both nodes until neither has anything to do."""
        while sum(world.writer.step() for world in self.worlds):  # `any` would run one node only
            pass

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        world = self._next()
        try:
            pending = WaitingInWorld(world, world.submit(operation, tenant, **members))
        except Fault as fault:
            raise Refused(fault.code, fault.message) from fault
        self._run()
        if not pending.done:
            pending.hang_up()
            self._run()
        return pending.answer()

    def wait(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> WaitingInWorld:
        waiting = _Waiting(self, self.world.submit(operation, tenant, **members))
        self._run()
        return waiting

    def advance(self, ms: int) -> None:
        until = self.now_ms + ms
        self._run()
        while moments := [
            at for world in self.worlds if (at := world.writer.next_moment()) is not None and at <= until
        ]:
            self.clock.advance_to(min(moments))
            self._run()
        self.clock.advance_to(until)
        self._run()

    def set_clock(self, ms: int) -> None:
        self.clock.step(ms)
        self._run()

    def sleep(self, ms: int) -> None:
        self.clock.advance(ms)
        for world in self.worlds:
            world.restart()
        self._run()

    def do(self, run: Callable[[UnitOfWork], Any]) -> Any:
        answer = PendingAnswer()
        self._next().writer.submit(Command(run, answer))
        self._run()
        return answer.result()

    def audit(self) -> None:
        """Compares the memory of the node that was called last, once it has read the others' changes, and the store
        with a fresh replay.
        """
        world = self.worlds[self._calls % 2]
        assert not any(world.state.quarantine.runs for world in self.worlds), "a rule has met a bug"
        with world.store.transaction() as tx:
            work = UnitOfWork(tx, 0, world.state)  # at 0 nothing is due
            for run in list(world.state.cache.executions):
                work.load_execution(run)
            check_memory(work, world.state)

    def close(self) -> None:
        for world in self.worlds:
            world.store.close()


class _Waiting(WaitingInWorld):
    def __init__(self, nodes: TwoNodes, pending: PendingAnswer) -> None:
        super().__init__(nodes.world, pending)
        self._nodes = nodes

    def hang_up(self) -> None:
        super().hang_up()
        self._nodes._run()  # pyright: ignore[reportPrivateUsage]
