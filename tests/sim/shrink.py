"""A failing simulation made short: steps are left out as long as it still fails.

Owns the search: by halves, then quarters, down to single steps, then by chance. What counts as the same failure is that
there is one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.sim.simulation import Failure, Plan, simulate

MAX_TRIES = 400
BY_CHANCE = 100  # at the end; more rarely find anything


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
    for without in _parts(steps, random.Random(plan.seed)):
        fewer = tuple(step for step in steps if step not in without)
        if len(fewer) < len(steps) and (found := fails(replace(plan, only=fewer))) is not None:
            steps[:], failure = fewer, found
    return replace(plan, only=tuple(steps)), failure


def _parts(steps: list[int], chance: random.Random) -> Iterator[set[int]]:
    """Steps that may be superfluous; `steps` gets shorter meanwhile. What a step does depends on those before it, so
    there are plans from which no single step can be left out, but some together can: the tries that are left go there.
    """
    tries, size = 0, len(steps) // 2
    while size and tries < MAX_TRIES:
        first = 0
        while first < len(steps):
            tries, before = tries + 1, len(steps)
            yield set(steps[first : first + size])
            first += size * (len(steps) == before)
        size //= 2
    for _ in range(min(BY_CHANCE, MAX_TRIES - tries)):
        if len(steps) < 2:
            return
        yield set(chance.sample(steps, chance.randint(1, max(len(steps) // 2, 1))))


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
