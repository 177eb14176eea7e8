"""Names that are nearly the same: what a misspelt name was meant to be.

Owns how near is near. A function of its arguments, whose time is bounded: names are chosen by callers.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from heapq import nsmallest

MAX_NAMED = 3
MAX_LETTERS = 64  # of names that are compared; comparing longer ones takes long
MAX_COMPARED = 100  # a comparison takes about 20 µs
MAX_LONGER = 3  # letters by which a near name may be longer or shorter
LIKENESS = 0.8  # `packer` and `packers`: 0.92; `orders` and `others`: 0.67


def nearest(name: str, others: Iterable[str]) -> list[str]:
    """The names that are nearly this one, the nearest first."""
    if len(name) > MAX_LETTERS:
        return []
    meant = name.casefold()
    # A set has no order of its own: the answer must not depend on it.
    possible = nsmallest(
        MAX_COMPARED,
        (other for other in others if other != name and abs(len(other) - len(name)) <= MAX_LONGER),
        key=lambda other: (abs(len(other) - len(name)), other),
    )
    found: list[tuple[float, str]] = []
    for other in possible:
        likeness = SequenceMatcher(None, meant, other.casefold(), autojunk=False).ratio()
        if likeness >= LIKENESS:
            found.append((-likeness, other))
    return [other for _, other in sorted(found)[:MAX_NAMED]]
