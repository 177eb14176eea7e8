"""A history ready to be judged: events by id, decision batches and waiting tasks worked out.

Owns the vocabulary of all rule files: Finding, Event, History, Limits. Knows no rule; what it derives it
derives leniently, so that one broken event does not hide the others.
"""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from workflowsvc.lint.tables import CLOSING, EVENTS

__all__ = [
    "Batch",
    "Event",
    "Finding",
    "History",
    "Limits",
    "as_object",
    "brief",
    "build",
    "is_async_failure",
]


class Finding(NamedTuple):
    """A rule that a history breaks, and where."""

    rule: str
    event_id: int  # 0: the history as a whole
    message: str
    execution: tuple[str, str] | None = None  # (workflowId, runId) when several histories were judged


class Limits(NamedTuple):
    """The structural quotas of SWF §12.1; a service under test may have been given smaller ones."""

    events: int = 25_000
    open_activities: int = 1_000
    open_timers: int = 1_000
    open_children: int = 1_000
    open_lambdas: int = 1_000  # undocumented; the guess of SWF §12.1
    execution_seconds: int = 31_536_000  # the effect of longer timeouts and of NONE (SWF §15.11)


_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxother = 3, 60, 60


def brief(value: object) -> str:
    """The value as findings show it: short and printable, whatever its length and depth."""
    return _BRIEF.repr(value)


def as_object(value: object) -> Mapping[str, object]:
    """The value if it is a JSON object, else an empty one."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


class Event(NamedTuple):
    """One event whose envelope could be read; its attributes may still be wrong in every way."""

    id: int
    at_ms: int
    type: str
    attributes: Mapping[str, object]

    def number(self, name: str) -> int:
        """The integer member of this name; 0 when it is absent or no integer."""
        value = self.attributes.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    def text(self, name: str) -> str:
        """The text member of this name; "" when it is absent or no text."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else ""

    def inner(self, name: str, member: str) -> str:
        """The text `member` of the structure `name`, as in taskList.name; "" when absent."""
        value = as_object(self.attributes.get(name)).get(member)
        return value if isinstance(value, str) else ""

    def milliseconds(self, name: str) -> int | None:
        """The duration of this name; None when it is absent, NONE or malformed: no clock runs."""
        value = self.text(name)
        return int(value) * 1_000 if len(value) <= 8 and value.isascii() and value.isdigit() else None

    def breaks(self, rule: str, message: str, execution: tuple[str, str] | None = None) -> Finding:
        """The finding that this event breaks this rule."""
        return Finding(rule, self.id, message, execution)

    @property
    def shown(self) -> str:
        """Number and type as messages name an event."""
        return f"event {self.id} {self.type}"


class Batch(NamedTuple):
    """A DecisionTaskCompleted and the events of its decisions, which stand directly behind it (SWF §4.4)."""

    completed: Event
    members: list[Event]

    @property
    def last(self) -> Event:
        """The last event of the batch; DecisionTaskCompleted itself when there were no decisions."""
        return self.members[-1] if self.members else self.completed


@dataclass(frozen=True, slots=True)
class History:
    """All events of one execution, ids 1..n without gap; `complete` is false for a prefix."""

    events: list[Event]
    complete: bool
    limits: Limits
    batches: list[Batch]
    waiting_before: list[int]
    """By index, also one past the end: id of the DecisionTaskScheduled that waits before this event, or 0."""
    batch_of: dict[int, int] = field(default_factory=dict[int, int])
    """Id of each batch member -> id of its DecisionTaskCompleted."""

    @property
    def start(self) -> Event:
        """The first event."""
        return self.events[0]

    @property
    def closing(self) -> Event | None:
        """The last event if it closes the execution."""
        return self.events[-1] if self.events[-1].type in CLOSING else None

    def find(self, event_id: int, event_type: str) -> Event | None:
        """The event of this id if it exists and has this type."""
        if not 1 <= event_id <= len(self.events):
            return None
        event = self.events[event_id - 1]
        return event if event.type == event_type else None

    def after(self, event: Event) -> Event | None:
        """The event that follows."""
        return self.events[event.id] if event.id < len(self.events) else None


def is_async_failure(event: Event) -> bool:
    """Whether this …Failed event answers an Initiated one later, outside the batch (SWF §5.11 to §5.13)."""
    return event.type in _ANSWERS_WITH_FAILURE and event.number("initiatedEventId") != 0


_ANSWERS_WITH_FAILURE = frozenset({
    "StartChildWorkflowExecutionFailed",
    "SignalExternalWorkflowExecutionFailed",
    "RequestCancelExternalWorkflowExecutionFailed",
})  # fmt: skip


_DECISION_TASK_CLOSES = ("DecisionTaskTimedOut", "DecisionTaskCompleted")


def _belongs(event: Event, completed: Event, previous: Event) -> bool:
    if event.type == "ActivityTaskCanceled":
        # A task that was never started is canceled at once, between two decisions' events (SWF §5.3).
        return previous.type == "ActivityTaskCancelRequested" and event.number("startedEventId") == 0
    shape = EVENTS.get(event.type)
    return (
        shape is not None
        and shape.in_block
        and not is_async_failure(event)
        and event.number("decisionTaskCompletedEventId") == completed.id
    )


def _find_batches(events: list[Event]) -> list[Batch]:
    batches: list[Batch] = []
    for completed in events:
        if completed.type == "DecisionTaskCompleted":
            batch = Batch(completed, [])
            for event in events[completed.id :]:
                if not _belongs(event, completed, batch.last):
                    break
                batch.members.append(event)
            batches.append(batch)
    return batches


def _find_waiting(events: list[Event]) -> list[int]:
    waiting = 0
    before: list[int] = []
    for event in events:
        before.append(waiting)
        if event.type == "DecisionTaskScheduled":
            waiting = waiting or event.id
        elif event.type == "DecisionTaskStarted":
            waiting = 0
        elif event.number("scheduledEventId") == waiting and event.type in _DECISION_TASK_CLOSES:
            waiting = 0  # timed out without a start (SWF §4.8), or the start is missing
    return [*before, waiting]


def build(events: Sequence[Event], *, complete: bool, limits: Limits) -> History:
    """The history of these events, which must be numbered 1..n."""
    ordered = list(events)
    batches = _find_batches(ordered)
    batch_of = {member.id: batch.completed.id for batch in batches for member in batch.members}
    return History(ordered, complete, limits, batches, _find_waiting(ordered), batch_of)
