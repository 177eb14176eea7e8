"""The service of a scenario in this process, without threads: a `World`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import Fault
from workflowsvc.tenant import Tenant
from workflowsvc.testing.scenarios.service import Refused
from workflowsvc.testing.world import PendingAnswer, World


class InWorld:
    """A `scenarios.service.Service`."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def now_ms(self) -> int:
        return self.world.clock.now_ms()

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        try:
            return self.world.call(operation, tenant, **members)
        except Fault as fault:
            raise Refused(fault.code, fault.message) from fault

    def wait(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> WaitingInWorld:
        return WaitingInWorld(self.world, self.world.poll(operation, tenant, **members))

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
        """Nothing: what a history must be is judged where it is read."""

    def close(self) -> None:
        self.world.store.close()


class WaitingInWorld:
    """A `scenarios.service.Waiting`."""

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
