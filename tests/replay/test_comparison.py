"""What counts as the same decision, and what is said of one that is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.world_fixture import ACTIVITY, decision
from workflowsvc.model.shapes import Decision
from workflowsvc.options import SettingsError
from workflowsvc.replay.comparison import Difference, Rules, paths_named
from workflowsvc.replay.decisions import MadeDecision, of_answer, of_events


def made(*decisions: dict[str, Any]) -> tuple[MadeDecision, ...]:
    return of_answer(msgspec.convert(list(decisions), list[Decision]))


def told(event_type: str, **attributes: Any) -> tuple[MadeDecision, ...]:
    """The decision that this event tells."""
    member = event_type[0].lower() + event_type[1:] + "EventAttributes"
    return of_events(
        [
            {"eventId": 1, "eventType": "DecisionTaskCompleted"},
            {
                "eventId": 2,
                "eventType": event_type,
                member: {**attributes, "decisionTaskCompletedEventId": 1},
            },
        ],
        1,
    )


def difference(then: Any, now: Any, rules: Rules | None = None, **more: Any) -> Difference | None:
    return (rules or Rules()).first_difference(then, now, version="1", **more)


SCHEDULED = told(
    "ActivityTaskScheduled",
    activityId="a",
    activityType=ACTIVITY,
    input='{"b":1,"c":2}',
    taskList={"name": "l"},
    heartbeatTimeout="9",
    taskPriority="0",
)


def scheduled(**more: Any) -> tuple[MadeDecision, ...]:
    members = {"activityId": "a", "activityType": ACTIVITY, "input": '{"b":1,"c":2}'} | more
    return made(decision("ScheduleActivityTask", **members))


def test_what_is_left_to_the_defaults_of_a_type_is_the_same() -> None:
    assert difference(SCHEDULED, scheduled()) is None
    assert difference(SCHEDULED, scheduled(heartbeatTimeout="9", taskPriority="")) is None
    found = difference(SCHEDULED, scheduled(heartbeatTimeout="8"))
    assert found
    assert found.members == ("heartbeatTimeout",)


def test_json_in_another_order_is_a_difference_unless_it_is_allowed() -> None:
    turned = scheduled(input='{"c": 2, "b": 1}')
    found = difference(SCHEDULED, turned)
    assert found == (
        0,
        ("input",),
        "decision 1, ScheduleActivityTask a activity, differs in input by the order or the spacing of JSON alone, "
        "which --json-equal allows",
    )
    assert difference(SCHEDULED, turned, Rules(json_equal=True)) is None
    assert difference(SCHEDULED, scheduled(input='{"b":true,"c":2}'), Rules(json_equal=True))


def test_a_pattern_must_match_both_values_as_a_whole() -> None:
    then = told("MarkerRecorded", markerName="m", details="at 12:30")
    now = made(decision("RecordMarker", markerName="m", details="at 12:31"))
    assert difference(then, now, Rules(patterns=["RecordMarker.details=at [0-9:]+"])) is None
    assert difference(then, now, Rules(patterns=["details=at"]))
    assert difference(then, now, Rules(patterns=["details=.*:31"]))


def test_a_failed_decision_is_compared_by_what_its_event_holds() -> None:
    failed = told(
        "ScheduleActivityTaskFailed",
        activityId="a",
        activityType=ACTIVITY,
        cause="ACTIVITY_ID_ALREADY_IN_USE",
    )
    assert difference(failed, scheduled(input="anything")) is None
    assert difference(failed, scheduled(activityId="b"))
    initiated = told(
        "SignalExternalWorkflowExecutionFailed", workflowId="w", runId="", cause="X", initiatedEventId=0
    )
    assert (
        difference(
            initiated, made(decision("SignalExternalWorkflowExecution", workflowId="w", signalName="s"))
        )
        is None
    )


def test_news_of_what_was_initiated_is_no_decision() -> None:
    assert told("SignalExternalWorkflowExecutionFailed", workflowId="w", initiatedEventId=7) == ()


def test_the_version_of_a_continued_run_is_that_of_the_run_unless_it_is_named() -> None:
    then = told("WorkflowExecutionContinuedAsNew", workflowType={"name": "w", "version": "1"}, tagList=[])
    assert difference(then, made(decision("ContinueAsNewWorkflowExecution"))) is None
    assert difference(then, made(decision("ContinueAsNewWorkflowExecution", workflowTypeVersion="2")))
    newer = told("WorkflowExecutionContinuedAsNew", workflowType={"name": "w", "version": "2"})
    assert (
        difference(newer, made(decision("ContinueAsNewWorkflowExecution", workflowTypeVersion="2"))) is None
    )
    assert difference(newer, made(decision("ContinueAsNewWorkflowExecution", tagList=["t"])))


def test_a_list_that_the_end_of_a_run_has_cut_may_go_on() -> None:
    now = scheduled() + scheduled()
    assert difference(SCHEDULED, now, is_cut=True) is None
    assert difference(SCHEDULED, now)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ScheduleActivityTask.control", "ScheduleActivityTask.control"),
        ("*.input", "StartChildWorkflowExecution.input"),
        ("input", "ScheduleLambdaFunction.input"),
        ("ScheduleActivityTask.activityType", "ScheduleActivityTask.activityType.version"),
        ("activityType.version", "ScheduleActivityTask.activityType.version"),
        ("RecordMarker", "RecordMarker.details"),
        ("executionContext", "executionContext"),
    ],
)
def test_names_of_members(name: str, path: str) -> None:
    assert path in paths_named(name, "--ignore")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ignored": ["ScheduleActivty.input"]}, "--ignore: 'ScheduleActivty.input' names no member"),
        ({"patterns": ["input"]}, "--pattern: 'input' is not NAME=REGEX"),
        ({"patterns": ["input=("]}, "--pattern: '(' is no regular expression"),
        ({"patterns": ["inputs=.*"]}, "--pattern: 'inputs' names no member"),
    ],
)
def test_names_and_patterns_that_mean_nothing_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Rules(**given)
    assert str(refused.value).startswith(message)
