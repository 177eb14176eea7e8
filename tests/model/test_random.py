"""Random sequences of calls, longer than Hypothesis draws them: service and naive model record the same."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from tests.model.differential import Differential
from tests.model.reference import Limits
from tests.sim.decisions import LISTS, POLICIES, WORKFLOWS, Dice

SEEDS = int(os.environ.get("MODEL_SEEDS", "20"))  # `make soak`: 1,000
CALLS = int(os.environ.get("MODEL_CALLS", "150"))
ENDS = ("Completed", "Failed", "Canceled")


def _pairs(decisions: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """A type and its attributes, as the model takes them."""
    found: list[tuple[str, dict[str, Any]]] = []
    for held in decisions:
        kind = held["decisionType"]
        found.append((kind, held.get(kind[0].lower() + kind[1:] + "DecisionAttributes", {})))
    return found


def _step(both: Differential, dice: Dice) -> None:
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
        both.start(workflow_id, dice.settings(child=False) | {"workflowType": dice.workflow_type()})
    elif choice == "signal":
        both.signal(workflow_id, run_id, dice.marker())
    elif choice == "cancel":
        both.request_cancel(workflow_id, run_id)
    elif choice == "terminate":
        both.terminate(workflow_id, run_id, dice.one(None, *POLICIES))
    elif choice == "decide":
        if any(both.poll_decision(name) for name in LISTS) or both.decisions:
            both.decide(both.decisions[-1], _completion(dice))
    elif choice == "poll":
        both.poll_decision(dice.one(*LISTS))
        both.poll_activity(dice.one(*LISTS))
    elif choice == "work":
        if any(both.poll_activity(name) for name in LISTS) or both.work:
            both.end_activity(both.work[-1], dice.one(*ENDS))
    elif choice == "begin":
        if any(both.poll_activity(name) for name in LISTS) or both.work:
            both.heartbeat(both.work[-1], dice.one(None, dice.marker()))
    elif choice == "beat":
        if both.work:
            both.heartbeat(dice.source.choice(both.work[-3:]), dice.one(None, dice.marker()))
    elif choice == "late":
        if both.work:
            both.end_activity(dice.source.choice(both.work), dice.one(*ENDS))
        if both.decisions:
            both.decide(dice.source.choice(both.decisions), _completion(dice))
    elif choice == "time":
        both.advance(dice.one(1, 700, 1_000, 4_000, 11_000, 61_000))
    else:
        both.restart()


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
    both = Differential(
        limits=source.choice([None, Limits(2, 2, 1), Limits(3, 1, 2)]),
        rule=source.choice(["any-close", "documented"]),
    )
    for number in range(CALLS):
        run_ids = [run.run_id for run in both.model.runs[-6:]]
        _step(both, Dice(source, lambda: next(markers), run_ids))
        if number % 25 == 0:
            both.audit()
    both.audit()
    both.world.store.close()
