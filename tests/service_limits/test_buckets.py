"""AWS's request rates, on with `--limits aws` alone: calls, decisions, runs and lists (SWF §12.1 to §12.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from tests.world_fixture import ACTIVITY, LIST, ROLE, WORKFLOW, WorldFixture, attributes, decision
from workflowsvc.faults import ThrottlingException
from workflowsvc.model import shapes
from workflowsvc.service.action import Rate
from workflowsvc.service.actions import SWF
from workflowsvc.service.buckets import ACTIVITY_TASK_LIST, DECISIONS, MAX_BUCKETS, Buckets
from workflowsvc.settings import Limits, Settings
from workflowsvc.tenant import Tenant
from workflowsvc.testing import LATER, World

NO_LIMIT = 10**6
ROOMY = Limits(
    max_events=NO_LIMIT,
    max_open_activities=NO_LIMIT,
    max_open_timers=NO_LIMIT,
    max_open_children=NO_LIMIT,
    max_open_lambdas=NO_LIMIT,
)


ACTIONS = SWF.actions
CALLS = {name: action.rate for name, action in ACTIONS.items() if action.rate}
RUNS = {name: action.run_rate for name, action in ACTIONS.items() if action.run_rate}


@pytest.fixture
def on() -> WorldFixture:
    return stage("aws")


def stage(limits: Any) -> WorldFixture:
    world = World(settings=Settings(limits=limits, quotas=ROOMY), functions={"*": lambda event: LATER})
    return WorldFixture(world)


# --- calls ---


def test_every_operation_has_a_rate() -> None:
    """SWF §12.2 lists all 39."""
    assert CALLS.keys() == shapes.OPERATIONS.keys()


@pytest.mark.parametrize("operation", sorted(CALLS))
def test_a_bucket_of_calls_empties_and_fills_again_with_the_clock(operation: str) -> None:
    buckets, tenant = Buckets(enforced=True), Tenant()
    size, refill = CALLS[operation]
    for _ in range(size):
        buckets.require_call(tenant, ACTIONS[operation], 0)
    with pytest.raises(ThrottlingException) as caught:
        buckets.require_call(tenant, ACTIONS[operation], 0)
    assert caught.value.message == "Rate exceeded"
    with pytest.raises(ThrottlingException):
        buckets.require_call(tenant, ACTIONS[operation], 1000 // refill - 1)
    for _ in range(refill):
        buckets.require_call(tenant, ACTIONS[operation], 1000)
    with pytest.raises(ThrottlingException):
        buckets.require_call(tenant, ACTIONS[operation], 1000)


def test_a_bucket_never_holds_more_than_its_size() -> None:
    buckets, tenant = Buckets(enforced=True), Tenant()
    for now in (0, 10**9):
        for _ in range(CALLS["RegisterDomain"].size):
            buckets.require_call(tenant, ACTIONS["RegisterDomain"], now)
        with pytest.raises(ThrottlingException):
            buckets.require_call(tenant, ACTIONS["RegisterDomain"], now)


def test_a_clock_that_is_set_back_neither_fills_nor_blocks_a_bucket() -> None:
    buckets, tenant = Buckets(enforced=True), Tenant()
    for _ in range(100):
        buckets.require_call(tenant, ACTIONS["RegisterDomain"], 10_000)
    with pytest.raises(ThrottlingException):
        buckets.require_call(tenant, ACTIONS["RegisterDomain"], 0)
    buckets.require_call(tenant, ACTIONS["RegisterDomain"], 11_000)


def test_buckets_are_those_of_one_action_of_one_account_in_one_region() -> None:
    buckets = Buckets(enforced=True)
    for _ in range(100):
        buckets.require_call(Tenant(), ACTIONS["RegisterDomain"], 0)
    with pytest.raises(ThrottlingException):
        buckets.require_call(Tenant(), ACTIONS["RegisterDomain"], 0)
    buckets.require_call(Tenant(), ACTIONS["DeprecateDomain"], 0)
    buckets.require_call(Tenant(account="111111111111"), ACTIONS["RegisterDomain"], 0)
    buckets.require_call(Tenant(region="eu-west-1"), ACTIONS["RegisterDomain"], 0)


def test_buckets_that_are_full_again_are_forgotten() -> None:
    buckets = Buckets(enforced=True)
    for number in range(MAX_BUCKETS + 10):
        buckets.require_run(f"run {number}", ACTIONS["SignalWorkflowExecution"], number * 1000)
    assert len(buckets._buckets) < MAX_BUCKETS


def test_a_throttled_call_does_nothing(on: WorldFixture) -> None:
    run_id = on.start()
    terminated = 0
    for number in range(CALLS["TerminateWorkflowExecution"].size):
        if number % 500 == 0:
            on.start(f"w{number}")
            on.ask("TerminateWorkflowExecution", workflowId=f"w{number}")
            terminated += 1
        else:
            with pytest.raises(Exception, match="Unknown execution"):
                on.ask("TerminateWorkflowExecution", workflowId="unknown")
    with pytest.raises(ThrottlingException):
        on.ask("TerminateWorkflowExecution", workflowId="w")
    assert on.peek(run_id) == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    on.world.advance(seconds=1)
    on.ask("TerminateWorkflowExecution", workflowId="w")


def test_a_throttled_poll_takes_no_task(on: WorldFixture) -> None:
    for _ in range(CALLS["PollForDecisionTask"].size):
        on.ask("PollForDecisionTask", taskList={"name": "idle"})
    on.start()
    with pytest.raises(ThrottlingException):
        on.next_task()
    on.world.advance(ms=5)
    assert on.next_task()["startedEventId"] == 3


# --- decisions ---

CAUSES = {
    "ScheduleActivityTask": "ACTIVITY_CREATION_RATE_EXCEEDED",
    "StartTimer": "TIMER_CREATION_RATE_EXCEEDED",
    "StartChildWorkflowExecution": "CHILD_CREATION_RATE_EXCEEDED",
    "SignalExternalWorkflowExecution": "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
    "RequestCancelExternalWorkflowExecution": "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
    "ContinueAsNewWorkflowExecution": "CONTINUE_AS_NEW_WORKFLOW_EXECUTION_RATE_EXCEEDED",
    "ScheduleLambdaFunction": "LAMBDA_FUNCTION_CREATION_RATE_EXCEEDED",
}
DECISION_MEMBERS: dict[str, dict[str, Any]] = {
    "ScheduleActivityTask": {"activityType": ACTIVITY, "activityId": "{}"},
    "StartTimer": {"timerId": "{}", "startToFireTimeout": "1000"},
    "StartChildWorkflowExecution": {"workflowId": "child {}", "workflowType": WORKFLOW},
    "SignalExternalWorkflowExecution": {"workflowId": "unknown", "signalName": "s"},
    "RequestCancelExternalWorkflowExecution": {"workflowId": "unknown"},
    "ScheduleLambdaFunction": {"id": "{}", "name": "f"},
}


def decisions(decision_type: str, first: int, count: int) -> Iterator[dict[str, Any]]:
    for number in range(first, first + count):
        members = {
            name: value.format(number) if isinstance(value, str) else value
            for name, value in DECISION_MEMBERS[decision_type].items()
        }
        yield decision(decision_type, **members)


def failures(on: WorldFixture, run_id: str, decision_type: str, workflow_id: str = "w") -> list[str]:
    return [
        attributes(event)["cause"]
        for event in _all_events(on, run_id, workflow_id)
        if event["eventType"] == f"{decision_type}Failed"
    ]


def _all_events(on: WorldFixture, run_id: str, workflow_id: str) -> list[dict[str, Any]]:
    """From the store: reading pages would take from a bucket that is looked at here."""
    return on.world.history(on.domain, workflow_id, run_id)


def test_every_cause_of_the_model_that_tells_of_a_rate_has_a_bucket() -> None:
    found = {
        cause
        for name, alias in vars(shapes).items()
        if name.endswith("FailedCause")
        for cause in get_args(alias)
        if cause.endswith("RATE_EXCEEDED")
    }
    assert found == set(CAUSES.values())
    assert DECISIONS.keys() == CAUSES.keys()


@pytest.mark.parametrize("decision_type", sorted(DECISION_MEMBERS))
def test_a_decision_beyond_its_rate_fails_with_its_cause(on: WorldFixture, decision_type: str) -> None:
    size, refill = DECISIONS[decision_type]
    run_id = on.start(lambdaRole=ROLE)
    on.decide(*decisions(decision_type, 0, size + 3))
    assert rates(on, run_id, decision_type) == 3

    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    on.world.advance(seconds=1)
    decide_for(on, "w", decisions(decision_type, size + 3, refill + 1))
    assert rates(on, run_id, decision_type) == 4


def rates(on: WorldFixture, run_id: str, decision_type: str) -> int:
    causes = failures(on, run_id, decision_type)
    assert set(causes) <= {CAUSES[decision_type], "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"}
    return causes.count(CAUSES[decision_type])


def decide_for(on: WorldFixture, workflow_id: str, decisions: Iterator[dict[str, Any]]) -> None:
    """Children have decision tasks on the same list."""
    task = on.next_task()
    while task["workflowExecution"]["workflowId"] != workflow_id:
        task = on.next_task()
    on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=list(decisions))


def test_continuing_beyond_the_rate_fails_with_its_cause(on: WorldFixture) -> None:
    buckets = on.world.buckets
    for _ in range(DECISIONS["ContinueAsNewWorkflowExecution"].size):
        assert buckets.admits_decision(Tenant(), "ContinueAsNewWorkflowExecution", on.world.clock.now_ms())
    run_id = on.start()
    on.decide(decision("ContinueAsNewWorkflowExecution"))
    assert failures(on, run_id, "ContinueAsNewWorkflowExecution") == [
        "CONTINUE_AS_NEW_WORKFLOW_EXECUTION_RATE_EXCEEDED"
    ]
    on.world.advance(seconds=1)
    on.decide(decision("ContinueAsNewWorkflowExecution"))
    assert on.types(run_id)[-1] == "WorkflowExecutionContinuedAsNew"


def test_all_runs_of_an_account_share_a_bucket_of_decisions(on: WorldFixture) -> None:
    other = WorldFixture(on.world, domain="other")
    stranger = WorldFixture(on.world, tenant=Tenant("111111111111"))
    on.start()
    on.decide(*decisions("StartTimer", 0, DECISIONS["StartTimer"].size))
    run_id = other.start()
    other.decide(*decisions("StartTimer", 0, 1))
    assert failures(other, run_id, "StartTimer") == ["TIMER_CREATION_RATE_EXCEEDED"]
    run_id = stranger.start()
    stranger.decide(*decisions("StartTimer", 0, 1))
    assert "StartTimerFailed" not in stranger.types(run_id)


def test_decisions_without_a_rate_are_never_throttled(on: WorldFixture) -> None:
    run_id = on.start()
    on.decide(*(decision("RecordMarker", markerName="m") for _ in range(3_000)))
    types = [event["eventType"] for event in _all_events(on, run_id, "w")]
    assert types.count("MarkerRecorded") == 3_000


# --- lists ---


def test_a_task_list_takes_a_limited_number_of_activity_tasks_a_second(
    on: WorldFixture, monkeypatch: Any
) -> None:
    """2,000 by SWF §12.1, which the 1,000 of the decision hide; so the list's own is made smaller here."""
    assert Rate(2000, 2000) == ACTIVITY_TASK_LIST
    monkeypatch.setattr("workflowsvc.service.buckets.ACTIVITY_TASK_LIST", Rate(2, 2))
    run_id = on.start()
    scheduled = list(decisions("ScheduleActivityTask", 0, 4))
    elsewhere = decision(
        "ScheduleActivityTask", activityId="e", activityType=ACTIVITY, taskList={"name": "elsewhere"}
    )
    on.decide(*scheduled, elsewhere)
    assert failures(on, run_id, "ScheduleActivityTask") == ["ACTIVITY_CREATION_RATE_EXCEEDED"] * 2
    assert on.ask("CountPendingActivityTasks", taskList=LIST)["count"] == 2
    assert on.ask("CountPendingActivityTasks", taskList={"name": "elsewhere"})["count"] == 1
    on.world.advance(seconds=1)
    on.decide(*scheduled[2:])
    assert on.ask("CountPendingActivityTasks", taskList=LIST)["count"] == 4


