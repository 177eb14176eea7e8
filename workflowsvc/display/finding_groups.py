"""Findings that runs share, from several answers of ExplainDomain put together, the most urgent first.

Owns which groups are about the same thing. A function of its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

SEVERITIES = ("CRITICAL", "WARNING", "INFO")
_SINCE = "sinceTimestamp"

Group = dict[str, Any]


class FindingGroups:
    """The groups of all answers so far."""

    def __init__(self, max_examples: int) -> None:
        self._max_examples = max_examples
        self._groups: dict[tuple[object, ...], Group] = {}

    def add(self, groups: Iterable[Mapping[str, Any]], **members: object) -> None:
        """The groups of one answer. `members` are added to each; those with other members stay apart."""
        for group in groups:
            key = (*members.values(), *_key(group))
            known = self._groups.setdefault(key, {**group, **members, "executions": 0, "examples": []})
            known["executions"] += _whole(group.get("executions"))
            known["examples"] = [*known["examples"], *_list(group.get("examples"))][: self._max_examples]
            times = [
                moment for moment in (known.get(_SINCE), group.get(_SINCE)) if isinstance(moment, int | float)
            ]
            if times:
                known[_SINCE] = min(times)

    def ranked(self) -> list[Group]:
        """The most urgent first, causes before what comes of them; of each kind those that concern most runs."""
        from workflowsvc.model.own_shapes import FindingCode  # late: few commands need it

        codes: tuple[str, ...] = get_args(FindingCode)
        order = {code: number for number, code in enumerate(codes)}
        return sorted(
            self._groups.values(),
            key=lambda group: (_rank(group), order.get(str(group["code"]), len(order)), -group["executions"]),
        )


def _key(group: Mapping[str, Any]) -> tuple[object, ...]:
    code = str(group.get("code"))
    return (
        code,
        str(group.get("severity")),
        _member(group, "taskList", "name"),
        str(group.get("taskListKind")),
        str(group.get("cause")),
        _member(group, "workflowType", "name"),
        _member(group, "workflowType", "version"),
        str(group.get("message")) if code.endswith("_TYPE_DEPRECATED") else "",  # which type is deprecated
    )


def _member(group: Mapping[str, Any], structure: str, name: str) -> str:
    found = group.get(structure)
    return str(cast("Mapping[str, object]", found).get(name)) if isinstance(found, Mapping) else ""


def _rank(group: Mapping[str, Any]) -> int:
    severity = group.get("severity")
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
