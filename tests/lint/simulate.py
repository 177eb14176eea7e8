"""Long random histories that are valid: a decider, workers and a clock that do what docs/spec/swf.md allows.

Owns a small service of its own, written for these tests from SWF §4 to §9; it must not know the checker
or the real service. The same dice give the same history.
"""

from __future__ import annotations

import random
from typing import Any

from tests.lint.written import EPOCH, History, member_of

Attributes = dict[str, Any]
START_MS = round(EPOCH * 1_000)
TYPE = {"name": "basic", "version": "example"}
SETTINGS: Attributes = {
    "childPolicy": "TERMINATE",
    "executionStartToCloseTimeout": "31536000",
    "taskStartToCloseTimeout": "30",
    "taskList": {"name": "list"},
    "workflowType": TYPE,
}
UNKNOWN = "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"


class Simulation:
    """One execution, recorded step by step."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.now = START_MS
        self.events: History = []
        self.waiting = 0
        self.running: tuple[int, int] | None = None
        self.activities: dict[int, Attributes] = {}
        self.timers: dict[int, Attributes] = {}
        self.children: dict[int, Attributes] = {}
        self.lambdas: dict[int, int] = {}
        self.sent: dict[int, Attributes] = {}
        self.closed = False
        self.record("WorkflowExecutionStarted", {**SETTINGS, "parentInitiatedEventId": 0, "input": "i"})
        self.wake()

    def record(self, event_type: str, attributes: Attributes) -> int:
        """Append an event; its id."""
        event = {
            "eventId": len(self.events) + 1,
            "eventTimestamp": self.now / 1_000,
            "eventType": event_type,
            member_of(event_type): attributes,
        }
        self.events.append(event)
        return event["eventId"]

    def wake(self) -> None:
        """Schedule a decision task if none waits."""
        if not self.waiting:
            settings = {"startToCloseTimeout": SETTINGS["taskStartToCloseTimeout"]}
            held = {**settings, "taskList": SETTINGS["taskList"], "scheduleToStartTimeout": "NONE"}
            self.waiting = self.record("DecisionTaskScheduled", held)

    def step(self) -> None:
        """Let some time pass and something happen."""
        self.now += self.dice.choice((0, 1, 13, 250, 2_000))
        steps = [
            self.signaled,
            self.decide,
            self.decide,
            self.work,
            self.work,
            self.ring,
            self.receive,
            self.call,
        ]
        self.dice.choice(steps)()

    # What happens outside

    def signaled(self) -> None:
        if self.dice.random() < 0.3:
            self.record("WorkflowExecutionSignaled", {"externalInitiatedEventId": 0, "signalName": "s"})
            self.wake()

    def work(self) -> None:
        if not self.activities:
            return
        scheduled = self.dice.choice(sorted(self.activities))
        task = self.activities[scheduled]
        named: Attributes = {"scheduledEventId": scheduled, "startedEventId": task["started"]}
        if not task["started"] and self.dice.random() < 0.8:
            task["started"] = self.record(
                "ActivityTaskStarted", {"scheduledEventId": scheduled, "identity": "w"}
            )
            return
        if not task["started"]:
            self.now = max(self.now, task["at"] + 60_000)
            self.record("ActivityTaskTimedOut", {**named, "timeoutType": "SCHEDULE_TO_START"})
        elif task["asked"]:
            self.record("ActivityTaskCanceled", {**named, "latestCancelRequestedEventId": task["asked"]})
        else:
            self.record(f"ActivityTask{self.dice.choice(('Completed', 'Failed'))}", named)
        del self.activities[scheduled]
        self.wake()

    def ring(self) -> None:
        if self.timers:
            started = self.dice.choice(sorted(self.timers))
            timer = self.timers.pop(started)
            self.now = max(self.now, timer["due"])
            self.record("TimerFired", {"startedEventId": started, "timerId": timer["id"]})
            self.wake()

    def receive(self) -> None:
        """Children and receivers of messages answer."""
        if self.sent and self.dice.random() < 0.5:
            self.answer_message(self.dice.choice(sorted(self.sent)))
        elif self.children:
            self.answer_child(self.dice.choice(sorted(self.children)))

    def answer_message(self, initiated: int) -> None:
        kind, held = self.sent[initiated]["kind"], self.sent.pop(initiated)["held"]
        if self.dice.random() < 0.5:
            answer = "Signaled" if kind == "Signal" else "CancelRequested"
            target = {"workflowId": held["workflowId"], "runId": "22target="}
            named: Attributes = {"initiatedEventId": initiated, "workflowExecution": target}
            self.record(f"ExternalWorkflowExecution{answer}", named)
        else:
            completed = held["decisionTaskCompletedEventId"]
            refused = {"workflowId": held["workflowId"], "decisionTaskCompletedEventId": completed}
            event_type = f"{kind}ExternalWorkflowExecutionFailed"
            self.record(event_type, {**refused, "cause": UNKNOWN, "initiatedEventId": initiated})
        self.wake()

    def answer_child(self, initiated: int) -> None:
        child = self.children[initiated]
        run = {"workflowId": child["id"], "runId": f"22{initiated}="}
        named: Attributes = {"initiatedEventId": initiated, "workflowExecution": run, "workflowType": TYPE}
        if not child["started"]:
            child["started"] = self.record("ChildWorkflowExecutionStarted", named)
        else:
            end = self.dice.choice(("Completed", "Failed", "Canceled", "Terminated"))
            self.record(f"ChildWorkflowExecution{end}", {**named, "startedEventId": child["started"]})
            del self.children[initiated]
        self.wake()

    def call(self) -> None:
        """Lambda tasks go on."""
        if self.lambdas:
            scheduled = self.dice.choice(sorted(self.lambdas))
            if not self.lambdas[scheduled]:
                self.lambdas[scheduled] = self.record(
                    "LambdaFunctionStarted", {"scheduledEventId": scheduled}
                )
                return
            named = {"scheduledEventId": scheduled, "startedEventId": self.lambdas.pop(scheduled)}
            self.record("LambdaFunctionCompleted", {**named, "result": "42"})
            self.wake()

    # What the decider does

    def decide(self) -> None:
        if self.running is None and self.waiting:
            started = self.record("DecisionTaskStarted", {"scheduledEventId": self.waiting})
            self.running, self.waiting = (self.waiting, started), 0
        elif self.running is not None:
            named = dict(zip(("scheduledEventId", "startedEventId"), self.running, strict=True))
            started_at = round(self.events[self.running[1] - 1]["eventTimestamp"] * 1_000)
            self.running = None
            if self.dice.random() < 0.1:
                self.now = max(self.now, started_at + 30_000)
                self.record("DecisionTaskTimedOut", {**named, "timeoutType": "START_TO_CLOSE"})
                self.wake()
            else:
                self.complete(self.record("DecisionTaskCompleted", named))

    def complete(self, completed: int) -> None:
        pending, own = bool(self.waiting), {"decisionTaskCompletedEventId": completed}
        decisions = [self.schedule, self.start_timer, self.cancel_timer, self.cancel_activity]
        decisions += [self.mark, self.start_child, self.send, self.schedule_lambda]
        needs = [self.dice.choice(decisions)(own) for _ in range(self.dice.randrange(5))]
        if any(needs) and not pending:
            self.wake()

    def schedule(self, own: Attributes) -> bool:
        name = f"a{self.dice.randrange(6)}"
        if any(task["id"] == name for task in self.activities.values()):
            held = {**own, "activityId": name, "activityType": TYPE, "cause": "ACTIVITY_ID_ALREADY_IN_USE"}
            self.record("ScheduleActivityTaskFailed", held)
            return True
        kinds = ("heartbeat", "scheduleToClose", "scheduleToStart", "startToClose")
        timeouts = {f"{kind}Timeout": "60" if kind == "scheduleToStart" else "NONE" for kind in kinds}
        held = {**own, **timeouts, "activityId": name, "activityType": TYPE, "taskList": {"name": "work"}}
        scheduled = self.record("ActivityTaskScheduled", held)
        self.activities[scheduled] = {"id": name, "started": 0, "asked": 0, "at": self.now}
        return False

    def cancel_activity(self, own: Attributes) -> bool:
        name = f"a{self.dice.randrange(6)}"
        found = [(key, task) for key, task in self.activities.items() if task["id"] == name]
        if not found:
            held = {**own, "activityId": name, "cause": "ACTIVITY_ID_UNKNOWN"}
            self.record("RequestCancelActivityTaskFailed", held)
            return True
        scheduled, task = found[0]
        task["asked"] = self.record("ActivityTaskCancelRequested", {**own, "activityId": name})
        if task["started"]:
            return False
        del self.activities[scheduled]
        named = {
            "scheduledEventId": scheduled,
            "startedEventId": 0,
            "latestCancelRequestedEventId": task["asked"],
        }
        self.record("ActivityTaskCanceled", named)
        return True

    def start_timer(self, own: Attributes) -> bool:
        name, seconds = f"t{self.dice.randrange(4)}", self.dice.choice((0, 1, 5))
        if any(timer["id"] == name for timer in self.timers.values()):
            self.record("StartTimerFailed", {**own, "timerId": name, "cause": "TIMER_ID_ALREADY_IN_USE"})
            return True
        started = self.record("TimerStarted", {**own, "timerId": name, "startToFireTimeout": str(seconds)})
        self.timers[started] = {"id": name, "due": self.now + seconds * 1_000}
        return False

    def cancel_timer(self, own: Attributes) -> bool:
        if not self.timers:
            self.record("CancelTimerFailed", {**own, "timerId": "t", "cause": "TIMER_ID_UNKNOWN"})
            return True
        started = self.dice.choice(sorted(self.timers))
        name = self.timers.pop(started)["id"]
        self.record("TimerCanceled", {**own, "startedEventId": started, "timerId": name})
        return False

    def mark(self, own: Attributes) -> bool:
        self.record("MarkerRecorded", {**own, "markerName": "m"})
        return False

    def start_child(self, own: Attributes) -> bool:
        name = f"c{len(self.events)}"
        if self.dice.random() < 0.2:
            held = {**own, "workflowId": name, "workflowType": TYPE, "initiatedEventId": 0}
            self.record("StartChildWorkflowExecutionFailed", {**held, "cause": "WORKFLOW_TYPE_DEPRECATED"})
            return True
        initiated = self.record(
            "StartChildWorkflowExecutionInitiated", {**own, **SETTINGS, "workflowId": name}
        )
        self.children[initiated] = {"id": name, "started": 0}
        return False

    def send(self, own: Attributes) -> bool:
        kind = self.dice.choice(("Signal", "RequestCancel"))
        held = {**own, "workflowId": "other"} | ({"signalName": "s"} if kind == "Signal" else {})
        initiated = self.record(f"{kind}ExternalWorkflowExecutionInitiated", held)
        self.sent[initiated] = {"kind": kind, "held": held}
        return False

    def schedule_lambda(self, own: Attributes) -> bool:
        self.lambdas[self.record("LambdaFunctionScheduled", {**own, "id": "l", "name": "function"})] = 0
        return False


def simulate(seed: int, length: int) -> History:
    """A valid history of at least this number of events, of an execution that is still open."""
    simulation = Simulation(random.Random(seed))
    while len(simulation.events) < length:
        simulation.step()
    return simulation.events
