"""The spans of histories: every history that the linter knows, and what stands where in some of them."""

from __future__ import annotations

import copy
import json
from collections import Counter
from typing import Any

import pytest

from tests.lint.written import History, attributes, read_histories, write
from tests.support.otlp import Span, attributes_of, read_traces, tree_of
from workflowsvc.traces import context
from workflowsvc.traces.context import SpanContext
from workflowsvc.traces.otlp_json import traces_data
from workflowsvc.traces.run_spans import NotWhole, RunHistory, require_whole
from workflowsvc.traces.span import MAX_EVENTS
from workflowsvc.traces.tree import spans_of_runs

HISTORIES = read_histories()


def spans(*runs: RunHistory, below: SpanContext | None = None) -> list[Span]:
    """As a viewer gets them."""
    for run in runs:
        require_whole(run.events)
    return read_traces(json.dumps(traces_data(spans_of_runs(runs, below), {"service.name": "shop"}, "1")))


def of(events: History, **more: Any) -> list[Span]:
    return spans(RunHistory("order-1", "run-1", events, **more))


def link_names(span: Span) -> list[str]:
    return [attributes_of(link)["swf.relation"] for link in span.links]


@pytest.mark.parametrize("name", HISTORIES)
def test_every_history_is_one_trace_with_one_root(name: str) -> None:
    events = HISTORIES[name]
    found = of(events)
    assert {span.trace_id.hex() for span in found} == {context.trace_of_run("run-1")}
    known = {span.span_id: span for span in found}
    assert len(known) == len(found)
    assert [span.span_id for span in found if not span.parent_span_id] == [found[0].span_id]
    for span in found[1:]:
        parent = known[span.parent_span_id]
        assert parent.start_time_unix_nano <= span.start_time_unix_nano < span.end_time_unix_nano
        assert (
            span.end_time_unix_nano <= parent.end_time_unix_nano + 1
        )  # what lasts no time has one nanosecond
    opened = Counter(event["eventType"] for event in events)
    lasting = (
        *("DecisionTaskScheduled", "ActivityTaskScheduled", "TimerStarted", "LambdaFunctionScheduled"),
        *("StartChildWorkflowExecutionInitiated", "SignalExternalWorkflowExecutionInitiated"),
        "RequestCancelExternalWorkflowExecutionInitiated",
    )
    assert sum(span.parent_span_id == found[0].span_id for span in found) == sum(
        map(opened.__getitem__, lasting)
    )
    assert of(events) == found


def test_the_wait_in_the_list_stands_apart_from_the_work() -> None:
    events = write("""
        Started taskList=deciders
        DTS
        DTSt(2) +1 identity=decider-1
        DTC(2,3) +2
        ActivityTaskScheduled activityId=a activityType=charge/1 taskList=workers
        ActivityTaskStarted(5) +5 identity=worker-1
        ActivityTaskCompleted(5,6) +9
        DTS
        DTSt(8) +10
        DTC(8,9) +11
        Completed
    """)
    found = of(events, domain="shop")
    assert tree_of(found) == [
        "basic 0..11000",
        "  decision task 0..2000",
        "    queued 0..1000",
        "    running 1000..2000",
        "  activity charge 2000..9000",
        "    queued 2000..5000",
        "    running 5000..9000",
        "  decision task 9000..11000",
        "    queued 9000..10000",
        "    running 10000..11000",
    ]
    activity = next(span for span in found if span.name == "activity charge")
    assert attributes_of(activity) == {
        "swf.activity.id": "a",
        "swf.activity.type": "charge",
        "swf.activity.version": "1",
        "swf.kind": "activity",
        "swf.state": "completed",
        "swf.attempt": 1,
        "messaging.system": "aws_swf",
        "messaging.destination.name": "workers",
    }
    work = next(span for span in found if span.parent_span_id == activity.span_id and span.name == "running")
    assert attributes_of(work)["swf.identity"] == "worker-1"
    # A worker finds this span in the header of its poll, with the startedEventId of its task.
    assert (work.trace_id.hex(), work.span_id.hex(), True) == context.of_event("run-1", 6)
    (link,) = activity.links
    assert link.span_id.hex() == context.span_of_event("run-1", 3)
    assert link_names(activity) == ["decided by"]
    assert attributes_of(found[0])["swf.domain"] == "shop"


