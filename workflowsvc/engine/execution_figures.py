"""What has become of executions and their tasks on this node: the metrics that SWF has at CloudWatch, by type.

Owns `ExecutionFigures` and which events count for what. Only what was committed counts: a unit of work notes what it
observes, and the notes are added up after its commit. Bounded: types beyond a number count together as `other`. Only
the writer's thread changes it; what reads it must copy. Must not know who reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar, cast

from workflowsvc.core.execution import Execution
from workflowsvc.core.state import Activity, DecisionTask
from workflowsvc.histogram import Count, Histogram
from workflowsvc.model.events import Event
from workflowsvc.model.shapes import ActivityType, CloseStatus, WorkflowType
from workflowsvc.store.rows import DomainRow

# From an answer within the same second to a run of a week. Ten for each type and kind keep the number of series low.
TASK_SECONDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0, 3_600.0, 86_400.0, 604_800.0)
LAG_SECONDS = (0.005, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0)

OTHER = "other"

Notes = list[tuple[Any, float]]
"""What a unit of work has observed: a Count or Histogram, and what to add to it."""

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
        self.start_to_close = Histogram(TASK_SECONDS)
        self.closed = {status: Count() for status in CLOSE_STATUSES}
        self.decision_schedule_to_start = Histogram(TASK_SECONDS)
        self.decision_start_to_close = Histogram(TASK_SECONDS)  # of those that were completed
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
        self.schedule_to_start = Histogram(TASK_SECONDS)
        self.start_to_close = Histogram(TASK_SECONDS)
        self.schedule_to_close = Histogram(TASK_SECONDS)
        self.ended = {end: Count() for end in ACTIVITY_ENDS.values()}


_Figures = TypeVar("_Figures", WorkflowTypeFigures, ActivityTypeFigures)


class ExecutionFigures:
    """Of one node. `max_types` of each kind are counted apart, those that are met first."""

    def __init__(self, max_types: int) -> None:
        self.workflow_types: dict[tuple[int, str, str], WorkflowTypeFigures] = {}
        self.activity_types: dict[tuple[int, str, str], ActivityTypeFigures] = {}
        self.other_workflow_types = WorkflowTypeFigures(_OTHER_TYPES)
        self.other_activity_types = ActivityTypeFigures(_OTHER_TYPES)
        self.events: Counter[str] = Counter()
        """By type of event."""
        self.timer_lag = Histogram(LAG_SECONDS)
        """How late a deadline was, when time passed for its execution."""
        self.max_types = max_types

    def committed(self, notes: Notes, event_types: list[str]) -> None:
        """What these say has happened."""
        self.events.update(event_types)
        for figure, value in notes:
            figure.add(value)

    def note(self, execution: Execution, events: list[Event], domain_of: DomainOf, notes: Notes) -> list[str]:
        """Notes what these events, which were just recorded, mean; returns their types."""
        ends = execution.take_new_ends()
        ended = 0
        types: list[str] = []
        figures: WorkflowTypeFigures | None = None
        for event in events:
            kind = event.type
            types.append(kind)
            if kind in _COUNTED:
                if kind == "DecisionTaskStarted":
                    task = execution.started_task
                    if task is None or task.started_id != event.id:
                        # Started and ended by one command.
                        task = cast("DecisionTask | None", _started_as(event.id, ends))
                    if task is not None:
                        figures = figures or self._workflow_type(execution, domain_of)
                        waited = event.at_ms - task.scheduled_at
                        notes.append((figures.decision_schedule_to_start, waited / 1000))
                elif kind == "ActivityTaskStarted":
                    self._activity_started(execution, event, ends, domain_of, notes)
                elif kind == "DecisionTaskTimedOut" and not cast(Any, event.attributes).started_event_id:
                    pass  # it was never started, and SWF does not count these
                else:
                    ended += 1
                    self._ended(execution, event, ends[ended - 1], domain_of, notes)
        if execution.close_status is not None and events and execution.closed_at is not None:
            figures = figures or self._workflow_type(execution, domain_of)
            notes.append((figures.closed[execution.close_status], 1))
            notes.append((figures.start_to_close, (execution.closed_at - execution.started_at) / 1000))
        return types

    def _activity_started(
        self,
        execution: Execution,
        event: Event,
        ends: list[Activity | DecisionTask],
        domain_of: DomainOf,
        notes: Notes,
    ) -> None:
        activity = execution.activities.get(cast(Any, event.attributes).scheduled_event_id)
        if activity is None or activity.started_id != event.id:
            activity = cast("Activity | None", _started_as(event.id, ends))
        if activity is not None:
            figures = self._activity_type(execution.domain, activity, domain_of)
            notes.append((figures.schedule_to_start, (event.at_ms - activity.scheduled_at) / 1000))

    def _ended(
        self,
        execution: Execution,
        event: Event,
        end: Activity | DecisionTask,
        domain_of: DomainOf,
        notes: Notes,
    ) -> None:
        if isinstance(end, Activity):
            activities = self._activity_type(execution.domain, end, domain_of)
            timeout = getattr(event.attributes, "timeout_type", None)
            notes.append((activities.ended[ACTIVITY_ENDS[event.type, timeout]], 1))
            notes.append((activities.schedule_to_close, (event.at_ms - end.scheduled_at) / 1000))
            if end.started_at:
                notes.append((activities.start_to_close, (event.at_ms - end.started_at) / 1000))
        else:
            figures = self._workflow_type(execution, domain_of)
            if event.type == "DecisionTaskCompleted":
                notes.append((figures.decision_start_to_close, (event.at_ms - end.started_at) / 1000))
            else:
                notes.append((figures.decisions_timed_out, 1))

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


def _started_as(event_id: int, ends: list[Activity | DecisionTask]) -> Activity | DecisionTask | None:
    """What was started with this event, among what has ended since."""
    return next((end for end in ends if end.started_id == event_id), None)
