"""What a test expects of a history, as text, and how the history differs from it.

    1 WorkflowExecutionStarted input="two apples"
    ...
    TimerStarted startToFireTimeout=2592000 timerId=remind
    ...
    TimerFired +30d
    ...
    WorkflowExecutionCompleted result=delivered

Owns the form of the text and of the difference. An event must have what its line says; what the line leaves out is not
compared: its id, its time, any member. A line `...` stands for any number of events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgspec

from workflowsvc.model import shapes
from workflowsvc.testing.history import EventLine, History
from workflowsvc.testing.suggestions import meant

ANY_EVENTS = ("...", "…")
"""A line that stands for any number of events; as a value, for any value."""

_LINE = re.compile(r"(?:(?P<id>[0-9]+) +)?(?P<type>\w+)(?: +\+(?P<time>\S+))?(?P<rest>(?: .*)?)")
_TIME = re.compile(r"(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]+))?(?P<unit>ms|s|m|h|d)?")
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# What it costs to say that two histories differ so: a difference in one line is said rather than two lines that have
# nothing to do with each other.
MAX_OTHERS = 3  # events of the same type that are named where one is missing
_DIFFERENT_COST = 2
_ALONE_COST = 3


class WrongExpectation(ValueError):
    """The text cannot be read; the message says which line, and why."""


@dataclass(frozen=True)
class ExpectedEvent:
    """One line of the text."""

    text: str
    event_id: int | None
    event_type: str
    time: str | None
    members: dict[str, str]  # name -> value as it is written

    def is_met_by(self, line: EventLine) -> bool:
        return self.event_type == line.event_type and not self.differences(line)

    def differences(self, line: EventLine) -> list[str]:
        """What is otherwise in an event of the same type, in words; empty when it is as expected."""
        found: list[str] = []
        if self.event_id not in (None, line.event_id):
            found.append(f"its id is {line.event_id}, not {self.event_id}")
        if self.time is not None and not _is_at(self.time, line.after_ms):
            found.append(f"it is at +{_seconds(line.after_ms)}, not +{self.time}")
        for name, wanted in self.members.items():
            if name not in line.values:
                found.append(f"it has no {name}")
            elif not _is_value(wanted, line.attributes[name], line.values[name]):
                found.append(f"{name} is {line.values[name]}, not {wanted}")
        return found


Expected = list[ExpectedEvent | None]
"""None stands for any number of events."""


def read(text: str) -> Expected:
    """The lines of a text. WrongExpectation when one cannot be read, or names what no event has."""
    found: Expected = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            found.append(None if stripped in ANY_EVENTS else _read_line(stripped))
        except WrongExpectation as error:
            raise WrongExpectation(f"line {number} of the expected history, {stripped!r}: {error}") from None
    if not found:
        raise WrongExpectation("the expected history is empty; a line `...` stands for any events")
    return found


def _read_line(line: str) -> ExpectedEvent:
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise WrongExpectation(
            "write an event as `5 TimerFired +30d timerId=t`, or without id, time or members"
        )
    kind = parts["type"]
    shape = shapes.EVENTS.get(kind)
    if shape is None:
        raise WrongExpectation(f"there is no event type {kind!r}.{meant(kind, shapes.EVENTS)}")
    known = [field.encode_name for field in msgspec.structs.fields(shape.attributes)]
    members = dict(_members(parts["rest"]))
    for name in members:
        if name not in known:
            raise WrongExpectation(f"{kind} has no member {name!r}.{meant(name, known)}")
    if parts["time"] is not None and not _TIME.fullmatch(parts["time"]):
        raise WrongExpectation(f"+{parts['time']} is no time; write seconds, or +15m, +24h, +30d")
    return ExpectedEvent(line, int(parts["id"]) if parts["id"] else None, kind, parts["time"], members)


def _members(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        if text[position] == " ":
            position += 1
            continue
        end = _end_of_word(text, position)
        name, equals, value = text[position:end].partition("=")
        if not equals or not name.isidentifier():
            raise WrongExpectation(f"{text[position:end]!r} is not name=value")
        yield name, value
        position = end


def _end_of_word(text: str, start: int) -> int:
    """The first blank outside of quotes and brackets."""
    depth, quoted, position = 0, False, start
    while position < len(text):
        letter = text[position]
        if quoted:
            position += letter == "\\"
            quoted = letter != '"'
        elif letter == '"':
            quoted = True
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == " " and depth <= 0:
            break
        position += 1
    return min(position, len(text))


def _is_at(written: str, after_ms: int) -> bool:
    """Whether a moment is the one that is written, as precisely as it is written: `30d` is any time of that day."""
    parts = _TIME.fullmatch(written)
    assert parts is not None
    part = parts["part"] or ""
    step = Fraction(_UNITS_MS[parts["unit"] or "s"], 10 ** len(part))
    return after_ms // step == int(parts["whole"] + part)


def _is_value(wanted: str, value: Any, written: str) -> bool:
    if wanted == written or wanted in ANY_EVENTS or (isinstance(value, str) and wanted == value):
        return True
    try:
        return json.loads(wanted) == value
    except ValueError:
        return False


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}".rstrip("0").rstrip(".")


# --- comparing ---


def difference(history: History, expected: Expected) -> str:
    """How the history differs, to be read by a person; empty when it is as expected."""
    lines = history.lines()
    steps = _cheapest(expected, lines)
    if not any(kind in "-+!" for kind, _, _ in steps):
        return ""
    return "\n".join(_told(steps, expected, lines))


Step = tuple[str, int, int]
"""What becomes of one line: `=` as expected, `!` otherwise, `-` expected and not there, `+` there and not expected,
`.` one of any events, with the places in both lists."""


def _cheapest(expected: Expected, lines: list[EventLine]) -> list[Step]:
    """The pairing of lines with events that leaves the fewest differences."""
    rows, columns = len(expected), len(lines)
    cost = [[0] * (columns + 1) for _ in range(rows + 1)]
    way = [[""] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows, -1, -1):
        for column in range(columns, -1, -1):
            choices: list[tuple[int, str]] = []
            any_events = row < rows and expected[row] is None
            if row < rows:
                skipped = cost[row + 1][column]
                choices.append((skipped, "~") if any_events else (skipped + _ALONE_COST, "-"))
            if column < columns:
                passed = cost[row][column + 1]
                choices.append((passed, ".") if any_events else (passed + _ALONE_COST, "+"))
            wanted = expected[row] if row < rows else None
            if wanted is not None and column < columns and wanted.event_type == lines[column].event_type:
                differs = bool(wanted.differences(lines[column]))
                after = cost[row + 1][column + 1]
                choices.append((after + _DIFFERENT_COST, "!") if differs else (after, "="))
            if choices:
                cost[row][column], way[row][column] = min(choices, key=lambda choice: choice[0])
    return list(_walk(way, rows, columns))


def _walk(way: list[list[str]], rows: int, columns: int) -> Iterator[Step]:
    row = column = 0
    while row < rows or column < columns:
        kind = way[row][column]
        yield kind, row, column
        row += kind in "~-!="
        column += kind in ".+!="


def _told(steps: list[Step], expected: Expected, lines: list[EventLine]) -> Iterator[str]:
    """The difference: what is as expected stands behind blanks, what is missing behind -, what is there behind +."""
    for kind, row, column in steps:
        wanted = expected[row] if row < len(expected) else None
        if kind == "~":
            yield "    ..."
        elif kind == "=" and wanted is not None:
            yield f"    {wanted.text}"
        elif kind == "-" and wanted is not None:
            yield f"  - {wanted.text}"
            yield from _others(wanted, [lines[passed] for how, _, passed in steps if how == "."])
        elif kind == "+":
            yield f"  + {lines[column]}"
        elif kind == "!" and wanted is not None:
            yield f"  - {wanted.text}"
            yield f"  + {lines[column]}"
            yield f"    ^ {'; '.join(wanted.differences(lines[column]))}"


def _others(wanted: ExpectedEvent, passed: list[EventLine]) -> Iterator[str]:
    """Events of the type that is missing, among those for which `...` stands."""
    alike = [line for line in passed if line.event_type == wanted.event_type]
    for line in alike[:MAX_OTHERS]:
        different = wanted.differences(line)
        yield f"    ^ event {line.event_id}: {'; '.join(different) if different else 'it is there, but not here'}"
