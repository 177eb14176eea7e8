"""A second, naive implementation of SWF: a run is the list of its events, and all else is found by searching that
list again.

Written from SWF §2 and §4 to §8, to be compared with the service event by event. It must not
import the service. Slow on purpose: no state is kept that the events hold. Where the specification leaves an order
open, it is that of time, then of event ids; messages between runs arrive in the order they were sent.

Run ids are made up here: `run 1`, `run 2` in the order in which runs begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Members = dict[str, Any]

TRIGGERS = {  # SWF §4.2
    "WorkflowExecutionStarted",
    "WorkflowExecutionSignaled",
    "WorkflowExecutionCancelRequested",
    "ActivityTaskCompleted",
    "ActivityTaskFailed",
    "ActivityTaskCanceled",
    "ActivityTaskTimedOut",
    "TimerFired",
    "ChildWorkflowExecutionStarted",
    "ChildWorkflowExecutionCompleted",
    "ChildWorkflowExecutionFailed",
    "ChildWorkflowExecutionCanceled",
    "ChildWorkflowExecutionTimedOut",
    "ChildWorkflowExecutionTerminated",
    "ExternalWorkflowExecutionSignaled",
    "ExternalWorkflowExecutionCancelRequested",
    "LambdaFunctionCompleted",
    "LambdaFunctionFailed",
    "LambdaFunctionTimedOut",
    "StartLambdaFunctionFailed",
    "DecisionTaskTimedOut",
}
CLOSINGS = {
    "WorkflowExecutionCompleted",
    "WorkflowExecutionFailed",
    "WorkflowExecutionCanceled",
    "WorkflowExecutionTerminated",
    "WorkflowExecutionTimedOut",
    "WorkflowExecutionContinuedAsNew",
}
CLOSING_DECISIONS = {
    "CompleteWorkflowExecution",
    "FailWorkflowExecution",
    "CancelWorkflowExecution",
    "ContinueAsNewWorkflowExecution",
}
NOT_WITH_A_CLOSE = {"ScheduleActivityTask", "StartTimer", "ScheduleLambdaFunction"}  # SWF §4.6
ACTIVITY_ENDS = {
    "ActivityTaskCompleted",
    "ActivityTaskFailed",
    "ActivityTaskCanceled",
    "ActivityTaskTimedOut",
}
YEAR_SECONDS = 31_536_000


class Refused(Exception):
    """A fault; the message is its code."""


class Event(NamedTuple):
    id: int
    at: int  # milliseconds
    type: str
    held: Members


class Type(NamedTuple):
    """A registered type with its defaults, by the names that requests use."""

    defaults: Members


@dataclass
class Limits:
    activities: int = 1_000
    timers: int = 1_000
    children: int = 1_000


@dataclass
class Run:
    """`heartbeats`, the one thing that events do not hold: (time in ms, details) by scheduled event."""

    number: int
    workflow_id: str
    events: list[Event] = field(default_factory=list[Event])
    heartbeats: dict[int, tuple[int, str | None]] = field(default_factory=dict[int, tuple[int, str | None]])
    places: dict[int, int] = field(default_factory=dict[int, int])
    """The time at which each task was put on its list, by scheduled event."""

    @property
    def run_id(self) -> str:
        return f"run {self.number}"

    @property
    def name(self) -> Members:
        return {"runId": self.run_id, "workflowId": self.workflow_id}

    @property
    def started(self) -> Members:
        return self.events[0].held

    @property
    def is_open(self) -> bool:
        return self.events[-1].type not in CLOSINGS

    def find(self, event_id: int) -> Event:
        return self.events[event_id - 1]

    def all(self, *types: str) -> list[Event]:
        return [event for event in self.events if event.type in types]

    def _named(self, member: str, types: set[str]) -> set[int]:
        return {event.held[member] for event in self.events if event.type in types}

    # --- open things, found by searching the events ---

    def scheduled_decision(self) -> Event | None:
        over = self._named("scheduledEventId", {"DecisionTaskStarted", "DecisionTaskTimedOut"})
        return next((event for event in self.all("DecisionTaskScheduled") if event.id not in over), None)

    def started_decision(self) -> Event | None:
        over = self._named("startedEventId", {"DecisionTaskCompleted", "DecisionTaskTimedOut"})
        return next((event for event in self.all("DecisionTaskStarted") if event.id not in over), None)

    def activities(self) -> list[Event]:
        over = self._named("scheduledEventId", ACTIVITY_ENDS)
        return [event for event in self.all("ActivityTaskScheduled") if event.id not in over]

    def start_of(self, scheduled: Event) -> Event | None:
        starts = self.all("ActivityTaskStarted", "DecisionTaskStarted", "LambdaFunctionStarted")
        return next((event for event in starts if event.held["scheduledEventId"] == scheduled.id), None)

    def cancel_request_of(self, scheduled: Event) -> int | None:
        asked = [
            event.id
            for event in self.all("ActivityTaskCancelRequested")
            if event.id > scheduled.id and event.held["activityId"] == scheduled.held["activityId"]
        ]
        return asked[-1] if asked else None

    def timers(self) -> list[Event]:
        over = self._named("startedEventId", {"TimerFired", "TimerCanceled"})
        return [event for event in self.all("TimerStarted") if event.id not in over]

    def children(self) -> list[Event]:
        ends = {
            f"ChildWorkflowExecution{end}"
            for end in ("Completed", "Failed", "Canceled", "TimedOut", "Terminated")
        }
        over = self._named("initiatedEventId", ends | {"StartChildWorkflowExecutionFailed"})
        return [event for event in self.all("StartChildWorkflowExecutionInitiated") if event.id not in over]

    def child_started(self, initiated_id: int) -> Event | None:
        starts = self.all("ChildWorkflowExecutionStarted")
        return next((event for event in starts if event.held["initiatedEventId"] == initiated_id), None)

    def externals(self) -> list[Event]:
        kinds = ("SignalExternalWorkflowExecution", "RequestCancelExternalWorkflowExecution")
        ends = {f"{kind}Failed" for kind in kinds}
        ends |= {"ExternalWorkflowExecutionSignaled", "ExternalWorkflowExecutionCancelRequested"}
        over = self._named("initiatedEventId", ends)
        return [event for event in self.all(*(f"{kind}Initiated" for kind in kinds)) if event.id not in over]

    def lambdas(self) -> list[Event]:
        ends = {
            "LambdaFunctionCompleted",
            "LambdaFunctionFailed",
            "LambdaFunctionTimedOut",
            "StartLambdaFunctionFailed",
        }
        over = self._named("scheduledEventId", ends)
        return [event for event in self.all("LambdaFunctionScheduled") if event.id not in over]

    def task_list(self) -> tuple[str, str | None]:
        """The list of the next decision task, and its schedule-to-start timeout (SWF §4.8)."""
        override: tuple[str, str | None] | None = None
        for event in self.events:
            if event.type == "DecisionTaskCompleted":
                if "taskList" in event.held:
                    override = (
                        event.held["taskList"]["name"],
                        event.held.get("taskListScheduleToStartTimeout"),
                    )
                elif override is not None and override[1] is not None:
                    override = None  # a temporary override ends with a completion that does not repeat it (SWF §15.12)
            elif event.type == "DecisionTaskTimedOut":
                scheduled = self.find(event.held["scheduledEventId"])
                temporary = override is not None and override[1] is not None
                if scheduled.held["scheduleToStartTimeout"] != "NONE" and temporary:
                    override = None
        return override or (self.started["taskList"]["name"], None)

    def previous_started(self) -> int:
        """The start of the last decision task that was completed, 0 if none (SWF §2.31, §15.20)."""
        completed = self.all("DecisionTaskCompleted")
        return max((event.held["startedEventId"] for event in completed), default=0)


class Due(NamedTuple):
    """The order in which deadlines expire: by time, then by event, then as in SWF §15.23."""

    at: int
    event_id: int
    order: int
    run: Run
    expire: Callable[[], None]


class Model:
    """One domain. `now` is in milliseconds."""

    def __init__(
        self,
        now: int,
        workflow_types: dict[tuple[str, str], Members],
        activity_types: dict[tuple[str, str], Members],
        limits: Limits,
        *,
        policy_on_any_close: bool,
    ) -> None:
        self.now = now
        self.runs: list[Run] = []
        self._workflow_types = workflow_types
        self._activity_types = activity_types
        self._limits = limits
        self._policy_on_any_close = policy_on_any_close
        self._messages: list[Callable[[], None]] = []
        self._place = 0

    # --- recording ---

    def _record(self, run: Run, kind: str, **held: Any) -> Event:
        assert not run.events or run.is_open
        at = max(self.now, run.events[-1].at if run.events else 0)
        members = {name: value for name, value in held.items() if value is not None}
        event = Event(len(run.events) + 1, at, kind, members)
        run.events.append(event)
        return event

    def _wake(self, run: Run) -> None:
        """SWF §4.2: behind a trigger event stands DecisionTaskScheduled, unless one waits already."""
        if run.is_open and run.scheduled_decision() is None:
            name, to_start = run.task_list()
            event = self._record(
                run,
                "DecisionTaskScheduled",
                scheduleToStartTimeout=to_start or "NONE",
                startToCloseTimeout=run.started["taskStartToCloseTimeout"],
                taskList={"name": name},
                taskPriority=run.started.get("taskPriority"),
            )
            self._line_up(run, event)

    def _line_up(self, run: Run, scheduled: Event) -> None:
        self._place += 1
        run.places[scheduled.id] = self._place

    def _happen(self, run: Run, kind: str, **held: Any) -> Event:
        """A trigger event from outside a completion, and the decision task it brings."""
        event = self._record(run, kind, **held)
        assert kind in TRIGGERS or kind.endswith("Failed")
        self._wake(run)
        return event

    # --- runs ---

    def _open_run(self, workflow_id: str) -> Run | None:
        return next((run for run in self.runs if run.workflow_id == workflow_id and run.is_open), None)

    def _addressed(self, workflow_id: str, run_id: str | None) -> Run | None:
        run = self._open_run(workflow_id)
        return run if run is not None and (not run_id or run.run_id == run_id) else None

    def _require(self, workflow_id: str, run_id: str | None) -> Run:
        run = self._addressed(workflow_id, run_id)
        if run is None:
            raise Refused("UnknownResourceFault")
        return run

    def _resolve(self, request: Members, defaults: Members, order: tuple[str, ...]) -> Members | str:
        """The settings of a run, or the first mandatory one that neither request nor type gives (SWF §2.21, §15.21)."""
        names = (*order, "taskPriority", "lambdaRole")
        held = {name: request.get(name) or defaults.get(name) for name in names}
        return next((name for name in order if not held[name]), held)

    def _create(self, workflow_id: str, held: Members) -> Run:
        run = Run(len(self.runs) + 1, workflow_id)
        self.runs.append(run)
        self._happen(run, "WorkflowExecutionStarted", **held)
        parent = held.get("parentWorkflowExecution")
        if parent is not None and "continuedExecutionRunId" not in run.started:
            self._send(lambda: self._child_started(run))
        return run

    def start(self, workflow_id: str, request: Members) -> str:
        """StartWorkflowExecution (SWF §2.21)."""
        found = self._workflow_types.get(_key(request["workflowType"]))
        if found is None:
            raise Refused("UnknownResourceFault")
        order = ("executionStartToCloseTimeout", "taskList", "taskStartToCloseTimeout", "childPolicy")
        held = self._resolve(request, found, order)
        if isinstance(held, str):
            raise Refused("DefaultUndefinedFault")
        if self._open_run(workflow_id) is not None:
            raise Refused("WorkflowExecutionAlreadyStartedFault")
        held |= {name: request.get(name) for name in ("input", "tagList", "workflowType")}
        run = self._create(workflow_id, held | {"parentInitiatedEventId": 0})
        self._settle()
        return run.run_id

    def signal(self, workflow_id: str, run_id: str | None, name: str, input_: str | None) -> None:
        run = self._require(workflow_id, run_id)
        self._happen(
            run, "WorkflowExecutionSignaled", externalInitiatedEventId=0, signalName=name, input=input_
        )
        self._settle()

    def request_cancel(self, workflow_id: str, run_id: str | None) -> None:
        run = self._require(workflow_id, run_id)
        self._happen(run, "WorkflowExecutionCancelRequested", externalInitiatedEventId=0)
        self._settle()

    def terminate(self, workflow_id: str, run_id: str | None, reason: str | None, policy: str | None) -> None:
        run = self._require(workflow_id, run_id)
        policy = policy or run.started["childPolicy"]
        self._close(
            run, "WorkflowExecutionTerminated", cause="OPERATOR_INITIATED", childPolicy=policy, reason=reason
        )
        self._settle()

    def _close(self, run: Run, kind: str, **held: Any) -> None:
        """SWF §8.8: the parent is notified, and the policy is applied to the children (SWF §8.6)."""
        children = run.children()
        closing = self._record(run, kind, **held)
        if "parentWorkflowExecution" in run.started and kind != "WorkflowExecutionContinuedAsNew":
            self._send(lambda: self._child_closed(run, closing))
        if kind == "WorkflowExecutionTerminated":
            policy = held["childPolicy"]
        elif kind == "WorkflowExecutionTimedOut" or self._policy_on_any_close:
            policy = run.started["childPolicy"]
        else:
            policy = "ABANDON"
        if policy != "ABANDON" and kind != "WorkflowExecutionContinuedAsNew":
            for initiated in children:
                self._send(lambda initiated=initiated: self._apply_policy(run, initiated, policy))

    # --- messages between runs ---

    def _send(self, deliver: Callable[[], None]) -> None:
        self._messages.append(deliver)

    def _settle(self) -> None:
        """Everything that happens by itself at this time: due deadlines, then sent messages, until none is left."""
        while True:
            due = self._expire_due()
            messages, self._messages = self._messages, []
            for deliver in messages:
                deliver()
            if not due and not messages:
                return

    def _parent(self, child: Run, initiated_id: int) -> Run | None:
        """If it is still open."""
        named = child.started["parentWorkflowExecution"]
        parent = next(run for run in self.runs if run.run_id == named["runId"])
        if not parent.is_open or all(event.id != initiated_id for event in parent.children()):
            return None
        return parent

    def _child_started(self, child: Run) -> None:
        initiated_id = child.started["parentInitiatedEventId"]
        parent = self._parent(child, initiated_id)
        if parent is not None and parent.child_started(initiated_id) is None:
            self._happen(
                parent,
                "ChildWorkflowExecutionStarted",
                initiatedEventId=initiated_id,
                workflowExecution=child.name,
                workflowType=parent.find(initiated_id).held["workflowType"],
            )

    def _child_closed(self, child: Run, closing: Event) -> None:
        initiated_id = child.started["parentInitiatedEventId"]
        parent = self._parent(child, initiated_id)
        if parent is None:
            return
        end = closing.type.removeprefix("WorkflowExecution")
        started = parent.child_started(initiated_id)
        copied = {
            "Completed": ["result"],
            "Failed": ["reason", "details"],
            "Canceled": ["details"],
            "TimedOut": ["timeoutType"],
        }
        self._happen(
            parent,
            f"ChildWorkflowExecution{end}",
            initiatedEventId=initiated_id,
            startedEventId=started.id if started else 0,
            workflowExecution=child.name,
            workflowType=child.started["workflowType"],
            **{name: closing.held.get(name) for name in copied.get(end, [])},
        )

    def _apply_policy(self, parent: Run, initiated: Event, policy: str) -> None:
        """To the open run of the child, which may be a later one of its chain (SWF §8.6)."""
        child = self._open_run(initiated.held["workflowId"])
        if child is None:
            return
        started = child.started
        if (
            started.get("parentWorkflowExecution") != parent.name
            or started["parentInitiatedEventId"] != initiated.id
        ):
            return
        if policy == "TERMINATE":
            own = started["childPolicy"]
            self._close(child, "WorkflowExecutionTerminated", cause="CHILD_POLICY_APPLIED", childPolicy=own)
        else:
            self._happen(
                child,
                "WorkflowExecutionCancelRequested",
                cause="CHILD_POLICY_APPLIED",
                externalInitiatedEventId=0,
                externalWorkflowExecution=parent.name,
            )

    def _start_child(self, parent: Run, initiated: Event) -> None:
        held = initiated.held
        if self._open_run(held["workflowId"]) is not None:
            self._send(lambda: self._child_not_started(parent, initiated))
            return
        names = (
            "childPolicy",
            "executionStartToCloseTimeout",
            "input",
            "lambdaRole",
            "tagList",
            "taskList",
            "taskPriority",
            "taskStartToCloseTimeout",
            "workflowType",
        )
        self._create(
            held["workflowId"],
            {name: held.get(name) for name in names}
            | {"parentInitiatedEventId": initiated.id, "parentWorkflowExecution": parent.name},
        )

    def _child_not_started(self, parent: Run, initiated: Event) -> None:
        if parent.is_open and any(event.id == initiated.id for event in parent.children()):
            self._happen(
                parent,
                "StartChildWorkflowExecutionFailed",
                cause="WORKFLOW_ALREADY_RUNNING",
                control=initiated.held.get("control"),
                decisionTaskCompletedEventId=initiated.held["decisionTaskCompletedEventId"],
                initiatedEventId=initiated.id,
                workflowId=initiated.held["workflowId"],
                workflowType=initiated.held["workflowType"],
            )

    def _deliver(self, sender: Run, initiated: Event) -> None:
        """A signal or cancel request of another run, or of the same one (SWF §5.11, §5.12)."""
        held = initiated.held
        target = self._addressed(held["workflowId"], held.get("runId"))
        from_ = {"externalInitiatedEventId": initiated.id, "externalWorkflowExecution": sender.name}
        if target is not None and initiated.type.startswith("Signal"):
            signal = {"signalName": held["signalName"], "input": held.get("input")}
            self._happen(target, "WorkflowExecutionSignaled", **from_, **signal)
        elif target is not None:
            self._happen(target, "WorkflowExecutionCancelRequested", **from_)
        if sender.is_open:
            self._send(lambda: self._answered(sender, initiated, target))

    def _answered(self, sender: Run, initiated: Event, target: Run | None) -> None:
        if not sender.is_open:
            return
        held, signal = initiated.held, initiated.type.startswith("Signal")
        if target is not None:
            kind = (
                "ExternalWorkflowExecutionSignaled" if signal else "ExternalWorkflowExecutionCancelRequested"
            )
            self._happen(sender, kind, initiatedEventId=initiated.id, workflowExecution=target.name)
            return
        self._happen(
            sender,
            initiated.type.removesuffix("Initiated") + "Failed",
            cause="UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION",
            control=held.get("control"),
            decisionTaskCompletedEventId=held["decisionTaskCompletedEventId"],
            initiatedEventId=initiated.id,
            runId=held.get("runId"),
            workflowId=held["workflowId"],
        )

    def _no_lambda(self, run: Run, scheduled: Event) -> None:
        """No functions can be called here: the role cannot be used (SWF §9.2). Only one text is SWF's own."""
        if run.is_open:
            message = "No IAM role is attached to the current workflow execution."
            if "lambdaRole" in run.started:
                message = "The IAM role could not be assumed: this service invokes no Lambda functions."
            self._happen(
                run,
                "StartLambdaFunctionFailed",
                cause="ASSUME_ROLE_FAILED",
                message=message,
                scheduledEventId=scheduled.id,
            )

    # --- time ---

    def advance(self, ms: int) -> None:
        """Time passes; each deadline expires at its own time."""
        until = self.now + ms
        self._settle()
        while moments := [due.at for run in self.runs for due in self._deadlines(run) if due.at <= until]:
            self.now = max(self.now, min(moments))
            self._settle()
        self.now = until
        self._settle()

    def _expire_due(self) -> bool:
        """The run with the oldest deadline first, and all of one run before the next."""
        first = [(min(dues)[:1], run.number, run) for run in self.runs if (dues := self._deadlines(run))]
        overdue = [run for (at,), _, run in sorted(first, key=lambda entry: entry[:2]) if at <= self.now]
        for run in overdue:
            while (dues := self._deadlines(run)) and min(dues, key=lambda due: due[:3]).at <= self.now:
                min(dues, key=lambda due: due[:3]).expire()
        return bool(overdue)

    def _deadlines(self, run: Run) -> list[Due]:
        return list(self._all_deadlines(run)) if run.is_open else []

    def _all_deadlines(self, run: Run) -> Iterator[Due]:
        def due(
            since: Event | int, seconds: str | None, event_id: int, order: int, expire: Callable[[], None]
        ) -> Iterator[Due]:
            if seconds is not None and seconds != "NONE":
                at = since if isinstance(since, int) else since.at
                yield Due(at + int(seconds) * 1000, event_id, order, run, expire)

        first = run.events[0]
        lifetime = min(int(_seconds(run.started["executionStartToCloseTimeout"])), YEAR_SECONDS)
        policy = run.started["childPolicy"]
        yield from due(
            first,
            str(lifetime),
            1,
            0,
            lambda: self._close(
                run, "WorkflowExecutionTimedOut", childPolicy=policy, timeoutType="START_TO_CLOSE"
            ),
        )
        waiting, working = run.scheduled_decision(), run.started_decision()
        if waiting is not None:
            expire = self._decision_timeout(run, waiting, 0, "SCHEDULE_TO_START")
            yield from due(waiting, waiting.held["scheduleToStartTimeout"], waiting.id, 1, expire)
        if working is not None:
            scheduled = run.find(working.held["scheduledEventId"])
            expire = self._decision_timeout(run, scheduled, working.id, "START_TO_CLOSE")
            yield from due(working, scheduled.held["startToCloseTimeout"], scheduled.id, 2, expire)
        for timer in run.timers():
            yield from due(timer, timer.held["startToFireTimeout"], timer.id, 7, self._fire(run, timer))
        for activity in run.activities():
            start = run.start_of(activity)
            held, expire = activity.held, self._activity_timeout
            if start is None:
                expired = expire(run, activity, "SCHEDULE_TO_START")
                yield from due(activity, held["scheduleToStartTimeout"], activity.id, 3, expired)
            expired = expire(run, activity, "SCHEDULE_TO_CLOSE")
            yield from due(activity, held["scheduleToCloseTimeout"], activity.id, 4, expired)
            if start is not None:
                expired = expire(run, activity, "START_TO_CLOSE")
                yield from due(start, held["startToCloseTimeout"], activity.id, 5, expired)
                beat = run.heartbeats.get(activity.id, (start.at, None))[0]
                yield from due(
                    beat, held["heartbeatTimeout"], activity.id, 6, expire(run, activity, "HEARTBEAT")
                )

    def _decision_timeout(self, run: Run, scheduled: Event, started_id: int, kind: str) -> Callable[[], None]:
        return lambda: (
            self._happen(
                run,
                "DecisionTaskTimedOut",
                scheduledEventId=scheduled.id,
                startedEventId=started_id,
                timeoutType=kind,
            )
            and None
        )

    def _fire(self, run: Run, timer: Event) -> Callable[[], None]:
        return lambda: (
            self._happen(run, "TimerFired", startedEventId=timer.id, timerId=timer.held["timerId"]) and None
        )

    def _activity_timeout(self, run: Run, activity: Event, kind: str) -> Callable[[], None]:
        def expire() -> None:
            start = run.start_of(activity)
            self._happen(
                run,
                "ActivityTaskTimedOut",
                details=run.heartbeats.get(activity.id, (0, None))[1],
                scheduledEventId=activity.id,
                startedEventId=start.id if start else 0,
                timeoutType=kind,
            )

        return expire

    # --- tasks ---

    def _best(self, found: list[tuple[Run, Event]]) -> tuple[Run, Event] | None:
        """Higher priority first, then the older one (SWF §7.6)."""
        return min(
            found,
            key=lambda entry: (-int(entry[1].held.get("taskPriority", 0)), entry[0].places[entry[1].id]),
            default=None,
        )

    def pending(self, kind: str, task_list: str) -> list[tuple[Run, Event]]:
        """Scheduled and not started, those behind a started one too (SWF §15.26)."""
        found: list[tuple[Run, Event]] = []
        for run in self.runs:
            if run.is_open:
                waiting = [run.scheduled_decision()] if kind == "decision" else run.activities()
                found += [
                    (run, event)
                    for event in waiting
                    if event and event.held["taskList"]["name"] == task_list and run.start_of(event) is None
                ]
        return found

    def poll_decision(self, task_list: str, identity: str | None) -> tuple[Run, Event, int] | None:
        """The run, the DecisionTaskStarted event and previousStartedEventId."""
        waiting = [
            entry for entry in self.pending("decision", task_list) if entry[0].started_decision() is None
        ]
        best = self._best(waiting)
        if best is None:
            return None
        run, scheduled = best
        previous = run.previous_started()
        started = self._record(run, "DecisionTaskStarted", identity=identity, scheduledEventId=scheduled.id)
        self._settle()
        return run, started, previous

    def poll_activity(self, task_list: str, identity: str | None) -> tuple[Run, Event] | None:
        """The run and the ActivityTaskStarted event."""
        best = self._best(self.pending("activity", task_list))
        if best is None:
            return None
        run, scheduled = best
        started = self._record(run, "ActivityTaskStarted", identity=identity, scheduledEventId=scheduled.id)
        self._settle()
        return run, started

    def _require_activity(self, run: Run, started: Event) -> Event:
        """The open activity of a token (SWF §7.5)."""
        if run.is_open:
            for activity in run.activities():
                if activity.id == started.held["scheduledEventId"]:
                    return activity
        raise Refused("UnknownResourceFault")

    def heartbeat(self, run: Run, started: Event, details: str | None) -> bool:
        """Whether its cancellation was asked for (SWF §7.3)."""
        activity = self._require_activity(run, started)
        run.heartbeats[activity.id] = (self.now, details)
        asked = run.cancel_request_of(activity) is not None
        self._settle()
        return asked

    def end_activity(self, run: Run, started: Event, end: str, **held: str | None) -> None:
        """RespondActivityTaskCompleted, -Failed or -Canceled."""
        activity = self._require_activity(run, started)
        if end == "Canceled":
            self._cancel_activity(run, activity, started.id, held.get("details"))
            self._wake(run)
        else:
            self._happen(
                run, f"ActivityTask{end}", scheduledEventId=activity.id, startedEventId=started.id, **held
            )
        self._settle()

    def _cancel_activity(self, run: Run, activity: Event, started_id: int, details: str | None) -> None:
        self._record(
            run,
            "ActivityTaskCanceled",
            details=details,
            latestCancelRequestedEventId=run.cancel_request_of(activity),
            scheduledEventId=activity.id,
            startedEventId=started_id,
        )

    # --- decisions ---

    def complete_decision(self, run: Run, started: Event, request: Members) -> None:
        """RespondDecisionTaskCompleted, by the algorithm of SWF §4.5."""
        decisions: list[tuple[str, Members]] = request["decisions"]
        kinds = [kind for kind, _ in decisions]
        if any(kind in CLOSING_DECISIONS for kind in kinds[:-1]):
            raise Refused("ValidationException")  # SWF §4.6: Close must be last decision in list
        if kinds and kinds[-1] in CLOSING_DECISIONS and NOT_WITH_A_CLOSE & set(kinds):
            raise Refused("ValidationException")
        if not run.is_open or run.started_decision() != started:
            raise Refused("UnknownResourceFault")
        pending = run.scheduled_decision() is not None
        task_list = request.get("taskList")
        completed = self._record(
            run,
            "DecisionTaskCompleted",
            executionContext=request.get("executionContext"),
            scheduledEventId=started.held["scheduledEventId"],
            startedEventId=started.id,
            taskList={"name": task_list} if task_list else None,
            taskListScheduleToStartTimeout=request.get("taskListScheduleToStartTimeout"),
        )
        need = False
        for kind, held in decisions:
            before = len(run.events)
            if kind in CLOSING_DECISIONS and (pending or need):
                cause: str | None = "UNHANDLED_DECISION"
            else:
                cause = getattr(self, f"_decide_{kind}")(run, completed.id, held)
            if cause is not None:
                self._fail(run, kind, completed.id, held, cause)
            if not run.is_open:
                break
            need = need or any(
                event.type in TRIGGERS or event.type == f"{kind}Failed" for event in run.events[before:]
            )
        if run.is_open and need and not pending:
            self._wake(run)
        self._settle()

    def _fail(self, run: Run, kind: str, completed_id: int, held: Members, cause: str) -> None:
        """The ...Failed event repeats the members that it shares with the decision."""
        repeated: dict[str, tuple[str, ...]] = {
            "ScheduleActivityTask": ("activityId", "activityType"),
            "RequestCancelActivityTask": ("activityId",),
            "StartTimer": ("timerId",),
            "CancelTimer": ("timerId",),
            "StartChildWorkflowExecution": ("control", "workflowId", "workflowType"),
        }
        members = {name: held.get(name) for name in repeated.get(kind, ())}
        if kind == "StartChildWorkflowExecution":
            members["initiatedEventId"] = 0  # SWF §5.13
        self._record(run, f"{kind}Failed", cause=cause, decisionTaskCompletedEventId=completed_id, **members)

    def _decide_ScheduleActivityTask(self, run: Run, completed_id: int, held: Members) -> str | None:
        found = self._activity_types.get(_key(held["activityType"]))
        if found is None:
            return "ACTIVITY_TYPE_DOES_NOT_EXIST"
        order = (
            "taskList",
            "scheduleToStartTimeout",
            "scheduleToCloseTimeout",
            "startToCloseTimeout",
            "heartbeatTimeout",
        )
        settled = {name: held.get(name) or found.get(name) for name in (*order, "taskPriority")}
        for name in order:
            if not settled[name]:
                return f"DEFAULT_{_upper(name)}_UNDEFINED"
        if any(activity.held["activityId"] == held["activityId"] for activity in run.activities()):
            return "ACTIVITY_ID_ALREADY_IN_USE"
        if len(run.activities()) >= self._limits.activities:
            return "OPEN_ACTIVITIES_LIMIT_EXCEEDED"
        event = self._record(
            run,
            "ActivityTaskScheduled",
            activityId=held["activityId"],
            activityType=held["activityType"],
            control=held.get("control"),
            decisionTaskCompletedEventId=completed_id,
            input=held.get("input"),
            **settled,
        )
        self._line_up(run, event)
        return None

    def _decide_RequestCancelActivityTask(self, run: Run, completed_id: int, held: Members) -> str | None:
        for activity in run.activities():
            if activity.held["activityId"] == held["activityId"]:
                self._record(
                    run,
                    "ActivityTaskCancelRequested",
                    activityId=held["activityId"],
                    decisionTaskCompletedEventId=completed_id,
                )
                if run.start_of(activity) is None:  # SWF §5.3: ended at once
                    self._cancel_activity(run, activity, 0, None)
                return None
        return "ACTIVITY_ID_UNKNOWN"

    def _decide_StartTimer(self, run: Run, completed_id: int, held: Members) -> str | None:
        if any(timer.held["timerId"] == held["timerId"] for timer in run.timers()):
            return "TIMER_ID_ALREADY_IN_USE"
        if len(run.timers()) >= self._limits.timers:
            return "OPEN_TIMERS_LIMIT_EXCEEDED"
        self._record(run, "TimerStarted", decisionTaskCompletedEventId=completed_id, **held)
        return None

    def _decide_CancelTimer(self, run: Run, completed_id: int, held: Members) -> str | None:
        for timer in run.timers():
            if timer.held["timerId"] == held["timerId"]:
                self._record(
                    run,
                    "TimerCanceled",
                    decisionTaskCompletedEventId=completed_id,
                    startedEventId=timer.id,
                    timerId=held["timerId"],
                )
                return None
        return "TIMER_ID_UNKNOWN"

    def _decide_RecordMarker(self, run: Run, completed_id: int, held: Members) -> str | None:
        self._record(run, "MarkerRecorded", decisionTaskCompletedEventId=completed_id, **held)
        return None

    def _decide_SignalExternalWorkflowExecution(
        self, run: Run, completed_id: int, held: Members
    ) -> str | None:
        event = self._record(
            run, "SignalExternalWorkflowExecutionInitiated", decisionTaskCompletedEventId=completed_id, **held
        )
        self._send(lambda: self._deliver(run, event))
        return None

    def _decide_RequestCancelExternalWorkflowExecution(
        self, run: Run, completed_id: int, held: Members
    ) -> str | None:
        event = self._record(
            run,
            "RequestCancelExternalWorkflowExecutionInitiated",
            decisionTaskCompletedEventId=completed_id,
            **held,
        )
        self._send(lambda: self._deliver(run, event))
        return None

    def _decide_StartChildWorkflowExecution(self, run: Run, completed_id: int, held: Members) -> str | None:
        settled = self._decided_settings(held["workflowType"], held)
        if isinstance(settled, str):
            return settled
        if len(run.children()) >= self._limits.children:
            return "OPEN_CHILDREN_LIMIT_EXCEEDED"
        given = {
            name: held.get(name) for name in ("control", "input", "tagList", "workflowId", "workflowType")
        }
        event = self._record(
            run,
            "StartChildWorkflowExecutionInitiated",
            decisionTaskCompletedEventId=completed_id,
            **given,
            **settled,
        )
        self._send(lambda: self._start_child(run, event))
        return None

    def _decided_settings(self, workflow_type: Members, held: Members) -> Members | str:
        """Or the cause of the failure (SWF §5.7, §5.13)."""
        found = self._workflow_types.get(_key(workflow_type))
        if found is None:
            return "WORKFLOW_TYPE_DOES_NOT_EXIST"
        order = ("taskList", "executionStartToCloseTimeout", "taskStartToCloseTimeout", "childPolicy")
        settled = self._resolve(held, found, order)
        return f"DEFAULT_{_upper(settled)}_UNDEFINED" if isinstance(settled, str) else settled

    def _decide_ScheduleLambdaFunction(self, run: Run, completed_id: int, held: Members) -> str | None:
        event = self._record(
            run, "LambdaFunctionScheduled", decisionTaskCompletedEventId=completed_id, **held
        )
        self._send(lambda: self._no_lambda(run, event))
        return None

    def _decide_CompleteWorkflowExecution(self, run: Run, completed_id: int, held: Members) -> str | None:
        self._close(run, "WorkflowExecutionCompleted", decisionTaskCompletedEventId=completed_id, **held)
        return None

    def _decide_FailWorkflowExecution(self, run: Run, completed_id: int, held: Members) -> str | None:
        self._close(run, "WorkflowExecutionFailed", decisionTaskCompletedEventId=completed_id, **held)
        return None

    def _decide_CancelWorkflowExecution(self, run: Run, completed_id: int, held: Members) -> str | None:
        self._close(run, "WorkflowExecutionCanceled", decisionTaskCompletedEventId=completed_id, **held)
        return None

    def _decide_ContinueAsNewWorkflowExecution(
        self, run: Run, completed_id: int, held: Members
    ) -> str | None:
        """SWF §8.7: the name of the type and the parent are kept, nothing else."""
        current = run.started["workflowType"]
        workflow_type = {
            "name": current["name"],
            "version": held.get("workflowTypeVersion") or current["version"],
        }
        settled = self._decided_settings(workflow_type, held)
        if isinstance(settled, str):
            return settled
        given = {name: held.get(name) for name in ("input", "tagList")} | {"workflowType": workflow_type}
        self._close(
            run,
            "WorkflowExecutionContinuedAsNew",
            decisionTaskCompletedEventId=completed_id,
            newExecutionRunId=f"run {len(self.runs) + 1}",
            **given,
            **settled,
        )
        self._create(
            run.workflow_id,
            given
            | settled
            | {
                "continuedExecutionRunId": run.run_id,
                "parentInitiatedEventId": run.started["parentInitiatedEventId"],
                "parentWorkflowExecution": run.started.get("parentWorkflowExecution"),
            },
        )
        return None


def _key(named: Members) -> tuple[str, str]:
    return named["name"], named["version"]


def _upper(name: str) -> str:
    """`taskList` -> `TASK_LIST`"""
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name)


def _seconds(text: str) -> str:
    return str(YEAR_SECONDS) if text == "NONE" else text
