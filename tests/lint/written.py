"""Histories written as text, one event a line, become lists of HistoryEvent dicts.

Owns the notation; knows what AWS always writes so that a line need hold only what matters, and no rule.

A file holds sections, `== name: what it shows`. A line is `[id] Type[(ids)] [+seconds | =] [member=value
…]`; `#` starts a comment. In the brackets stand the ids that the type refers to, in the order of `_NAMED`.
The time is counted from event 1, `=` is the time of the line before. Without either, DecisionTaskScheduled
and the events of decisions have the time of the line before and all others come 10 ms later. A value
becomes what its member holds: an id a number, `taskList=x` and `workflowType=name/version` their
structures.
"""

from __future__ import annotations

import copy
import shlex
from pathlib import Path
from typing import Any

HistoryEvent = dict[str, Any]
History = list[HistoryEvent]

HERE = Path(__file__).parent / "histories"
EPOCH = 1_497_371_587.073  # of a recording: SWF §10.4

SHORT = {
    "Started": "WorkflowExecutionStarted",
    "DTS": "DecisionTaskScheduled",
    "DTSt": "DecisionTaskStarted",
    "DTC": "DecisionTaskCompleted",
    "DTTO": "DecisionTaskTimedOut",
    "Completed": "WorkflowExecutionCompleted",
    "Child": "StartChildWorkflowExecutionInitiated",
    "Signal": "SignalExternalWorkflowExecutionInitiated",
    "Cancel": "RequestCancelExternalWorkflowExecutionInitiated",
}
_TASK = ("scheduledEventId", "startedEventId")
_CHILD = ("initiatedEventId", "startedEventId")
_NAMED = {
    "DecisionTaskStarted": _TASK,
    "DecisionTaskCompleted": _TASK,
    "DecisionTaskTimedOut": _TASK,
    "ActivityTaskStarted": _TASK,
    "ActivityTaskCompleted": _TASK,
    "ActivityTaskFailed": _TASK,
    "ActivityTaskTimedOut": _TASK,
    "ActivityTaskCanceled": (*_TASK, "latestCancelRequestedEventId"),
    "LambdaFunctionStarted": _TASK,
    "LambdaFunctionCompleted": _TASK,
    "LambdaFunctionFailed": _TASK,
    "LambdaFunctionTimedOut": _TASK,
    "StartLambdaFunctionFailed": _TASK,
    "TimerFired": ("startedEventId",),
    "TimerCanceled": ("startedEventId",),
    "ChildWorkflowExecutionStarted": _CHILD,
    "ChildWorkflowExecutionCompleted": _CHILD,
    "ChildWorkflowExecutionFailed": _CHILD,
    "ChildWorkflowExecutionTimedOut": _CHILD,
    "ChildWorkflowExecutionCanceled": _CHILD,
    "ChildWorkflowExecutionTerminated": _CHILD,
    "StartChildWorkflowExecutionFailed": _CHILD,
    "SignalExternalWorkflowExecutionFailed": _CHILD,
    "RequestCancelExternalWorkflowExecutionFailed": _CHILD,
    "ExternalWorkflowExecutionSignaled": _CHILD,
    "ExternalWorkflowExecutionCancelRequested": _CHILD,
}

_TYPE = {"name": "basic", "version": "example"}
_LIST = {"name": "list"}
_SETTINGS: dict[str, Any] = {
    "childPolicy": "TERMINATE",
    "executionStartToCloseTimeout": "300",
    "taskStartToCloseTimeout": "300",
    "taskList": _LIST,
    "workflowType": _TYPE,
}
_TIMEOUTS = ("heartbeatTimeout", "scheduleToCloseTimeout", "scheduleToStartTimeout", "startToCloseTimeout")
_DECIDED = (  # events that always name the completion that decided them
    *("WorkflowExecutionCompleted", "WorkflowExecutionFailed", "WorkflowExecutionCanceled"),
    *("CompleteWorkflowExecutionFailed", "FailWorkflowExecutionFailed", "CancelWorkflowExecutionFailed"),
    *("WorkflowExecutionContinuedAsNew", "ContinueAsNewWorkflowExecutionFailed"),
    *("ActivityTaskScheduled", "ScheduleActivityTaskFailed"),
    *("ActivityTaskCancelRequested", "RequestCancelActivityTaskFailed"),
    *("MarkerRecorded", "RecordMarkerFailed"),
    *("TimerStarted", "StartTimerFailed", "TimerCanceled", "CancelTimerFailed"),
    *("StartChildWorkflowExecutionInitiated", "StartChildWorkflowExecutionFailed"),
    *("SignalExternalWorkflowExecutionInitiated", "SignalExternalWorkflowExecutionFailed"),
    *("RequestCancelExternalWorkflowExecutionInitiated", "RequestCancelExternalWorkflowExecutionFailed"),
    *("LambdaFunctionScheduled", "ScheduleLambdaFunctionFailed"),
)


def member_of(event_type: str) -> str:
    """The name of the attributes member."""
    return event_type[0].lower() + event_type[1:] + "EventAttributes"


def attributes(event: HistoryEvent) -> dict[str, Any]:
    """The attributes of an event, to read or to change."""
    return event[member_of(event["eventType"])]


def shift(seconds: float) -> float:
    """The timestamp at this distance from the first event, in whole milliseconds."""
    return round((EPOCH + seconds) * 1_000) / 1_000


