"""Decisions and members as they are written in scenarios -> what goes over the wire.

Owns the short forms: `StartTimer t 2`, `taskList=fast`, `workflowType=flow@2`, `startTimeFilter=@0..@5`.
"""

from __future__ import annotations

from typing import Any, cast

from workflowsvc.testing.scenarios.language import Broken, parts, words
from workflowsvc.testing.scenarios.names import Names

PLACES: dict[str, tuple[str, ...]] = {
    "ScheduleActivityTask": ("activityId",),
    "RequestCancelActivityTask": ("activityId",),
    "StartTimer": ("timerId", "startToFireTimeout"),
    "CancelTimer": ("timerId",),
    "RecordMarker": ("markerName",),
    "CompleteWorkflowExecution": (),
    "FailWorkflowExecution": (),
    "CancelWorkflowExecution": (),
    "ContinueAsNewWorkflowExecution": (),
    "StartChildWorkflowExecution": ("workflowId",),
    "SignalExternalWorkflowExecution": ("workflowId", "signalName"),
    "RequestCancelExternalWorkflowExecution": ("workflowId",),
    "ScheduleLambdaFunction": ("id", "name"),
}
STANDARD_TYPE = {
    "ScheduleActivityTask": ("activityType", "work"),
    "StartChildWorkflowExecution": ("workflowType", "flow"),
}
TO_OTHERS = ("SignalExternalWorkflowExecution", "RequestCancelExternalWorkflowExecution")

_NUMBERS = {"maximumPageSize"}
_FLAGS = {"reverseOrder", "startAtPreviousStartedEvent"}
_NAMED = {"taskList", "defaultTaskList"}
_TYPES = {"workflowType", "activityType"}
_TIMES = {"startTimeFilter", "closeTimeFilter"}


def decisions(text: str, names: Names, zero_ms: int) -> list[dict[str, Any]]:
    """`StartTimer t 2; RecordMarker m` -> two decisions. A decision in JSON is sent as it is."""
    return [_decision(part, names, zero_ms) for part in parts(text)]


def _decision(text: str, names: Names, zero_ms: int) -> dict[str, Any]:
    if text.startswith("{"):
        return words(text).places[0]
    kind, _, rest = text.partition(" ")
    given = words(rest)
    places = PLACES.get(kind)
    if places is None:
        return {"decisionType": kind}
    if len(given.places) > len(places):
        raise Broken(f"{kind} has the places {places}, not {given.places}")
    attributes = members(given.members, names, zero_ms)
    for name, value in zip(places, given.places, strict=False):
        if kind in TO_OTHERS and name == "workflowId":
            attributes.update(names.target(value))
        else:
            attributes[name] = names.spelt(value) if isinstance(value, str) else value
    if kind in STANDARD_TYPE:
        name, standard = STANDARD_TYPE[kind]
        attributes.setdefault(name, type_of(standard))
    decision: dict[str, Any] = {"decisionType": kind}
    if attributes or places:
        decision[kind[0].lower() + kind[1:] + "DecisionAttributes"] = attributes
    return decision


def type_of(text: str) -> dict[str, str]:
    """`flow@2`; without a version it is 1."""
    name, _, version = text.partition("@")
    return {"name": name, "version": version or "1"}


def members(given: dict[str, Any], names: Names, zero_ms: int) -> dict[str, Any]:
    """Wire members from their short forms. What is JSON already keeps its form."""
    return {name: _member(name, value, names, zero_ms) for name, value in given.items()}


def _member(name: str, value: Any, names: Names, zero_ms: int) -> Any:
    if not isinstance(value, str):
        return _spelt(value, names)
    if name in _NUMBERS:
        return int(value)
    if name in _FLAGS:
        return value == "true"
    if name in _NAMED:
        return {"name": value}
    if name in _TYPES:
        return type_of(value)
    if name == "typeFilter":
        return type_of(value) if "@" in value else {"name": value}
    if name == "tagFilter":
        return {"tag": value}
    if name == "closeStatusFilter":
        return {"status": value}
    if name == "executionFilter":
        return {"workflowId": value}
    if name in _TIMES:
        return times(value, zero_ms)
    if name == "execution":
        return names.execution(value)
    return _text(name, value, names)


def _spelt(value: Any, names: Names) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: _spelt(member, names) for name, member in members.items()}
    if isinstance(value, list):
        return [_spelt(item, names) for item in cast("list[Any]", value)]
    return names.spelt(value) if isinstance(value, str) else value


def _text(name: str, value: str, names: Names) -> Any:
    if name == "tagList":
        return value.split(",")
    if name == "tags":
        return [dict(zip(("key", "value"), tag.split(":"), strict=False)) for tag in value.split(",")]
    if name == "tagKeys":
        return value.split(",")
    if name == "runId":
        return names.run_id(value)
    if name == "nextPageToken":
        return names.page_token(value)
    if name == "taskToken":
        return names.task_token(value)
    return names.spelt(value)


def times(text: str, zero_ms: int) -> dict[str, float]:
    """`@1..@5` or `@1..`: moments of the scenario -> epoch seconds."""
    oldest, _, latest = text.partition("..")
    filter = {"oldestDate": zero_ms / 1000 + float(oldest.removeprefix("@"))}
    if latest:
        filter["latestDate"] = zero_ms / 1000 + float(latest.removeprefix("@"))
    return filter
