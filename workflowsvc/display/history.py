"""A history in few lines: one for everything about one activity, timer, child, signal or decision task.

Owns which events belong together and what is said of them. It reads events as clients get them, knows no rule of SWF
beyond that, and says something useful about events that it does not know. A function of its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from workflowsvc.display.text import counted, span

Event = Mapping[str, Any]

OPEN, GOOD, BAD, NEUTRAL = "open", "good", "bad", "neutral"
"""Tones: how a line turned out."""

# event type -> kind, the member that names the thing, the member with its type
_OPENING: dict[str, tuple[str, str, str]] = {
    "DecisionTaskScheduled": ("decision task", "", ""),
    "ActivityTaskScheduled": ("activity", "activityId", "activityType"),
    "TimerStarted": ("timer", "timerId", ""),
    "StartChildWorkflowExecutionInitiated": ("child", "workflowId", "workflowType"),
    "SignalExternalWorkflowExecutionInitiated": ("signal to", "workflowId", "signalName"),
    "RequestCancelExternalWorkflowExecutionInitiated": ("cancel request to", "workflowId", ""),
    "LambdaFunctionScheduled": ("Lambda task", "id", "name"),
}
_TAKEN_UP = {
    "DecisionTaskStarted",
    "ActivityTaskStarted",
    "ChildWorkflowExecutionStarted",
    "LambdaFunctionStarted",
}
_SINGLE: dict[str, tuple[str, str]] = {
    "WorkflowExecutionSignaled": ("signal", "signalName"),
    "WorkflowExecutionCancelRequested": ("cancel request", ""),
    "MarkerRecorded": ("marker", "markerName"),
}
# The members that name the event that a later one belongs to.
_REFERENCES = ("scheduledEventId", "initiatedEventId", "startedEventId")
_STATES: dict[str, tuple[str, str]] = {
    "Scheduled": ("scheduled", OPEN),
    "Initiated": ("initiated", OPEN),
    "Started": ("running", OPEN),
    "Completed": ("completed", GOOD),
    "Failed": ("failed", BAD),
    "TimedOut": ("timed out", BAD),
    "CancelRequested": ("cancel requested", OPEN),
    "Canceled": ("canceled", NEUTRAL),
    "Terminated": ("terminated", BAD),
    "ContinuedAsNew": ("continued as new", NEUTRAL),
    "Fired": ("fired", GOOD),
    "Signaled": ("delivered", GOOD),
}
_STATE = re.compile(f"({'|'.join(sorted(_STATES, key=len, reverse=True))})$")
# Members worth a word, in this order; the first that is there.
_NOTES = ("reason", "cause", "details", "result", "input", "newExecutionRunId")
CATEGORIES = (
    "decisions",
    "activities",
    "timers",
    "children",
    "signals",
    "cancellation",
    "Lambda tasks",
    "markers",
    "run",
)
"""Kinds of events, for choosing among them."""
_CATEGORY_OF = {
    "activity": "activities",
    "timer": "timers",
    "child": "children",
    "signal": "signals",
    "signal to": "signals",
    "cancel request": "cancellation",
    "cancel request to": "cancellation",
    "Lambda task": "Lambda tasks",
    "marker": "markers",
}
_PENDING = (
    ("openDecisionTasks", "decision task", "decision tasks"),
    ("openActivityTasks", "activity", "activities"),
    ("openTimers", "timer", "timers"),
    ("openChildWorkflowExecutions", "child", "children"),
    ("openLambdaFunctions", "Lambda task", "Lambda tasks"),
)
MAX_NOTE = 300  # letters of it that are shown in a line
CLOSING = {
    f"WorkflowExecution{how}"
    for how in ("Completed", "Failed", "TimedOut", "Canceled", "Terminated", "ContinuedAsNew")
}


@dataclass
class Line:
    """One thing of a history and all events about it."""

    kind: str
    name: str
    type: str = ""
    state: str = ""
    tone: str = NEUTRAL
    note: str = ""
    worker: str = ""
    execution: dict[str, str] | None = None  # the child; the run that a signal came from or went to
    began: float | None = None  # seconds since the epoch
    started: float | None = None  # when a worker, a decider or the child itself took it up
    ended: float | None = None
    events: list[int] = field(default_factory=list[int])
    times: int = 1  # equal lines in a row

    def is_quiet(self) -> bool:
        """Whether it is a decision task that a decider has answered: every run has many."""
        return self.kind == "decision task" and self.tone == GOOD

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it; what is not known is left out."""
        found: dict[str, Any] = {
            "kind": self.kind,
            "name": self.name,
            "type": self.type,
            "state": self.state,
            "note": self.note,
            "identity": self.worker,
            "execution": self.execution,
            "startTimestamp": self.began,
            "startedTimestamp": self.started,
            "closeTimestamp": self.ended,
            "eventIds": self.events,
        }
        return {name: value for name, value in found.items() if value not in ("", None)}


