"""Several patterns of which one, or none, must match (SWF §13.5.7).

Owns what a variable without a value makes of them. Must not know what is compared with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from workflowsvc.access.policy import Context

T = TypeVar("T")

Matches = Callable[[T, Context], bool | None]
"""Whether a pattern matches; None: a variable of it has no value."""


def one_of(patterns: Sequence[Matches[T]], *, allows: bool) -> Matches[T]:
    """Whether one of the patterns matches; None in an Allow when a variable among them has no value."""
    if len(patterns) == 1:
        return patterns[0]

    def matches(given: T, context: Context) -> bool | None:
        found = False
        for pattern in patterns:
            answer = pattern(given, context)
            if answer:
                found = True
                if not allows:
                    break
            elif answer is None and allows:
                return None
        return found

    return matches


def none_of(patterns: Sequence[Matches[T]], *, allows: bool) -> Matches[T]:
    """Whether no pattern matches; in an Allow, each variable among them must have a value."""
    one = one_of(patterns, allows=allows)

    def matches(given: T, context: Context) -> bool:
        answer = one(given, context)
        return not answer and not (allows and answer is None)

    return matches
