"""Background work is found by walking a list: one more duty needs nothing but to be in it."""

from __future__ import annotations

from tests.failing_store import FailingStore
from workflowsvc.engine.agenda import RETRY_MS
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.testing import World


class Ticks:
    """A duty that is due every ten seconds."""

    def __init__(self, first_at: int) -> None:
        self.at = first_at
        self.ran_at: list[int] = []
        self.rolled_back: list[bool] = []

    def next_at(self) -> int | None:
        return self.at

    def run(self, work: UnitOfWork) -> None:
        self.ran_at.append(work.now)
        self.at = work.now + 10_000

    def roll_back(self, *, ran: bool) -> None:
        self.rolled_back.append(ran)
        if ran:
            self.at = self.ran_at.pop()


def test_a_duty_runs_when_it_is_due_and_not_before() -> None:
    world = World()
    world.run()
    began = world.clock.now_ms()
    ticks = Ticks(began + 10_000)
    world.writer.add_duty(ticks)
    assert world.writer.next_moment() == began + 10_000
    world.advance(seconds=35)
    assert ticks.ran_at == [began + 10_000, began + 20_000, began + 30_000]
    assert ticks.rolled_back == []


def test_a_duty_hears_that_its_batch_was_not_committed_and_rests_before_it_runs_again() -> None:
    store = FailingStore()
    world = World(store=store)
    world.run()
    ticks = Ticks(world.clock.now_ms())
    world.writer.add_duty(ticks)
    store.refusals = 1
    world.run()
    assert ticks.rolled_back == [True]
    assert ticks.ran_at == []
    world.advance(ms=RETRY_MS)
    assert len(ticks.ran_at) == 1
