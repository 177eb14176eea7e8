"""The spans of a run: its history as one trace.

Owns which span each thing of a history becomes, how spans stand to each other, and what is said of them. What belongs
together is `display/history.py`'s. Payloads (input, result, details) are left out: traces go to other systems, and are
read by other people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from workflowsvc.display.history import BAD, OPEN, Folding, Line, attributes_of
from workflowsvc.traces import context
from workflowsvc.traces.context import SpanContext
from workflowsvc.traces.span import Attributes, Kind, Link, Span, SpanEvent

Event = Mapping[str, Any]

MAX_TEXT = 1_024  # letters of a name or a reason that are kept
MAX_SECONDS = 9_000_000_000  # of a time: its nanoseconds fit into 64 bits
_SYSTEM = "aws_swf"

# kinds of lines that last; all others are moments of the run
_LASTING = {
    "decision task",
    "activity",
    "timer",
    "child",
    "signal to",
    "cancel request to",
    "Lambda task",
}
_TAKEN_UP = {"DecisionTaskStarted", "ActivityTaskStarted", "LambdaFunctionStarted"}
# member of an event -> attribute of a span or of a moment
_SAID = {
    "activityId": "swf.activity.id",
    "timerId": "swf.timer.id",
    "signalName": "swf.signal.name",
    "markerName": "swf.marker.name",
    "timeoutType": "swf.timeout_type",
    "cause": "swf.cause",
    "childPolicy": "swf.child_policy",
    "taskPriority": "swf.task_priority",
}
_TYPES = {"activityType": "swf.activity.type", "workflowType": "swf.workflow.type"}


class NotWhole(ValueError):
    """The events are not those of a run from its start on; the message says why, and follows `it`."""


@dataclass(frozen=True)
class RunHistory:
    """One run, as far as it is known."""

    workflow_id: str
    run_id: str
    events: Sequence[Event]
    domain: str = ""
    until_ms: int = 0
    """When the events were read; 0: they are all that is known."""


class Place(NamedTuple):
    """Where the span of a run stands; by itself it is the root of its own trace."""

    trace_id: str
    parent_id: str


def require_whole(events: Sequence[Event]) -> None:
    """NotWhole unless these are the events of a run from its start on, with their times."""
    if not events or events[0].get("eventType") != "WorkflowExecutionStarted":
        raise NotWhole("it does not begin with WorkflowExecutionStarted")
    for number, event in enumerate(events, 1):
        if event.get("eventId") != number:
            raise NotWhole(f"it has no event {number} where that should be")
        at = event.get("eventTimestamp")
        if not isinstance(at, int | float) or not 0 <= at < MAX_SECONDS:
            raise NotWhole(f"its event {number} has no time")


def spans_of(run: RunHistory, place: Place | None = None, joined: Iterable[str] = ()) -> list[Span]:
    """The spans of a run, the run itself first. `joined`: the runIds whose spans stand in the same trace, so that no
    link leads to them. The events must be whole."""
    return list(_Run(run, place, frozenset(joined)).spans())


class _Run:
    """One run on its way to spans."""

    def __init__(self, run: RunHistory, place: Place | None, joined: frozenset[str]) -> None:
        self._run = run
        self._joined = joined
        self._place = place or Place(context.trace_of_run(run.run_id), "")
        self._events = run.events
        folding = Folding()
        for event in run.events:
            folding.add(event)
        self._head, *self._rest = folding.lines
        self._folding = folding
        self._known_until = max(_at_ms(run.events[-1]), run.until_ms)
        ended = self._head.ended
        self._ended_ms = self._known_until if ended is None else _milliseconds(ended)
        self._attempts: dict[str, tuple[int, Link]] = {}

    def spans(self) -> Iterator[Span]:
        root = self._root()
        below: list[Span] = []
        for line in self._rest:
            if line.kind in _LASTING:
                below += self._lasting(line)
            else:
                root.add_event(self._moment(self._event(line.events[0])))
        yield root
        yield from below

    # --- the run itself ---

    def _root(self) -> Span:
        run, head = self._run, self._head
        started = attributes_of(self._events[0])
        root = Span(
            self._context(1),
            _cut(_type_name(started.get("workflowType")) or "workflow"),
            _at_ms(self._events[0]),
            self._ended_ms,
            self._place.parent_id,
            attributes={
                **({"swf.domain": run.domain} if run.domain else {}),
                "swf.workflow.id": _cut(run.workflow_id),
                "swf.run.id": _cut(run.run_id),
                **_said(started),
                "swf.task_list": _cut(_name(started.get("taskList"))),
                "swf.state": head.state,
                "swf.events": len(self._events),
            },
            links=list(self._links_of_run(started)),
        )
        tags = started.get("tagList")
        if isinstance(tags, list):
            root.attributes["swf.tags"] = [_cut(str(tag)) for tag in cast("list[object]", tags)]
        self._judge(root, head)
        return root

    def _links_of_run(self, started: Mapping[str, Any]) -> Iterator[Link]:
        parent = _run_id(started.get("parentWorkflowExecution"))
        if parent and parent not in self._joined:
            initiated = started.get("parentInitiatedEventId")
            event_id = initiated if isinstance(initiated, int) else 0
            yield Link(context.of_event(parent, event_id or 1), "parent")
        if self._place.trace_id != context.trace_of_run(self._run.run_id):
            # Workers that carry on the header of their poll are in the run's own trace.
            yield Link(context.of_event(self._run.run_id, 1), "own trace")
        before = started.get("continuedExecutionRunId")
        if isinstance(before, str) and before and before not in self._joined:
            yield Link(context.of_event(before, 1), "continues")
        after = attributes_of(self._events[-1]).get("newExecutionRunId")
        if isinstance(after, str) and after and after not in self._joined:
            yield Link(context.of_event(after, 1), "continued by")

    # --- what lasts ---

    def _lasting(self, line: Line) -> Iterator[Span]:
        opening = self._event(line.events[0])
        opened = attributes_of(opening)
        span = Span(
            self._context(line.events[0]),
            _cut(_title(line, opened)),
            _at_ms(opening),
            self._end_of(line),
            self._root_id,
            attributes={**_said(opened), "swf.kind": line.kind, "swf.state": line.state},
            links=list(self._links_of(line, opened)),
        )
        self._count_attempts(span, line)
        self._judge(span, line)
        for name in ("workflowId", "id"):
            if opened.get(name):
                key = "swf.function.id" if name == "id" else "swf.target.workflow.id"
                span.attributes[key] = _cut(str(opened[name]))
        events = self._of(line)
        started = next((each for each in events if each.get("eventType") in _TAKEN_UP), None)
        task_list = _cut(_name(opened.get("taskList")))
        if task_list:
            span.kind = Kind.PRODUCER
            span.attributes |= {"messaging.system": _SYSTEM, "messaging.destination.name": task_list}
        for event in events[1:]:
            if event is not started and not (event is events[-1] and line.tone != OPEN):
                span.add_event(self._moment(event))
        yield span
        if line.kind in ("decision task", "activity", "Lambda task"):
            yield from self._parts(span, line, started, task_list)

    def _parts(self, span: Span, line: Line, started: Event | None, task_list: str) -> Iterator[Span]:
        """The wait in the list, and the work of the poller that got the task."""
        waited_until = span.ended_ms if started is None else _at_ms(started)
        queued = Span(
            self._context(line.events[0], "queued"),
            "queued",
            span.began_ms,
            max(waited_until, span.began_ms),
            span.context.span_id,
        )
        yield queued
        if started is None:
            queued.error = span.error
            queued.attributes |= _open(span)
            return
        running = Span(
            self._context(int(started["eventId"])),
            "running",
            queued.ended_ms,
            max(span.ended_ms, queued.ended_ms),
            span.context.span_id,
            Kind.CONSUMER if task_list else Kind.INTERNAL,
            error=span.error,
        )
        identity = attributes_of(started).get("identity")
        if identity:
            running.attributes["swf.identity"] = _cut(str(identity))
        if task_list:
            running.attributes |= {
                "messaging.system": _SYSTEM,
                "messaging.destination.name": task_list,
                "messaging.operation.type": "process",
            }
        running.attributes |= _open(span)
        if "error.type" in span.attributes:
            running.attributes["error.type"] = span.attributes["error.type"]
        yield running

    def _count_attempts(self, span: Span, line: Line) -> None:
        """SWF has no attempts: a decider schedules an activity again under its id, and a decision task that timed out
        is followed by another."""
        if line.kind not in ("decision task", "activity", "Lambda task"):
            return
        key = f"{line.kind} {line.name}"
        before, last = self._attempts.get(key, (0, None))
        number = before + 1
        if last is not None:
            span.links.append(last)
        if number > 1 or line.kind != "decision task":
            span.attributes["swf.attempt"] = number
        if line.kind == "decision task" and line.tone != BAD:
            self._attempts.pop(key, None)  # what follows an answer is another task
        else:
            self._attempts[key] = (number, Link(span.context, "previous attempt"))

    def _links_of(self, line: Line, opened: Mapping[str, Any]) -> Iterator[Link]:
        decided = opened.get("decisionTaskCompletedEventId")
        if isinstance(decided, int) and 0 < decided <= len(self._events):
            started = attributes_of(self._event(decided)).get("startedEventId")
            if isinstance(started, int) and started:
                yield Link(self._context(started), "decided by")
        other = (line.execution or {}).get("runId", "")
        if other and other not in self._joined:
            yield Link(context.of_event(other, 1), "child" if line.kind == "child" else "target")

    # --- what is said of them ---

    def _judge(self, span: Span, line: Line) -> None:
        """Marks what failed, and what has no end yet."""
        if line.tone == BAD:
            closing = attributes_of(self._event(line.events[-1]))
            kind = closing.get("timeoutType") or closing.get("cause") or line.state.partition(" ")[0]
            span.attributes["error.type"] = _cut(str(kind))
            span.error = _cut(str(closing.get("reason") or line.state))
        elif line.tone == OPEN:
            span.attributes["swf.open"] = True

    def _moment(self, event: Event) -> SpanEvent:
        attributes = attributes_of(event)
        said: Attributes = {"swf.event.id": int(event["eventId"]), **_said(attributes)}
        sender = _run_id(attributes.get("externalWorkflowExecution"))
        if sender:
            said["swf.sender.run.id"] = _cut(sender)
        return SpanEvent(_cut(str(event.get("eventType"))), _at_ms(event), said)

    def _end_of(self, line: Line) -> int:
        """When a thing ended: by itself, or with its run; the last moment that is known while it is open."""
        began = _milliseconds(line.began or 0)
        ended = self._ended_ms if line.ended is None else _milliseconds(line.ended)
        return max(began, ended)

    # --- ids and events ---

    @property
    def _root_id(self) -> str:
        return context.span_of_event(self._run.run_id, 1)

    def _context(self, event_id: int, part: str = "") -> SpanContext:
        return SpanContext(self._place.trace_id, context.span_of_event(self._run.run_id, event_id, part))

    def _event(self, event_id: int) -> Event:
        return self._events[event_id - 1]

    def _of(self, line: Line) -> list[Event]:
        return [self._event(event_id) for event_id in line.events]


def _open(span: Span) -> Attributes:
    return {"swf.open": True} if span.attributes.get("swf.open") else {}


def _title(line: Line, opened: Mapping[str, Any]) -> str:
    """The name of a span: of few different texts, as viewers list them; ids are attributes."""
    if line.kind == "activity":
        return f"activity {_type_name(opened.get('activityType'))}"
    if line.kind == "child":
        return f"child {_type_name(opened.get('workflowType'))}"
    if line.kind == "Lambda task":
        return f"Lambda {opened.get('name', '')}"
    if line.kind == "signal to":
        return f"signal {opened.get('signalName', '')}"
    return {"cancel request to": "cancel request"}.get(line.kind, line.kind)


def _said(attributes: Mapping[str, Any]) -> Attributes:
    """What events say in names, as attributes."""
    found: Attributes = {}
    for member, attribute in _SAID.items():
        if attributes.get(member):
            found[attribute] = _cut(str(attributes[member]))
    for member, attribute in _TYPES.items():
        name = _type_name(attributes.get(member))
        if name:
            found[attribute] = _cut(name)
            found[attribute.replace(".type", ".version")] = _cut(_member(attributes.get(member), "version"))
    return found


def _member(value: object, name: str) -> str:
    return str(cast("Mapping[str, object]", value).get(name) or "") if isinstance(value, Mapping) else ""


def _type_name(value: object) -> str:
    return _member(value, "name")


def _name(value: object) -> str:
    return _member(value, "name")


def _run_id(value: object) -> str:
    return _member(value, "runId")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _at_ms(event: Event) -> int:
    return _milliseconds(event["eventTimestamp"])


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
