"""What a store refuses to commit is done again: nothing due or under way is forgotten."""

from __future__ import annotations

import pytest

from tests.failing_store import FailingStore
from tests.world_fixture import WorldFixture, decision
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.agenda import RETRY_MS
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.testing import World


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def on(store: FailingStore) -> WorldFixture:
    return WorldFixture(World(store=store))


def test_a_refused_call_leaves_no_trace_and_may_be_repeated(on: WorldFixture, store: FailingStore) -> None:
    run_id = on.start()
    store.refusals = 1
    with pytest.raises(ServiceUnavailable):
        on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    assert on.types(run_id) == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    assert on.types(run_id)[-1] == "WorkflowExecutionSignaled"


def test_a_timer_that_could_not_be_recorded_fires_when_the_store_is_back(
    on: WorldFixture, store: FailingStore
) -> None:
    run_id = on.start()
    on.decide(decision("StartTimer", timerId="t", startToFireTimeout="10"))
    store.refusals = 5
    on.world.advance(seconds=10)
    assert on.peek(run_id)[-1] == "TimerStarted"
    on.world.advance(ms=6 * RETRY_MS)
    assert store.refusals == 0
    assert on.peek(run_id)[-2:] == ["TimerFired", "DecisionTaskScheduled"]


def test_a_message_that_could_not_be_delivered_arrives_when_the_store_is_back(
    on: WorldFixture, store: FailingStore
) -> None:
    first, second = on.start("first"), on.start("second")
    task = on.next_task()
    on.next_task()
    other = {"workflowId": "second", "signalName": "s"}
    on.world.submit(
        "RespondDecisionTaskCompleted",
        taskToken=task["taskToken"],
        decisions=[decision("SignalExternalWorkflowExecution", **other)],
    )
    on.world.writer.step()
    store.refusals = 4
    on.world.advance(ms=6 * RETRY_MS)
    assert store.refusals == 0
    assert on.peek(second, "second")[-2:] == ["WorkflowExecutionSignaled", "DecisionTaskScheduled"]
    assert on.peek(first, "first")[-2:] == ["ExternalWorkflowExecutionSignaled", "DecisionTaskScheduled"]


def test_a_run_whose_retention_has_ended_goes_when_the_store_is_back(
    on: WorldFixture, store: FailingStore
) -> None:
    run_id = on.start()
    on.ask("TerminateWorkflowExecution", workflowId="w")
    store.refusals = 3
    on.world.advance(seconds=10 * 86_400)
    on.world.advance(ms=5 * RETRY_MS)
    assert store.refusals == 0
    with store.reader() as reader:
        run = run_of(run_id)
        assert run is not None
        assert not reader.executions([run])
    assert on.ask("CountClosedWorkflowExecutions", startTimeFilter={"oldestDate": 0})["count"] == 0


def test_memory_is_not_ahead_of_the_store_when_it_cannot_be_rolled_back_run_by_run(
    on: WorldFixture, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(run: int) -> None:
        raise MemoryError

    runs = [on.start("v"), on.start()]
    store.refusals = 1
    with monkeypatch.context() as patch:
        patch.setattr(on.world.state.cache, "forget", no_memory)
        answers = [
            on.world.submit("SignalWorkflowExecution", domain="d", workflowId=name, signalName="lost")
            for name in "vw"
        ]
        on.world.writer.step()
    for answer in answers:
        with pytest.raises(ServiceUnavailable):
            answer.result()
    for name, run_id in zip("vw", runs, strict=True):
        on.ask("SignalWorkflowExecution", workflowId=name, signalName="kept")
        assert on.types(run_id, name) == [
            "WorkflowExecutionStarted",
            "DecisionTaskScheduled",
            "WorkflowExecutionSignaled",
        ]
