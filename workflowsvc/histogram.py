"""Numbers that grow while the service works: a count, and a histogram of durations or sizes.

Owns the counting, which costs less than a microsecond and takes no lock: each belongs to one thread, and any other may
read it, whose figures are then at most one observation apart. Must not know what is counted, nor who reads it.
"""

from __future__ import annotations

from bisect import bisect_left


class Count:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, number: int = 1) -> None:
        self.value += number


class Histogram:
    """How many observations were at most each of `bounds`, which ascend, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last: above all bounds
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def observations(self) -> int:
        return sum(self.counts)
