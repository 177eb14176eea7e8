"""Parts of answers, read so that an answer of an odd server is a failure of the call and not of the program.

Owns these few forms. Members that are missing read as empty, except the list that an answer is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from workflowsvc.client.problems import NoAnswer

Object = Mapping[str, Any]


def rows(answer: Object, name: str) -> list[Object]:
    """The objects in this list. NoAnswer when there is no such list."""
    found = answer.get(name)
    if not isinstance(found, list):
        raise NoAnswer(f"the server does not answer as SWF does: there is no list {name} in its answer")
    return [cast("Object", row) for row in cast("list[object]", found) if isinstance(row, Mapping)]


def part(answer: Object, name: str) -> Object:
    """The object in this member; an empty one when it is missing."""
    found = answer.get(name)
    return cast("Object", found) if isinstance(found, Mapping) else {}


def text(answer: Object, name: str) -> str:
    """The member as text; empty when it is missing."""
    found = answer.get(name)
    return "" if found is None else str(found)


def count(answer: Object, name: str) -> int:
    """The member as a whole number; 0 when it is missing."""
    found = answer.get(name)
    return found if isinstance(found, int) else 0


def seconds(answer: Object, name: str) -> float | None:
    """The moment or span in this member; None when it is missing."""
    found = answer.get(name)
    return found if isinstance(found, int | float) else None


def type_name(answer: Object, name: str) -> str:
    """The type in this member, as `name:version`; empty when it is missing."""
    found = part(answer, name)
    return f"{text(found, 'name')}:{text(found, 'version')}" if found else ""
