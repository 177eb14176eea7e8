"""Each decision needs its own permission; one that has none fails, and the run goes on (SWF §13.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.authorization.guarded import LIST, D, Guarded, audit_lines
from tests.support.access import TENANT, allow, deny
from tests.world_fixture import ACTIVITY, WORKFLOW, decision
from workflowsvc.access.caller import Caller

TAG_LIST = [f"t{at}" for at in range(5)]
TAGS = {f"swf:{key}.{at}": f"t{at}" for key in ("tagList.member", "tagList") for at in range(5)}
ON_LIST = {"swf:taskList.name": "list"}
TYPE = {"swf:workflowType.name": "workflow", "swf:workflowType.version": "1"}
VERSION = {"swf:workflowTypeVersion": "1", "swf:workflowType.version": "1"}
REQUESTS = ("aws:SourceIp", "aws:UserAgent", "aws:SecureTransport")

# decision -> its members, and its condition keys with their effective values
DECISIONS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "ScheduleActivityTask": (
        {"activityId": "a", "activityType": ACTIVITY},
        {"swf:activityType.name": "activity", "swf:activityType.version": "1", **ON_LIST},
    ),
    "StartChildWorkflowExecution": (
        {"workflowId": "child", "workflowType": WORKFLOW, "tagList": TAG_LIST},
        TYPE | ON_LIST | TAGS,
    ),
    "ContinueAsNewWorkflowExecution": ({"tagList": TAG_LIST}, VERSION | ON_LIST | TAGS),
    "StartTimer": ({"timerId": "t", "startToFireTimeout": "9"}, {}),
    "CancelTimer": ({"timerId": "started"}, {}),
    "RequestCancelActivityTask": ({"activityId": "scheduled"}, {}),
    "RecordMarker": ({"markerName": "m"}, {}),
    "SignalExternalWorkflowExecution": ({"workflowId": "w", "signalName": "s"}, {}),
    "RequestCancelExternalWorkflowExecution": ({"workflowId": "w"}, {}),
    "CompleteWorkflowExecution": ({}, {}),
    "FailWorkflowExecution": ({}, {}),
    "CancelWorkflowExecution": ({}, {}),
}
WALKED = sorted(DECISIONS)
RESPOND = "swf:RespondDecisionTaskCompleted"


class Deciding:
    """A run whose decision task is started; it has a timer and an activity."""

    def __init__(self, guarded: Guarded) -> None:
        self.guarded = guarded
        self.run = guarded.start()
        guarded.decide(
            guarded.decision_task(),
            decision("StartTimer", timerId="started", startToFireTimeout="99"),
            decision("ScheduleActivityTask", activityId="scheduled", activityType=ACTIVITY),
        )
        guarded.call("SignalWorkflowExecution", domain="d", workflowId="w", signalName="go on")
        self.task = guarded.decision_task()

    def decide(self, caller: Caller, decision_type: str) -> list[dict[str, Any]]:
        """The events after DecisionTaskCompleted."""
        members, _ = DECISIONS[decision_type]
        before = len(self.guarded.history(self.run))
        self.guarded.decide(self.task, decision(decision_type, **members), caller=caller)
        return self.guarded.history(self.run)[before + 1 :]


def cause(events: list[dict[str, Any]], decision_type: str) -> str | None:
    name = f"{decision_type}Failed"
    member = name[0].lower() + name[1:] + "EventAttributes"
    return next((event[member]["cause"] for event in events if event["eventType"] == name), None)


@pytest.mark.parametrize("decision_type", WALKED)
def test_a_decision_that_is_not_permitted_fails_and_the_decider_is_asked_again(
    guarded: Guarded, decision_type: str
) -> None:
    deciding = Deciding(guarded)
    caller = guarded.user(allow(RESPOND))
    events = deciding.decide(caller, decision_type)
    assert [event["eventType"] for event in events] == [f"{decision_type}Failed", "DecisionTaskScheduled"]
    assert cause(events, decision_type) == "OPERATION_NOT_PERMITTED"
    assert guarded.decision_task()["taskToken"]


@pytest.mark.parametrize("decision_type", WALKED)
def test_a_decision_is_permitted_on_the_domain_of_its_run_alone(guarded: Guarded, decision_type: str) -> None:
    deciding = Deciding(guarded)
    elsewhere = guarded.user(allow(RESPOND), allow(f"swf:{decision_type}", on=TENANT.domain_arn("x")))
    assert cause(deciding.decide(elsewhere, decision_type), decision_type) == "OPERATION_NOT_PERMITTED"
    deciding.task = guarded.decision_task()
    here = guarded.user(allow(RESPOND), allow(f"swf:{decision_type}", on=D))
    assert cause(deciding.decide(here, decision_type), decision_type) is None


@pytest.mark.parametrize("decision_type", WALKED)
def test_the_condition_keys_of_a_decision_have_their_effective_values(
    guarded: Guarded, decision_type: str
) -> None:
    keys = DECISIONS[decision_type][1] | {"aws:username": "ann", "aws:ResourceTag/team": "orders"}
    deciding = Deciding(guarded)
    for key in keys:
        limited = allow(f"swf:{decision_type}", StringEquals={key: "other"})
        events = deciding.decide(guarded.user(allow(RESPOND), limited), decision_type)
        assert cause(events, decision_type) == "OPERATION_NOT_PERMITTED", key
        deciding.task = guarded.decision_task()
    limited = allow(f"swf:{decision_type}", StringEquals=keys)
    events = deciding.decide(guarded.user(allow(RESPOND), limited), decision_type)
    assert cause(events, decision_type) is None


@pytest.mark.parametrize("decision_type", WALKED)
@pytest.mark.parametrize("key", REQUESTS)
def test_a_decision_has_no_key_of_the_request_that_brings_it(
    guarded: Guarded, decision_type: str, key: str
) -> None:
    deciding = Deciding(guarded)
    absent = allow(f"swf:{decision_type}", Null={key: "true"})
    assert cause(deciding.decide(guarded.user(allow(RESPOND), absent), decision_type), decision_type) is None


def test_each_decision_of_a_list_is_judged_by_itself(guarded: Guarded) -> None:
    deciding = Deciding(guarded)
    caller = guarded.user(allow("swf:*"), deny("swf:RecordMarker"))
    guarded.decide(
        deciding.task,
        decision("RecordMarker", markerName="m"),
        decision("StartTimer", timerId="t", startToFireTimeout="9"),
        decision("RecordMarker", markerName="n"),
        caller=caller,
    )
    assert [event["eventType"] for event in guarded.history(deciding.run)][-4:] == [
        "RecordMarkerFailed",
        "TimerStarted",
        "RecordMarkerFailed",
        "DecisionTaskScheduled",
    ]


def test_a_task_list_of_the_decision_goes_before_that_of_the_type(guarded: Guarded) -> None:
    """And without either the key is absent."""
    guarded.call("RegisterActivityType", domain="d", name="bare", version="1")
    only = allow("swf:ScheduleActivityTask", StringEquals={"swf:taskList.name": "list"})
    caller = guarded.user(allow(RESPOND, "swf:PollForDecisionTask"), only)
    run = guarded.start()
    for given, expected in (
        ({"activityType": ACTIVITY}, None),
        ({"activityType": ACTIVITY, "taskList": {"name": "other"}}, "OPERATION_NOT_PERMITTED"),
        ({"activityType": {"name": "bare", "version": "1"}}, "OPERATION_NOT_PERMITTED"),
        ({"activityType": {"name": "unknown", "version": "1"}}, "OPERATION_NOT_PERMITTED"),
        (
            {"activityType": {"name": "unknown", "version": "1"}, "taskList": LIST},
            "ACTIVITY_TYPE_DOES_NOT_EXIST",
        ),
    ):
        before = len(guarded.history(run))
        schedule = decision("ScheduleActivityTask", activityId=f"a{before}", **given)
        guarded.decide(guarded.decision_task(), schedule, caller=caller)
        assert cause(guarded.history(run)[before:], "ScheduleActivityTask") == expected
        guarded.call("SignalWorkflowExecution", domain="d", workflowId="w", signalName="go on")


def test_lambda_functions_are_no_matter_of_policies(guarded: Guarded) -> None:
    """AWS has no such action, and its event no such cause (QUALITY §4.1)."""
    deciding = Deciding(guarded)
    caller = guarded.user(allow(RESPOND), deny("swf:ScheduleActivityTask"))
    schedule = decision("ScheduleLambdaFunction", id="l", name="f")
    guarded.decide(deciding.task, schedule, caller=caller)
    assert "LambdaFunctionScheduled" in [event["eventType"] for event in guarded.history(deciding.run)]


@pytest.mark.parametrize("decision_type", WALKED)
def test_with_auth_log_every_decision_is_carried_out_and_logged(
    watched: Guarded, decision_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    deciding = Deciding(watched)
    assert cause(deciding.decide(watched.user(allow(RESPOND)), decision_type), decision_type) is None
    (line,) = audit_lines(caplog)
    assert (line["event"], line["action"]) == ("would-refuse", f"swf:{decision_type}")
