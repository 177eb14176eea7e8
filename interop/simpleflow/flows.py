"""Workflows and activities for simpleflow: an order is packed, paid, shipped by a child, and ordered again.

Runs inside simpleflow's own decider and worker processes, in their own virtual environment; nothing of this
project is importable here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.task import ActivityTask

# What is packed; a decider that has changed packs them in another order, fewer or others.
CHANGES = {"order": (2, 1, 3), "missing": (1, 2), "input": (1, 2, 4)}
ITEMS = CHANGES.get(os.environ.get("CHANGED", ""), (1, 2, 3))
ROUNDS = 2  # the first run continues as new once


@activity.with_attributes(task_list="work", version="1", start_to_close_timeout=60)
def pack(item: int) -> int:
    """One of three activities that run in parallel."""
    return item * item


@activity.with_attributes(task_list="work", version="1", start_to_close_timeout=60)
def weigh(items: list[int]) -> int:
    """The first of two activities in sequence."""
    return sum(items)


@activity.with_attributes(task_list="work", version="1", start_to_close_timeout=60)
def label(weight: int) -> str:
    """The second of two activities in sequence; its input is the first one's result."""
    return f"{weight} kg"


@activity.with_attributes(
    task_list="work", version="1", start_to_close_timeout=60, retry=2, raises_on_failure=True
)
def pay(folder: str, round_number: int) -> str:
    """An activity that fails the first time in each round; the decider schedules it again."""
    tried = Path(folder, f"tried-{round_number}")
    if not tried.exists():
        tried.touch()
        raise ConnectionError("the bank did not answer")
    return "paid"


class Shipping(Workflow):
    """The child: signals its parent, then ends."""

    name = "flows.Shipping"
    version = "1"
    task_list = "decisions"
    execution_timeout = 300

    def run(self, parcel: str) -> str:
        context: dict[str, Any] = self.get_run_context()
        signaled = self.submit(
            self.signal(
                "shipped",
                parcel=parcel,  # by name: simpleflow's signal task takes no positional arguments of ours
                workflow_id=context["parent_workflow_id"],
                run_id=context["parent_run_id"],
                propagate=False,
            )
        )
        futures.wait(signaled)
        return f"{parcel} delivered"


class Orders(Workflow):
    """The parent: every feature once, then once more as a new run."""

    name = "flows.Orders"
    version = "1"
    task_list = "decisions"
    execution_timeout = 600

    def run(self, folder: str, round_number: int = 1) -> list[str]:
        packed = self.submit(Group(*(ActivityTask(pack, item) for item in ITEMS)))
        futures.wait(packed)
        labelled = self.submit(
            Chain(ActivityTask(weigh, packed.result), ActivityTask(label), send_result=True)
        )
        futures.wait(labelled)
        paid = self.submit(pay, folder, round_number)
        futures.wait(self.submit(self.record_marker("paid", paid.result)))
        futures.wait(self.submit(self.start_timer("cooling-off", 1)))
        delivered = self.submit(Shipping, labelled.result[-1])
        shipped = self.submit(self.wait_signal("shipped"))
        approved = self.submit(self.wait_signal("approved"))
        futures.wait(delivered, shipped, approved)
        if round_number < ROUNDS:
            futures.wait(self.submit(self.continue_as_new(folder=folder, round_number=round_number + 1)))
        return [delivered.result, paid.result]
