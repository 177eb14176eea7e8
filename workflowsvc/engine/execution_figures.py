"""What has become of executions and their tasks on this node: the metrics that SWF has at CloudWatch, by type.

Owns `ExecutionFigures` and which events count for what. Only what was committed counts: a unit of work notes what it
observes, and the notes are added up after its commit. Bounded: types beyond a number count together as `other`. Only
the writer's thread changes it; what reads it must copy. Must not know who reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from workflowsvc.core.execution import Execution
from workflowsvc.core.state import Activity, DecisionTask
from workflowsvc.histogram import Count, Histogram
from workflowsvc.model.events import Event
from workflowsvc.model.shapes import ActivityType, CloseStatus, WorkflowType
from workflowsvc.store.rows import DomainRow

# From an answer within the same second to a run of a week. Ten for each type and kind keep the number of series low.
TASK_SECONDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0, 3_600.0, 86_400.0, 604_800.0)
LAG_SECONDS = (0.005, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0)

MS = 0.001  # of what is observed here, in seconds
FOLD_BATCHES = 256  # after which observations are put into buckets; a reader does so earlier

OTHER = "other"

Notes = list[tuple[Any, int]]
"""What a unit of work has observed: a Count, or what is pending of a Histogram, and what to append to it after the
commit."""

DomainOf = Callable[[int], DomainRow]


class TypeLabels(NamedTuple):
    """Whose figures they are. `tenant` is account and region as the store has them."""

    tenant: str
    domain: str
    name: str
    version: str


_OTHER_TYPES = TypeLabels(OTHER, OTHER, OTHER, OTHER)

CLOSE_STATUSES: tuple[CloseStatus, ...] = (
    "COMPLETED",
    "FAILED",
    "CANCELED",
    "TERMINATED",
    "CONTINUED_AS_NEW",
    "TIMED_OUT",
)


class WorkflowTypeFigures:
    """Of one workflow type."""

    __slots__ = (
        "closed",
        "decision_schedule_to_start",
        "decision_start_to_close",
        "decisions_timed_out",
        "labels",
        "start_to_close",
    )

    def __init__(self, labels: TypeLabels) -> None:
        self.labels = labels
        self.start_to_close = Histogram(TASK_SECONDS, MS)
        self.closed = {status: Count() for status in CLOSE_STATUSES}
        self.decision_schedule_to_start = Histogram(TASK_SECONDS, MS)
        self.decision_start_to_close = Histogram(TASK_SECONDS, MS)  # of those that were completed
        self.decisions_timed_out = Count()  # after they were started


ACTIVITY_ENDS = {
    ("ActivityTaskCompleted", None): "completed",
    ("ActivityTaskFailed", None): "failed",
    ("ActivityTaskCanceled", None): "canceled",
    ("ActivityTaskTimedOut", "SCHEDULE_TO_START"): "scheduled_timed_out_on_start",
    ("ActivityTaskTimedOut", "SCHEDULE_TO_CLOSE"): "scheduled_timed_out_on_close",
    ("ActivityTaskTimedOut", "START_TO_CLOSE"): "started_timed_out_on_close",
    ("ActivityTaskTimedOut", "HEARTBEAT"): "started_timed_out_on_heartbeat",
}


class ActivityTypeFigures:
    """Of one activity type."""

    __slots__ = ("ended", "labels", "schedule_to_close", "schedule_to_start", "start_to_close")

    def __init__(self, labels: TypeLabels) -> None:
        self.labels = labels
        self.schedule_to_start = Histogram(TASK_SECONDS, MS)
        self.start_to_close = Histogram(TASK_SECONDS, MS)
        self.schedule_to_close = Histogram(TASK_SECONDS, MS)
        self.ended = {end: Count() for end in ACTIVITY_ENDS.values()}


_Figures = TypeVar("_Figures", WorkflowTypeFigures, ActivityTypeFigures)


class ExecutionFigures:
    """Of one node. `max_types` of each kind are counted apart, those that are met first."""

    def __init__(self, max_types: int) -> None:
        self.workflow_types: dict[tuple[int, str, str], WorkflowTypeFigures] = {}
        self.activity_types: dict[tuple[int, str, str], ActivityTypeFigures] = {}
        self.other_workflow_types = WorkflowTypeFigures(_OTHER_TYPES)
        self.other_activity_types = ActivityTypeFigures(_OTHER_TYPES)
        self.events = Count()
        self.timer_lag = Histogram(LAG_SECONDS, MS)
        """How late a deadline was, when time passed for its execution."""
        self.max_types = max_types
        self._batches = 0  # since observations were put into buckets

    def committed(self, notes: Notes, events: int) -> None:
        """What these say has happened, and this number of events was recorded."""
        self.events.value += events
        for pending, value in notes:
            pending.append(value)
        self._batches += 1
        if self._batches >= FOLD_BATCHES:
            self._batches = 0
            self._fold()

    def _fold(self) -> None:
        """So that no list grows while nothing is read."""
        self.timer_lag.fold()
        for workflows in (*self.workflow_types.values(), self.other_workflow_types):
            workflows.start_to_close.fold()
            workflows.decision_schedule_to_start.fold()
            workflows.decision_start_to_close.fold()
        for activities in (*self.activity_types.values(), self.other_activity_types):
            activities.schedule_to_start.fold()
            activities.start_to_close.fold()
            activities.schedule_to_close.fold()

    # A workflow of one activity passes here seven times with eleven events, and all of it may cost a hundredth of what
    # the workflow costs: so this is one function, with few calls in it.
    def note(self, execution: Execution, events: list[Event], domain_of: DomainOf, notes: Notes) -> None:
        """Notes what these events, which were just recorded, mean."""
        ends: list[Any] = execution.new_ends
        if ends:
            execution.new_ends = []
        ended = 0
        figures: WorkflowTypeFigures | None = None
        for event in events:
            kind = event.type
            if kind not in _COUNTED:
                continue
            attributes: Any = event.attributes
            if kind == "DecisionTaskStarted":
                task: Any = execution.started_task
                if task is None or task.started_id != event.id:
                    task = _started_as(event.id, ends)  # started and ended by one command
                figures = figures or self._workflow_type(execution, domain_of)
                pending = figures.decision_schedule_to_start.pending
                notes.append((pending, event.at_ms - task.scheduled_at))
            elif kind == "ActivityTaskStarted":
                activity: Any = execution.activities.get(attributes.scheduled_event_id)
                if activity is None or activity.started_id != event.id:
                    activity = _started_as(event.id, ends)
                of_type = self._activity_type(execution.domain, activity, domain_of)
                notes.append((of_type.schedule_to_start.pending, event.at_ms - activity.scheduled_at))
            elif kind == "DecisionTaskCompleted":
                figures = figures or self._workflow_type(execution, domain_of)
                pending = figures.decision_start_to_close.pending
                notes.append((pending, event.at_ms - ends[ended].started_at))
                ended += 1
            elif kind != "DecisionTaskTimedOut":
                self._activity_ended(execution.domain, event, ends[ended], domain_of, notes)
                ended += 1
            elif attributes.started_event_id:  # SWF does not count those that were never started
                ended += 1
                figures = figures or self._workflow_type(execution, domain_of)
                notes.append((figures.decisions_timed_out, 1))
        if execution.close_status is not None and execution.closed_at is not None:
            figures = figures or self._workflow_type(execution, domain_of)
            notes.append((figures.closed[execution.close_status], 1))
            notes.append((figures.start_to_close.pending, execution.closed_at - execution.started_at))

    def _activity_ended(self, domain: int, event: Event, end: Any, domain_of: DomainOf, notes: Notes) -> None:
        figures = self._activity_type(domain, end, domain_of)
        timeout = getattr(event.attributes, "timeout_type", None)
        notes.append((figures.ended[ACTIVITY_ENDS[event.type, timeout]], 1))
        at_ms = event.at_ms
        notes.append((figures.schedule_to_close.pending, at_ms - end.scheduled_at))
        if end.started_at:
            notes.append((figures.start_to_close.pending, at_ms - end.started_at))

    def _workflow_type(self, execution: Execution, domain_of: DomainOf) -> WorkflowTypeFigures:
        kind = execution.started.workflow_type
        key = (execution.domain, kind.name, kind.version)
        figures = self.workflow_types.get(key)
        if figures is None:
            if len(self.workflow_types) >= self.max_types:
                return self.other_workflow_types
            labels = _labels(domain_of(execution.domain), kind)
            known = _with_labels(self.workflow_types.values(), labels)
            figures = self.workflow_types[key] = known or WorkflowTypeFigures(labels)
        return figures

    def _activity_type(self, domain: int, activity: Activity, domain_of: DomainOf) -> ActivityTypeFigures:
        kind = activity.scheduled.activity_type
        key = (domain, kind.name, kind.version)
        figures = self.activity_types.get(key)
        if figures is None:
            if len(self.activity_types) >= self.max_types:
                return self.other_activity_types
            labels = _labels(domain_of(domain), kind)
            known = _with_labels(self.activity_types.values(), labels)
            figures = self.activity_types[key] = known or ActivityTypeFigures(labels)
        return figures


_COUNTED = frozenset(
    {"DecisionTaskStarted", "DecisionTaskCompleted", "DecisionTaskTimedOut", "ActivityTaskStarted"}
    | {event_type for event_type, _ in ACTIVITY_ENDS}
)


def _labels(domain: DomainRow, kind: WorkflowType | ActivityType) -> TypeLabels:
    return TypeLabels(domain.tenant, domain.name, kind.name, kind.version)


def _with_labels(known: Iterable[_Figures], labels: TypeLabels) -> _Figures | None:
    """Of a domain that was deleted and registered again: a series goes on."""
    return next((figures for figures in known if figures.labels == labels), None)


def _started_as(event_id: int, ends: list[Activity | DecisionTask]) -> Any:
    """What was started with this event, among what has ended since."""
    return next(end for end in ends if end.started_id == event_id)
