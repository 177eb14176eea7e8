"""One workflow execution: its state is nothing but the fold of its history.

Owns `Execution`: recording, applying and replaying events, its deadlines, the passing of time (`advance`), and
the two consequences that every change can have (`settle`): a decision task is scheduled, or a full history is
terminated. Apart from these two events it must not know what an event or decision means: that is in the files
named after the things that have a life, which `rules.py` finds.

Only `apply` changes an execution, live and in replay alike. Recorded events wait in `new_events` until the
caller takes them to store them; what they have ended waits in `new_ends`, as the state no longer has it.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from workflowsvc.core.rules import APPLY, EXPIRE, WAKES_DECIDER, Deadline
from workflowsvc.model.events import Event
from workflowsvc.model.shapes import (
    EVENT_TYPE_OF,
    DecisionTaskScheduledEventAttributes,
    Shape,
    TaskList,
    WorkflowExecution,
    WorkflowExecutionTerminatedEventAttributes,
)

if TYPE_CHECKING:
    from workflowsvc.core.state import (
        Activity,
        Child,
        DecisionTask,
        DecisionTimeouts,
        External,
        Failures,
        LambdaTask,
        Override,
        Timer,
    )
    from workflowsvc.model.shapes import CloseStatus, WorkflowExecutionStartedEventAttributes


class Execution:
    """The state of one run, open or closed."""

    __slots__ = (
        "activities",
        "activity_ids",
        "cancel_requested",
        "cancel_requested_at",
        "cancel_requested_id",
        "children",
        "close_status",
        "closed_at",
        "deadlines",
        "decided_at",
        "decided_id",
        "decision_timeouts",
        "domain",
        "externals",
        "failures",
        "lambdas",
        "last_at",
        "latest_activity_at",
        "latest_context",
        "longest_ms",
        "needs_decision",
        "new_ends",
        "new_events",
        "news_id",
        "next_event_id",
        "override",
        "previous_started_id",
        "run",
        "run_id",
        "scheduled_task",
        "started",
        "started_at",
        "started_task",
        "timer_ids",
        "timers",
        "workflow_id",
    )

    def __init__(self, *, run: int, run_id: str, domain: int, workflow_id: str, longest_ms: int) -> None:
        """`longest_ms`: the longest that any run may stay open."""
        self.run = run
        self.run_id = run_id
        self.domain = domain
        self.workflow_id = workflow_id
        self.longest_ms = longest_ms
        self.next_event_id: int = 1
        self.last_at = 0
        self.new_events: list[Event] = []
        self.new_ends: list[Activity | DecisionTask] = []  # in the order of the events that ended them
        self.deadlines: list[tuple[int, int, Deadline]] = []  # heap of (due at in ms, event id, what)
        self.needs_decision = False  # news for the decider that no scheduled decision task covers yet
        self.news_id = 0  # the latest event that a decider is asked because of; a lost decision task is none
        # --- set by workflow.py
        self.started: WorkflowExecutionStartedEventAttributes
        self.started_at = 0
        self.closed_at: int | None = None
        self.close_status: CloseStatus | None = None
        self.cancel_requested = False
        self.cancel_requested_id = 0  # event id of the latest request, 0 if none
        self.cancel_requested_at = 0
        # --- set by decision_tasks.py
        self.scheduled_task: DecisionTask | None = None
        self.started_task: DecisionTask | None = None
        self.previous_started_id = 0
        self.override: Override | None = None
        self.latest_context: str | None = None
        self.decided_id = 0  # event id of the latest completed decision task, 0 if none
        self.decided_at = 0
        self.decision_timeouts: DecisionTimeouts | None = None  # since the latest completion
        # --- set by failed_decisions.py
        self.failures: dict[tuple[str, str], Failures] = {}  # by type of the ...Failed event and cause
        # --- open things, by the id of the event that opened them
        self.activities: dict[int, Activity] = {}
        self.activity_ids: dict[str, int] = {}
        self.latest_activity_at: int | None = None
        self.timers: dict[int, Timer] = {}
        self.timer_ids: dict[str, int] = {}
        self.children: dict[int, Child] = {}
        self.externals: dict[int, External] = {}
        self.lambdas: dict[int, LambdaTask] = {}

    @property
    def is_open(self) -> bool:
        return self.close_status is None

    @property
    def is_in_flight(self) -> bool:
        """Something is asked of a decider, a worker or a function, so that time must not jump."""
        return self.is_open and bool(
            self.scheduled_task or self.started_task or self.activities or self.lambdas
        )

    @property
    def name(self) -> WorkflowExecution:
        """workflowId and runId, as other histories and answers name this run."""
        return WorkflowExecution(workflow_id=self.workflow_id, run_id=self.run_id)

    def record(self, at_ms: int, attributes: Shape) -> int:
        """Appends one event and returns its id. Time never runs backwards within a history."""
        assert self.close_status is None, "no event follows the closing event"
        event = Event(
            self.next_event_id, max(at_ms, self.last_at), EVENT_TYPE_OF[type(attributes)], attributes
        )
        self.apply(event)
        self.new_events.append(event)
        return event.id

    def apply(self, event: Event) -> None:
        """Folds one event into the state."""
        assert event.id == self.next_event_id, f"event {event.id} where {self.next_event_id} belongs"
        self.next_event_id = event.id + 1
        self.last_at = event.at_ms
        APPLY[event.type](self, event.id, event.at_ms, event.attributes)
        if event.type in WAKES_DECIDER:
            if event.type != "DecisionTaskTimedOut":
                self.news_id = event.id
            if self.scheduled_task is None:
                self.needs_decision = True

    def replay(self, events: list[Event]) -> None:
        """Folds stored events."""
        for event in events:
            self.apply(event)
        self.new_ends.clear()

    def take_new_events(self) -> list[Event]:
        """The events recorded since the last call."""
        events, self.new_events = self.new_events, []
        return events

    def take_new_ends(self) -> list[Activity | DecisionTask]:
        """The activities, and the decision tasks that were started, that have ended since the last call."""
        ends, self.new_ends = self.new_ends, []
        return ends

    # --- consequences ---

    def settle(self, at_ms: int, *, max_events: int) -> None:
        """The trigger rule (SWF §4.2): news that no scheduled decision task covers schedules one, behind the event
        and with its time.

        Also the event limit (SWF §8.11): the last place of a history is kept for the event that says it is full, so
        whenever something happens to an open run there is room for at least one event.
        """
        if self.close_status is not None:
            return
        if self.needs_decision and self.next_event_id < max_events:
            self._schedule_decision_task(at_ms)
        if self.next_event_id >= max_events:
            self.terminate_full(at_ms)

    def has_room(self, events: int, *, max_events: int) -> bool:
        """Whether this number of events fits, and the termination behind them."""
        return self.next_event_id + events <= max_events

    def terminate_full(self, at_ms: int) -> None:
        """The history has reached its limit (SWF §8.11)."""
        self.record(
            at_ms,
            WorkflowExecutionTerminatedEventAttributes(
                cause="EVENT_LIMIT_EXCEEDED", child_policy=self.started.child_policy
            ),
        )

    def _schedule_decision_task(self, at_ms: int) -> None:
        override = self.override
        self.record(
            at_ms,
            DecisionTaskScheduledEventAttributes(
                schedule_to_start_timeout=(override.schedule_to_start if override else None) or "NONE",
                start_to_close_timeout=self.started.task_start_to_close_timeout,
                task_list=TaskList(name=override.task_list) if override else self.started.task_list,
                task_priority=self.started.task_priority,
            ),
        )

    # --- time ---

    def advance(self, now: int, *, max_events: int) -> None:
        """Lets time pass: every deadline up to `now` expires, oldest first, ties by event id."""
        while (due := self._next_due(now)) is not None:
            event_id, what = due
            EXPIRE[what][1](self, now, event_id)
            self.settle(now, max_events=max_events)

    def open_deadline(self, due_at: int, event_id: int, what: Deadline) -> None:
        """From `due_at` on, `advance` runs the rule for `what`, if the rule then finds it still live."""
        heappush(self.deadlines, (due_at, event_id, what))

    def wake_at(self) -> int | None:
        """The earliest live deadline; dead ones in front of it are dropped."""
        if self.close_status is not None:
            return None
        heap = self.deadlines
        while heap:
            due_at, event_id, what = heap[0]
            if EXPIRE[what][0](self, event_id, due_at):
                return due_at
            heappop(heap)
        return None

    def overdue_since(self, now: int) -> int | None:
        """The earliest live deadline, when it has passed."""
        heap = self.deadlines
        if not heap or heap[0][0] > now:  # dead or not: none behind it is earlier
            return None
        due_at = self.wake_at()
        return None if due_at is None or due_at > now else due_at

    def _next_due(self, now: int) -> tuple[int, Deadline] | None:
        """Removes and returns (event id, what) of the oldest live deadline that has passed."""
        if self.overdue_since(now) is None:
            return None
        _, event_id, what = heappop(self.deadlines)
        return event_id, what
