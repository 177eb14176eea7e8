"""A small world, all of it: two activities, one timer, one signal, one decider, in every order to a fixed depth.

Each order is played from the beginning against the naive model. At each leaf the database is audited, the history
judged, and the process restarted; then decider and workers finish what is left, and the execution must close.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

from tests.model.differential import ACTIVITY_TYPES, Differential

DEPTH = int(os.environ.get("SMALL_WORLD_DEPTH", "4"))  # `make soak`: 6; one more takes five times as long

RUN_SECONDS = 60

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
        self.both = Differential()
        self.signaled = self.canceled = False
        self.both.start(
            "w",
            {
                "workflowType": {"name": "full", "version": "1"},
                "executionStartToCloseTimeout": f"{RUN_SECONDS}",
            },
        )
        self.both.poll_decision("left")
        self._decide(FIRST)
        for action in path:
            self.actions()[action]()

    def _decide(self, decisions: list[tuple[str, dict[str, str]]]) -> None:
        self.both.decide(self.both.decisions.pop(), {"decisions": decisions})

    def actions(self) -> dict[str, Callable[[], object]]:
        """What can happen now, by name."""
        both, (run,) = self.both, self.both.model.runs
        found: dict[str, Callable[[], object]] = {"time": lambda: both.advance(1_000)}
        if run.is_open and not self.signaled:
            found["signal"] = self._signal
        if both.decisions:
            found["decide nothing"] = lambda: self._decide([])
            found["complete"] = lambda: self._decide(COMPLETE)
            if not self.canceled:
                found["cancel"] = self._cancel
        elif both.model.pending("decision", "left") and run.started_decision() is None:
            found["poll"] = lambda: both.poll_decision("left")
        if both.model.pending("activity", "left"):
            found["work"] = lambda: both.poll_activity("left")
        if both.work:
            found["done"] = lambda: both.end_activity(both.work.pop(0), "Completed")
            if len(both.work) == 2:
                found["failed"] = lambda: both.end_activity(both.work.pop(), "Failed")
        return found

    def _signal(self) -> None:
        self.signaled = True
        self.both.signal("w", None, "i")

    def _cancel(self) -> None:
        self.canceled = True
        self._decide(CANCEL)

    def finish(self) -> None:
        """Whatever had happened, work leads to the end; or time does, when nothing was decided on the last news."""
        both, (run,) = self.both, self.both.model.runs
        both.restart()
        for _ in range(RUN_SECONDS + 1):
            while both.work:
                both.end_activity(both.work.pop(), "Completed")
            while both.poll_activity("left"):
                both.end_activity(both.work.pop(), "Completed")
            if both.decisions or both.poll_decision("left"):
                self._decide(COMPLETE)
            if not run.is_open:
                break
            both.advance(1_000)
        assert not run.is_open
        both.audit()
        both.world.store.close()


def test_a_run_whose_decider_has_decided_nothing_on_the_last_news_times_out() -> None:
    """One of the orders of `make soak ARGS=orders`."""
    world = Small(("time", "time", "work", "done", "poll", "decide nothing"))
    world.finish()
    (run,) = world.both.model.runs
    assert run.events[-1].type == "WorkflowExecutionTimedOut"


def test_every_order_is_recorded_as_the_model_says_and_comes_to_its_end() -> None:
    assert ("full", "1") in ACTIVITY_TYPES
    leaves: Counter[str] = Counter()

    def explore(path: tuple[str, ...]) -> None:
        world = Small(path)
        actions = world.actions()
        if len(path) == DEPTH:
            world.both.audit()
            leaves[path[-1]] += 1
            world.finish()
            return
        world.both.world.store.close()
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
