"""Four bugs that a newcomer makes, which the service names by itself: to who asks, and once in its log."""

from __future__ import annotations

import logging

import pytest

from tests.failing_store import FailingStore
from tests.own_api.asking import own, why
from tests.own_api.conftest import Stage
from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc.testing import World

MINUTE = 60


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the alarms have logged so far."""
    return [record.getMessage() for record in caplog.records if record.name == "workflowsvc.alarms"]


def decide(on: WorldFixture, *decisions: dict[str, object], task_list: str = "list") -> None:
    task = on.ask("PollForDecisionTask", taskList={"name": task_list})
    on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=list(decisions))


def test_a_decider_that_polls_a_misspelt_list(stage: Stage) -> None:
    on = stage()
    on.start(taskList={"name": "order-deciders"})
    on.world.poll("PollForDecisionTask", on.tenant, domain=on.domain, taskList={"name": "orders-deciders"})
    on.world.advance(seconds=2 * MINUTE)
    finding = why(on)["NO_DECISION_POLLER"]
    assert finding["taskList"] == {"name": "order-deciders"}
    assert "whether the running ones poll another list" in finding["action"]
    (group,) = own(on, "ExplainDomain")["groups"]
    assert (group["code"], group["executions"]) == ("NO_DECISION_POLLER", 1)


def test_an_activity_type_that_was_deprecated_under_a_decider_that_spins(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    on = stage()
    on.start()
    on.ask("DeprecateActivityType", activityType=ACTIVITY)
    with caplog.at_level(logging.WARNING, "workflowsvc.alarms"):
        for _ in range(25):
            decide(on, decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY))
            on.world.advance(ms=200)
    found = why(on)
    assert found["DECISION_FAILS"]["count"] == 25
    assert found["DECISION_FAILS"]["severity"] == "CRITICAL"
    assert found["DECISION_FAILS"]["cause"] == "ACTIVITY_TYPE_DEPRECATED"
    assert found["ACTIVITY_TYPE_DEPRECATED"]["subject"] == "activity 1"
    (line,) = logged(caplog)
    assert "ScheduleActivityTask has failed 10 times with ACTIVITY_TYPE_DEPRECATED" in line
    assert "workflowId w" in line


def test_a_completed_run_that_has_failed_timers_inside(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    on = stage()
    run_id = on.start()
    timer = decision("StartTimer", timerId="poll", startToFireTimeout="3600")
    with caplog.at_level(logging.WARNING, "workflowsvc.alarms"):
        decide(on, timer)
        for _ in range(85):
            on.ask("SignalWorkflowExecution", workflowId="w", signalName="tick")
            decide(on, timer)
            decide(on)  # the failure wakes the decider
        on.ask("SignalWorkflowExecution", workflowId="w", signalName="end")
        decide(on, decision("CompleteWorkflowExecution"))
    found = why(on, runId=run_id)
    assert found["RUN_CLOSED"]["message"].startswith("The run completed")
    assert found["DECISION_FAILS"]["message"] == (
        'StartTimer has failed 85 times with TIMER_ID_ALREADY_IN_USE, last for "poll".'
    )
    assert len(logged(caplog)) == 1


def test_a_decider_that_raises_so_that_its_tasks_time_out(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    on = stage()
    on.start(taskStartToCloseTimeout="10")
    with caplog.at_level(logging.WARNING, "workflowsvc.alarms"):
        for _ in range(103):
            on.ask("PollForDecisionTask", taskList=LIST, identity="decider-1")
            on.world.advance(seconds=10)
        on.ask("PollForDecisionTask", taskList=LIST, identity="decider-1")
    counts = on.ask("DescribeWorkflowExecution", execution=_named(on))["openCounts"]
    assert not any(counts.values()), "SWF itself shows nothing"
    finding = why(on)["DECISION_TASK_TIMEOUTS"]
    assert (finding["count"], finding["severity"]) == (103, "CRITICAL")
    assert "raises an exception" in finding["action"]
    (line,) = logged(caplog)
    assert line.startswith("3 decision tasks in a row have timed out in run ")


def _named(on: WorldFixture) -> dict[str, str]:
    return own(on, "DescribeExecutionState", execution={"workflowId": "w"})["execution"]


# --- the log ---


def test_many_runs_with_the_same_bug_are_logged_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    on = stage()
    for number in range(5):
        on.start(f"w{number}", taskStartToCloseTimeout="10")
    with caplog.at_level(logging.WARNING, "workflowsvc.alarms"):
        for _ in range(4):
            for _ in range(5):
                on.ask("PollForDecisionTask", taskList=LIST)
            on.world.advance(seconds=10)
    assert len(logged(caplog)) == 1


def test_a_bug_that_comes_back_after_an_hour_is_logged_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    on = stage()
    with caplog.at_level(logging.WARNING, "workflowsvc.alarms"):
        for number in range(2):
            on.start(f"w{number}", taskStartToCloseTimeout="10")
            for _ in range(4):
                on.ask("PollForDecisionTask", taskList=LIST)
                on.world.advance(seconds=10)
            on.ask("TerminateWorkflowExecution", workflowId=f"w{number}")
            on.world.advance(seconds=3_700)
    assert len(logged(caplog)) == 2


def test_fewer_time_outs_and_failures_are_not_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    on = stage()
    on.start(taskStartToCloseTimeout="10")
    with caplog.at_level(logging.WARNING, "workflowsvc.alarms"):
        for _ in range(2):
            on.ask("PollForDecisionTask", taskList=LIST)
            on.world.advance(seconds=10)
        decide(on, *[decision("StartTimer", timerId="t", startToFireTimeout="60")] * 10)
    assert logged(caplog) == []


def test_what_was_rolled_back_is_logged_when_it_is_committed(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore()
    on = WorldFixture(World(store=store))
    on.start(taskStartToCloseTimeout="10")
    with caplog.at_level(logging.WARNING, "workflowsvc.alarms"):
        for _ in range(2):
            on.ask("PollForDecisionTask", taskList=LIST)
            on.world.advance(seconds=10)
        on.ask("PollForDecisionTask", taskList=LIST)
        store.refusals = 1
        on.world.advance(seconds=10)
        assert logged(caplog) == []
        on.world.advance(seconds=10)
    assert len(logged(caplog)) == 1
