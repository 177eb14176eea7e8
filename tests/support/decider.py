"""The decisions of the load's deciders: a few of every type, and in the end a close.

Owns the choice, from the history and random numbers. Must not make calls. Each decision carries a text, its sign, by
which the audit finds the event that it became.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.support.journal import Journal
from tests.support.names import ACTIVITY, LONE, WORKERS, WORKFLOW

MAX_DECISIONS = 3
MAX_DEPTH = 1  # of a run that may start children


class Decision(NamedTuple):
    """A decision as it is sent, and its sign: the type and the text that its event will contain."""

    wire: dict[str, Any]
    sign: tuple[str, str]


class Seen(NamedTuple):
    """The part of a history that the choice depends on."""

    plan: dict[str, Any]
    rounds: int
    cancel_requested: bool
    activities: list[str]  # open ones, by activityId
    timers: list[str]


class Decider:
    """Chooses decisions. `running` are workflowIds that may be signalled."""

    def __init__(self, journal: Journal, chance: random.Random, running: Iterable[str]) -> None:
        self.finishing = False
        self._journal = journal
        self._chance = chance
        self._running = running

    def decide(self, workflow_id: str, events: list[dict[str, Any]]) -> list[Decision]:
        seen = look(events)
        done = seen.rounds >= seen.plan["rounds"]
        if self.finishing or seen.cancel_requested or (done and self._chance.random() < 0.7):
            return [self._close(seen)]
        decisions = [self._some(seen) for _ in range(self._chance.randrange(1, MAX_DECISIONS + 1))]
        # The timer makes sure that there is a further decision task.
        return [*decisions, self._timer(self._chance.choice("0011"))]

    def _made(self, decision_type: str, sign: str, **attributes: Any) -> Decision:
        member = decision_type[0].lower() + decision_type[1:] + "DecisionAttributes"
        return Decision({"decisionType": decision_type, member: attributes}, (decision_type, sign))

    def _some(self, seen: Seen) -> Decision:
        chance = self._chance
        makers = [self._activity, self._activity, self._activity, self._marker, self._signal, self._cancel]
        if seen.plan["depth"] < MAX_DEPTH:
            makers.append(self._child)
        made = chance.choice([*makers, self._lambda, lambda: self._timer("1")])()
        if seen.activities and chance.random() < 0.3:
            activity_id = chance.choice(seen.activities)
            made = self._made("RequestCancelActivityTask", activity_id, activityId=activity_id)
        elif seen.timers and chance.random() < 0.15:
            timer_id = chance.choice(seen.timers)
            made = self._made("CancelTimer", timer_id, timerId=timer_id)
        return made

    def _sign(self, kind: str) -> str:
        return self._journal.marker(kind)

    def _activity(self) -> Decision:
        sign, task_list = self._sign("activity"), self._chance.choice((WORKERS, WORKERS, LONE))
        priority = str(self._chance.choice((0, 0, 0, 1, -1)))
        return self._made(
            "ScheduleActivityTask",
            sign,
            activityId=sign,
            activityType=ACTIVITY,
            input=sign,
            taskList={"name": task_list},
            taskPriority=priority,
        )

    def _timer(self, seconds: str) -> Decision:
        sign = self._sign("timer")
        return self._made("StartTimer", sign, timerId=sign, startToFireTimeout=seconds)

    def _marker(self) -> Decision:
        sign = self._sign("marker")
        return self._made("RecordMarker", sign, markerName=sign, details="x" * self._chance.randrange(2_000))

    def _target(self) -> str:
        running = list(self._running)
        return self._chance.choice(running) if running else "unknown"

    def _signal(self) -> Decision:
        sign = self._sign("external")
        return self._made(
            "SignalExternalWorkflowExecution",
            sign,
            workflowId=self._target(),
            signalName="from outside",
            input=sign,
            control=sign,
        )

    def _cancel(self) -> Decision:
        sign = self._sign("external")
        target = self._target() if self._chance.random() < 0.3 else "unknown"
        return self._made("RequestCancelExternalWorkflowExecution", sign, workflowId=target, control=sign)

    def _child(self) -> Decision:
        sign = self._sign("child")
        plan = {"marker": sign, "rounds": self._chance.randrange(1, 3), "depth": 1}
        return self._made(
            "StartChildWorkflowExecution",
            sign,
            workflowId=sign[1:-1],
            workflowType=WORKFLOW,
            input=json.dumps(plan),
            control=sign,
            childPolicy=self._chance.choice(("TERMINATE", "REQUEST_CANCEL", "ABANDON")),
        )

    def _lambda(self) -> Decision:
        sign = self._sign("lambda")
        return self._made("ScheduleLambdaFunction", sign, id=sign, name="unknown", input=sign)

    def _close(self, seen: Seen) -> Decision:
        sign = self._sign("close")
        if seen.cancel_requested:
            return self._made("CancelWorkflowExecution", sign, details=sign)
        dice = self._chance.random()
        if dice < 0.1 and not self.finishing and seen.plan["depth"] <= MAX_DEPTH:
            plan = {"marker": sign, "rounds": 1, "depth": seen.plan["depth"] + 1}
            return self._made("ContinueAsNewWorkflowExecution", sign, input=json.dumps(plan))
        if dice < 0.3:
            return self._made("FailWorkflowExecution", sign, reason="chance", details=sign)
        return self._made("CompleteWorkflowExecution", sign, result=sign)


def look(events: list[dict[str, Any]]) -> Seen:
    """Reads a whole history."""
    started = events[0]["workflowExecutionStartedEventAttributes"]
    rounds, cancel_requested = 0, False
    activities: dict[int, str] = {}
    timers: dict[int, str] = {}
    for event in events:
        kind = event["eventType"]
        said = event[f"{kind[0].lower()}{kind[1:]}EventAttributes"]
        if kind == "DecisionTaskCompleted":
            rounds += 1
        elif kind == "WorkflowExecutionCancelRequested":
            cancel_requested = True
        elif kind == "ActivityTaskScheduled":
            activities[event["eventId"]] = said["activityId"]
        elif kind.startswith("ActivityTask") and kind.endswith(
            ("Completed", "Failed", "Canceled", "TimedOut")
        ):
            activities.pop(said["scheduledEventId"], None)
        elif kind == "TimerStarted":
            timers[event["eventId"]] = said["timerId"]
        elif kind in ("TimerFired", "TimerCanceled"):
            timers.pop(said["startedEventId"], None)
    return Seen(
        json.loads(started["input"]), rounds, cancel_requested, [*activities.values()], [*timers.values()]
    )
