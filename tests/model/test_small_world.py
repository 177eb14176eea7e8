"""A small world, all of it: two activities, one timer, one signal, one decider, in every order to a fixed depth.

Each order is played from the beginning against the naive model. At each leaf the database is audited, the history
judged, and the process restarted; then everybody does what is left to do, and the execution must come to its end.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

from tests.model.differential import ACTIVITY_TYPES, Pair

DEPTH = int(os.environ.get("SMALL_WORLD_DEPTH", "5"))

ACTIVITY = {"activityType": {"name": "full", "version": "1"}, "heartbeatTimeout": "3"}
FIRST = [
    ("ScheduleActivityTask", ACTIVITY | {"activityId": "a", "scheduleToStartTimeout": "2"}),
    ("ScheduleActivityTask", ACTIVITY | {"activityId": "b", "taskPriority": "5"}),
    ("StartTimer", {"timerId": "t", "startToFireTimeout": "1"}),
]
COMPLETE = [("CompleteWorkflowExecution", {"result": "r"})]
CANCEL = [("RequestCancelActivityTask", {"activityId": "a"}), ("CancelTimer", {"timerId": "t"})]


class Small:
    """The world after some of its actions."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.pair = Pair()
        self.signaled = self.canceled = False
        self.pair.start(
            "w", {"workflowType": {"name": "full", "version": "1"}, "executionStartToCloseTimeout": "60"}
        )
        self.pair.poll_decision("left")
        self._decide(FIRST)
        for action in path:
            self.actions()[action]()

    def _decide(self, decisions: list[tuple[str, dict[str, str]]]) -> None:
        self.pair.decide(self.pair.decisions.pop(), {"decisions": decisions})

    def actions(self) -> dict[str, Callable[[], object]]:
        """What can happen now, by name."""
        pair, (run,) = self.pair, self.pair.model.runs
        found: dict[str, Callable[[], object]] = {"time": lambda: pair.advance(1_000)}
        if run.is_open and not self.signaled:
            found["signal"] = self._signal
        if pair.decisions:
            found["decide nothing"] = lambda: self._decide([])
            found["complete"] = lambda: self._decide(COMPLETE)
            if not self.canceled:
                found["cancel"] = self._cancel
        elif pair.model.pending("decision", "left") and run.started_decision() is None:
            found["poll"] = lambda: pair.poll_decision("left")
        if pair.model.pending("activity", "left"):
            found["work"] = lambda: pair.poll_activity("left")
        if pair.work:
            found["done"] = lambda: pair.end_activity(pair.work.pop(0), "Completed")
            if len(pair.work) == 2:
                found["failed"] = lambda: pair.end_activity(pair.work.pop(), "Failed")
        return found

    def _signal(self) -> None:
        self.signaled = True
        self.pair.signal("w", None, "i")

    def _cancel(self) -> None:
        self.canceled = True
        self._decide(CANCEL)

    def finish(self) -> None:
        """Whatever had happened, work leads to the end."""
        pair, (run,) = self.pair, self.pair.model.runs
        pair.restart()
        for _ in range(40):
            while pair.work:
                pair.end_activity(pair.work.pop(), "Completed")
            while pair.poll_activity("left"):
                pair.end_activity(pair.work.pop(), "Completed")
            if pair.decisions or pair.poll_decision("left"):
                self._decide(COMPLETE)
            if not run.is_open:
                break
            pair.advance(1_000)
        assert not run.is_open
        pair.audit()
        pair.world.store.close()


def test_every_order_is_recorded_as_the_model_says_and_comes_to_its_end() -> None:
    assert ("full", "1") in ACTIVITY_TYPES
    leaves: Counter[str] = Counter()

    def explore(path: tuple[str, ...]) -> None:
        world = Small(path)
        actions = world.actions()
        if len(path) == DEPTH:
            world.pair.audit()
            leaves[path[-1]] += 1
            world.finish()
            return
        world.pair.world.store.close()
        for action in actions:
            explore((*path, action))

    explore(())
    assert leaves.keys() == {
        "time",
        "signal",
        "decide nothing",
        "complete",
        "cancel",
        "poll",
        "work",
        "done",
        "failed",
    }
    print(f"{leaves.total()} orders of {DEPTH} actions")