def attributes_of(event: Event) -> Mapping[str, Any]:
    """The attributes of an event, which stand in a member that is named after its type."""
    name = str(event.get("eventType", ""))
    found = event.get(f"{name[:1].lower()}{name[1:]}EventAttributes")
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


class Folding:
    """Takes the events of a run one by one, oldest first, and keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._by_event: dict[int, Line] = {}
        self._activities: dict[str, Line] = {}
        self._first = (
            0  # the id of the first event: a page from the middle of a history does not begin with 1
        )

    def line_of(self, event_id: int) -> Line | None:
        """The line that this event is in; None for one that was not added."""
        return self._by_event.get(event_id)

    def add(self, event: Event) -> Line:
        """The line of this event, with the event in it."""
        name, attributes = str(event.get("eventType", "")), attributes_of(event)
        event_id, at = event.get("eventId"), event.get("eventTimestamp")
        if not self._first and isinstance(event_id, int):
            self._first = event_id
        line = self._line(name, attributes)
        if isinstance(event_id, int):
            line.events.append(event_id)
            self._by_event[event_id] = line
        found = _STATE.search(name)
        state, tone = _STATES[found[1]] if found else ("", NEUTRAL)
        if len(line.events) > 1 or name in _OPENING or not line.state:
            line.state, line.tone = state, tone
        if isinstance(at, int | float):
            if line.began is None:
                line.began = at
            if name in _TAKEN_UP:
                line.started = at
            line.ended = at if line.tone != OPEN else None
        if attributes.get("timeoutType"):
            line.state = f"{line.state} ({attributes['timeoutType']})"
        line.worker = str(attributes.get("identity") or line.worker)
        line.execution = _other_run(attributes) or line.execution
        self._note(line, name, attributes)
        return line

    def _note(self, line: Line, name: str, attributes: Mapping[str, Any]) -> None:
        if line.kind == "decision task" and line.tone == GOOD:
            return
        if name == "TimerStarted":
            line.note = f"after {_seconds(attributes.get('startToFireTimeout'))}"
            return
        said = next((key for key in _NOTES if attributes.get(key) not in (None, "")), None)
        if said:
            line.note = f"{said}: {attributes[said]}"
            if said == "reason" and attributes.get("details"):
                line.note += f"; details: {attributes['details']}"

    def _line(self, name: str, attributes: Mapping[str, Any]) -> Line:
        if name in _OPENING:
            kind, key, type_key = _OPENING[name]
            line = self._new(kind, str(attributes.get(key, "")), _type(attributes.get(type_key)))
            if name == "ActivityTaskScheduled":
                self._activities[line.name] = line
            return line
        if name == "ActivityTaskCancelRequested":
            found = self._activities.get(str(attributes.get("activityId")))
            if found:
                return found
        kind, named = _kind_of(name), (attributes.get(key) for key in _REFERENCES)
        references = [event_id for event_id in named if isinstance(event_id, int) and event_id]
        for reference in references:
            opened = self._by_event.get(reference)
            if opened and opened.kind == kind:
                return opened
        first = next(iter(references), 0)
        if kind and first and first < self._first:
            return self._begun_before(kind, first, attributes)
        if name in _SINGLE:
            kind, key = _SINGLE[name]
            line = self._new(kind, str(attributes.get(key, "")), "")
            line.state = "received" if name.startswith("Workflow") else "recorded"
            return line
        if name.startswith("WorkflowExecution"):
            return self._run(name, attributes)
        return self._new(*_failed_decision(name, attributes))

    def _run(self, name: str, attributes: Mapping[str, Any]) -> Line:
        """The line of the run itself. With it ends all that is open."""
        if name not in CLOSING:
            return self._new("run", "", _type(attributes.get("workflowType")))
        first = next(iter(self.lines), None)
        run = first if first is not None and first.kind == "run" else self._new("run", "", "")
        for line in self.lines:
            if line.tone == OPEN and line is not run:
                line.state, line.tone = f"{line.state} at the end", NEUTRAL
        return run

    def _begun_before(self, kind: str, first: int, attributes: Mapping[str, Any]) -> Line:
        """The line of a thing that an event before the first one has opened: later events name that one, too."""
        _, key, type_key = next(opening for opening in _OPENING.values() if opening[0] == kind)
        named = (
            attributes.get("workflowExecution") or attributes.get("workflowExecutionSummary") or attributes
        )
        name = cast("Mapping[str, Any]", named).get(key, "") if isinstance(named, Mapping) else ""
        line = self._by_event[first] = self._new(kind, str(name), _type(attributes.get(type_key)))
        return line

    def _new(self, kind: str, name: str, type_: str) -> Line:
        line = Line(kind, name, type_)
        self.lines.append(line)
        return line


def _seconds(value: object) -> str:
    """A timeout as events hold it, in the units of people."""
    given = str(value)
    return (
        span(int(given)) if given.isascii() and given.isdecimal() and int(given[:10]) >= 60 else f"{given} s"
    )


def _kind_of(name: str) -> str:
    """The kind of thing that a later event may belong to, by the words in its type."""
    for word, kind in (
        ("DecisionTask", "decision task"),
        ("ActivityTask", "activity"),
        ("Timer", "timer"),
        ("ChildWorkflow", "child"),
        ("SignalExternal", "signal to"),
        ("ExternalWorkflowExecutionSignaled", "signal to"),
        ("RequestCancelExternal", "cancel request to"),
        ("ExternalWorkflowExecutionCancelRequested", "cancel request to"),
        ("LambdaFunction", "Lambda task"),
    ):
        if word in name:
            return kind
    return ""


def _failed_decision(name: str, attributes: Mapping[str, Any]) -> tuple[str, str, str]:
    """A decision that could not be carried out, which opens nothing; or an event of an unknown kind."""
    kind = f"decision {name.removesuffix('Failed')}" if name.endswith("Failed") else name
    named = (attributes.get(key) for key in ("activityId", "timerId", "workflowId", "id", "markerName"))
    return (
        kind,
        str(next(filter(None, named), "")),
        _type(attributes.get("activityType") or attributes.get("workflowType")),
    )


def _other_run(attributes: Mapping[str, Any]) -> dict[str, str] | None:
    """The run that an event names beside its own."""
    named = attributes.get("workflowExecution") or attributes.get("externalWorkflowExecution")
    if not isinstance(named, Mapping):
        return None
    parts = cast("Mapping[str, object]", named)
    return {key: str(parts.get(key, "")) for key in ("workflowId", "runId")}


def _type(value: object) -> str:
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)
        return f"{named.get('name')}:{named.get('version')}"
    return str(value or "")


def category(kind: str) -> str:
    """The category of the events of a line of this kind; those that are not known are about the run."""
    return _CATEGORY_OF.get(kind) or ("decisions" if kind.startswith("decision ") else "run")


def fold(events: Iterable[Event]) -> list[Line]:
    """The lines of a history, in the order in which their things began."""
    folding = Folding()
    for event in events:
        folding.add(event)
    return folding.lines


def shown(lines: Iterable[Line], *, decisions: bool) -> list[Line]:
    """The lines for people: answered decision tasks are left out unless asked for, and failures that come again and
    again are counted, with what comes between them."""
    chosen = [line for line in lines if decisions or not line.is_quiet()]
    kept: list[Line] = []
    at = 0
    while at < len(chosen):
        period, times = _repeats(chosen, at)
        for number in range(period):
            all_of_it = chosen[at + number : at + period * times : period]
            kept.append(_counted(all_of_it) if times > 1 else all_of_it[0])
        at += period * times
    return kept


MAX_PERIOD = 4  # lines that come again together, such as a signal and the decision that fails upon it
MIN_TIMES = 3  # of several lines


def _repeats(lines: Sequence[Line], at: int) -> tuple[int, int]:
    """How many lines come again from here on, with a failure among them, and how often; (1, 1) for none."""
    for period in range(1, MAX_PERIOD + 1):
        if not any(line.tone == BAD for line in lines[at : at + period]):
            continue
        end = at + period
        while end < len(lines) and _same(lines[end - period], lines[end]):
            end += 1
        times = (end - at) // period
        if times >= (2 if period == 1 else MIN_TIMES):
            return period, times
    return 1, 1


def _counted(lines: Sequence[Line]) -> Line:
    """Equal lines as one."""
    events = [event_id for line in lines for event_id in line.events]
    return replace(lines[0], times=len(lines), events=events, ended=lines[-1].ended)


def _same(one: Line, other: Line) -> bool:
    parts = ((line.kind, line.name, line.type, line.state, line.note) for line in (one, other))
    return next(parts) == next(parts)


def event_ids(ids: list[int]) -> str:
    """Ids of events in few letters: `5`, `5-7`, `5,9,12`, `5,9…250`."""
    if len(ids) > 2 and ids[-1] - ids[0] == len(ids) - 1:
        return f"{ids[0]}-{ids[-1]}"
    if len(ids) > 4:
        return f"{ids[0]},{ids[1]}…{ids[-1]}"
    return ",".join(map(str, ids))


def took(line: Line) -> str:
    """How long the thing of a line took; empty while it is open, and for what is a moment."""
    if line.began is None or line.ended is None or len(line.events) < 2 or line.times > 1:
        return ""
    return span(line.ended - line.began)


def note(line: Line) -> str:
    """What is said of a line beside its state: what it ended with, and who did it."""
    worker = f"by {line.worker}" if line.worker else ""
    return "; ".join(filter(None, (line.note, worker)))[:MAX_NOTE]


def pending(open_counts: Mapping[str, Any]) -> list[str]:
    """What a run waits for, in words, as `openCounts` of DescribeWorkflowExecution counts it."""
    counts = ((open_counts.get(member), one, several) for member, one, several in _PENDING)
    return [
        counted(found, one, several) for found, one, several in counts if isinstance(found, int) and found
    ]
