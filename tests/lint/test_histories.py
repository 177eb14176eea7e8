"""Every valid history passes: recordings of the real service, sequences of live tests, and made ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.lint.written import History, read_histories
from workflowsvc.lint import check_growth, lint_history

HISTORIES = read_histories()
NAMES = sorted(HISTORIES)


def with_times(history: History, zone: timezone) -> History:
    """The history as boto3 gives it: times are datetimes."""
    return [
        {**event, "eventTimestamp": datetime.fromtimestamp(event["eventTimestamp"], zone)}
        for event in history
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_valid_history_passes(name: str) -> None:
    assert lint_history(HISTORIES[name]) == []


@pytest.mark.parametrize("name", NAMES)
def test_each_beginning_of_a_valid_history_passes_as_a_prefix(name: str) -> None:
    history = HISTORIES[name]
    for length in range(len(history) + 1):
        assert lint_history(history[:length], complete=False) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=45))])
def test_a_valid_history_passes_as_boto3_reads_it(name: str, zone: timezone) -> None:
    assert lint_history(with_times(HISTORIES[name], zone)) == []


def test_a_datetime_without_zone_is_no_time() -> None:
    naive = [
        {**event, "eventTimestamp": datetime.fromtimestamp(event["eventTimestamp"], UTC).replace(tzinfo=None)}
        for event in HISTORIES["14.10"]
    ]
    assert {finding.rule for finding in lint_history(naive)} >= {"H3"}


def test_members_that_aws_writes_without_documenting_them_are_no_fault() -> None:
    history = read_histories()["14.1"]
    history[2]["decisionTaskStartedEventAttributes"]["startedOnPreviousTaskCompletion"] = False
    history[4]["activityTaskScheduledEventAttributes"]["immediatelyStart"] = False
    assert lint_history(history) == []


def test_an_empty_prefix_is_valid_and_an_empty_history_is_not() -> None:
    assert lint_history([], complete=False) == []
    assert [finding.rule for finding in lint_history([])] == ["H2"]


@pytest.mark.parametrize(
    "events",
    [
        [{}],
        [None],
        [[]],
        ["event"],
        [{"eventId": "1", "eventType": 5, "eventTimestamp": "now"}],
        [{"eventId": True, "eventType": "", "eventTimestamp": float("nan")}],
        [{"eventId": 1, "eventType": "WorkflowExecutionStarted", "eventTimestamp": 1e400}],
        [{"eventId": 1, "eventType": "DecisionTaskCompleted", "decisionTaskCompletedEventAttributes": [1]}],
        [{"eventId": 1, "eventType": [], "eventTimestamp": {}}],
    ],
)
def test_rubbish_is_judged_and_never_raises(events: list[object]) -> None:
    assert lint_history(events)  # type: ignore[arg-type]


def test_a_later_reading_must_begin_with_the_earlier_one() -> None:
    history = HISTORIES["14.1"]
    assert check_growth(history[:6], history) == []
    changed = [*history[:3], history[4], *history[4:]]
    assert [(f.rule, f.event_id) for f in check_growth(history, changed)] == [("H8", 4)]
    assert [(f.rule, f.event_id) for f in check_growth(history, history[:6])] == [("H8", 7)]
