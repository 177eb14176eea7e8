"""What each column of a row may hold, by table: audits and copies work on no row that this module has not looked at.

Owns the words for a value of another type. The types are those of rows.py. SQLite gives whatever was stored, also
against the type of the column, when another program has written it. What a value of the right type means is not its
business.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from workflowsvc.store.rows import (
    DomainRow,
    EventRow,
    ExecutionRow,
    FeedRow,
    HeartbeatRow,
    MessageRow,
    TagRow,
    TaskRow,
    TypeRow,
)


class MetaRow(NamedTuple):
    key: str
    value: bytes


_WORDS: dict[type, str] = {
    NoneType: "nothing",
    str: "a text",
    bytes: "bytes",
    int: "a whole number",
    float: "a number with a fraction",
}


def _allowed(hint: Any) -> frozenset[type]:
    """A flag may be any whole number: that it is neither 0 nor 1 is for the checks to say."""
    if get_origin(hint) is Literal:
        return frozenset([str])
    if get_origin(hint) in (Union, UnionType):
        return frozenset[type]().union(*map(_allowed, get_args(hint)))
    return frozenset([bool, int]) if hint is bool else frozenset[type]([hint])


_ALLOWED: dict[type, list[tuple[str, frozenset[type]]]] = {
    row: [(name, _allowed(hint)) for name, hint in get_type_hints(row).items()]
    for row in (
        DomainRow,
        EventRow,
        ExecutionRow,
        FeedRow,
        HeartbeatRow,
        MessageRow,
        MetaRow,
        TagRow,
        TaskRow,
        TypeRow,
    )
}
_seen: dict[type, set[tuple[type, ...]]] = {row: set() for row in _ALLOWED}  # types of rows without a misfit


def misfit(row: tuple[object, ...]) -> str | None:
    """What is wrong with the types of this row of store/rows.py; None when a check may work on it."""
    kind = type(row)
    found = tuple(type(value) for value in row)
    if found in _seen[kind]:
        return None
    for of, (name, allowed) in zip(found, _ALLOWED[kind], strict=True):
        if of not in allowed:
            return f"its {name} is {_WORDS.get(of, of.__name__)}, which it cannot be"
    _seen[kind].add(found)
    return None
