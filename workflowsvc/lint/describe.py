"""Findings about a DescribeWorkflowExecution answer that disagrees with the history (W1 to W6; SWF §10.4).

Counts anew from the events by plain set arithmetic, on purpose by another way than the rules about each kind
of task. Both must have been read at the same moment, or after the close.
"""

from collections.abc import Container, Iterator, Mapping
from typing import cast

from workflowsvc.lint.envelope import read_ms
from workflowsvc.lint.history import Finding, History, as_object, brief
from workflowsvc.lint.tables import CLOSING

__all__ = ["check", "count_open"]

_OPENED_AND_CLOSED = {  # open count -> the opening event, the member that names it, the closing events
    "openActivityTasks": (
        "ActivityTaskScheduled",
        "scheduledEventId",
        ("ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskTimedOut", "ActivityTaskCanceled"),
    ),
    "openTimers": ("TimerStarted", "startedEventId", ("TimerFired", "TimerCanceled")),
    "openChildWorkflowExecutions": (
        "StartChildWorkflowExecutionInitiated",
        "initiatedEventId",
        (
            "StartChildWorkflowExecutionFailed",
            "ChildWorkflowExecutionCompleted",
            "ChildWorkflowExecutionFailed",
            "ChildWorkflowExecutionTimedOut",
            "ChildWorkflowExecutionCanceled",
            "ChildWorkflowExecutionTerminated",
        ),
    ),
    "openLambdaFunctions": (
        "LambdaFunctionScheduled",
        "scheduledEventId",
        (
            "LambdaFunctionCompleted",
            "LambdaFunctionFailed",
            "LambdaFunctionTimedOut",
            "StartLambdaFunctionFailed",
        ),
    ),
}

_ACTIVITY_EVENTS = frozenset({
    "ActivityTaskScheduled",
    "ActivityTaskStarted",
    "ActivityTaskCompleted",
    "ActivityTaskFailed",
    "ActivityTaskTimedOut",
    "ActivityTaskCanceled",
})  # fmt: skip
# Whether these count as activity events for latestActivityTaskTimestamp is not known: each is accepted.
_PERHAPS_ACTIVITY_EVENTS = frozenset({
    "ActivityTaskCancelRequested",
    "ScheduleActivityTaskFailed",
    "RequestCancelActivityTaskFailed",
})  # fmt: skip


def check(history: History, execution: Mapping[str, object]) -> Iterator[Finding]:
    """All findings about the DescribeWorkflowExecution answer `execution`."""
    info = as_object(execution.get("executionInfo"))
    yield from _check_status(history, info)
    yield from _check_counts(history, as_object(execution.get("openCounts")))
    yield from _check_start(history, info, as_object(execution.get("executionConfiguration")))
    yield from _check_cancel_requested(history, info)
    yield from _check_activity_time(history, execution)
    yield from _check_context(history, execution)


def count_open(history: History) -> dict[str, int]:
    """The openCounts of this history: of its end, which for a closed execution is the moment of the close."""
    counts = {"openDecisionTasks": 1 if history.waiting_before[-1] else 0}
    for name, (opening, member, closings) in _OPENED_AND_CLOSED.items():
        opened = {event.id for event in history.events if event.type == opening}
        closed = {event.number(member) for event in history.events if event.type in closings}
        counts[name] = len(opened - closed)
    return counts


def _shown(value: object) -> str:
    return "absent" if value is None else brief(value)


def _differ(rule: str, what: str, found: object, wanted: object) -> Iterator[Finding]:
    if found != wanted:
        yield Finding(rule, 0, f"{what} is {_shown(found)}, the history says {_shown(wanted)}")


def _time(value: object) -> int | None:
    read = read_ms(value)
    return read[0] if read else None


def _check_status(history: History, info: Mapping[str, object]) -> Iterator[Finding]:
    closing = history.closing
    yield from _differ("W1", "executionStatus", info.get("executionStatus"), "CLOSED" if closing else "OPEN")
    yield from _differ(
        "W1", "closeStatus", info.get("closeStatus"), CLOSING[closing.type] if closing else None
    )
    yield from _differ("W1", "startTimestamp in ms", _time(info.get("startTimestamp")), history.start.at_ms)
    closed_at = closing.at_ms if closing else None
    yield from _differ("W1", "closeTimestamp in ms", _time(info.get("closeTimestamp")), closed_at)


def _check_counts(history: History, counts: Mapping[str, object]) -> Iterator[Finding]:
    for name, wanted in count_open(history).items():
        yield from _differ("W2", name, counts.get(name), wanted)


def _check_start(
    history: History, info: Mapping[str, object], configuration: Mapping[str, object]
) -> Iterator[Finding]:
    start = history.start.attributes
    for name in (
        "childPolicy",
        "executionStartToCloseTimeout",
        "taskStartToCloseTimeout",
        "taskList",  # stays the original one also under an override (SWF §4.8)
        "taskPriority",
        "lambdaRole",
    ):
        yield from _differ("W3", name, configuration.get(name), start.get(name))
    yield from _differ("W3", "workflowType", info.get("workflowType"), start.get("workflowType"))
    yield from _differ("W3", "tagList", info.get("tagList") or None, start.get("tagList") or None)
    yield from _differ("W3", "parent", info.get("parent"), start.get("parentWorkflowExecution"))


def _check_cancel_requested(history: History, info: Mapping[str, object]) -> Iterator[Finding]:
    asked = any(event.type == "WorkflowExecutionCancelRequested" for event in history.events)
    # In recordings of closed executions the flag is false although they had been asked (SWF §8.4).
    yield from _differ(
        "W4", "cancelRequested", info.get("cancelRequested"), asked and history.closing is None
    )


def _latest(history: History, types: Container[str]) -> int | None:
    return max((event.at_ms for event in history.events if event.type in types), default=None)


def _check_activity_time(history: History, execution: Mapping[str, object]) -> Iterator[Finding]:
    found = _time(execution.get("latestActivityTaskTimestamp"))
    sure = _latest(history, _ACTIVITY_EVENTS)
    perhaps = {_latest(history, _ACTIVITY_EVENTS | {name}) for name in _PERHAPS_ACTIVITY_EVENTS}
    if found not in {sure, *perhaps}:
        yield from _differ("W5", "latestActivityTaskTimestamp in ms", found, sure)


def _check_context(history: History, execution: Mapping[str, object]) -> Iterator[Finding]:
    sent = [
        cast("str", event.attributes["executionContext"])
        for event in history.events
        if event.type == "DecisionTaskCompleted" and "executionContext" in event.attributes
    ]
    found = execution.get("latestExecutionContext")
    yield from _differ("W6", "latestExecutionContext", found, sent[-1] if sent else None)
