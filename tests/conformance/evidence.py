"""What is known of every member of the model, and which tests show it.

Owns the reading of `facts/*.toml`, which is written by hand, and its comparison with botocore's model and with what the
scenarios show: a member without a fact, a fact without a member, a member that nothing shows and a test that does not
exist are all reported. Must not know what the page looks like.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.coverage import Coverage, Member
from tests.conformance.refusals import CANNOT_OCCUR, modelled, refusals
from tests.wire import swf_model

ROOT = Path(__file__).parents[2]
FACTS = Path(__file__).parent / "facts"
GRADES = ["A", "A*", "B", "C", "D", "E"]
MAX_TESTS = 2  # a reader wants an example; `pytest -k` finds the others


class Fact(NamedTuple):
    """A member of the model, how well it is known, and what is known."""

    grade: str
    citation: str
    text: str
    tests: tuple[str, ...] = ()


def facts(name: str) -> dict[str, Any]:
    return tomllib.loads((FACTS / f"{name}.toml").read_text(encoding="utf-8"))


def fact(row: list[str]) -> Fact:
    return Fact(row[0], row[1], row[2], tuple(row[3:]))


# --- the members of the model ---


def members() -> list[Member]:
    """Actions, decisions, events, and the values of every enum, in the model's order."""
    found: list[Member] = [("action", name) for name in swf_model.OPERATIONS]
    found += [("decision", name) for name in swf_model.DECISION_TYPES]
    found += [("event", name) for name in swf_model.EVENT_TYPES]
    for kind, enum in enums().items():
        found += [(*kind, value) for value in swf_model.SERVICE.shape_for(enum).enum]
    return found


def enums() -> dict[Member, str]:
    """`("cause", "StartTimerFailed")` -> `StartTimerFailedCause`, and so on; every enum of the model has a place."""
    found: dict[Member, str] = {}
    for event in swf_model.EVENT_TYPES:
        member = f"{swf_model.lower_first(event)}EventAttributes"
        attributes = swf_model.SERVICE.shape_for("HistoryEvent").members[member].members
        for name, kind in (("cause", "cause"), ("timeoutType", "timeout")):
            if name in attributes:
                found[kind, event] = attributes[name].name
    found |= {
        ("close status",): "CloseStatus",
        ("child policy",): "ChildPolicy",
        ("execution status",): "ExecutionStatus",
        ("registration status",): "RegistrationStatus",
    }
    known = {*found.values(), "EventType", "DecisionType"}
    modelled = {name for name, shape in swf_model.RAW["shapes"].items() if "enum" in shape}
    assert known == modelled, f"the model has other enums: {known ^ modelled}"
    return found


def known() -> dict[Member, Fact]:
    """What is written down, by member."""
    found: dict[Member, Fact] = {}
    for kind in ("action", "decision", "event"):
        found |= {(kind, name): fact(row) for name, row in facts(f"{kind}s").items()}
    for event, causes in facts("causes").items():
        found |= {("cause", event, cause): fact(row) for cause, row in causes.items()}
    for title, values in facts("values").items():
        kind, _, event = title.partition(" of ")
        found |= {(kind, *([event] if event else []), value): fact(row) for value, row in values.items()}
    return found


def never(member: Member) -> str | None:
    """Why a member cannot occur here."""
    reasons = facts("never")
    if member[0] == "cause":
        return reasons.get(member[1], {}).get(member[2])
    return reasons.get(member[1], {}).get("*") if member[0] == "event" else None


# --- the tests that show them ---


class Evidence:
    """Facts and the coverage of the scenarios together."""

    def __init__(self, covered: list[Coverage]) -> None:
        self.covered = covered
        self.by_name = {coverage.scenario.name: coverage for coverage in covered}
        self._showing: dict[Member, list[Coverage]] = {}
        for coverage in covered:
            for member in coverage.members:
                self._showing.setdefault(member, []).append(coverage)

    def tests(self, member: Member, given: Fact) -> list[str]:
        """The best scenarios first; those that are written down before those that are found."""
        found = [
            name
            for name in self._best(self._showing.get(member, []), given.citation)
            if name not in given.tests
        ]
        return [*given.tests, *found][: max(MAX_TESTS, len(given.tests))]

    def about(self, section: str) -> list[str]:
        """Scenarios that name this section in their header."""
        return self._best([coverage for coverage in self.covered if section in coverage.sections], section)

    def _best(self, covered: list[Coverage], citation: str) -> list[str]:
        """First what is about the cited sections, then the better evidence, then the shorter story."""
        wanted = set(re.findall(r"[0-9.]+", citation))

        def rank(coverage: Coverage) -> tuple[int, int, int, str, int]:
            scenario = coverage.scenario
            return (
                -len(wanted & coverage.sections),
                GRADES.index(scenario.grade),
                len(coverage.members),
                scenario.path.name,
                scenario.line,
            )

        return [coverage.scenario.name for coverage in sorted(covered, key=rank)]

    def gaps(self) -> Iterator[str]:
        """What is missing, and what is too much."""
        all_members, written = members(), known()
        for member in all_members:
            name = " ".join(member)
            shown = member in self._showing or (member in written and written[member].tests)
            if never(member):
                if shown:
                    yield f"{name} is said to be impossible, and is shown by {self._showing.get(member)}"
            elif member not in written:
                yield f"{name} has no line in tests/conformance/facts"
            elif not shown:
                yield f"{name} is shown by no test: add a scenario to tests/histories"
        for member in written.keys() - set(all_members):
            yield f"{' '.join(member)} is no member of the model"
        for member, given in written.items():
            if given.grade not in GRADES:
                yield f"{' '.join(member)} has the grade {given.grade}"
        yield from self._faults_that_should_not_be()
        for test in self._named_tests():
            if not self.exists(test):
                yield f"tests/conformance/facts names {test}, which does not exist"

    def _faults_that_should_not_be(self) -> Iterator[str]:
        """A scenario may be answered with what the model lists, and with what no action lists."""
        expected = modelled() | {(refusal.operation, refusal.fault) for refusal in refusals()}
        for member, showing in self._showing.items():
            if member[0] == "fault" and member[2] not in facts("beside"):
                if member[1:] in CANNOT_OCCUR:
                    yield f"{member[1]} is said never to answer {member[2]}, and does in {showing[0].scenario.name}"
                elif member[1:] not in expected:
                    yield f"{member[1]} answers {member[2]}, which the model does not list: {showing[0].scenario.name}"

    def _named_tests(self) -> Iterator[str]:
        for given in known().values():
            yield from given.tests
        for question in facts("questions").values():
            yield from question.get("tests", [])
        for row in facts("differences")["other"]:
            yield from row[2:]
        for row in facts("wrong")["inputs"]:
            yield from row[2:]
        for row in facts("beside").values():
            yield from row[4:]

    def exists(self, test: str) -> bool:
        """`children: A child begins …` or `tests/x/test_y.py::test_z`."""
        if "::" not in test:
            return test in self.by_name
        path, _, name = test.partition("::")
        file = ROOT / path
        return file.is_file() and f"def {name}(" in _text(file)


@functools.cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
