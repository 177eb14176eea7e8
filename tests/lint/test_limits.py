"""Open things and events are counted, against AWS's limits or those of a service that was given others."""

from __future__ import annotations

import pytest

from tests.lint.mutate import put
from tests.lint.simulate import simulate
from tests.lint.written import History, read_histories, write
from workflowsvc.lint import Limits, lint_history

HISTORIES = read_histories()


def rules(history: History, **limits: int) -> set[str]:
    return {finding.rule for finding in lint_history(history, limits=Limits(**limits))}


@pytest.mark.parametrize(
    ("name", "limit", "enough", "rule"),
    [
        ("14.5", "open_activities", 2, "A6"),
        ("14.4", "open_timers", 2, "T5"),
        ("children", "open_children", 4, "C4"),
        ("lambdas", "open_lambdas", 4, "L3"),
    ],
)
def test_no_more_may_be_open_than_the_limit(name: str, limit: str, enough: int, rule: str) -> None:
    assert rules(HISTORIES[name], **{limit: enough}) == set()
    assert rules(HISTORIES[name], **{limit: enough - 1}) == {rule}


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        ("ScheduleActivityTaskFailed activityId=z cause=OPEN_ACTIVITIES_LIMIT_EXCEEDED", "open_activities"),
        ("StartTimerFailed timerId=z cause=OPEN_TIMERS_LIMIT_EXCEEDED", "open_timers"),
    ],
)
def test_a_limit_is_a_true_cause_only_when_it_is_reached(line: str, limit: str) -> None:
    history = put(HISTORIES["refused"], 6, line)
    assert rules(history, **{limit: 1}) == set()
    assert rules(history, **{limit: 2}) in ({"A5"}, {"T4"})


def test_a_thousand_activities_are_allowed_and_one_more_is_not() -> None:
    first = "Started\nDTS\nDTSt(2)\nDTC(2,3)\n"
    assert lint_history(write(first + "ActivityTaskScheduled\n" * 1_000)) == []
    found = lint_history(write(first + "ActivityTaskScheduled\n" * 1_001))
    assert [(finding.rule, finding.event_id) for finding in found] == [("A6", 1_005)]


def terminated(length: int, cause: str) -> History:
    history = simulate(7, length + 100)[: length - 1]
    held = {"childPolicy": "TERMINATE", "cause": cause}
    end = {"eventType": "WorkflowExecutionTerminated", "workflowExecutionTerminatedEventAttributes": held}
    return [*history, {**end, "eventId": length, "eventTimestamp": history[-1]["eventTimestamp"]}]


def test_an_execution_that_reaches_the_event_limit_is_terminated() -> None:
    assert rules(terminated(3_000, "EVENT_LIMIT_EXCEEDED"), events=3_000) == set()
    # The real service was seen to overshoot, within what one batch of decisions may write.
    assert rules(terminated(3_000, "EVENT_LIMIT_EXCEEDED"), events=2_999) == set()
    assert rules(terminated(3_000, "OPERATOR_INITIATED"), events=2_999) == {"H6"}
    assert "H6" in rules(simulate(7, 3_000), events=2_990)


def test_no_task_is_handed_out_beyond_the_event_limit() -> None:
    assert "H6" in rules(terminated(3_000, "EVENT_LIMIT_EXCEEDED"), events=2_900)


def test_the_event_limit_is_no_excuse_for_a_short_history() -> None:
    assert "H6" in rules(terminated(3_000, "EVENT_LIMIT_EXCEEDED"), events=25_000)
