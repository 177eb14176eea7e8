"""One workflow execution: its state is nothing but the fold of its history.

Owns `Execution`: recording, applying and replaying events, its deadlines, and the consequence every change
has (settle). It must not know what any event or decision means: that is in the files named after the things
that have a life (`rules.py` finds them).

Only `apply` changes an execution, live and in replay alike. Recorded events wait in `new_events` until the
session has stored them.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from workflowsvc.core.rules import APPLY, EXPIRE, WAKES_DECIDER, Deadline
from workflowsvc.model.events import Event
from workflowsvc.model.shapes import EVENT_TYPE_OF, Shape, WorkflowExecution

if TYPE_CHECKING:
    from workflowsvc.core.activities import Activity
    from workflowsvc.core.children import Child
    from workflowsvc.core.decision_tasks import DecisionTask, Override
    from workflowsvc.core.external import External
    from workflowsvc.core.lambdas import LambdaTask
    from workflowsvc.model.shapes import CloseStatus, WorkflowExecutionStartedEventAttributes


class Execution:
    """The state of one run, open or closed."""

    __slots__ = (
        "activities",
        "activity_ids",
        "cancel_requested",
        "children",
        "close_status",
        "closed_at",
        "deadlines",
        "domain",
        "externals",
        "lambdas",
        "last_at",
        "latest_activity_at",
        "latest_context",
        "longest_ms",
        "needs_decision",
        "new_events",
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
        """`longest_ms`: how long any run may stay open."""
        self.run = run
        self.run_id = run_id
        self.domain = domain
        self.workflow_id = workflow_id
        self.longest_ms = longest_ms
        self.next_event_id: int = 1
        self.last_at = 0
        self.new_events: list[Event] = []
        self.deadlines: list[tuple[int, int, Deadline]] = []  # a heap of (due at, event id, what)
        self.needs_decision = False  # something happened that no scheduled decision task covers yet
        # set by workflow.py
        self.started: WorkflowExecutionStartedEventAttributes
        self.started_at = 0
        self.closed_at: int | None = None
        self.close_status: CloseStatus | None = None
        self.cancel_requested = False
        # set by decision_tasks.py
        self.scheduled_task: DecisionTask | None = None
        self.started_task: DecisionTask | None = None
        self.previous_started_id = 0
        self.override: Override | None = None
        self.latest_context: str | None = None
        # open things, by the event that opened them
        self.activities: dict[int, Activity] = {}
        self.activity_ids: dict[str, int] = {}
        self.latest_activity_at: int | None = None
        self.timers: dict[int, str] = {}  # the timerId by the event that started it
        self.timer_ids: dict[str, int] = {}
        self.children: dict[int, Child] = {}
        self.externals: dict[int, External] = {}
        self.lambdas: dict[int, LambdaTask] = {}

    @property
    def is_open(self) -> bool:
        return self.close_status is None

    @property
    def name(self) -> WorkflowExecution:
        """How other histories and answers name this run."""
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
        if event.type in WAKES_DECIDER and self.scheduled_task is None:
            self.needs_decision = True

    def replay(self, events: list[Event]) -> None:
        """Folds stored events."""
        for event in events:
            self.apply(event)

    def take_new_events(self) -> list[Event]:
        """The events recorded since the last call."""
        events, self.new_events = self.new_events, []
        return events

    def open_deadline(self, due_at: int, event_id: int, what: Deadline) -> None:
        """From `due_at` on, `advance` runs the rule for `what`, if the rule then finds it still live."""
        heappush(self.deadlines, (due_at, event_id, what))

    def wake_at(self) -> int | None:
        """The earliest live deadline; dead ones in front of it are dropped."""
        if not self.is_open:
            return None
        heap = self.deadlines
        while heap:
            due_at, event_id, what = heap[0]
            if EXPIRE[what][0](self, event_id, due_at):
                return due_at
            heappop(heap)
        return None

    def next_due(self, now: int) -> tuple[int, Deadline] | None:
        """Removes and returns (event id, what) of the oldest live deadline that has passed."""
        due_at = self.wake_at()
        if due_at is None or due_at > now:
            return None
        _, event_id, what = heappop(self.deadlines)
        return event_id, what