def test_attempts_are_counted_and_failures_say_why() -> None:
    events = write("""
        Started
        DTS
        DTSt(2) +1
        DecisionTaskTimedOut(2,3) +61 timeoutType=START_TO_CLOSE
        DTS
        DTSt(5) +62
        DTC(5,6) +63
        ActivityTaskScheduled activityId=a activityType=charge/1
        ActivityTaskStarted(8) +64
        ActivityTaskFailed(8,9) +65 reason=declined details=secret
        DTS
        DTSt(11) +66
        DTC(11,12) +67
        ActivityTaskScheduled activityId=a activityType=charge/1
        ActivityTaskTimedOut(14) +68 timeoutType=SCHEDULE_TO_START startedEventId=0
        DTS
        DTSt(16) +69
        DTC(16,17) +70
        WorkflowExecutionFailed reason=unpaid details=secret
    """)
    found = of(events)
    assert tree_of(found) == [
        "basic 0..70000 ! unpaid",
        "  decision task 0..61000 ! timed out (START_TO_CLOSE)",
        "    queued 0..1000",
        "    running 1000..61000 ! timed out (START_TO_CLOSE)",
        "  decision task 61000..63000",
        "    queued 61000..62000",
        "    running 62000..63000",
        "  activity charge 63000..65000 ! declined",
        "    queued 63000..64000",
        "    running 64000..65000 ! declined",
        "  decision task 65000..67000",
        "    queued 65000..66000",
        "    running 66000..67000",
        "  activity charge 67000..68000 ! timed out (SCHEDULE_TO_START)",
        "    queued 67000..68000 ! timed out (SCHEDULE_TO_START)",
        "  decision task 68000..70000",
        "    queued 68000..69000",
        "    running 69000..70000",
    ]
    activities = [span for span in found if span.name == "activity charge"]
    assert [attributes_of(span)["swf.attempt"] for span in activities] == [1, 2]
    assert [attributes_of(span)["error.type"] for span in activities] == ["failed", "SCHEDULE_TO_START"]
    assert link_names(activities[1]) == ["decided by", "previous attempt"]
    assert activities[1].links[1].span_id == activities[0].span_id
    decisions = [span for span in found if span.name == "decision task"]
    assert [attributes_of(span).get("swf.attempt") for span in decisions] == [None, 2, None, None]
    assert "secret" not in str(found)


def test_what_is_open_ends_at_the_last_moment_that_is_known_and_says_so() -> None:
    events = write("""
        Started
        DTS
        DTSt(2) +1
        DTC(2,3) +2
        ActivityTaskScheduled activityId=a activityType=charge/1
        TimerStarted timerId=t startToFireTimeout=100
        ActivityTaskStarted(5) +5
    """)
    for until, end in ((0, 5_000), (round(events[0]["eventTimestamp"] * 1000) + 60_000, 60_000)):
        found = of(events, until_ms=until)
        assert tree_of(found) == [
            f"basic 0..{end}",
            "  decision task 0..2000",
            "    queued 0..1000",
            "    running 1000..2000",
            f"  activity charge 2000..{end}",
            "    queued 2000..5000",
            f"    running 5000..{end}",
            f"  timer 2000..{end}",
        ]
        assert [span.name for span in found if attributes_of(span).get("swf.open")] == [
            *("basic", "activity charge", "running", "timer")
        ]


def test_what_the_end_of_a_run_leaves_open_ends_with_it() -> None:
    events = write("""
        Started
        DTS
        DTSt(2) +1
        DTC(2,3) +2
        TimerStarted timerId=t startToFireTimeout=100
        WorkflowExecutionTerminated +9 reason=enough
    """)
    found = of(events, until_ms=10**13)
    assert tree_of(found)[0] == "basic 0..9000 ! enough"
    assert tree_of(found)[-1] == "  timer 2000..9000"
    assert attributes_of(found[-1])["swf.state"] == "running at the end"
    assert "swf.open" not in attributes_of(found[-1])


def test_signals_markers_and_decisions_that_failed_are_moments_of_the_run() -> None:
    events = write("""
        Started
        WorkflowExecutionSignaled signalName=paid input=secret
        DTS
        DTSt(3) +1
        DTC(3,4) +2
        MarkerRecorded markerName=seen details=secret
        StartTimerFailed timerId=t cause=TIMER_ID_ALREADY_IN_USE
        Completed
    """)
    root, *_ = found = of(events)
    assert [(event.name, attributes_of(event)) for event in root.events] == [
        ("WorkflowExecutionSignaled", {"swf.event.id": 2, "swf.signal.name": "paid"}),
        ("MarkerRecorded", {"swf.event.id": 6, "swf.marker.name": "seen"}),
        (
            "StartTimerFailed",
            {"swf.event.id": 7, "swf.timer.id": "t", "swf.cause": "TIMER_ID_ALREADY_IN_USE"},
        ),
    ]
    assert "secret" not in str(found)


def test_more_moments_than_a_viewer_shows_are_counted() -> None:
    lines = ["Started", *(f"WorkflowExecutionSignaled signalName=s{n}" for n in range(MAX_EVENTS + 7))]
    root, *_ = of(write("\n".join(lines)))
    assert len(root.events) == MAX_EVENTS
    assert root.dropped_events_count == 7


