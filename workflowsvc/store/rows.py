"""The rows of a store, in the words of the domain, and the keys and queries that name them.

Owns the row types. It must not know who reads or writes them, nor any database.

All times are integer milliseconds since the epoch. A `run` is the internal key of an execution: 63 bits, ordered by
start time; its low bits name the shard (core/key_layout.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from workflowsvc.core.outcome import TaskKind
from workflowsvc.model.shapes import CloseStatus

TypeKind = Literal["workflow", "activity"]
Status = Literal["REGISTERED", "DEPRECATED"]

DELETED_TENANT = "-deleted-"
"""Of domains that are being deleted (engine/deleted_domains.py); no account and region are spelt like it."""

IMPORTED_TAGS = b'{"workflowsvc:imported":"true"}'
"""The resource tags of domains for imported histories, whose types are not registered in them."""

BEFORE_ALL_TYPES = (-(1 << 63), "", "", "")
"""Domain, kind, name and version."""


class DomainRow(NamedTuple):
    id: int
    tenant: str
    name: str
    status: Status
    description: str | None
    retention: str  # as registered: "NONE" or days
    tags: bytes  # JSON object of resource tags, in the order they were given
    clock: bytes | None = None  # JSON of the DomainClock of a domain that does not live in real time


class TypeRow(NamedTuple):
    domain: int
    kind: TypeKind
    name: str
    version: str
    status: Status
    description: str | None
    created_at: int
    deprecated_at: int | None
    defaults: bytes  # JSON of WorkflowTypeConfiguration or ActivityTypeConfiguration


class ExecutionRow(NamedTuple):
    """One run: what lists show, and what the engine must find without reading its history."""

    run: int
    run_id: str
    domain: int
    workflow_id: str
    type_name: str
    type_version: str
    tags: bytes | None  # JSON list, null elements kept (SWF §1.1.11); None when no tagList was given
    parent_workflow_id: str | None
    parent_run_id: str | None
    started_at: int
    next_event_id: int
    wake_at: int | None  # earliest deadline of an open run, by the clock of its domain (core/key_layout.py)
    cancel_requested: bool  # true only while open (SWF §15.15)
    closed_at: int | None
    close_status: CloseStatus | None
    purge_at: int | None  # when retention ends, by the clock of its domain (core/key_layout.py)


class LockedRow(NamedTuple):
    """The columns of an ExecutionRow that a node needs to bring its copy of the run up to date."""

    run: int
    run_id: str
    domain: int
    workflow_id: str
    next_event_id: int
    closed_at: int | None
    purge_at: int | None


class ExecutionChange(NamedTuple):
    """The columns of an ExecutionRow that change after its start."""

    run: int
    next_event_id: int
    wake_at: int | None
    cancel_requested: bool
    closed_at: int | None
    close_status: CloseStatus | None
    purge_at: int | None


def closed_with(row: ExecutionRow, purge_at: int | None) -> ExecutionChange:
    """The change that gives a closed run another end of its retention."""
    assert row.closed_at is not None, f"run {row.run} is open"
    return ExecutionChange(row.run, row.next_event_id, None, False, row.closed_at, row.close_status, purge_at)


class EventRow(NamedTuple):
    run: int
    event_id: int
    body: bytes  # the exact wire JSON of the HistoryEvent


class TaskRow(NamedTuple):
    """A task waiting on a task list. Taken in order of priority (higher first), then position (lower first)."""

    run: int
    scheduled_event_id: int
    kind: TaskKind
    domain: int
    task_list: str
    priority: int
    position: int  # when it was put there, unique (core/key_layout.py)
    ready: bool  # False: a decision task queued behind the started one (SWF §4.2)


class Measurement(NamedTuple):
    """A number that a store has measured of itself just now. `label` is "" or the table, or the standby, meant."""

    name: str
    value: float
    label: str = ""


class DiskSpace(NamedTuple):
    """Bytes of the file system that holds the data: those that may still be written, and all."""

    free: int
    total: int


class Backlog(NamedTuple):
    """The tasks of one priority that wait on a list."""

    priority: int
    tasks: int
    oldest_position: int


def backlog_of(rows: Iterable[Sequence[int]]) -> list[Backlog]:
    """From (priority, tasks, oldest position) of ready tasks and of others: one for each priority, highest first."""
    by_priority: dict[int, Backlog] = {}
    for priority, tasks, oldest in rows:
        known = by_priority.get(priority)
        if known is not None:
            tasks, oldest = known.tasks + tasks, min(known.oldest_position, oldest)
        by_priority[priority] = Backlog(priority, tasks, oldest)
    return sorted(by_priority.values(), reverse=True)


class TaskKey(NamedTuple):
    run: int
    scheduled_event_id: int


class ListKey(NamedTuple):
    """A task list: scope, kind and name (SWF §7.6)."""

    domain: int
    kind: TaskKind
    name: str


class HeartbeatRow(NamedTuple):
    """The one fact that history does not hold: an activity's last heartbeat."""

    run: int
    scheduled_event_id: int
    at: int
    details: str | None


class MessageRow(NamedTuple):
    """An effect on another execution (or on the same one), committed with the event that causes it."""

    id: int  # unique; the order of application
    run: int  # the run that sent it
    kind: str
    domain: int
    body: bytes  # JSON of one of core/messages.py


class FeedPlace(NamedTuple):
    """Where an entry stands in the feed of its domain. `generation` counts how often places have begun anew: `place`
    is given by the database, and by another one after a copy or a restore.
    """

    generation: int
    place: int
    run: int
    event_id: int


BEFORE_ALL_ENTRIES = FeedPlace(0, 0, 0, 0)


class FeedRow(NamedTuple):
    """What a feed tells of one event."""

    domain: int
    generation: int
    place: int
    run: int
    event_id: int
    at: int  # real time, when it was written
    type: str  # of the event
    body: bytes  # JSON that core/feed_event.py makes an event of

    @property
    def position(self) -> FeedPlace:
        return FeedPlace(self.generation, self.place, self.run, self.event_id)


class TagRow(NamedTuple):
    """A run in one of the lists of its tags (SWF §10.2)."""

    run: int
    domain: int
    tag: str
    list: str  # "open by start", "closed by start" or "closed by close": which time `at` is
    at: int


class SchemaErrors(NamedTuple):
    """How a database differs from what this release has made."""

    texts: list[str]
    missing_tables: frozenset[str]  # also those of which no row can be read


class Forgotten(NamedTuple):
    """Which closed runs lists hide, though they are still stored: those whose purge_at means the moment `at` or an
    earlier one. Those that closed later than `kept_since` are listed without a look at that, as it costs a visit of
    their rows.
    """

    at: int
    kept_since: int


class ExecutionQuery(NamedTuple):
    """A visibility query of SWF §10.2; bounds are inclusive, milliseconds."""

    domain: int
    status: Literal["OPEN", "CLOSED"]
    order_by: Literal["started_at", "closed_at"]
    oldest: int
    latest: int | None
    type_name: str | None = None
    type_version: str | None = None
    tag: str | None = None
    workflow_id: str | None = None
    close_status: CloseStatus | None = None
    forgotten: Forgotten | None = None  # None: there are none
    ascending: bool = False
    after: tuple[int, int] | None = None  # (time, run) of the last row of the page before
    until: tuple[int, int] | None = (
        None  # (time, run) of the last row that is looked at, in the order of the query
    )
    limit: int = 1000
