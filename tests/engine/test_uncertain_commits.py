"""Commits whose outcome is unknown, polls that a refusal meets, and clocks that are set while something waits.

Each was found by the simulator (docs/reliability.md).
"""

from __future__ import annotations

import pytest

from tests.sim.faulty import Fault, FaultyStore
from tests.world_fixture import ACTIVITY, LIST, WORKFLOW, Stage, decision
from workflowsvc.engine.agenda import RETRY_MS
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.settings import Limits, Settings
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import PendingAnswer, World

DAY_MS = 86_400_000


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(SqliteStore(None))


@pytest.fixture
def on(store: FaultyStore) -> Stage:
    return Stage(World(store=store))


def wait(on: Stage, kind: str = "Decision") -> PendingAnswer:
    return on.world.submit(f"PollFor{kind}Task", on.tenant, domain="d", taskList=LIST)


def withdraw(answer: PendingAnswer) -> None:
    assert answer.poll is not None
    answer.poll.withdraw()


def test_a_poll_whose_withdrawal_is_refused_gets_no_task_any_more(on: Stage, store: FaultyStore) -> None:
    """It had been handed a task in the batch that was undone, and so was back in the queue."""
    poll = wait(on)
    on.world.run()
    on.world.submit("StartWorkflowExecution", domain="d", workflowId="w", workflowType=WORKFLOW)
    withdraw(poll)
    store.arm(Fault("unavailable at commit", 0, 1))
    on.world.run()
    with pytest.raises(ServiceUnavailable):
        poll.result()
    run_id = on.start()
    on.next_task()
    assert on.types(run_id).count("DecisionTaskStarted") == 1


def test_a_poll_that_is_refused_together_with_its_withdrawal_is_answered_once(
    on: Stage, store: FaultyStore
) -> None:
    poll = wait(on)
    withdraw(poll)
    store.arm(Fault("unavailable", 0, 1))
    on.world.run()
    with pytest.raises(ServiceUnavailable):
        poll.result()


def test_a_task_whose_commit_was_reported_as_lost_finds_the_poll_that_waits(
    on: Stage, store: FaultyStore
) -> None:
    """One of two tasks had been handed to the poll, the other one was left for the next poll."""
    on.start()
    task = on.next_task()
    poll = wait(on, "Activity")
    on.world.run()
    decisions = [
        decision("ScheduleActivityTask", activityId=name, activityType=ACTIVITY, input=name) for name in "ab"
    ]
    on.world.submit("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decisions)
    store.arm(Fault("unknown, kept", 0, 1))
    on.world.run()
    assert not poll.done
    on.world.advance(ms=2 * RETRY_MS)
    assert poll.result()["input"] == "b"


def test_nothing_rests_longer_because_the_clock_was_set_back(on: Stage, store: FaultyStore) -> None:
    run_id = on.start()
    on.decide(decision("StartTimer", timerId="t", startToFireTimeout="10"))
    store.arm(Fault("unavailable", 0, 1))
    with pytest.raises(ServiceUnavailable):
        on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    on.world.clock.step(-DAY_MS)
    on.world.clock.step(DAY_MS - 5_000)
    on.world.advance(seconds=15)
    assert "TimerFired" in on.types(run_id)


def test_messages_rest_no_longer_because_the_clock_was_set_back(on: Stage, store: FaultyStore) -> None:
    on.start("target", taskList={"name": "nobody"})
    on.start()
    task = on.next_task()
    signal = decision("SignalExternalWorkflowExecution", workflowId="target", signalName="s")
    on.world.submit("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[signal])
    on.world.writer.step()
    store.arm(Fault("unavailable", 0, 1))
    on.world.writer.step()
    on.world.clock.step(-DAY_MS)
    on.world.advance(ms=2 * RETRY_MS)
    with store.reader() as reader:
        assert not reader.waiting_messages(-1, 1)


def test_messages_keep_their_order_when_the_clock_is_set_back_between_two_processes(
    on: Stage, store: FaultyStore
) -> None:
    """The end of a child is reported behind its start, which waits with an id of the later time."""
    parent = on.start()
    task = on.next_task()
    child = decision(
        "StartChildWorkflowExecution", workflowId="c", workflowType=WORKFLOW, taskList={"name": "x"}
    )
    on.world.submit("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[child])
    on.world.writer.step()
    on.world.writer.step()  # the child runs, and its parent has not heard of it
    on.world.clock.step(-DAY_MS)
    on.world.restart()
    store.arm(Fault("unavailable", 0, 1))
    on.world.writer.step()  # messages rest for a while
    on.ask("TerminateWorkflowExecution", workflowId="c")
    on.world.advance(ms=2 * RETRY_MS)
    types = [kind for kind in on.types(parent) if kind.startswith("ChildWorkflow")]
    assert types == ["ChildWorkflowExecutionStarted", "ChildWorkflowExecutionTerminated"]


def test_a_run_that_a_message_closes_in_the_first_batch_of_a_process_is_purged_in_its_turn() -> None:
    """Its close is of the same transaction as the look for what is to be purged next."""
    on = Stage(World(settings=Settings(quotas=Limits(max_events=12))))
    on.start("target", taskList={"name": "nobody"})
    on.start()
    task = on.next_task()
    for _ in range(8):
        on.ask("SignalWorkflowExecution", workflowId="target", signalName="s")
    signal = decision("SignalExternalWorkflowExecution", workflowId="target", signalName="s")
    on.world.submit("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[signal])
    on.world.writer.step()
    on.world.restart()
    on.world.run()
    with on.world.store.reader() as reader:
        (closed,) = [run for run, row in reader.executions(reader.runs(-1, 9)).items() if row.closed_at]
        assert reader.next_purge_at() == on.world.state.agenda.purge_at
    on.world.advance(ms=11 * DAY_MS)
    with on.world.store.reader() as reader:
        assert closed not in reader.runs(-1, 9)