PARENT = """
    Started
    DTS
    DTSt(2) +1
    DTC(2,3) +2
    Child workflowId=ship workflowType=ship/1
    ChildWorkflowExecutionStarted(5) +3 workflowExecution=ship/run-2 workflowType=ship/1
    ChildWorkflowExecutionCompleted(5,6) +8 workflowExecution=ship/run-2 workflowType=ship/1
"""


def family() -> tuple[RunHistory, RunHistory]:
    child = write("Started +0 workflowType=ship/1\nWorkflowExecutionSignaled signalName=s +1\n")
    attributes(child[0]).update(
        parentWorkflowExecution={"workflowId": "order-1", "runId": "run-1"}, parentInitiatedEventId=5
    )
    return RunHistory("order-1", "run-1", write(PARENT)), RunHistory("ship", "run-2", child)


def test_a_child_that_is_exported_with_its_parent_stands_in_its_trace() -> None:
    parent, child = family()
    found = spans(child, parent)
    assert {span.trace_id.hex() for span in found} == {context.trace_of_run("run-1")}
    assert tree_of(found)[-2:] == ["  child ship 2000..8000", "    ship 0..1000"]
    (below,) = [span for span in found if span.name == "ship"]
    # Workers of the child that carry on the headers of their polls are in the trace that it has by itself.
    assert link_names(below) == ["own trace"]
    assert (below.links[0].trace_id.hex(), below.links[0].span_id.hex(), True) == context.of_event("run-2", 1)


def test_a_child_and_a_parent_that_are_exported_apart_are_linked() -> None:
    parent, child = family()
    (of_parent,) = [span for span in spans(parent) if span.name == "child ship"]
    (of_child,) = spans(child)
    assert of_parent.links[-1].span_id == of_child.span_id
    assert of_parent.links[-1].trace_id == of_child.trace_id != of_parent.trace_id
    assert of_child.links[0].span_id == of_parent.span_id
    assert of_child.links[0].trace_id == of_parent.trace_id
    assert (link_names(of_child), link_names(of_parent)) == (["parent"], ["decided by", "child"])


def test_runs_that_follow_each_other_are_linked() -> None:
    first = write(
        "Started\nDTS\nDTSt(2) +1\nDTC(2,3) +2\nWorkflowExecutionContinuedAsNew newExecutionRunId=run-2"
    )
    second = write("Started continuedExecutionRunId=run-1")
    (before, *_), (after,) = of(first), spans(RunHistory("order-1", "run-2", second))
    assert (link_names(before), link_names(after)) == (["continued by"], ["continues"])
    assert before.links[0].span_id == after.span_id
    assert after.links[0].span_id == before.span_id


def test_a_run_can_be_put_below_a_span_of_another_trace() -> None:
    above = SpanContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    root, *rest = spans(family()[0], below=above)
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == above[:2]
    assert {span.trace_id.hex() for span in rest} == {above.trace_id}
    assert link_names(root) == ["own trace"]


def test_runs_that_claim_to_be_each_others_parents_end_all_the_same() -> None:
    def claims(run_id: str, parent: str) -> RunHistory:
        events = write("Started")
        attributes(events[0]).update(
            parentWorkflowExecution={"workflowId": "w", "runId": parent}, parentInitiatedEventId=1
        )
        return RunHistory("w", run_id, events)

    found = spans(claims("a", "b"), claims("b", "a"), claims("c", "c"))
    assert len(found) == 3


def _without_start(events: History) -> None:
    del events[0]


def _with_a_gap(events: History) -> None:
    del events[2]


def _without_a_time(events: History) -> None:
    events[1]["eventTimestamp"] = float("nan")


def _in_a_year_without_nanoseconds(events: History) -> None:
    events[1]["eventTimestamp"] = 1e12


@pytest.mark.parametrize(
    "spoil", [list.clear, _without_start, _with_a_gap, _without_a_time, _in_a_year_without_nanoseconds]
)
def test_what_is_no_whole_history_is_refused(spoil: Any) -> None:
    events = copy.deepcopy(HISTORIES["14.1"])
    require_whole(events)
    spoil(events)
    with pytest.raises(NotWhole):
        require_whole(events)


def test_texts_of_any_length_with_any_letters_can_be_exported() -> None:
    events = write("Started")
    attributes(events[0])["workflowType"] = {"name": "\ud800\0" + "x" * 100_000, "version": 7}
    attributes(events[0])["tagList"] = [None, {"a": 1}]
    (root,) = of(events)
    assert root.name.startswith("?\0xxx")
    assert len(root.name) == 1_024
