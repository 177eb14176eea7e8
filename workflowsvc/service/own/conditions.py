"""The conditions of a search: what a filter means for a row, and for the first and last event of its history.

Owns the checks of a filter and the test of one run. A run matches when it meets all conditions that are given.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from workflowsvc.model import own_shapes as shapes
from workflowsvc.model import validation_text
from workflowsvc.model.events import decode_event
from workflowsvc.model.shapes import (
    WorkflowExecutionCanceledEventAttributes,
    WorkflowExecutionFailedEventAttributes,
    WorkflowExecutionStartedEventAttributes,
    WorkflowExecutionTerminatedEventAttributes,
)
from workflowsvc.service.visibility import decode_tags, milliseconds
from workflowsvc.store.rows import ExecutionRow

_RANGES = (
    ("started_after", "started_before"),
    ("closed_after", "closed_before"),
    ("minimum_duration_in_seconds", "maximum_duration_in_seconds"),
    ("minimum_events", "maximum_events"),
)
_CLOSED_ONLY = (
    "close_statuses",
    "closed_after",
    "closed_before",
    "failure_reason_contains",
    "failure_details_contains",
)


class Details(NamedTuple):
    """What the first and the last event of a run say."""

    task_list: str
    continued_run_id: str | None
    failure_reason: str | None  # of a failure or termination; the cause of a termination without a reason
    failure_details: str | None


def check(filter: shapes.ExecutionFilter) -> None:
    """ValidationException for a filter that no run can match, naming the member that contradicts another one."""
    for low, high in _RANGES:
        least, most = getattr(filter, low), getattr(filter, high)
        if least is not None and most is not None and least > most:
            _refuse(filter, high, f"Member must not be less than {_wire_name(low)}")
    if filter.execution_status == "OPEN":
        for member in _CLOSED_ONLY:
            if getattr(filter, member):
                _refuse(filter, member, "Member must be absent when executionStatus is OPEN")
    if filter.execution_status == "CLOSED" and filter.cancel_requested is not None:
        _refuse(filter, "cancel_requested", "Member must be absent when executionStatus is CLOSED")


def _refuse(filter: shapes.ExecutionFilter, member: str, text: str) -> None:
    value = getattr(filter, member)
    shown = str(value).lower() if isinstance(value, bool) else value
    raise validation_text.one_refusal(shown, f"filter.{_wire_name(member)}", text)


def _wire_name(member: str) -> str:
    first, *rest = member.split("_")
    return first + "".join(word.capitalize() for word in rest)


class Conditions:
    """Of one search; `now` is the moment to which open runs have taken their time."""

    def __init__(self, filter: shapes.ExecutionFilter | None, now: int) -> None:
        self.filter = filter = filter or shapes.ExecutionFilter()
        check(filter)
        self.now = now
        self.started_after = _moment(filter.started_after)
        self.started_before = _moment(filter.started_before)
        self.closed_after = _moment(filter.closed_after)
        self.closed_before = _moment(filter.closed_before)
        self.tags = any((filter.tags_all, filter.tags_any, filter.tags_none))
        self.needs_details = not (
            filter.task_list
            is filter.continued
            is filter.failure_reason_contains
            is filter.failure_details_contains
            is None
        )

    @property
    def is_open_possible(self) -> bool:
        """Whether an open run can match."""
        closed = any(getattr(self.filter, member) for member in _CLOSED_ONLY)
        return self.filter.execution_status != "CLOSED" and not closed

    @property
    def is_closed_possible(self) -> bool:
        """Whether a closed run can match."""
        return self.filter.execution_status != "OPEN" and self.filter.cancel_requested is None

    def matches(self, row: ExecutionRow) -> bool:
        """All conditions that a row can answer."""
        wanted = self.filter
        if wanted.run_id is not None and row.run_id != wanted.run_id:
            return False
        if wanted.workflow_type is not None:
            if row.type_name != wanted.workflow_type.name:
                return False
            if wanted.workflow_type.version not in (None, row.type_version):
                return False
        if wanted.workflow_id is not None and row.workflow_id != wanted.workflow_id:
            return False
        if not row.workflow_id.startswith(wanted.workflow_id_begins_with or ""):
            return False
        if (wanted.workflow_id_contains or "") not in row.workflow_id:
            return False
        return (
            self._matches_status(row)
            and self._matches_times(row)
            and self._matches_parent(row)
            and (not self.tags or self._matches_tags(row))
        )

    def _matches_status(self, row: ExecutionRow) -> bool:
        wanted = self.filter
        is_open = row.closed_at is None
        if wanted.execution_status is not None and (wanted.execution_status == "OPEN") != is_open:
            return False
        if wanted.close_statuses and row.close_status not in wanted.close_statuses:
            return False
        if wanted.cancel_requested is None:
            return True
        return is_open and row.cancel_requested == wanted.cancel_requested

    def _matches_times(self, row: ExecutionRow) -> bool:
        wanted = self.filter
        if not _is_between(row.started_at, self.started_after, self.started_before):
            return False
        is_closing_asked = self.closed_after is not None or self.closed_before is not None
        closed_at = -1 if row.closed_at is None else row.closed_at
        if is_closing_asked and not _is_between(closed_at, self.closed_after or 0, self.closed_before):
            return False
        seconds = self.duration_ms(row) / 1000
        return _is_between(
            seconds, wanted.minimum_duration_in_seconds, wanted.maximum_duration_in_seconds
        ) and _is_between(row.next_event_id - 1, wanted.minimum_events, wanted.maximum_events)

    def duration_ms(self, row: ExecutionRow) -> int:
        """From the start to the close, or to now."""
        return max((self.now if row.closed_at is None else row.closed_at) - row.started_at, 0)

    def _matches_parent(self, row: ExecutionRow) -> bool:
        wanted = self.filter
        if wanted.parent_workflow_id is not None and row.parent_workflow_id != wanted.parent_workflow_id:
            return False
        return wanted.parent_run_id is None or row.parent_run_id == wanted.parent_run_id

    def _matches_tags(self, row: ExecutionRow) -> bool:
        wanted = self.filter
        tags = set(decode_tags(row.tags)) if row.tags is not None else set[str | None]()
        if not tags.issuperset(wanted.tags_all or ()):
            return False
        if wanted.tags_any and tags.isdisjoint(wanted.tags_any):
            return False
        return tags.isdisjoint(wanted.tags_none or ())

    def matches_details(self, details: Details) -> bool:
        """The conditions that only events can answer."""
        wanted = self.filter
        if wanted.task_list is not None and details.task_list != wanted.task_list.name:
            return False
        if wanted.continued is not None and (details.continued_run_id is not None) != wanted.continued:
            return False
        if (wanted.failure_reason_contains or "") not in (details.failure_reason or ""):
            return False
        return (wanted.failure_details_contains or "") in (details.failure_details or "")


def _moment(seconds: float | None) -> int | None:
    return None if seconds is None else milliseconds(seconds)


def _is_between(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or least <= value) and (most is None or value <= most)


_WITH_REASON = ("FAILED", "TERMINATED", "CANCELED")


def event_keys(row: ExecutionRow) -> list[tuple[int, int]]:
    """The events that `details_of` reads."""
    keys = [(row.run, 1)]
    if row.close_status in _WITH_REASON:
        keys.append((row.run, row.next_event_id - 1))
    return keys


def details_of(row: ExecutionRow, bodies: dict[tuple[int, int], bytes]) -> Details | None:
    """None when the run was purged meanwhile."""
    first = bodies.get((row.run, 1))
    if first is None:
        return None
    started = decode_event(first).attributes
    assert isinstance(started, WorkflowExecutionStartedEventAttributes)
    reason, details = None, None
    last = bodies.get((row.run, row.next_event_id - 1))
    if row.close_status in _WITH_REASON and last is not None:
        reason, details = _failure(decode_event(last).attributes)
    return Details(started.task_list.name, started.continued_execution_run_id, reason, details)


def _failure(closing: Any) -> tuple[str | None, str | None]:
    if isinstance(closing, WorkflowExecutionFailedEventAttributes):
        return closing.reason, closing.details
    if isinstance(closing, WorkflowExecutionTerminatedEventAttributes):
        return closing.reason or closing.cause, closing.details
    if isinstance(closing, WorkflowExecutionCanceledEventAttributes):
        return None, closing.details
    return None, None
