"""A bug in the rules of one execution stays with it: others go on, and it goes on itself when the bug is gone.

The bug is an assertion in the rule of one event type, which only one execution meets.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.engine.peer_sqlite import PeerSqliteStore
from tests.support.waiting import PATIENCE_SECONDS
from tests.world_fixture import ACTIVITY, LIST, ROLE, WORKFLOW, WorldFixture, decision
from workflowsvc.clock import ManualClock, SystemClock
from workflowsvc.core.execution import Execution
from workflowsvc.core.rules import APPLY
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.command_queue import Command, deliver_here
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import InternalFailure
from workflowsvc.fsck import Options, audit
from workflowsvc.service.api import Api
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Transaction
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World

TIMER = decision("StartTimer", timerId="t", startToFireTimeout="10")
ACTIVITY_TASK = decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY)


# With PeerSqliteStore polls are matched when all commands of a batch have run.
@pytest.fixture(params=[SqliteStore, PeerSqliteStore])
def on(request: pytest.FixtureRequest) -> WorldFixture:
    return WorldFixture(World(store=request.param(None), functions={"f": lambda event: event}))


@contextmanager
def bug(event_type: str, workflow_id: str = "bad") -> Iterator[None]:
    """The rule of this event meets something impossible in this execution."""
    rule = APPLY[event_type]

    def assertion(execution: Execution, *event: Any) -> None:
        assert execution.workflow_id != workflow_id, "this cannot be"
        rule(execution, *event)

    APPLY[event_type] = assertion
    try:
        yield
    finally:
        APPLY[event_type] = rule


def both(on: WorldFixture, *decisions: dict[str, Any]) -> None:
    """Two executions with these decisions: `bad` and `good`, in this order on every list."""
    for workflow_id in ("bad", "good"):
        on.start(workflow_id, lambdaRole=ROLE)
        if decisions:
            on.decide(*decisions)


def types(on: WorldFixture, workflow_id: str) -> list[str]:
    """Of the newest run, as committed."""
    sql = "select run from executions where workflow_id = ? order by run desc"
    run = on.world.store._writer.execute(sql, (workflow_id,)).get
    sql = "select body ->> 'eventType' from events where run = ? order by event_id"
    return [kind for (kind,) in on.world.store._writer.execute(sql, (run,))]


def sound(on: WorldFixture) -> None:
    with on.world.store.reader() as reader:
        problems = list(audit(reader, Options(on.world.clock.now_ms())))
    assert not problems, "\n".join(map(str, problems))


def test_a_timer_that_meets_a_bug_does_not_keep_other_timers_from_firing(
    on: WorldFixture, caplog: pytest.LogCaptureFixture
) -> None:
    both(on, TIMER)
    with bug("TimerFired"), caplog.at_level(logging.ERROR):
        on.world.advance(seconds=10)
        assert types(on, "good")[-2:] == ["TimerFired", "DecisionTaskScheduled"]
        assert types(on, "bad")[-1] == "TimerStarted"
        on.start("later")
        on.ask("TerminateWorkflowExecution", workflowId="later")
        on.world.advance(seconds=100)
    logged = [record.getMessage() for record in caplog.records]
    assert len(logged) == 1, "a bug is logged once, not at every attempt"
    assert "quarantined: run" in logged[0]
    assert "bad/22" in logged[0]
    assert caplog.records[0].exc_info is not None
    on.world.restart()
    on.world.run()
    assert types(on, "bad")[-2:] == ["TimerFired", "DecisionTaskScheduled"]
    sound(on)


def test_many_due_timers_are_not_kept_waiting_by_one_that_meets_a_bug(on: WorldFixture) -> None:
    """More than one batch of them."""
    both(on, TIMER)
    for number in range(250):
        on.start(f"w{number}")
        on.decide(TIMER)
    with bug("TimerFired"):
        on.world.advance(seconds=10)
        assert all(types(on, f"w{number}")[-2] == "TimerFired" for number in range(250))


def test_a_poll_is_given_the_task_behind_the_one_that_meets_a_bug(on: WorldFixture) -> None:
    both(on)
    with bug("DecisionTaskStarted"):
        assert on.next_task()["workflowExecution"]["workflowId"] == "good"
        assert "taskToken" not in on.ask("PollForDecisionTask", taskList=LIST)
        on.start("another")
        assert on.next_task()["workflowExecution"]["workflowId"] == "another"
    on.world.restart()
    assert on.next_task()["workflowExecution"]["workflowId"] == "bad"
    sound(on)


def test_an_activity_task_that_meets_a_bug_is_handed_out_when_the_bug_is_gone(on: WorldFixture) -> None:
    both(on, ACTIVITY_TASK)
    with bug("ActivityTaskStarted"):
        task = on.ask("PollForActivityTask", taskList=LIST)
        assert task["workflowExecution"]["workflowId"] == "good"
        assert "taskToken" not in on.ask("PollForActivityTask", taskList=LIST)
        on.world.restart()
        assert "taskToken" not in on.ask("PollForActivityTask", taskList=LIST)
    on.world.restart()
    task = on.ask("PollForActivityTask", taskList=LIST)
    assert task["workflowExecution"]["workflowId"] == "bad"
    on.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
    sound(on)


def test_a_waiting_poll_outlives_the_bug_of_a_task_that_came_for_it(on: WorldFixture) -> None:
    poll = on.world.poll("PollForDecisionTask", on.tenant, domain="d", taskList=LIST)
    with bug("DecisionTaskStarted"):
        with pytest.raises(InternalFailure):
            on.start("bad")
        assert not poll.done
        on.start("good")
        assert poll.result()["workflowExecution"]["workflowId"] == "good"


def test_a_caller_whose_execution_meets_a_bug_is_refused_alone(on: WorldFixture) -> None:
    both(on)
    with bug("WorkflowExecutionSignaled"):
        answers = [
            on.world.submit("SignalWorkflowExecution", domain="d", workflowId=name, signalName="s")
            for name in ("good", "bad", "good", "bad")
        ]
        on.world.run()
        for answer in (answers[1], answers[3]):
            with pytest.raises(InternalFailure):
                answer.result()
        answers[0].result()
        answers[2].result()
    assert types(on, "good").count("WorkflowExecutionSignaled") == 2
    assert types(on, "bad").count("WorkflowExecutionSignaled") == 0
    with pytest.raises(InternalFailure):
        on.ask("TerminateWorkflowExecution", workflowId="bad")
    on.world.restart()
    on.ask("TerminateWorkflowExecution", workflowId="bad")
    sound(on)


def test_a_start_that_meets_a_bug_is_refused_alone(on: WorldFixture) -> None:
    with bug("WorkflowExecutionStarted"):
        answers = [
            on.world.submit("StartWorkflowExecution", domain="d", workflowId=name, workflowType=WORKFLOW)
            for name in ("good", "bad", "better")
        ]
        on.world.run()
        with pytest.raises(InternalFailure):
            answers[1].result()
        answers[0].result()
        answers[2].result()
        with pytest.raises(InternalFailure):
            on.start("bad")
    on.start("bad")
    assert on.ask("CountOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0})["count"] == 3
    sound(on)


MESSAGES: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "signal": (
        "WorkflowExecutionSignaled",
        lambda name: decision("SignalExternalWorkflowExecution", workflowId=name, signalName="s"),
    ),
    "cancel request": (
        "WorkflowExecutionCancelRequested",
        lambda name: decision("RequestCancelExternalWorkflowExecution", workflowId=name),
    ),
    "start of a child": (
        "WorkflowExecutionStarted",
        lambda name: decision(
            "StartChildWorkflowExecution", workflowId=name, workflowType=WORKFLOW, taskList={"name": "x"}
        ),
    ),
}


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_that_meets_a_bug_does_not_keep_other_messages_waiting(
    on: WorldFixture, message: str
) -> None:
    event_type, held = MESSAGES[message]
    if "child" not in message:
        for workflow_id in ("bad", "good"):
            on.start(workflow_id, taskList={"name": "x"})
    with bug(event_type):
        for target in ("bad", "good"):
            on.start(f"sender to {target}")
            on.decide(held(target))
        on.world.advance(seconds=5)
        assert event_type in types(on, "good")
        assert event_type not in types(on, "bad")
    on.world.restart()
    on.world.run()
    assert event_type in types(on, "bad")
    assert not list(on.world.store._writer.execute("select * from messages"))
    sound(on)


def test_a_message_that_cannot_be_read_does_not_keep_other_messages_waiting(
    on: WorldFixture, every_history_is_sound: list[World]
) -> None:
    on.start("good", taskList={"name": "x"})
    on.start("sender")
    on.world.store._writer.execute("insert into messages values (1, 1, 'Signal', 1, cast('x' as blob))")
    on.decide(decision("SignalExternalWorkflowExecution", workflowId="good", signalName="s"))
    assert "WorkflowExecutionSignaled" in types(on, "good")
    assert not on.world.state.quarantine.runs, "it belongs to no run"
    every_history_is_sound.clear()  # but the message is not


def test_a_lambda_task_that_meets_a_bug_does_not_keep_others_from_being_called(on: WorldFixture) -> None:
    with bug("LambdaFunctionStarted"):
        both(on, decision("ScheduleLambdaFunction", id="l", name="f"))
        assert "LambdaFunctionCompleted" in types(on, "good")
    assert types(on, "bad")[-1] == "LambdaFunctionScheduled"
    on.world.restart()
    on.world.run()
    assert "LambdaFunctionCompleted" in types(on, "bad")
    sound(on)


def test_a_history_that_cannot_be_replayed_is_a_bug_of_its_own_execution(on: WorldFixture) -> None:
    both(on, TIMER)
    on.world.restart()
    with bug("TimerStarted"):
        on.world.advance(seconds=10)
        assert types(on, "good")[-2:] == ["TimerFired", "DecisionTaskScheduled"]
        with pytest.raises(InternalFailure):
            on.ask("SignalWorkflowExecution", workflowId="bad", signalName="s")
    on.world.restart()
    on.world.run()
    assert types(on, "bad")[-2:] == ["TimerFired", "DecisionTaskScheduled"]


def test_the_histories_and_lists_of_a_quarantined_run_can_still_be_read(on: WorldFixture) -> None:
    both(on, TIMER)
    with bug("TimerFired"):
        on.world.advance(seconds=10)
        listed = on.ask("ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0})["executionInfos"]
        (bad,) = [info["execution"] for info in listed if info["execution"]["workflowId"] == "bad"]
        events = on.ask("GetWorkflowExecutionHistory", execution=bad)["events"]
        assert events[-1]["eventType"] == "TimerStarted"


class Refusing(SqliteStore):
    """One run cannot be written down, for a reason that no rule knows."""

    def __init__(self) -> None:
        super().__init__(None)
        self.bad: int | None = None
        self.where = ""

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with super().transaction() as tx:
            if self.where == "append_events":
                append, bad = tx.append_events, self.bad

                def append_events(rows: list[Any]) -> None:
                    if any(row.run == bad for row in rows):
                        raise OverflowError("a number too large for the database")
                    append(rows)

                tx.append_events = append_events  # type: ignore[method-assign]
            if self.where == "purge":
                purge = tx.purge

                def purge_one(run: int, at_most_events: int) -> bool:
                    assert run != self.bad, "this cannot be"
                    return purge(run, at_most_events)

                tx.purge = purge_one  # type: ignore[method-assign]
            yield tx


def test_what_the_database_cannot_hold_is_refused_to_its_own_caller() -> None:
    store = Refusing()
    on = WorldFixture(World(store=store))
    run_id = on.start("bad")
    both_runs = [on.start("good"), on.start("better")]
    store.bad, store.where = run_of(run_id), "append_events"
    answers = [
        on.world.submit("SignalWorkflowExecution", domain="d", workflowId=name, signalName="s")
        for name in ("good", "bad", "better")
    ]
    on.world.run()
    with pytest.raises(InternalFailure):
        answers[1].result()
    answers[0].result()
    answers[2].result()
    for workflow_id, run_id in zip(("good", "better"), both_runs, strict=True):
        assert on.types(run_id, workflow_id).count("WorkflowExecutionSignaled") == 1


def test_timers_fire_beside_a_run_that_the_database_cannot_hold() -> None:
    store = Refusing()
    on = WorldFixture(World(store=store))
    both(on, TIMER)
    bad = store._writer.execute("select run from executions where workflow_id = 'bad'").get
    store.bad, store.where = bad, "append_events"
    on.world.advance(seconds=15)
    assert types(on, "good")[-2:] == ["TimerFired", "DecisionTaskScheduled"]
    on.start("another")
    store.where = ""
    on.world.restart()
    on.world.run()
    assert types(on, "bad")[-2:] == ["TimerFired", "DecisionTaskScheduled"]
    sound(on)


def test_a_run_that_cannot_be_purged_keeps_no_other_from_it() -> None:
    store = Refusing()
    on = WorldFixture(World(store=store))
    both(on)
    for workflow_id in ("bad", "good"):
        on.ask("TerminateWorkflowExecution", workflowId=workflow_id)
    bad = store._writer.execute("select run from executions where workflow_id = 'bad'").get
    store.bad, store.where = bad, "purge"
    on.world.advance(seconds=11 * 86_400)
    left = [name for (name,) in store._writer.execute("select workflow_id from executions")]
    assert left == ["bad"]
    on.start("another")
    store.where = ""
    on.world.restart()
    on.world.run()
    left = [name for (name,) in store._writer.execute("select workflow_id from executions")]
    assert left == ["another"]


def test_an_answer_that_cannot_be_given_keeps_no_other_of_its_batch_from_being_given() -> None:
    async def both() -> str:
        api = Api(Engine(SqliteStore(None), SystemClock(), Settings(), os.urandom))
        await api.start()
        given: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def fails(_: object) -> None:
            raise RuntimeError("the connection has a bug")

        api._deliver([(fails, "first"), (given.set_result, "second")], None)
        try:
            return await given
        finally:
            await asyncio.to_thread(api.close)

    assert asyncio.run(both()) == "second"


def test_the_writer_loop_outlives_a_bug_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine(SqliteStore(None), SystemClock(), Settings(), os.urandom)
    given: queue.SimpleQueue[object] = queue.SimpleQueue()
    deliveries = iter([_raise, deliver_here])
    engine.writer.deliver = lambda answers: next(deliveries)(answers)
    engine.writer.start()
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            engine.writer.submit(Command(lambda work: "done", given.put))
            while not caplog.records and given.empty():
                threading.Event().wait(0.01)
    assert given.get(timeout=PATIENCE_SECONDS) == "done"
    assert "a bug of its own" in caplog.text
    engine.writer.stop()


def _raise(_: object) -> None:
    raise RuntimeError("the event loop is closed")


def test_a_bug_is_logged_with_the_action_and_the_request_that_met_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Engine(SqliteStore(None), ManualClock(), Settings(), os.urandom)
    answers: list[object] = []

    def fails(work: UnitOfWork) -> None:
        raise AssertionError("this cannot be")

    engine.writer.submit(
        Command(fails, answers.append, action="StartWorkflowExecution", request_id="1234-5678")
    )
    with caplog.at_level(logging.ERROR):
        engine.writer.step()
    assert isinstance(answers[0], InternalFailure)
    (record,) = caplog.records
    expected = "a bug was met in StartWorkflowExecution (request 1234-5678); quarantined: this command"
    assert record.getMessage() == expected
