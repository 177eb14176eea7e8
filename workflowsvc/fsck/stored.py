"""All rows of one run, and the rows that its history implies.

Owns `Stored`, its replay, and `Implied`: the rows that there should be. Must not know any other run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeVar

import msgspec

import workflowsvc.core as _core  # for its import, which fills the registries of rules
from workflowsvc.core import activities
from workflowsvc.core.domain_clock import DomainClock, decode_clock
from workflowsvc.core.execution import Execution
from workflowsvc.core.key_layout import due_key, due_moment
from workflowsvc.core.outcome import implied_tasks
from workflowsvc.fsck.net import text_of
from workflowsvc.fsck.retention import Kept
from workflowsvc.model.events import Event, decode_event, encode_event
from workflowsvc.store.errors import Damaged
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.row_types import misfit
from workflowsvc.store.rows import DomainRow, EventRow, ExecutionRow, HeartbeatRow, TagRow, TaskRow

assert _core.rules.APPLY

Row = TypeVar("Row", HeartbeatRow, TaskRow, TagRow)

MAX_EVENTS = 1 << 40  # events of a run: more than any has
_BEFORE_ALL = -(1 << 63)
_END_OF_TIME = 253_402_300_800_000  # ms: the year 10000, as Python and SQL count
_encode = msgspec.json.Encoder().encode
_decode_tags = msgspec.json.Decoder(list[str | None]).decode


class LeftOut(NamedTuple):
    """A task, tag or heartbeat that cannot be read."""

    kind: Literal["task", "tag", "heartbeat"]
    why: str


class Stored(NamedTuple):
    """All rows of one run."""

    row: ExecutionRow
    events: list[EventRow]
    heartbeats: list[HeartbeatRow]
    tasks: list[TaskRow]
    tags: list[TagRow]
    unreadable: tuple[LeftOut, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.row.workflow_id}/{self.row.run_id}"

    @property
    def bodies(self) -> list[bytes]:
        return [event.body for event in self.events]

    def is_being_purged(self, now: int) -> bool:
        """Retention has ended in the domain, where it is `now`: any part of the run may be purged already (its newest
        events first).
        """
        row = self.row
        return row.closed_at is not None and row.purge_at is not None and due_moment(row.purge_at) <= now


class Implied(NamedTuple):
    """The rows that a run should have. A task keeps its stored position; a lost one gets that of its event's time."""

    row: ExecutionRow
    tasks: list[TaskRow]
    tags: list[TagRow]
    heartbeats: list[HeartbeatRow]


class Unreadable(Exception):
    """A history that cannot be replayed; the message says where it breaks."""


class Lost(NamedTuple):
    """A run of which some row cannot be read."""

    run: int
    why: str


def read_what_can_be(
    reader: AuditReader, runs: list[int], missing: frozenset[str] = frozenset()
) -> tuple[list[Stored], list[Lost]]:
    """These runs, as far as they have a row, in the order given, and those that cannot be read. `missing`: tables that
    there are not."""
    try:
        return read(reader, runs, missing), []
    except Exception as error:
        why = text_of(error)
        if len(runs) == 1:
            return [], [Lost(runs[0], why)]
    found: list[Stored] = []
    lost: list[Lost] = []
    for run in runs:
        more, worse = read_what_can_be(reader, [run], missing)
        found += more
        lost += worse
    return found, lost


def read(reader: AuditReader, runs: list[int], missing: frozenset[str] = frozenset()) -> list[Stored]:
    """The same; any error when one of them cannot be read. A task, tag or heartbeat of which a column has another type
    is left out."""
    rows = reader.executions(runs)
    for run, row in rows.items():
        if why := misfit(row):
            raise Damaged(f"in the row of run {run}, {why}")
    unreadable: dict[int, list[LeftOut]] = {}
    heartbeats = _by_run(
        [] if "heartbeats" in missing else reader.heartbeats_of(runs), "heartbeat", unreadable
    )
    tasks = _by_run([] if "tasks" in missing else reader.tasks_of(runs), "task", unreadable)
    tags = _by_run([] if "execution_tags" in missing else reader.tags_of(runs), "tag", unreadable)
    return [
        Stored(
            rows[run],
            _events_of(reader, run),
            heartbeats.get(run, []),
            tasks.get(run, []),
            tags.get(run, []),
            tuple(unreadable.get(run, ())),
        )
        for run in runs
        if run in rows
    ]


def _by_run(
    rows: Iterable[Row], kind: Literal["task", "tag", "heartbeat"], unreadable: dict[int, list[LeftOut]]
) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        if why := misfit(row):
            unreadable.setdefault(row.run, []).append(LeftOut(kind, f"a {kind} cannot be read: {why}"))
        else:
            found.setdefault(row.run, []).append(row)
    return found


def _events_of(reader: AuditReader, run: int) -> list[EventRow]:
    rows = reader.numbered_events(run, _BEFORE_ALL, MAX_EVENTS)
    for place, row in enumerate(rows, 1):
        if why := misfit(row):
            raise Damaged(f"in the row of event {place} of run {run}, {why}")
    return rows


