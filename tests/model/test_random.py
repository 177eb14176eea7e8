"""Long random lives, longer than Hypothesis would draw them, recorded alike by the service and by the naive model."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from tests.model.differential import Pair
from tests.model.reference import Limits
from tests.sim.decisions import LISTS, POLICIES, WORKFLOWS, Dice

SEEDS = int(os.environ.get("MODEL_SEEDS", "40"))
CALLS = int(os.environ.get("MODEL_CALLS", "150"))
ENDS = ("Completed", "Failed", "Canceled")


def _pairs(decisions: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """A type and its attributes, as the model takes them."""
    found: list[tuple[str, dict[str, Any]]] = []
    for held in decisions:
        kind = held["decisionType"]
        found.append((kind, held.get(kind[0].lower() + kind[1:] + "DecisionAttributes", {})))
    return found


def _step(pair: Pair, dice: Dice) -> None:
    choice = dice.source.choices(
        [
            "start",
            "signal",
            "cancel",
            "terminate",
            "decide",
            "poll",
            "work",
            "begin",
            "beat",
            "late",
            "time",
            "restart",
        ],
        [6, 3, 1, 1, 14, 3, 7, 3, 2, 3, 8, 1],
    )[0]
    workflow_id = dice.one(*WORKFLOWS[:4])
    run_id = dice.run_id() if dice.chance(0.2) else None
    if choice == "start":
        pair.start(workflow_id, dice.settings(child=False) | {"workflowType": dice.workflow_type()})
    elif choice == "signal":
        pair.signal(workflow_id, run_id, dice.marker())
    elif choice == "cancel":
        pair.request_cancel(workflow_id, run_id)
    elif choice == "terminate":
        pair.terminate(workflow_id, run_id, dice.one(None, *POLICIES))
    elif choice == "decide":
        if any(pair.poll_decision(name) for name in LISTS) or pair.decisions:
            pair.decide(pair.decisions[-1], _completion(dice))
    elif choice == "poll":
        pair.poll_decision(dice.one(*LISTS))
        pair.poll_activity(dice.one(*LISTS))
    elif choice == "work":
        if any(pair.poll_activity(name) for name in LISTS) or pair.work:
            pair.end_activity(pair.work[-1], dice.one(*ENDS))
    elif choice == "begin":
        if any(pair.poll_activity(name) for name in LISTS) or pair.work:
            pair.heartbeat(pair.work[-1], dice.one(None, dice.marker()))
    elif choice == "beat":
        if pair.work:
            pair.heartbeat(dice.source.choice(pair.work[-3:]), dice.one(None, dice.marker()))
    elif choice == "late":
        if pair.work:
            pair.end_activity(dice.source.choice(pair.work), dice.one(*ENDS))
        if pair.decisions:
            pair.decide(dice.source.choice(pair.decisions), _completion(dice))
    elif choice == "time":
        pair.advance(dice.one(1, 700, 1_000, 4_000, 11_000, 61_000))
    else:
        pair.restart()


def _completion(dice: Dice) -> dict[str, Any]:
    request: dict[str, Any] = {"decisions": _pairs(dice.decisions(0.2))}
    request |= dice.maybe(0.3, executionContext=dice.marker())
    if dice.chance(0.1):
        request["taskList"] = dice.one(*LISTS)
        request |= dice.maybe(0.6, taskListScheduleToStartTimeout=dice.one("0", "2", "30", "NONE"))
    return request


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_long_life_is_recorded_alike(seed: int) -> None:
    source = random.Random(seed)
    markers = iter(f"m{number}" for number in range(1_000_000))
    pair = Pair(
        limits=source.choice([None, Limits(2, 2, 1), Limits(3, 1, 2)]),
        rule=source.choice(["any-close", "documented"]),
    )
    for number in range(CALLS):
        run_ids = [run.run_id for run in pair.model.runs[-6:]]
        _step(pair, Dice(source, lambda: next(markers), run_ids))
        if number % 25 == 0:
            pair.audit()
    pair.audit()
    pair.world.store.close()
