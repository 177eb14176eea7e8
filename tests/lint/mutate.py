"""Small changes to a history: events dropped, inserted, swapped, retimed, renamed, given other references.

Owns the operations, which return a new history; knows no rule. Ids that refer to other events of the same
history follow their event when numbers move; ids into other histories (parent…, external…) never change.

`drop N` takes an event out and leaves a gap; `cut N` closes the gap, references to N become 0. `twice N`
repeats an event without renumbering. `swap N M` exchanges two events. `put N line` puts an event behind N,
its ids counted afterwards. `set N member value`, `unset N member`, `at N +seconds`, `type N Type` change
one event. `stop N` keeps the first N events.
"""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Callable
from typing import Any

from tests.lint.written import (
    EPOCH,
    SHORT,
    History,
    HistoryEvent,
    attributes,
    member_of,
    read_value,
    write_event,
)


def local_references(event: HistoryEvent) -> dict[str, int]:
    """The members of an event that hold ids of events of the same history."""
    return {
        name: value
        for name, value in attributes(event).items()
        if name.endswith("EventId") and not name.startswith(("parent", "external")) and isinstance(value, int)
    }


def renumber(history: History, moved: Callable[[int], int]) -> History:
    """The history with each id replaced, in order of the new ids."""
    renumbered = copy.deepcopy(history)
    for event in renumbered:
        event["eventId"] = moved(event["eventId"])
        for name, value in local_references(event).items():
            attributes(event)[name] = moved(value) if value else 0
    return sorted(renumbered, key=lambda event: event["eventId"])


def cut(history: History, number: int) -> History:
    """Without this event, numbered anew; what named it names nothing."""
    rest = [event for event in history if event["eventId"] != number]
    return renumber(rest, lambda old: 0 if old == number else old - (old > number))


def swap(history: History, one: int, two: int) -> History:
    """With these two events exchanged; each keeps its time's place, references follow them."""
    swapped = renumber(history, lambda old: {one: two, two: one}.get(old, old))
    for event, before in zip(swapped, history, strict=True):
        event["eventTimestamp"] = before["eventTimestamp"]
    return swapped


def put(history: History, number: int, line: str) -> History:
    """With one more event behind this one."""
    opened = renumber(history, lambda old: old + (old > number))
    new = write_event(shlex.split(line), opened[:number])
    return [*opened[:number], new, *opened[number:]]


def mutate(history: History, operations: str) -> History:
    """The history after these operations, separated by semicolons."""
    changed = copy.deepcopy(history)
    for operation in operations.split(";"):
        changed = _mutate_once(changed, operation.strip())
    return changed


def _mutate_once(history: History, operation: str) -> History:
    verb, number_text, *rest = operation.split(" ", 2)
    number = int(number_text)
    member, _, value = rest[0].partition(" ") if rest else ("", "", "")
    event = history[number - 1]
    match verb:
        case "drop":
            return [e for e in history if e["eventId"] != number]
        case "twice":
            return [*history[:number], event, *history[number:]]
        case "cut":
            return cut(history, number)
        case "swap":
            return swap(history, number, int(member))
        case "put":
            return put(history, number, rest[0])
        case "stop":
            return history[:number]
        case "set":
            attributes(event)[member] = _value(member, value)
        case "unset":
            del attributes(event)[member]
        case "at":
            event["eventTimestamp"] = round(EPOCH + float(member), 6)
        case "type":
            held = event.pop(member_of(event["eventType"]))
            event["eventType"] = SHORT.get(member, member)
            event[member_of(event["eventType"])] = held
        case _:
            raise ValueError(f"no operation {verb!r}")
    return history


def _value(member: str, written: str) -> Any:
    """A value as JSON if it starts with `json:`, a text of that length with `long:`, else as in histories."""
    kind, _, value = written.partition(":")
    if kind == "json":
        return json.loads(value)
    return "x" * int(value) if kind == "long" else read_value(member, written)
