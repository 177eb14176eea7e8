"""Data for wire tests, drawn from botocore's own model of SWF and not from our generated shapes.

Owns strategies for requests and answers, minimal examples, and the list of constraints that the model states.
Must not use anything of workflowsvc: it is the independent half of every comparison.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape
from hypothesis import strategies as st

RAW: dict[str, Any] = Loader().load_service_model("swf", "service-2", "2012-01-25")
SERVICE = ServiceModel(RAW, "swf")
OPERATIONS: list[str] = list(SERVICE.operation_names)
EVENT_TYPES: list[str] = SERVICE.shape_for("EventType").enum
DECISION_TYPES: list[str] = SERVICE.shape_for("DecisionType").enum
CLOSING = [
    "CompleteWorkflowExecution",
    "FailWorkflowExecution",
    "CancelWorkflowExecution",
    "ContinueAsNewWorkflowExecution",
]

NAME_CHARACTERS = string.ascii_letters + string.digits + "-_.=éß日"
NAMES = {"ActivityId", "DomainName", "Name", "TimerId", "Version", "WorkflowId"}
TAG_CHARACTERS = string.ascii_letters + string.digits + " _.:/=+-@é"

# Filters that exclude each other: of each row, one member stays.
EXCLUSIVE = [
    ("startTimeFilter", "closeTimeFilter"),
    ("executionFilter", "typeFilter", "tagFilter", "closeStatusFilter"),
]


class Constraint(NamedTuple):
    """One thing that the model demands of one member of a request."""

    operation: str
    path: str  # in the grammar of SWF §3.2
    broken: Any  # a value that breaks it; None: the member is missing
    text: str
    request: dict[str, Any]  # complete but for this


def input_of(operation: str) -> StructureShape:
    return SERVICE.operation_model(operation).input_shape


def lower_first(name: str) -> str:
    return name[0].lower() + name[1:]


# ---- Strategies


def strings(shape: Shape) -> st.SearchStrategy[str]:
    """Strings that the service accepts where this shape stands."""
    if shape.enum:
        return st.sampled_from(shape.enum)
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 100)
    if shape.name.startswith("Duration"):
        return st.integers(1, 90).map(str)  # legal as days, as seconds and for Lambda
    if shape.name == "TaskPriority":
        return st.integers(-(2**31), 2**31 - 1).map(str)
    if shape.name.startswith("ResourceTag"):
        return st.text(TAG_CHARACTERS, min_size=least, max_size=min(most, 12))
    if shape.name in NAMES:
        names = st.text(NAME_CHARACTERS, min_size=least, max_size=min(most, 12))
        return names.filter(lambda name: name != "arn")
    if least == 0 and shape.name.endswith("Optional"):
        least = 1  # empty means absent, which has tests of its own
    characters = st.characters(codec="utf-8")
    usual = st.text(characters, min_size=least, max_size=min(most, 12))
    return st.one_of(usual, usual, usual, st.just("x" * most))


def structures(shape: StructureShape) -> st.SearchStrategy[dict[str, Any]]:
    if shape.name == "Decision":
        return decisions()
    if shape.name == "HistoryEvent":
        return history_events()
    needed = {name: values(shape.members[name]) for name in shape.required_members}
    other = {name: values(member) for name, member in shape.members.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=other)


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """JSON values of the shape; moments are whole seconds, as botocore writes them."""
    if isinstance(shape, StructureShape):
        return structures(shape)
    if isinstance(shape, ListShape):
        most = min(shape.metadata.get("max", 3), 3)
        return st.lists(values(shape.member), max_size=most)
    if shape.type_name == "string":
        return strings(shape)
    if shape.type_name == "boolean":
        return st.booleans()
    if shape.type_name == "timestamp":
        return st.integers(0, 4_000_000_000)
    return st.integers(shape.metadata.get("min", 0), shape.metadata.get("max", 2**40))


Kind = tuple[str, dict[str, Any]]


def of_kind(shape: StructureShape, suffix: str, kinds: list[str]) -> st.SearchStrategy[Kind]:
    """A type of event or decision with the member that belongs to it."""

    def with_attributes(kind: str) -> st.SearchStrategy[Kind]:
        member = f"{lower_first(kind)}{suffix}"
        return values(shape.members[member]).map(lambda attributes: (kind, {member: attributes}))

    return st.sampled_from(kinds).flatmap(with_attributes)


def decisions() -> st.SearchStrategy[dict[str, Any]]:
    """Any decision but a closing one, which may only stand last; `legal` puts it there."""
    kinds = [kind for kind in DECISION_TYPES if kind not in CLOSING]
    drawn = of_kind(SERVICE.shape_for("Decision"), "DecisionAttributes", kinds)
    return drawn.map(lambda pair: {"decisionType": pair[0], **pair[1]})


def history_events() -> st.SearchStrategy[dict[str, Any]]:
    """Moments are milliseconds here: histories have them."""
    drawn = of_kind(SERVICE.shape_for("HistoryEvent"), "EventAttributes", EVENT_TYPES)
    heads = st.fixed_dictionaries(
        {"eventId": st.integers(1, 2**40), "eventTimestamp": st.integers(0, 4_000_000_000_000)}
    )
    return st.tuples(drawn, heads).map(lambda both: {"eventType": both[0][0], **both[0][1], **both[1]})


def legal(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """The request without what would break a rule between members."""
    if "WorkflowExecutions" in operation:
        for exclusive in EXCLUSIVE:
            given = [name for name in exclusive if name in request]
            for name in given[1:]:
                del request[name]
        if "startTimeFilter" not in request and "closeTimeFilter" not in request:
            request["startTimeFilter"] = {"oldestDate": 0}
    return request


def requests(operation: str) -> st.SearchStrategy[dict[str, Any]]:
    """Requests that the service accepts, as the JSON object of their body."""
    return values(input_of(operation)).map(lambda request: legal(operation, request))


# ---- What the model demands, member by member


def example(shape: Shape) -> Any:
    """The least that the service accepts for a shape."""
    if isinstance(shape, StructureShape):
        made = {name: example(shape.members[name]) for name in shape.required_members}
        if shape.name == "Decision":
            made = {"decisionType": "RecordMarker", "recordMarkerDecisionAttributes": {"markerName": "m"}}
        return made
    if isinstance(shape, ListShape):
        return [example(shape.member)]
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "1"
    return {"boolean": False, "timestamp": 0, "integer": 1, "long": 1}[shape.type_name]


def constraints(operation: str) -> Iterator[Constraint]:
    """Every constraint that a request of the operation is under, with a request that breaks just that one."""
    whole = example(input_of(operation))
    if operation.endswith("ClosedWorkflowExecutions"):
        whole["startTimeFilter"] = {"oldestDate": 0}
    for path, broken, text, request in _of_structure(input_of(operation), "", whole):
        yield Constraint(operation, path, broken, text, request)


Broken = tuple[str, Any, str, Any]


def _of_structure(shape: StructureShape, path: str, whole: dict[str, Any]) -> Iterator[Broken]:
    for name, member in shape.members.items():
        member_path = f"{path}.{name}" if path else name
        rest = {key: value for key, value in whole.items() if key != name}
        if name in shape.required_members:
            yield member_path, None, "Member must not be null", rest
        for inner_path, broken, text, value in _of_member(member, member_path):
            yield inner_path, broken, text, {**rest, name: value}


def _of_member(shape: Shape, path: str) -> Iterator[Broken]:
    if isinstance(shape, StructureShape):
        yield from _of_structure(shape, path, example(shape))
    elif isinstance(shape, ListShape):
        yield from _of_list(shape, path)
    else:
        for value, text in _of_scalar(shape):
            yield path, value, text, value


def _of_list(shape: ListShape, path: str) -> Iterator[Broken]:
    if "max" in shape.metadata:
        value = [example(shape.member)] * (shape.metadata["max"] + 1)
        yield path, value, f"Member must have length less than or equal to {shape.metadata['max']}", value
    if isinstance(shape.member, StructureShape):
        yield f"{path}.1.member", None, "Member must not be null", [None]
        first = example(shape.member)
        for inner_path, broken, text, value in _of_structure(shape.member, f"{path}.2.member", first):
            yield inner_path, broken, text, [first, value]
        return
    for broken, text in _of_scalar(shape.member):
        value = [example(shape.member), broken]
        yield path, value, text, value  # inside the brackets of `Member must satisfy constraint: [...]`


def _of_scalar(shape: Shape) -> Iterator[tuple[Any, str]]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if "enum" in shape.metadata:
        yield "NOT_" + shape.metadata["enum"][0], "Member must satisfy enum value set: ["
    elif shape.type_name == "string":
        if most:
            yield "1" * (most + 1), f"Member must have length less than or equal to {most}"
        if least:
            yield "", f"Member must have length greater than or equal to {least}"
    elif shape.type_name == "integer":
        if most is not None:
            yield most + 1, f"Member must have value less than or equal to {most}"
        if least is not None:
            yield least - 1, f"Member must have value greater than or equal to {least}"
