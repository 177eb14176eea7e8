"""DescribeExecutionState: what a run waits for, with the moment at which each wait ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.own_api.asking import state
from tests.own_api.conftest import Stage
from tests.world_fixture import ACTIVITY, LIST, ROLE, WORKFLOW, WorldFixture, decision
from workflowsvc.faults import UnknownResourceFault, ValidationException
from workflowsvc.testing import LATER


def now(on: WorldFixture) -> float:
    return on.world.clock.now_ms() / 1000


def test_a_new_run_has_a_decision_task_that_waits_on_its_list(stage: Stage) -> None:
    on = stage()
    run_id = on.start(tagList=["a", "b"])
    answer = state(on)
    (task,) = answer["decisionTasks"]
    assert task == {
        "deadlines": [],
        "scheduledEventId": 2,
        "scheduledTimestamp": now(on),
        "state": "SCHEDULED",
        "taskList": LIST,
        "taskPriority": 0,
    }
    assert answer["execution"] == {"workflowId": "w", "runId": run_id}
    assert (answer["events"], answer["maximumEvents"]) == (2, 25_000)
    assert answer["timeoutTimestamp"] == now(on) + 86_400
    assert answer["tagList"] == ["a", "b"]
    assert answer["executionStatus"] == "OPEN"
    assert answer["decisionTimeouts"] == 0
    assert answer["activities"] == answer["timers"] == answer["children"] == []


def test_a_started_decision_task_names_its_decider_and_its_time_out(stage: Stage) -> None:
    on = stage()
    on.start(taskStartToCloseTimeout="30")
    on.world.advance(seconds=5)
    on.ask("PollForDecisionTask", taskList=LIST, identity="decider-1")
    on.world.advance(seconds=7)
    (task,) = state(on)["decisionTasks"]
    assert (task["state"], task["identity"], task["startedEventId"]) == ("STARTED", "decider-1", 3)
    assert task["startedTimestamp"] == now(on) - 7
    assert task["deadlines"] == [{"timeoutType": "START_TO_CLOSE", "timestamp": now(on) + 23}]


def test_a_signal_during_a_decision_task_shows_both_tasks(stage: Stage) -> None:
    on = stage()
    on.start()
    on.next_task()
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    assert [task["state"] for task in state(on)["decisionTasks"]] == ["STARTED", "SCHEDULED"]


def test_an_activity_shows_worker_heartbeat_and_each_deadline(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(
        decision(
            "ScheduleActivityTask",
            activityId="a",
            activityType=ACTIVITY,
            taskList={"name": "work"},
            taskPriority="7",
            scheduleToStartTimeout="10",
            scheduleToCloseTimeout="100",
            startToCloseTimeout="50",
            heartbeatTimeout="20",
        )
    )
    (activity,) = state(on)["activities"]
    assert (activity["state"], activity["taskPriority"]) == ("SCHEDULED", 7)
    assert activity["deadlines"] == [
        {"timeoutType": "SCHEDULE_TO_START", "timestamp": now(on) + 10},
        {"timeoutType": "SCHEDULE_TO_CLOSE", "timestamp": now(on) + 100},
    ]
    task = on.ask("PollForActivityTask", taskList={"name": "work"}, identity="worker-1")
    on.world.advance(seconds=4)
    on.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"], details="half")
    on.world.advance(seconds=3)
    (activity,) = state(on)["activities"]
    assert (activity["state"], activity["identity"]) == ("STARTED", "worker-1")
    assert (activity["heartbeatTimestamp"], activity["heartbeatDetails"]) == (now(on) - 3, "half")
    assert activity["deadlines"] == [
        {"timeoutType": "HEARTBEAT", "timestamp": now(on) + 17},
        {"timeoutType": "START_TO_CLOSE", "timestamp": now(on) + 43},
        {"timeoutType": "SCHEDULE_TO_CLOSE", "timestamp": now(on) + 93},
    ]


def test_the_last_heartbeat_is_known_after_a_restart(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY))
    task = on.ask("PollForActivityTask", taskList=LIST)
    on.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"], details="half")
    before = state(on)
    on.world.restart()
    assert state(on) == before


def test_timers_children_lambdas_and_external_calls_are_listed(stage: Stage) -> None:
    on = stage(functions={"f": lambda _: LATER})
    on.start(lambdaRole=ROLE)
    on.decide(
        decision("StartTimer", timerId="t", startToFireTimeout="60"),
        decision("StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW),
        decision("ScheduleLambdaFunction", id="l", name="f", startToCloseTimeout="30"),
    )
    answer = state(on)
    assert answer["timers"] == [
        {
            "fireTimestamp": now(on) + 60,
            "startedEventId": 5,
            "startedTimestamp": now(on),
            "timerId": "t",
        }
    ]
    (child,) = answer["children"]
    assert (child["workflowId"], child["state"], child["initiatedEventId"]) == ("child", "STARTED", 6)
    assert child["runId"] == state(on, "child")["execution"]["runId"]
    (function,) = answer["lambdaFunctions"]
    assert (function["id"], function["name"], function["state"]) == ("l", "f", "STARTED")
    assert function["deadlines"] == [{"timeoutType": "START_TO_CLOSE", "timestamp": now(on) + 30}]
    parent = state(on, "child")["parent"]
    assert parent == answer["execution"]
    assert state(on, "child")["parentInitiatedEventId"] == 6


def test_a_chain_of_runs_names_its_neighbours_and_its_first_run(stage: Stage) -> None:
    on = stage()
    first = on.start()
    runs = [first]
    for _ in range(3):
        on.decide(decision("ContinueAsNewWorkflowExecution"))
        runs.append(state(on)["execution"]["runId"])
    last = state(on)
    assert (last["previousRunId"], last["firstRunId"]) == (runs[2], first)
    assert "nextRunId" not in last
    middle = state(on, runId=runs[1])
    assert (middle["previousRunId"], middle["nextRunId"], middle["firstRunId"]) == (first, runs[2], first)
    beginning = state(on, runId=first)
    assert beginning["nextRunId"] == runs[1]
    assert not {"previousRunId", "firstRunId"} & beginning.keys()


def test_without_a_run_id_the_open_run_is_meant_or_else_the_last(stage: Stage) -> None:
    on = stage()
    first = on.start()
    on.decide(decision("CompleteWorkflowExecution"))
    on.world.advance(seconds=1)
    assert state(on)["execution"]["runId"] == first
    second = on.start()
    on.decide(decision("StartTimer", timerId="t", startToFireTimeout="60"))
    assert state(on)["execution"]["runId"] == second
    on.ask("TerminateWorkflowExecution", workflowId="w")
    answer = state(on)
    assert answer["execution"]["runId"] == second
    assert (answer["executionStatus"], answer["closeStatus"]) == ("CLOSED", "TERMINATED")
    assert [timer["timerId"] for timer in answer["timers"]] == ["t"]
    assert "timeoutTimestamp" not in answer


def test_time_outs_of_decision_tasks_are_counted_until_one_is_answered(stage: Stage) -> None:
    on = stage()
    on.start(taskStartToCloseTimeout="10")
    for number in range(1, 4):
        on.next_task()
        on.world.advance(seconds=10)
        assert state(on)["decisionTimeouts"] == number
    on.decide(decision("StartTimer", timerId="t", startToFireTimeout="60"))
    assert state(on)["decisionTimeouts"] == 0


@pytest.mark.parametrize(
    "execution", [{"workflowId": "none"}, {"workflowId": "w", "runId": "22x"}, {"workflowId": "v"}]
)
def test_a_run_that_does_not_exist_is_unknown(stage: Stage, execution: dict[str, Any]) -> None:
    on = stage()
    run_id = on.start()
    if execution["workflowId"] == "v":
        execution = {"workflowId": "v", "runId": run_id}  # another workflowId than its own
    with pytest.raises(UnknownResourceFault, match="Unknown execution"):
        on.ask("WorkflowSvc.DescribeExecutionState", execution=execution)


def test_a_domain_that_does_not_exist_is_unknown(stage: Stage) -> None:
    with pytest.raises(UnknownResourceFault, match="Unknown domain: none"):
        stage().call("WorkflowSvc.DescribeExecutionState", domain="none", execution={"workflowId": "w"})


def test_missing_and_unknown_members_are_named(stage: Stage) -> None:
    with pytest.raises(ValidationException) as caught:
        stage().ask("WorkflowSvc.DescribeExecutionState", execution={"workflowid": "w"})
    assert caught.value.message == (
        "2 validation errors detected: "
        "Value null at 'execution.workflowId' failed to satisfy constraint: Member must not be null; "
        "Value 'w' at 'execution.workflowid' failed to satisfy constraint: "
        "Member must be one that its structure has"
    )
