"""Servers side by side: all of them are up, and the load goes to one at a time, in short slices.

The speed of a shared machine changes within minutes, by more than what is to be found. Slices of a few seconds that
follow each other see the same machine, so the ratio of two neighbours says more than that of two long runs. The result
is the median of these ratios, with the range that has the true one in it at 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

from bench.load import Outcome, Plan, run_load
from bench.server import Server

SLICES = 12  # for each server
SLICE_SECONDS = 2.0
WARMUP_SECONDS = 0.5  # of each slice: until its connections are open and its first workflows complete

Value = Callable[[Outcome], float]


class Side(NamedTuple):
    """One of the servers that are compared, and its load."""

    server: Server
    plan: Plan
    beside: Callable[[], AbstractAsyncContextManager[object]] = (
        nullcontext  # what goes on during each of its slices
    )


class Estimate(NamedTuple):
    """A median with the range that has the true one in it at 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SideBySide:
    """The outcomes of all slices, by the name of the side, in their order."""

    outcomes: dict[str, list[Outcome]]

    def median(self, side: str, of: Value) -> float:
        return median(map(of, self.outcomes[side]))

    def ratio(self, side: str, base: str, of: Value) -> Estimate:
        """The value of one side as a multiple of that of the other; 1 where the other has 0."""
        return self._paired(side, base, of, lambda one, other: one / other if other else 1.0)

    def difference(self, side: str, base: str, of: Value) -> Estimate:
        return self._paired(side, base, of, lambda one, other: one - other)

    def _paired(self, side: str, base: str, of: Value, compare: Callable[[float, float], float]) -> Estimate:
        pairs = zip(self.outcomes[side], self.outcomes[base], strict=True)
        return estimate([compare(of(one), of(other)) for one, other in pairs])


def estimate(values: Sequence[float]) -> Estimate:
    """The median of values that were measured independently, and its range by their order alone."""
    ordered = sorted(values)
    outside = max(0, math.floor((len(ordered) - 1.96 * math.sqrt(len(ordered))) / 2))
    return Estimate(median(ordered), ordered[outside], ordered[-1 - outside])


async def side_by_side(
    sides: Mapping[str, Side], *, slices: int = SLICES, seconds: float = SLICE_SECONDS
) -> SideBySide:
    """Every other round runs backwards, so that no side is always the first."""
    outcomes: dict[str, list[Outcome]] = {name: [] for name in sides}
    for number in range(slices):
        names = list(sides)[:: 1 if number % 2 == 0 else -1]
        for name in names:
            server, plan, beside = sides[name]
            plan = replace(plan, seconds=seconds, warmup_seconds=WARMUP_SECONDS)
            async with beside():
                outcomes[name].append(await run_load(server, plan))
    return SideBySide(outcomes)
