"""A part of a long list that a page shows: its end, what stands before or behind a number, or around one.

Owns the three parameters by which an address names such a part. The list is ordered by numbers that stay (ids of
events), so that a part stays where it is while the list grows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

Item = TypeVar("Item")
MAX_DIGITS = 9


class Place(NamedTuple):
    """What an address names; 0 where it does not."""

    before: int
    after: int
    at: int

    @property
    def is_end(self) -> bool:
        return not (self.before or self.after or self.at)


class Window(NamedTuple, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    earlier: int | None
    """`before` of the part that precedes it; None at the beginning."""
    later: int | None
    """`after` of the part that follows; None at the end."""


def place_of(visit: Visit) -> Place:
    """The part that the query names; a value that is no number names none."""
    return Place(*(_number(visit.one(parameter)) for parameter in ("before", "after", "at")))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else 0


def window(items: Sequence[Item], key: Callable[[Item], int], place: Place, size: int) -> Window[Item]:
    """The named part of the items, which are ordered by their keys; the last `size` when none is named."""
    if place.at:
        first = max(0, bisect_right(items, place.at, key=key) - 1 - size // 2)
    elif place.after:
        first = bisect_right(items, place.after, key=key)
    else:
        end = bisect_left(items, place.before, key=key) if place.before else len(items)
        first = max(0, end - size)
        size = end - first
    found = list(items[first : first + size])
    return Window(
        found,
        earlier=key(found[0]) if found and first > 0 else None,
        later=key(found[-1]) if found and first + len(found) < len(items) else None,
    )
