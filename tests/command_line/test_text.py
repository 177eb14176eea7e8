"""Moments, spans and lines of histories read as people expect."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from workflowsvc.display.history import event_ids, fold, shown
from workflowsvc.display.text import json_line, printable, read_moment, read_span, span

NOW = datetime(2026, 11, 29, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0124, "12 ms"), (1.24, "1.2 s"), (185, "3 m 5 s"), (7200, "2 h"), (350_000, "4 d 1 h"), (-3, "0 ms")],
)
def test_a_span_has_at_most_two_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172_800), ("1w", 604_800)],
)
def test_a_span_is_read(text: str, seconds: float) -> None:
    assert read_span(text) == seconds
    assert read_moment(text, NOW) == NOW - seconds


@pytest.mark.parametrize("text", ["", "5", "h", "5 h", "-5h", "5y", "1e3s", "9999999999s"])
def test_what_is_no_span_is_not_read_as_one(text: str) -> None:
    assert read_span(text) is None


def test_a_moment_is_read() -> None:
    assert read_moment("2026-11-28T23:00:00Z", NOW) == NOW - 3600
    assert read_moment("2026-11-29T01:00+01:00", NOW) == NOW
    assert read_moment("1795941000", NOW) == 1_795_941_000
    for wrong in ("soon", "2026-13-01", "nan", "inf", "-5", "1e300", "0001-01-01"):
        assert read_moment(wrong, NOW) is None or wrong == "0001-01-01"


def test_moments_in_json_are_iso_8601_and_everything_is_on_one_line() -> None:
    line = json_line(
        {"startTimestamp": 1.5, "inner": [{"creationDate": 2}], "text": "a\nb\u2028", "count": 3}
    )
    assert line == (
        '{"startTimestamp":"1970-01-01T00:00:01.500+00:00",'
        '"inner":[{"creationDate":"1970-01-01T00:00:02.000+00:00"}],"text":"a\\nb\\u2028","count":3}\n'
    )


def test_letters_that_a_terminal_obeys_are_shown() -> None:
    assert printable("a\x1b[2Jb\u202ec\x07\ud800\tö") == r"a\x1b[2Jb\u202ec\x07\ud800\tö"
    assert printable("long text", limit=5) == "long…"


def test_ids_of_events_are_short() -> None:
    assert [event_ids(ids) for ids in ([5], [5, 6], [5, 6, 7], [5, 9, 12], [1, 3, 5, 7, 250])] == [
        "5", "5,6", "5-7", "5,9,12", "1,3…250",
    ]  # fmt: skip


def test_an_event_of_an_unknown_kind_has_a_line() -> None:
    (line,) = fold([{"eventId": 1, "eventType": "SomethingNew", "eventTimestamp": 1.0}])
    assert line.kind == "SomethingNew"
    (odd,) = fold([{}])
    assert odd.events == []


def test_equal_failures_in_a_row_are_counted_and_different_ones_are_not() -> None:
    failures = [
        {
            "eventId": number,
            "eventType": "StartTimerFailed",
            "eventTimestamp": float(number),
            "startTimerFailedEventAttributes": {"timerId": timer, "cause": "TIMER_ID_ALREADY_IN_USE"},
        }
        for number, timer in enumerate(["a", "a", "a", "b"], 1)
    ]
    lines = shown(fold(failures), decisions=False)
    assert [(line.name, line.times, line.events) for line in lines] == [("a", 3, [1, 2, 3]), ("b", 1, [4])]


def test_a_page_from_the_middle_of_a_history_is_folded_too() -> None:
    child = {"workflowId": "c", "runId": "r"}
    events = [
        _event(50, "ActivityTaskStarted", scheduledEventId=40, identity="w"),
        _event(51, "ActivityTaskCompleted", scheduledEventId=40, startedEventId=50),
        _event(
            52,
            "ChildWorkflowExecutionCompleted",
            initiatedEventId=41,
            startedEventId=42,
            workflowExecution=child,
        ),
        _event(53, "TimerFired", startedEventId=43, timerId="t"),
        _event(54, "WorkflowExecutionSignaled", signalName="s", externalWorkflowExecution=child),
    ]
    lines = fold(events)
    assert [(line.kind, line.name, line.state, line.events) for line in lines] == [
        ("activity", "", "completed", [50, 51]),
        ("child", "c", "completed", [52]),
        ("timer", "t", "fired", [53]),
        ("signal", "s", "received", [54]),
    ]
    assert lines[0].started == 50.0
    assert lines[1].execution == lines[3].execution == child


def _event(event_id: int, event_type: str, **attributes: object) -> dict[str, object]:
    member = f"{event_type[0].lower()}{event_type[1:]}EventAttributes"
    return {
        "eventId": event_id,
        "eventType": event_type,
        "eventTimestamp": float(event_id),
        member: attributes,
    }


def test_what_is_counted_for_people_leaves_the_lines_as_they_were() -> None:
    lines = fold(
        _event(number, "StartTimerFailed", timerId="t", cause="TIMER_ID_ALREADY_IN_USE") for number in (1, 2)
    )
    assert [line.times for line in shown(lines, decisions=False)] == [2]
    assert [line.times for line in shown(lines, decisions=False)] == [2]
    assert [line.events for line in lines] == [[1], [2]]


def test_failures_that_alternate_with_something_are_counted_with_it() -> None:
    events = [
        _event(1, "WorkflowExecutionStarted"),
        _event(2, "TimerStarted", timerId="t", startToFireTimeout="80000"),
    ]
    for number in range(3, 97, 2):
        events.append(_event(number, "WorkflowExecutionSignaled", signalName="tick"))
        events.append(_event(number + 1, "StartTimerFailed", timerId="t", cause="TIMER_ID_ALREADY_IN_USE"))
    events.append(_event(97, "WorkflowExecutionSignaled", signalName="tick"))
    lines = shown(fold(events), decisions=False)
    assert [(line.kind, line.times, event_ids(line.events)) for line in lines] == [
        ("run", 1, "1"),
        ("timer", 1, "2"),
        ("signal", 47, "3,5…95"),
        ("decision StartTimer", 47, "4,6…96"),
        ("signal", 1, "97"),
    ]
    assert lines[1].note == "after 22 h 13 m"


def test_signals_alone_are_not_counted_however_many_there_are() -> None:
    events = [_event(number, "WorkflowExecutionSignaled", signalName="tick") for number in range(1, 9)]
    assert len(shown(fold(events), decisions=False)) == 8


def test_a_closed_run_is_one_line_and_nothing_of_it_goes_on() -> None:
    events = [
        _event(1, "WorkflowExecutionStarted", workflowType={"name": "order", "version": "1"}),
        _event(2, "DecisionTaskScheduled"),
        _event(3, "TimerStarted", timerId="t", startToFireTimeout="9"),
        _event(4, "WorkflowExecutionTerminated", reason="enough"),
    ]
    lines = fold(events)
    assert [(line.kind, line.state, line.events) for line in lines] == [
        ("run", "terminated", [1, 4]),
        ("decision task", "scheduled at the end", [2]),
        ("timer", "running at the end", [3]),
    ]
    assert (lines[0].type, lines[0].note, lines[0].tone) == ("order:1", "reason: enough", "bad")
    assert "open" not in {line.tone for line in lines}