def write(text: str) -> History:
    """The history that these lines describe."""
    history: History = []
    for line in text.strip().splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0].isdigit():
            assert int(words[0]) == len(history) + 1, f"{line!r} stands at place {len(history) + 1}"
            words = words[1:]
        history.append(write_event(words, history))
    return history


def write_event(words: list[str], before: History) -> HistoryEvent:
    """The event of one line, which follows these events."""
    name, _, refs = words[0].partition("(")
    event_type = SHORT.get(name, name)
    given: dict[str, Any] = {}
    for member, number in zip(_NAMED.get(event_type, ()), refs.rstrip(")").split(","), strict=False):
        if number:
            given[member] = int(number)
    asynchronous = event_type.endswith("Failed") and given.get("initiatedEventId", 0) > 0
    last = before[-1]["eventTimestamp"] if before else shift(0)
    together = event_type in ("DecisionTaskScheduled", *_DECIDED) and not asynchronous
    at = last if together or not before else round((last + 0.010) * 1_000) / 1_000
    for word in words[1:]:
        if word == "=":
            at = last
        elif word.startswith("+"):
            at = shift(float(word))
        else:
            member, _, value = word.partition("=")
            given[member] = read_value(member, value)
    held = {**_defaults(event_type, given, before), **given}
    return {
        "eventId": len(before) + 1,
        "eventTimestamp": at,
        "eventType": event_type,
        member_of(event_type): copy.deepcopy(held),
    }


def read_value(member: str, value: str) -> Any:
    """What a member of this name holds when it is written like this."""
    if member.endswith("EventId"):
        return int(value)
    if member == "taskList":
        return {"name": value}
    if member in ("workflowType", "activityType"):
        return dict(zip(("name", "version"), value.split("/"), strict=True))
    if member.endswith("xecution"):
        return dict(zip(("workflowId", "runId"), value.split("/"), strict=True))
    return value.split(",") if member == "tagList" else value


def _defaults(event_type: str, given: dict[str, Any], before: History) -> dict[str, Any]:
    held: dict[str, Any] = {}
    if event_type in _DECIDED:
        held["decisionTaskCompletedEventId"] = next(
            (e["eventId"] for e in reversed(before) if e["eventType"] == "DecisionTaskCompleted"), 0
        )
    if event_type == "WorkflowExecutionStarted":
        held |= {**_SETTINGS, "parentInitiatedEventId": 0}
    elif event_type in ("StartChildWorkflowExecutionInitiated", "WorkflowExecutionContinuedAsNew"):
        held |= _SETTINGS
    elif event_type in ("WorkflowExecutionSignaled", "WorkflowExecutionCancelRequested"):
        held["externalInitiatedEventId"] = 0
    elif event_type == "DecisionTaskScheduled":
        start = attributes(before[0])
        held |= {"startToCloseTimeout": start["taskStartToCloseTimeout"], "taskList": start["taskList"]}
        held |= {"taskPriority": start["taskPriority"]} if "taskPriority" in start else {}
    elif event_type == "ActivityTaskScheduled":
        held |= dict.fromkeys(_TIMEOUTS, "300")
        held |= {"activityId": f"a{len(before) + 1}", "activityType": _TYPE, "taskList": _LIST}
    elif event_type in ("ScheduleActivityTaskFailed", "StartChildWorkflowExecutionFailed"):
        own = "activityType" if event_type.startswith("Schedule") else "workflowType"
        held |= {own: _TYPE} | ({} if own == "activityType" else {"initiatedEventId": 0})
    elif event_type in ("TimerFired", "TimerCanceled"):
        held["timerId"] = attributes(before[given["startedEventId"] - 1])["timerId"]
    elif event_type in ("LambdaFunctionScheduled", "ScheduleLambdaFunctionFailed"):
        held |= {"id": f"l{len(before) + 1}", "name": "function"}
    elif "xternalWorkflowExecutionFailed" in event_type or event_type.startswith(("Child", "External")):
        held |= _answer(event_type, attributes(before[given.get("initiatedEventId", 1) - 1]))
    if event_type == "StartChildWorkflowExecutionFailed" and given.get("initiatedEventId"):
        held |= _answer(event_type, attributes(before[given["initiatedEventId"] - 1]))
    return held


def _answer(event_type: str, initiated: dict[str, Any]) -> dict[str, Any]:
    """What the answer to an Initiated event repeats of it."""
    if event_type.endswith("ExecutionFailed") and not event_type.startswith("Child"):
        names = ("workflowId", "runId", "control", "decisionTaskCompletedEventId", "workflowType")
        return {name: initiated[name] for name in names if name in initiated}
    run = initiated.get("runId") or "22run="
    held: dict[str, Any] = {
        "workflowExecution": {"workflowId": initiated.get("workflowId", "?"), "runId": run}
    }
    return held | ({"workflowType": initiated["workflowType"]} if event_type.startswith("Child") else {})


def read_sections(name: str) -> dict[str, str]:
    """The sections of a file in `histories/`: the word before the colon -> the lines."""
    sections: dict[str, str] = {}
    current = ""
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            current = line[3:].partition(":")[0].strip()
            assert current not in sections, f"two sections {current}"
            sections[current] = ""
        elif current:
            sections[current] += line + "\n"
    return sections


def read_histories() -> dict[str, History]:
    """All valid histories of `histories/`, by name."""
    return {
        name: write(text)
        for file in ("recorded.txt", "made.txt")
        for name, text in read_sections(file).items()
    }