def events_of(stored: Stored) -> list[Event]:
    """The history, decoded. Raises Unreadable unless ids are 1, 2, 3 … and each event is spelt as it was written."""
    events: list[Event] = []
    for place, (_, number, body) in enumerate(stored.events, 1):
        try:
            event = decode_event(body)
        except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
            raise Unreadable(f"event {place} of the stored ones is none: {error}") from error
        if not 0 <= event.at_ms < _END_OF_TIME:
            raise Unreadable(f"event {place} has a time that there is not")
        if event.id != place:
            raise Unreadable(f"event {event.id} stands where event {place} belongs")
        if number != place:
            raise Unreadable(f"event {place} is kept under number {number}")
        if encode_event(event) != body:
            raise Unreadable(f"event {place} is not spelt as this service spells it")
        events.append(event)
    if not events:
        raise Unreadable("it has no events")
    return events


def replay(stored: Stored, events: list[Event], longest_ms: int) -> Execution:
    """The execution that these events make; raises Unreadable when no rule could have recorded them."""
    row = stored.row
    execution = Execution(
        run=row.run,
        run_id=row.run_id,
        domain=row.domain,
        workflow_id=row.workflow_id,
        longest_ms=longest_ms,
    )
    for event in events:
        try:
            execution.apply(event)
        except Exception as error:  # any error of a rule: it never recorded such a history
            why = f"{type(error).__name__}: {error}"
            raise Unreadable(f"event {event.id} {event.type} cannot be applied ({why})") from error
    execution.new_ends.clear()
    for heartbeat in stored.heartbeats:
        if is_expected(execution, heartbeat):
            activities.restore_heartbeat(
                execution, heartbeat.at, heartbeat.scheduled_event_id, heartbeat.details
            )
    return execution


def is_expected(execution: Execution, heartbeat: HeartbeatRow) -> bool:
    """Only an open activity that was started has a heartbeat."""
    activity = execution.activities.get(heartbeat.scheduled_event_id)
    return execution.is_open and activity is not None and activity.started_id != 0


def implied(
    stored: Stored, events: list[Event], execution: Execution, domain: DomainRow, kept: Kept
) -> Implied:
    """The rows that the history of this run implies in its domain."""
    purge_at = kept.purge_moment(execution, domain, stored.row.purge_at)
    started = execution.started
    parent = started.parent_workflow_execution
    row = stored.row._replace(
        type_name=started.workflow_type.name,
        type_version=started.workflow_type.version,
        tags=None if started.tag_list is None else _encode(started.tag_list),
        parent_workflow_id=parent and parent.workflow_id,
        parent_run_id=parent and parent.run_id,
        started_at=execution.started_at,
        next_event_id=execution.next_event_id,
        wake_at=_due(stored.row.wake_at, execution.wake_at(), domain, busy=execution.is_in_flight),
        cancel_requested=execution.cancel_requested,
        closed_at=execution.closed_at,
        close_status=execution.close_status,
        purge_at=_due(stored.row.purge_at, purge_at, domain, busy=False),
    )
    return Implied(
        row=row,
        tasks=_tasks(stored, events, execution),
        tags=_tags(row),
        heartbeats=[heartbeat for heartbeat in stored.heartbeats if is_expected(execution, heartbeat)],
    )


def clock_of_domain(domain: DomainRow | None) -> DomainClock | None:
    """None also for one that cannot be read, which is reported with the domains."""
    try:
        return None if domain is None else decode_clock(domain.clock)
    except (msgspec.MsgspecError, ValueError):
        return None


def now_in(domain: DomainRow | None, real: int) -> int:
    """What time it is in a domain, as far as its clock can be read."""
    clock = clock_of_domain(domain)
    return real if clock is None else clock.now(real)


def _due(stored: int | None, moment: int | None, domain: DomainRow, *, busy: bool) -> int | None:
    """A moment as the row of a run says it. While the rows of a domain are being sorted under its new clock, either
    form is right; so is what is stored when the clock cannot be read and that is the moment.
    """
    if moment is None or domain.clock is None:
        return moment
    clock = clock_of_domain(domain)
    if (
        stored is not None
        and due_moment(stored) == moment
        and (clock is None or (clock.unsorted and stored == moment))
    ):
        return stored
    return moment if clock is None else due_key(clock.number, moment, busy=busy)


def _tasks(stored: Stored, events: list[Event], execution: Execution) -> list[TaskRow]:
    positions = {task.scheduled_event_id: task.position for task in stored.tasks}
    return sorted(
        TaskRow(
            run=execution.run,
            scheduled_event_id=task.scheduled_id,
            kind=task.kind,
            domain=execution.domain,
            task_list=task.task_list,
            priority=task.priority,
            position=positions.get(task.scheduled_id, events[task.scheduled_id - 1].at_ms * 1000),
            ready=task.ready,
        )
        for task in implied_tasks(execution)
    )


def _tags(row: ExecutionRow) -> list[TagRow]:
    """A tag given twice is listed once; a null element is no tag (SWF §1.1.11)."""
    if row.tags is None:
        return []
    lists = [("open by start", row.started_at)]
    if row.closed_at is not None:
        lists = [("closed by start", row.started_at), ("closed by close", row.closed_at)]
    tags = {tag for tag in _decode_tags(row.tags) if tag is not None}
    return sorted(TagRow(row.run, row.domain, tag, name, at) for tag in tags for name, at in lists)
