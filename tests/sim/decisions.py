"""Random lists of decisions: every type, well and badly made, with names from a small pool so that they meet.

Owns what a random decider says. Knows names, no state of any execution.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Decision = dict[str, Any]
Marker = Callable[[], str]

WORKFLOWS = ["w0", "w1", "w2", "w3", "w4", "w5"]
IDS = ["a", "b", "c", "d"]
LISTS = ["left", "right"]
TYPES = [("full", "1"), ("full", "2"), ("bare", "1"), ("unknown", "1")]
ROLE = "arn:aws:iam::000000000000:role/swf"
POLICIES = ["TERMINATE", "REQUEST_CANCEL", "ABANDON"]
FUNCTION = "f"
CLOSING = {
    "CompleteWorkflowExecution",
    "FailWorkflowExecution",
    "CancelWorkflowExecution",
    "ContinueAsNewWorkflowExecution",
}
NOT_WITH_A_CLOSE = {"ScheduleActivityTask", "StartTimer", "ScheduleLambdaFunction"}  # SWF §4.6

EVENTS = {  # decision -> what it records when it succeeds
    "ScheduleActivityTask": "ActivityTaskScheduled",
    "RequestCancelActivityTask": "ActivityTaskCancelRequested",
    "CompleteWorkflowExecution": "WorkflowExecutionCompleted",
    "FailWorkflowExecution": "WorkflowExecutionFailed",
    "CancelWorkflowExecution": "WorkflowExecutionCanceled",
    "ContinueAsNewWorkflowExecution": "WorkflowExecutionContinuedAsNew",
    "RecordMarker": "MarkerRecorded",
    "StartTimer": "TimerStarted",
    "CancelTimer": "TimerCanceled",
    "SignalExternalWorkflowExecution": "SignalExternalWorkflowExecutionInitiated",
    "RequestCancelExternalWorkflowExecution": "RequestCancelExternalWorkflowExecutionInitiated",
    "StartChildWorkflowExecution": "StartChildWorkflowExecutionInitiated",
    "ScheduleLambdaFunction": "LambdaFunctionScheduled",
}


def spelt(decision_type: str, attributes: dict[str, Any] | None) -> Decision:
    member = decision_type[0].lower() + decision_type[1:] + "DecisionAttributes"
    return {"decisionType": decision_type} | ({member: attributes} if attributes is not None else {})


class Dice:
    """Choices of one step."""

    def __init__(self, source: random.Random, marker: Marker, run_ids: list[str]) -> None:
        self.source = source
        self.marker = marker
        self._run_ids = run_ids

    def chance(self, probability: float) -> bool:
        return self.source.random() < probability

    def one(self, *choices: Any) -> Any:
        return self.source.choice(choices)

    def maybe(self, probability: float, **members: Any) -> dict[str, Any]:
        return members if self.chance(probability) else {}

    def run_id(self) -> str:
        """Of some execution, or of none."""
        return self.source.choice(self._run_ids) if self._run_ids and self.chance(0.9) else "22unknown="

    def seconds(self) -> str:
        return self.one("0", "1", "3", "10", "60", "NONE", "NONE")

    def tags(self) -> list[str]:
        return self.source.choices(["red", "blue", "green"], k=self.source.randrange(4))

    # --- executions ---

    def settings(self, *, child: bool) -> dict[str, Any]:
        """What a start, a child or a continued run may be given."""
        return {
            **self.maybe(0.4, taskList={"name": self.one(*LISTS)}),
            **self.maybe(0.4, executionStartToCloseTimeout=self.one("2", "30", "600", "86400")),
            **self.maybe(0.4, taskStartToCloseTimeout=self.one("1", "10", "NONE")),
            **self.maybe(0.5, childPolicy=self.one(*POLICIES)),
            **self.maybe(0.3, taskPriority=str(self.source.randrange(-2, 3))),
            **self.maybe(0.4, tagList=self.tags()),
            **self.maybe(0.6, lambdaRole=ROLE),
            "input": self.marker(),
        }

    def workflow_type(self) -> dict[str, str]:
        name, version = self.source.choices(TYPES, [8, 3, 2, 1])[0]
        return {"name": name, "version": version}

    # --- decisions ---

    def decisions(self, wants_to_close: float) -> list[Decision]:
        found = [self._decision() for _ in range(self.source.choice((0, 1, 2, 2, 3, 4, 6)))]
        if self.chance(wants_to_close):
            if not self.chance(0.05):  # a decider that is wrong once in a while
                found = [held for held in found if held["decisionType"] not in NOT_WITH_A_CLOSE]
            found.append(self._closing())
            if self.chance(0.03):
                found.append(self._decision())
        return found

    def _closing(self) -> Decision:
        kind = self.one(*sorted(CLOSING), "CompleteWorkflowExecution", "ContinueAsNewWorkflowExecution")
        if self.chance(0.1):
            return spelt(kind, None)
        if kind == "CompleteWorkflowExecution":
            return spelt(kind, {"result": self.marker()})
        if kind == "FailWorkflowExecution":
            return spelt(kind, {"reason": "r", "details": self.marker()})
        if kind == "CancelWorkflowExecution":
            return spelt(kind, {"details": self.marker()})
        held = self.settings(child=True)
        return spelt(kind, held | self.maybe(0.2, workflowTypeVersion=self.one("1", "2", "9")))

    def _decision(self) -> Decision:
        make = self.source.choices(
            [
                self._schedule,
                self._cancel_activity,
                self._start_timer,
                self._cancel_timer,
                self._mark,
                self._signal,
                self._cancel,
                self._start_child,
                self._lambda,
            ],
            [6, 2, 4, 2, 1, 2, 1, 3, 2],
        )[0]
        return make()

    def _schedule(self) -> Decision:
        name, version = self.source.choices(TYPES, [8, 3, 2, 1])[0]
        timeouts = ("heartbeat", "scheduleToClose", "scheduleToStart", "startToClose")
        return spelt(
            "ScheduleActivityTask",
            {
                "activityId": self.one(*IDS),
                "activityType": {"name": name, "version": version},
                "input": self.marker(),
                **self.maybe(0.4, taskList={"name": self.one(*LISTS)}),
                **self.maybe(0.3, taskPriority=str(self.source.randrange(-2, 3))),
                **{f"{kind}Timeout": self.seconds() for kind in timeouts if self.chance(0.4)},
            },
        )

    def _cancel_activity(self) -> Decision:
        return spelt("RequestCancelActivityTask", {"activityId": self.one(*IDS)})

    def _start_timer(self) -> Decision:
        held = {"timerId": self.one(*IDS), "startToFireTimeout": self.one("0", "1", "5", "60", "99999999")}
        return spelt("StartTimer", held | self.maybe(0.2, control="c"))

    def _cancel_timer(self) -> Decision:
        return spelt("CancelTimer", {"timerId": self.one(*IDS)})

    def _mark(self) -> Decision:
        return spelt("RecordMarker", {"markerName": self.one(*IDS), "details": self.marker()})

    def _target(self) -> dict[str, Any]:
        return {"workflowId": self.one(*WORKFLOWS), **self.maybe(0.3, runId=self.run_id())}

    def _signal(self) -> Decision:
        held = self._target() | {"signalName": self.one(*IDS), "input": self.marker()}
        return spelt("SignalExternalWorkflowExecution", held)

    def _cancel(self) -> Decision:
        return spelt("RequestCancelExternalWorkflowExecution", self._target())

    def _start_child(self) -> Decision:
        held = {"workflowId": self.one(*WORKFLOWS), "workflowType": self.workflow_type()}
        return spelt("StartChildWorkflowExecution", self.settings(child=True) | held)

    def _lambda(self) -> Decision:
        held = {"id": self.one(*IDS), "name": self.one(FUNCTION, FUNCTION, "missing")}
        held |= self.maybe(0.8, input=f'"{self.marker()}"') | self.maybe(0.4, startToCloseTimeout="5")
        return spelt("ScheduleLambdaFunction", held)
