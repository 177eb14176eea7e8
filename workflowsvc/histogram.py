"""Numbers that grow while the service works: a count, and a histogram of durations or sizes.

Owns the counting, which must cost next to nothing where it happens: an observation is appended to a list, and lists are
sorted into buckets a thousand at a time, or when a reader asks. Each belongs to one thread, and any other may read it.
Must not know what is counted, nor who reads it.
"""

from __future__ import annotations

from bisect import bisect_right
from threading import Lock

MAX_PENDING = 1_000  # observations that are not in buckets yet


class Count:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, number: int = 1) -> None:
        self.value += number

    append = add
    """So that a count may stand where a list of observations does."""


class Histogram:
    """How many observations were at most each of `bounds`, which ascend, and their sum.

    `unit`: of an observation, in units of the bounds; 0.001 for milliseconds among bounds in seconds.
    """

    __slots__ = ("_counts", "_limits", "_lock", "_total", "_unit", "bounds", "pending")

    def __init__(self, bounds: tuple[float, ...], unit: float = 1.0) -> None:
        self.bounds = bounds
        self.pending: list[float] = []
        """What was observed and is not in a bucket yet. Its owner may append to it, and calls `fold` in time."""
        self._limits = [bound / unit for bound in bounds]
        self._unit = unit
        self._counts = [0] * (len(bounds) + 1)  # at most each bound, and all
        self._total = 0.0
        self._lock = Lock()  # two threads may fold

    def add(self, value: float) -> None:
        self.pending.append(value)
        if len(self.pending) >= MAX_PENDING:
            self.fold()

    def fold(self) -> None:
        """Puts what is pending into buckets. From any thread: its owner may append meanwhile."""
        with self._lock:
            values = self.pending[:]
            if not values:
                return
            del self.pending[: len(values)]
            values.sort()
            for number, limit in enumerate(self._limits):
                self._counts[number] += bisect_right(values, limit)
            self._counts[-1] += len(values)
            self._total += sum(values) * self._unit

    def cumulative(self) -> tuple[list[int], float]:
        """How many observations were at most each of the bounds, then how many there are; and their sum."""
        self.fold()
        with self._lock:
            return list(self._counts), self._total

    @property
    def observations(self) -> int:
        return self.cumulative()[0][-1]
