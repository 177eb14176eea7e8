"""Scenario files as they are written: titles, commands, and what the service answers to each.

Owns the form of the files (tests/histories/README.md describes it for people) and of the words in a command. Must not
know what any command does.

    == A title that says what the service does
    SWF §4.2, §14.2 [A]

    d = poll decision
        w#1 events 1..3 startedEventId=3 previousStartedEventId=0
    respond d: StartTimer t 2;
        CompleteWorkflowExecution

Whatever is indented is the answer, except behind a line that ends with a semicolon or a backslash, which goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

INDENT = "    "

_HEADER = re.compile(r"(?P<citation>SWF [§\d., to]+?) \[(?P<grade>A\*?|B|C|D|E)\](?: (?P<source>.*))?")
_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=")
_SPAN = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_json = json.JSONDecoder()


class Broken(ValueError):
    """A scenario file that cannot be read; the message says where and why."""


@dataclass
class Step:
    """One command, the line it stands on, and the lines that are expected beneath it."""

    line: int
    text: str
    expected: list[str] = field(default_factory=list[str])


@dataclass
class Scenario:
    """One story with a world of its own."""

    path: Path
    line: int
    title: str
    citation: str = ""
    grade: str = ""
    checklist: list[str] = field(default_factory=list[str])
    steps: list[Step] = field(default_factory=list[Step])

    @property
    def name(self) -> str:
        """How test runs and reports call it."""
        return f"{self.path.stem}: {self.title}"


def read(path: Path) -> list[Scenario]:
    """The scenarios of a file, in order."""
    return read_text(path, path.read_text(encoding="utf-8"))


def read_text(path: Path, text: str, first: int = 1) -> list[Scenario]:
    """The scenarios of a text whose first line has this number."""
    scenarios: list[Scenario] = []
    continued = False
    for number, line in enumerate(text.splitlines(), first):
        if line.startswith("== "):
            scenarios.append(Scenario(path, number, line[3:].strip()))
        elif not line.strip() or line.startswith("#"):
            continue
        elif not scenarios:
            raise Broken(f"{path}:{number}: a scenario begins with its title: == …")
        elif continued:
            step = scenarios[-1].steps[-1]
            step.text = step.text.removesuffix("\\").rstrip() + " " + line.strip()
        elif line.startswith(INDENT):
            if not scenarios[-1].steps:
                raise Broken(f"{path}:{number}: an answer without a command")
            scenarios[-1].steps[-1].expected.append(line[len(INDENT) :])
        elif line[0].isspace():
            raise Broken(f"{path}:{number}: answers are indented by {len(INDENT)} blanks")
        elif not _is_header(scenarios[-1], line):
            scenarios[-1].steps.append(Step(number, line.strip()))
        continued = _goes_on(line) and (continued or not line.startswith(INDENT))
    for scenario in scenarios:
        if not scenario.citation:
            raise Broken(
                f"{path}:{scenario.line}: say which rule of the specification it shows: SWF §4.2 [A]"
            )
    return scenarios


def read_commands(path: Path, text: str) -> list[Step]:
    """The commands of a text that is no scenario of its own: it has no title and cites no rule."""
    return read_text(path, f"== {path.stem}\nSWF §1 [B]\n{text}", first=-1)[0].steps


def _goes_on(line: str) -> bool:
    return line.rstrip().endswith((";", "\\"))


def _is_header(scenario: Scenario, line: str) -> bool:
    if line.startswith("checklist "):
        scenario.checklist.append(line.removeprefix("checklist ").strip())
        return True
    header = _HEADER.fullmatch(line.strip())
    if header is None or scenario.steps:
        return False
    scenario.citation, scenario.grade = header["citation"], header["grade"]
    return True


def rewrite(path: Path, answers: dict[int, list[str]]) -> None:
    """Puts what was answered to the command on each line in the place of what was expected."""
    kept: list[str] = []
    continued = False
    answer: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith(INDENT) and not continued:
            continue
        kept.append(line)
        if number in answers:
            answer = answers[number]
        continued = _goes_on(line)
        if not continued:
            kept.extend(INDENT + text for text in answer)
            answer = []
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


class Words(NamedTuple):
    """What stands behind a verb: things by their place, then members by their wire names."""

    places: list[Any]
    members: dict[str, Any]


def words(text: str) -> Words:
    """`a work@2 input="x y"` -> (["a", "work@2"], {"input": "x y"}). Values in JSON may hold blanks."""
    found = Words([], {})
    for name, value in _values(text):
        if name is None:
            found.places.append(value)
        else:
            found.members[name] = value
    return found


def _values(text: str) -> Iterator[tuple[str | None, Any]]:
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        name = _NAME.match(text, position)
        start = name.end() if name else position
        if start < len(text) and text[start] in '"[{':
            try:
                value, position = _json.raw_decode(text, start)
            except ValueError as error:
                raise Broken(f"not JSON: {text[start:]} ({error})") from None
        else:
            value = text[start:].split(maxsplit=1)[0] if text[start : start + 1].strip() else ""
            position = start + len(value)
        yield (name[1] if name else None), value


def parts(text: str) -> list[str]:
    """Cut at semicolons that stand outside of quotes."""
    cut: list[str] = [""]
    quoted = False
    previous = ""
    for character in text:
        if character == '"' and previous != "\\":
            quoted = not quoted
        if character == ";" and not quoted:
            cut.append("")
        else:
            cut[-1] += character
        previous = character
    return [part.strip() for part in cut if part.strip()]


def span_ms(text: str) -> int:
    """`2s`, `15ms`, `90d`."""
    span = _SPAN.fullmatch(text)
    if span is None:
        raise Broken(f"{text} is no span of time; write 2s, 15ms, 1h or 90d")
    return round(float(span[1]) * _UNITS[span[2]])


def head_and_decisions(rest: str) -> tuple[str, str]:
    """What stands before the colon, and behind it."""
    if rest.startswith(":"):
        return "", rest[1:].strip()
    head, _, list_ = rest.partition(": ")
    return head, list_.strip()
