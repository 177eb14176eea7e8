"""Whether two lists of decisions say the same, and where they first differ.

Owns what counts as equal: which members may differ, which values need only have a form, and what a decider may leave to
the defaults of a type. Must not know where the decisions come from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple

from workflowsvc.options import SettingsError
from workflowsvc.replay.decisions import PATHS, MadeDecision

EXECUTION_CONTEXT = "executionContext"
_VERSION = "workflowTypeVersion"

# A history has what these came to; a decider may leave them to the defaults of the type (SWF §5.1), which it does not
# name.
_DEFAULTED = frozenset({
    "taskList.name",
    "taskPriority",
    "heartbeatTimeout",
    "scheduleToCloseTimeout",
    "scheduleToStartTimeout",
    "startToCloseTimeout",
    "executionStartToCloseTimeout",
    "taskStartToCloseTimeout",
    "childPolicy",
    "lambdaRole",
    _VERSION,
})  # fmt: skip
_OWN_NAMES = ("activityId", "timerId", "markerName", "signalName", "workflowId", "id")
_ALL_PATHS = frozenset(f"{kind}.{path}" for kind, paths in PATHS.items() for path in paths) | {
    EXECUTION_CONTEXT
}


class Difference(NamedTuple):
    """The first one of two lists."""

    position: int  # of the decision, from 0; -1: not in a decision
    members: tuple[str, ...]  # the paths that differ; none where the decisions are different ones
    message: str


def paths_named(pattern: str, option: str) -> frozenset[str]:
    """The members that a pattern names: `ScheduleActivityTask.control`, `*.input`, `control`, `RecordMarker`.
    SettingsError when it names none."""
    forms = (pattern, f"{pattern}.*", f"*.{pattern}", f"*.{pattern}.*")
    found = frozenset(path for path in _ALL_PATHS if any(fnmatchcase(path, form) for form in forms))
    if not found:
        raise SettingsError(
            f"{option}: {pattern!r} names no member of a decision, such as ScheduleActivityTask.control, *.input or "
            f"{EXECUTION_CONTEXT}"
        )
    return found


class Rules:
    """What counts as equal."""

    def __init__(
        self,
        ignored: Iterable[str] = (),
        patterns: Iterable[str] = (),
        *,
        json_equal: bool = False,
        context: bool = False,
    ) -> None:
        """`ignored`: names of members (`--ignore`); `patterns`: `NAME=REGEX` (`--pattern`); `context`: the execution
        context is compared, which is no decision. SettingsError when a name or a pattern cannot be used."""
        self._ignored = frozenset[str]().union(*(paths_named(name, "--ignore") for name in ignored))
        self._forms: dict[str, list[re.Pattern[str]]] = {}
        self._json_equal = json_equal
        self._context = context
        for pattern in patterns:
            name, equals, regex = pattern.partition("=")
            if not (name and equals and regex):
                raise SettingsError(f"--pattern: {pattern!r} is not NAME=REGEX")
            try:
                form = re.compile(regex, re.DOTALL)
            except re.error as error:
                raise SettingsError(f"--pattern: {regex!r} is no regular expression: {error}") from error
            for path in paths_named(name, "--pattern"):
                self._forms.setdefault(path, []).append(form)

    def first_difference(
        self,
        then: Sequence[MadeDecision],
        now: Sequence[MadeDecision],
        *,
        version: str,
        is_cut: bool = False,
    ) -> Difference | None:
        """Where the lists first differ; None: they say the same. `version`: that of the run's workflow type; `is_cut`:
        more may have been decided then than is known."""
        for index, (recorded, made) in enumerate(zip(then, now, strict=False)):
            if _identity(recorded) != _identity(made) and not self._is_same(recorded, made, version):
                return Difference(index, (), self._other(index, then, now, version))
            differing = self._differing(recorded, made, version)
            if differing:
                return Difference(index, differing, self._explain(index, recorded, made, differing))
        if len(now) < len(then):
            return Difference(
                len(now), (), f"decision {len(now) + 1}, {name_of(then[len(now)])}, is missing now"
            )
        if len(now) > len(then) and not is_cut:
            return Difference(len(then), (), f"decision {len(then) + 1}, {name_of(now[len(then)])}, is new")
        return None

    def contexts_differ(self, then: str | None, now: str | None) -> bool:
        """Whether the execution contexts of two answers differ, if that matters."""
        return self._context and self._values_differ(EXECUTION_CONTEXT, then, now)

    def _is_same(self, recorded: MadeDecision, made: MadeDecision, version: str) -> bool:
        return recorded.type == made.type and not self._differing(recorded, made, version)

    def _differing(self, recorded: MadeDecision, made: MadeDecision, version: str) -> tuple[str, ...]:
        """The paths that differ, in the order of their names."""
        then, now = recorded.members, made.members
        if then == now:
            return ()
        if _VERSION in recorded.known:
            now = {_VERSION: version} | now
        found: list[str] = []
        for path in sorted(recorded.known & (then.keys() | now.keys())):
            if path in _DEFAULTED and not now.get(path):  # an empty text counts as left out (SWF §3.5)
                continue
            if self._values_differ(f"{recorded.type}.{path}", then.get(path), now.get(path)):
                found.append(path)
        return tuple(found)

    def _values_differ(self, path: str, then: Any, now: Any) -> bool:
        if then == now or path in self._ignored or (path.endswith(".runId") and not then and not now):
            return False
        for form in self._forms.get(path, ()):
            if all(isinstance(value, str) and form.fullmatch(value) for value in (then, now)):
                return False
        return not (self._json_equal and same_json(then, now))

    def _other(
        self, index: int, then: Sequence[MadeDecision], now: Sequence[MadeDecision], version: str
    ) -> str:
        """Why another decision stands there, as far as the rest of both lists tells."""
        recorded, made = then[index], now[index]
        comes_later = any(self._is_same(recorded, later, version) for later in now[index + 1 :])
        came_later = any(self._is_same(later, made, version) for later in then[index + 1 :])
        if comes_later and came_later:
            return (
                f"the order differs: decision {index + 1} was {name_of(recorded)} and is {name_of(made)} now"
            )
        if came_later:
            return f"decision {index + 1}, {name_of(recorded)}, is missing now"
        if comes_later:
            return f"decision {index + 1}, {name_of(made)}, is new"
        return f"decision {index + 1} was {name_of(recorded)} and is {name_of(made)} now"

    def _explain(
        self, index: int, recorded: MadeDecision, made: MadeDecision, differing: tuple[str, ...]
    ) -> str:
        text = f"decision {index + 1}, {name_of(made)}, differs in {', '.join(differing)}"
        if all(same_json(recorded.members.get(path), made.members.get(path)) for path in differing):
            text += " by the order or the spacing of JSON alone, which --json-equal allows"
        return text


def same_json(then: object, now: object) -> bool:
    """Whether two texts are the same JSON, spelt differently."""
    if not (isinstance(then, str) and isinstance(now, str)):
        return False
    try:
        return _comparable(json.loads(then)) == _comparable(json.loads(now))
    except (ValueError, RecursionError):
        return False


def _comparable(value: Any) -> Any:
    """JSON in which true is not 1."""
    if isinstance(value, dict):
        return {name: _comparable(inner) for name, inner in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_comparable(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]
    return ("bool", value) if isinstance(value, bool) else value


def _identity(decision: MadeDecision) -> tuple[str, ...]:
    return decision.type, *(str(decision.members[name]) for name in _OWN_NAMES if name in decision.members)


@cache
def _names_of_kind(kind: str) -> tuple[str, ...]:
    types = ("activityType.name", "workflowType.name", "name")
    return tuple(name for name in (*_OWN_NAMES, *types) if name in PATHS[kind])


def name_of(decision: MadeDecision) -> str:
    """The decision for people: its type and what names it, as in `ScheduleActivityTask charge-1 charge`."""
    named = [
        str(decision.members[name]) for name in _names_of_kind(decision.type) if name in decision.members
    ]
    return " ".join([decision.type, *named])
