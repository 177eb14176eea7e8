"""Both sides of an answer: our structs made from a JSON value, and the JSON value that botocore has read.

Owns the form that every answer of AWS has. Used by the tests of answers and of events.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

import msgspec
from botocore.model import ListShape, Shape, StructureShape

from workflowsvc.model import shapes
from workflowsvc.model.events import Event, encode_event, timestamp
from workflowsvc.model.shapes import EVENTS


def snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def built(shape: Shape, value: Any) -> Any:
    """Our struct for a JSON value, as the service would make it."""
    if shape.name == "HistoryEvent":
        assert isinstance(shape, StructureShape)
        member = EVENTS[value["eventType"]].member
        attributes = built(shape.members[member], value[member])
        return msgspec.Raw(
            encode_event(Event(value["eventId"], value["eventTimestamp"], value["eventType"], attributes))
        )
    if isinstance(shape, StructureShape):
        members = {snake(name): built(shape.members[name], member) for name, member in value.items()}
        return getattr(shapes, shape.name)(**members)
    if isinstance(shape, ListShape):
        return [built(shape.member, element) for element in value]
    if shape.type_name == "timestamp":
        return timestamp(value * 1000)
    return value


def as_json(value: Any, *, in_event: bool = False) -> Any:
    """What botocore must have read, moments of events back in milliseconds and others in seconds."""
    if isinstance(value, dict):
        inner = "eventType" in value
        members = {name: member for name, member in value.items() if name != "ResponseMetadata"}
        return {name: as_json(member, in_event=inner) for name, member in members.items()}
    if isinstance(value, list):
        return [as_json(element) for element in value]
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * (1000 if in_event else 1))
    return value


def require_awss_form(body: bytes) -> None:
    """Compact, members sorted on every level, nothing null (SWF §1.2.5, §1.2.7)."""

    def sorted_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert names == sorted(names)
        assert all(value is not None for _, value in pairs)
        return dict(pairs)

    json.loads(body, object_pairs_hook=sorted_members)
    # outside of strings there is no blank
    assert not re.search(rb"\s", re.sub(rb'"(?:[^"\\]|\\.)*"', b'""', body))
