"""A failing simulation made short: steps are left out as long as it still fails.

Owns the search, by halves, then quarters, down to single steps. What counts as the same failure is that there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.sim.simulation import Failure, Plan, simulate

MOST_TRIES = 400


def fails(plan: Plan) -> Failure | None:
    try:
        simulate(plan)
    except Failure as failure:
        return failure
    return None


def shrink(failure: Failure, plan: Plan) -> tuple[Plan, Failure]:
    """A plan of few steps that fails, and how."""
    steps = list(plan.only if plan.only is not None else range(plan.steps))
    if failure.step >= 0:
        steps = [step for step in steps if step <= failure.step]
    tries = 0
    size = max(len(steps) // 2, 1)
    while tries < MOST_TRIES:
        for first in range(0, len(steps), size):
            fewer = steps[:first] + steps[first + size :]
            tries += 1
            found = fails(replace(plan, only=tuple(fewer)))
            if found is not None:
                steps, failure = fewer, found
                break
        else:
            if size == 1:
                break
            size = max(size // 2, 1)
    return replace(plan, only=tuple(steps)), failure


def spelt(steps: Sequence[int]) -> str:
    """`3,5,9-12`"""
    parts: list[str] = []
    first = last = None
    for step in [*steps, None]:
        if first is None:
            first = last = step
        elif step is not None and last is not None and step == last + 1:
            last = step
        else:
            parts.append(str(first) if first == last else f"{first}-{last}")
            first = last = step
    return ",".join(parts)


def read(text: str) -> tuple[int, ...]:
    """The steps that `spelt` spells."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)