# --- runs ---


def calls_of_a_run(on: WorldFixture, operation: str, run_id: str, token: str) -> None:
    members: dict[str, Any] = {
        "GetWorkflowExecutionHistory": {"execution": {"workflowId": "w", "runId": run_id}},
        "RecordActivityTaskHeartbeat": {"taskToken": token},
        "RequestCancelWorkflowExecution": {"workflowId": "w", "runId": run_id},
        "SignalWorkflowExecution": {"workflowId": "w", "signalName": "s"},
    }[operation]
    (on.call if "taskToken" in members else on.ask)(operation, **members)


@pytest.mark.parametrize("operation", sorted(RUNS))
def test_one_run_can_be_called_at_a_limited_rate(on: WorldFixture, operation: str) -> None:
    """SWF §12.4, beside the bucket of the account, which holds at least as much."""
    size, refill = RUNS[operation]
    assert CALLS[operation].size >= size
    run_id = on.start()
    on.decide(*decisions("ScheduleActivityTask", 0, 1))
    token = on.ask("PollForActivityTask", taskList=LIST)["taskToken"]
    for _ in range(size):
        calls_of_a_run(on, operation, run_id, token)
    with pytest.raises(ThrottlingException, match="Rate exceeded"):
        calls_of_a_run(on, operation, run_id, token)

    on.start("other")
    on.ask("SignalWorkflowExecution", workflowId="other", signalName="s")
    on.ask("RequestCancelWorkflowExecution", workflowId="other")

    on.world.advance(seconds=1)
    for _ in range(min(refill, CALLS[operation].refill)):
        calls_of_a_run(on, operation, run_id, token)


# --- off ---


@pytest.mark.parametrize("limits", ["structural", "off"])
def test_without_the_profile_nothing_is_throttled(limits: str) -> None:
    on = stage(limits)
    run_id = on.start(lambdaRole=ROLE)
    for _ in range(RUNS["SignalWorkflowExecution"].size + 10):
        on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    for _ in range(CALLS["ListDomains"].size + 10):
        on.call("ListDomains", registrationStatus="REGISTERED")
    on.decide(*decisions("StartTimer", 0, DECISIONS["StartTimer"].size + 10))
    assert failures(on, run_id, "StartTimer") == []
    assert on.world.buckets._buckets == {}


def test_the_profile_keeps_the_structural_quotas_too() -> None:
    settings = Settings.from_environment({}, {"limits": "aws", "max_open_timers": 1})
    on = WorldFixture(World(settings=settings))
    run_id = on.start()
    on.decide(*decisions("StartTimer", 0, 2))
    assert failures(on, run_id, "StartTimer") == ["OPEN_TIMERS_LIMIT_EXCEEDED"]
