"""The writer's thread looks at the clock now and then: what is due by a clock that was set is done without any call.

A suspended machine looks the same: its clock has moved on, and the thread's sleep has not.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tests.engine.peer_sqlite import PeerSqliteStore
from tests.world_fixture import WorldFixture, decision
from workflowsvc.clock import ManualClock
from workflowsvc.engine import writer_loop
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.multi_node import POLL_STORE_MS
from workflowsvc.engine.unit_of_work import LOOK_AT_LISTS_MS
from workflowsvc.settings import Settings
from workflowsvc.testing import World

PATIENCE_SECONDS = 60.0
DAY_MS = 86_400_000


@pytest.fixture
def on() -> Iterator[WorldFixture]:
    world = World()
    yield WorldFixture(world)
    world.writer.stop()


def test_a_timer_fires_when_the_clock_is_set_ahead_although_no_call_comes(
    on: WorldFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_loop, "MAX_SLEEP_SECONDS", 0.01)
    run_id = on.start()
    on.decide(decision("StartTimer", timerId="t", startToFireTimeout="3600"))
    fallen_asleep, answered = threading.Event(), threading.Event()
    sleep = on.world.writer.queue.sleep

    def note(seconds: float | None) -> None:
        fallen_asleep.set()
        sleep(seconds)

    on.world.writer.queue.sleep = note
    on.world.writer.deliver = lambda answers: answered.set()
    poll = on.world.submit("PollForDecisionTask", domain="d", taskList={"name": "list"})
    on.world.writer.start()
    assert fallen_asleep.wait(PATIENCE_SECONDS)
    on.world.clock.step(3_600_000)
    assert answered.wait(PATIENCE_SECONDS), "the poll gets the decision task that follows from the timer"
    assert not poll.done
    assert on.peek(run_id)[-3:] == ["TimerFired", "DecisionTaskScheduled", "DecisionTaskStarted"]


def test_the_clock_is_looked_at_only_while_something_is_scheduled(on: WorldFixture) -> None:
    on.world.run()
    writer = on.world.writer
    assert writer.next_moment() is None
    assert writer._seconds_to_wait() is None
    began = on.world.clock.now_ms()
    on.start(executionStartToCloseTimeout="86400")
    assert writer.next_moment() == began + LOOK_AT_LISTS_MS  # whether a client polls the list of the task
    on.world.advance(ms=LOOK_AT_LISTS_MS)
    moment = writer.next_moment()
    assert moment == began + DAY_MS
    assert writer._seconds_to_wait() == writer_loop.MAX_SLEEP_SECONDS
    on.world.clock.advance_to(moment - 1_000)
    assert writer._seconds_to_wait() == 1.0


@pytest.mark.parametrize("ms", [-DAY_MS, DAY_MS])
def test_a_node_whose_clock_is_set_goes_by_that_of_the_database(ms: int) -> None:
    """Else it would not look into the store until its own clock has caught up."""
    clock = ManualClock()
    engine = Engine(PeerSqliteStore(None), clock, Settings(), os.urandom, store_clock=True)
    while engine.writer.step():
        pass
    now, next_look = engine.now_ms(), engine.writer.next_moment()
    assert now == ManualClock.DEFAULT_START_MS
    assert next_look == now + POLL_STORE_MS
    clock.step(ms)
    assert (engine.now_ms(), engine.writer.next_moment()) == (now, next_look)
    clock.advance(POLL_STORE_MS)
    assert engine.writer.step()
