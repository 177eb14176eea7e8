"""What clients have written into events, as pages show it: text, or JSON that folds; not more than a page may have.

Owns how a member of an event is drawn and how much of it. All of it is text for templates, which escape it: nothing
here is a link, a colour or a tag because a client said so (QUALITY §5.4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from workflowsvc.display.text import printable

PAGE_BYTES = 130_000  # of client text on one page, which may have 300 KB
LIST_LETTERS = 400  # of one value, in a list of events
SPARE_LETTERS = 40  # of one value, when the page has none left
ONE_EVENT_BYTES = 200_000  # the page of one event: payloads of 32,768 letters each
MAX_NODES = 400  # of a JSON tree; larger ones are text
MAX_DEPTH = 12
SHORT = 80  # letters that need no line of their own

_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})


class Node(NamedTuple):
    """One value of a JSON text."""

    name: str
    """Its key with a colon; empty for the elements of an array."""
    text: str
    """A scalar as it was written; of an object or array, how many it holds."""
    below: list[Node] | None
    opening: str = ""
    closing: str = ""


class Value(NamedTuple):
    """One member of an event."""

    name: str
    kind: str
    """text, block (many letters), json, event, run, type, task-list: how templates draw it."""
    text: str
    letters: int
    is_cut: bool = False
    tree: Node | None = None
    execution: dict[str, str] | None = None
    type: str = ""


class Room:
    """How much client text a page still may have."""

    def __init__(self, page_bytes: int = PAGE_BYTES, value_letters: int = LIST_LETTERS) -> None:
        self._left = page_bytes
        self._value_letters = value_letters

    def cut(self, text: str) -> str:
        """As much of the text as one value may have."""
        shown = text[: self._value_letters if self._left > 0 else SPARE_LETTERS]
        while (size := _size(shown)) > max(self._left, SPARE_LETTERS * 6):
            shown = shown[: len(shown) * max(self._left, SPARE_LETTERS) // size]
        self._left -= size
        return shown


def _size(text: str) -> int:
    """The bytes of the text in a page."""
    return len(text.translate(_ESCAPED).encode("utf-8", "surrogatepass"))


def whole_event() -> Room:
    """The room of a page about one event."""
    return Room(ONE_EVENT_BYTES, ONE_EVENT_BYTES)


def values_of(attributes: Mapping[str, Any], room: Room) -> list[Value]:
    """The members of an event, in their order."""
    return [_value(name, value, room) for name, value in attributes.items() if value is not None]


def _value(name: str, value: Any, room: Room) -> Value:
    if isinstance(value, bool) or value is None:
        return Value(name, "text", json.dumps(value), 0)
    if isinstance(value, int):
        return Value(name, "event" if name.endswith("EventId") and value > 0 else "text", str(value), 0)
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        if set(members) == {"workflowId", "runId"} and all(isinstance(one, str) for one in members.values()):
            return Value(name, "run", _short(room.cut(members["workflowId"])), 0, execution=dict(members))
        if set(members) == {"name"}:
            return Value(name, "text", _short(room.cut(str(members["name"]))), 0)
        if set(members) == {"name", "version"}:
            named = f"{members['name']}:{members['version']}"
            return Value(name, "type", _short(room.cut(named)), 0, type=named)
    return text_value(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), room)


def text_value(name: str, text: str, room: Room) -> Value:
    """A text of a client: as a JSON tree where it is JSON and not cut."""
    shown = room.cut(text)
    is_cut = len(shown) < len(text)
    tree = None if is_cut else tree_of(shown)
    if tree is not None:
        return Value(name, "json", "", len(text), tree=tree)
    if len(shown) <= SHORT and "\n" not in shown and not is_cut:
        return Value(name, "text", _short(shown), len(text))
    return Value(name, "block", visible(shown), len(text), is_cut=is_cut)


def _short(text: str) -> str:
    return printable(text)


def visible(text: str) -> str:
    """The text in its lines, without letters that a screen would obey."""
    return "\n".join(map(printable, text.split("\n")))


class _Number(str):
    """A number as it was written: 1.0e5 stays so, and one of a thousand digits is no work."""


class _Pairs(list[tuple[str, Any]]):
    """An object with its keys as they were written, also those that are there twice."""


def tree_of(text: str) -> Node | None:
    """The tree of a JSON object or array; None for any other text, and for one that is too large or too deep."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(
            text, parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_Pairs
        )
        return _Growing().node("", value, 0)
    except (ValueError, RecursionError):
        return None


class _Growing:
    """Makes one tree; ValueError when it would be too large."""

    def __init__(self) -> None:
        self._nodes = 0

    def node(self, name: str, value: Any, depth: int) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise ValueError("the tree is too large")
        if isinstance(value, _Pairs):
            below = [self.node(f"{_quoted(key)}: ", inner, depth + 1) for key, inner in value]
            return Node(name, _held(below, "member", "members"), below, "{", "}")
        if isinstance(value, list):
            elements = cast("list[Any]", value)
            below = [self.node("", inner, depth + 1) for inner in elements]
            return Node(name, _held(below, "element", "elements"), below, "[", "]")
        if isinstance(value, _Number):
            return Node(name, printable(value), None)
        return Node(name, _quoted(value) if isinstance(value, str) else json.dumps(value), None)


def _held(below: list[Node], one: str, several: str) -> str:
    return f"{len(below)} {one if len(below) == 1 else several}"


def _quoted(text: str) -> str:
    return visible(json.dumps(text, ensure_ascii=False))
