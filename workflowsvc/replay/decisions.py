"""What was decided then, read from the events of a history.

Owns which event tells which decision, and which of its members the event has. A decision that failed leaves its names
alone; what else it said is in no history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec

from workflowsvc.model.history_file import Event, id_of
from workflowsvc.model.shapes import DECISIONS, EVENTS, Decision, Shape, ShapeClass

# The event of a decision that was carried out; that of one that was not has the decision's name with `Failed` behind.
_CARRIED_OUT = {
    "ActivityTaskScheduled": "ScheduleActivityTask",
    "ActivityTaskCancelRequested": "RequestCancelActivityTask",
    "WorkflowExecutionCompleted": "CompleteWorkflowExecution",
    "WorkflowExecutionFailed": "FailWorkflowExecution",
    "WorkflowExecutionCanceled": "CancelWorkflowExecution",
    "WorkflowExecutionContinuedAsNew": "ContinueAsNewWorkflowExecution",
    "MarkerRecorded": "RecordMarker",
    "TimerStarted": "StartTimer",
    "TimerCanceled": "CancelTimer",
    "SignalExternalWorkflowExecutionInitiated": "SignalExternalWorkflowExecution",
    "RequestCancelExternalWorkflowExecutionInitiated": "RequestCancelExternalWorkflowExecution",
    "StartChildWorkflowExecutionInitiated": "StartChildWorkflowExecution",
    "LambdaFunctionScheduled": "ScheduleLambdaFunction",
}
DECISION_OF = _CARRIED_OUT | {f"{name}Failed": name for name in DECISIONS}
"""Type of event -> the type of the decision that it tells."""

_VERSION = "workflowTypeVersion"  # of ContinueAsNewWorkflowExecution; its event has the whole type


class MadeDecision(NamedTuple):
    """One decision, of then or of now, its members by dotted path: `activityType.name`."""

    type: str
    members: dict[str, Any]
    known: frozenset[str]
    """The paths of which the source would tell: all of them, but for a decision that failed."""
    event_id: int = 0
    """Of the event that tells it; 0 for a decision of now."""


def _inner(annotation: object) -> ShapeClass | None:
    """The structure that a member holds; None for a text or a list."""
    for candidate in (annotation, *cast("Any", getattr(annotation, "__args__", ()))):
        if isinstance(candidate, type) and issubclass(candidate, Shape):
            return candidate
    return None


def _paths_of(structure: ShapeClass) -> frozenset[str]:
    """The dotted paths of everything in a structure of decisions or events."""
    found: set[str] = set()
    for member in msgspec.structs.fields(structure):
        inner = _inner(member.type)
        if inner is None:
            found.add(member.encode_name)
        else:
            found |= {f"{member.encode_name}.{path}" for path in _paths_of(inner)}
    return frozenset(found)


PATHS = {name: _paths_of(shape.attributes) for name, shape in DECISIONS.items()}
"""Type of decision -> the paths of its members."""


def _told_by(event_type: str) -> frozenset[str]:
    decision = DECISION_OF[event_type]
    if event_type in _CARRIED_OUT:
        return PATHS[decision]
    return PATHS[decision] & _paths_of(EVENTS[event_type].attributes)


_TOLD = {event_type: _told_by(event_type) for event_type in DECISION_OF}


def of_events(events: Sequence[Event], completed_id: int) -> tuple[MadeDecision, ...]:
    """The decisions behind the DecisionTaskCompleted with this id, in their order (SWF §4.4)."""
    found: list[MadeDecision] = []
    for place in range(completed_id, len(events)):
        event = events[place]
        event_type = str(event.get("eventType"))
        decision = DECISION_OF.get(event_type)
        attributes = attributes_of(event)
        if decision is None or attributes.get("decisionTaskCompletedEventId") != completed_id:
            # A task that was never started is canceled between the events of two decisions (SWF §5.3).
            if event_type == "ActivityTaskCanceled" and not attributes.get("startedEventId"):
                continue
            break
        if attributes.get("initiatedEventId"):
            break  # the failure of something that was initiated (SWF §5.11 to §5.13): news, and no decision
        if event_type == "WorkflowExecutionContinuedAsNew":
            attributes = attributes | {_VERSION: attributes.get("workflowType", {}).get("version")}
        known = _TOLD[event_type]
        members = {path: value for path, value in _flat(attributes).items() if path in known}
        found.append(MadeDecision(decision, members, known, id_of(event)))
    return tuple(found)


def of_answer(decisions: Sequence[Decision]) -> tuple[MadeDecision, ...]:
    """The decisions of an answer."""
    found: list[MadeDecision] = []
    for decision in decisions:
        shape = DECISIONS[decision.decision_type]
        given: dict[str, Any] = msgspec.to_builtins(getattr(decision, shape.attribute)) or {}
        found.append(MadeDecision(shape.type, _flat(given), PATHS[shape.type]))
    return tuple(found)


def attributes_of(event: Event) -> dict[str, Any]:
    """The attributes of an event; none when its type is unknown."""
    shape = EVENTS.get(str(event.get("eventType")))
    found: object = event.get(shape.member) if shape else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _flat(attributes: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, dict):
            found |= {f"{name}.{path}": inner for path, inner in _flat(cast("dict[str, Any]", value)).items()}
        elif value is not None and value != []:
            found[name] = value
    return found
