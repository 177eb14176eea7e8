"""What the engine needs from a database, in the words of the domain.

Owns the row types and the `Reader`, `Transaction` and `Store` protocols. Everything is synchronous and list-shaped, and
every moment in time is passed in: a store never reads a clock. It must not know the rules of SWF; the one promise
beyond remembering is that two open runs of one workflowId, or two events with one id, cannot be committed (`Conflict`).

All times are integer milliseconds since the epoch. A `run` is the internal key of an execution: 63 bits, ordered by
start time, its low bits naming the shard (core/key_layout.py).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol

from workflowsvc.core.outcome import TaskKind
from workflowsvc.model.shapes import CloseStatus

TypeKind = Literal["workflow", "activity"]
Status = Literal["REGISTERED", "DEPRECATED"]

BEFORE_ALL_TYPES = (-1, "", "", "")
"""Domain, kind, name and version."""


class StoreError(Exception):
    """The transaction was not committed; nothing of it is remembered."""


class Conflict(StoreError):
    """Somebody else was faster (unique key, serialization failure, deadlock): run the batch again."""


class LockedByPeer(Exception):
    """Another node is at work on an execution. Nothing is undone by that; try again soon."""


class Unavailable(StoreError):
    """The database cannot be reached or cannot write now: answer 503 and try again later."""


class OutcomeUnknown(StoreError):
    """The connection was lost while committing: read before believing either way."""


class StoreUnusable(Exception):
    """The store cannot be opened; the message tells its owner what is wrong and what to do."""


class StoreInUse(StoreUnusable):
    """Another process works with this store, and it admits only one."""


class DomainRow(NamedTuple):
    id: int
    tenant: str
    name: str
    status: Status
    description: str | None
    retention: str  # as registered: "NONE" or days
    tags: bytes  # JSON object of resource tags, in the order they were given


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
    wake_at: int | None  # earliest deadline of an open run
    cancel_requested: bool  # true only while open (SWF §15.15)
    closed_at: int | None
    close_status: CloseStatus | None
    purge_at: int | None  # when retention ends


class LockedRow(NamedTuple):
    """Of one run, what its node must know to bring it up to date: columns of an ExecutionRow."""

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
    body: bytes  # JSON, read by engine/messages.py


class TagRow(NamedTuple):
    """A run in one of the lists of its tags (SWF §10.2)."""

    run: int
    domain: int
    tag: str
    list: str  # "open by start", "closed by start" or "closed by close": which time `at` is
    at: int


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
    forgotten_by: int | None = (
        None  # what closed then or before is no longer shown, though it is still stored
    )
    ascending: bool = False
    after: tuple[int, int] | None = None  # (time, run) of the last row of the page before
    limit: int = 1000


class Reader(Protocol):
    """Questions, answered from one consistent snapshot."""

    def domain(self, tenant: str, name: str) -> DomainRow | None: ...
    def domains_by_id(self, ids: list[int]) -> dict[int, DomainRow]: ...
    def domains(
        self, tenant: str, status: Status, after: str | None, limit: int, descending: bool
    ) -> list[DomainRow]:
        """By name, beginning behind `after`."""
        ...

    def count_domains(self, tenant: str) -> int: ...
    def type(self, domain: int, kind: TypeKind, name: str, version: str) -> TypeRow | None: ...
    def types(
        self,
        domain: int,
        kind: TypeKind,
        status: Status,
        name: str | None,
        after: tuple[str, str] | None,
        limit: int,
        descending: bool,
    ) -> list[TypeRow]:
        """By (name, version), beginning behind `after`; only `name` when given."""
        ...

    def count_types(self, domain: int, kind: TypeKind) -> int: ...
    def executions(self, runs: list[int]) -> dict[int, ExecutionRow]: ...
    def open_run(self, domain: int, workflow_id: str) -> int | None: ...
    def count_open(self, domain: int) -> int: ...
    def events(self, run: int, first: int, last: int, limit: int, descending: bool = False) -> list[bytes]:
        """Bodies of events first..last inclusive, at most `limit` of them."""
        ...

    def heartbeats(self, run: int) -> list[HeartbeatRow]: ...
    def list_executions(self, query: ExecutionQuery) -> list[ExecutionRow]: ...
    def count_executions(self, query: ExecutionQuery) -> int:
        """How many match, ignoring order, `after` and `limit`."""
        ...

    def count_tasks(self, domain: int, kind: TaskKind, task_list: str) -> int:
        """Waiting tasks, those not yet ready included (SWF §15.26)."""
        ...

    def next_wake_at(self) -> int | None: ...
    def next_purge_at(self) -> int | None: ...
    def meta(self, key: str) -> bytes | None: ...

    # Asked by audits and copies alone, which read whole tables.

    def every_meta(self) -> list[tuple[str, bytes]]:
        """By key; there are a few."""
        ...

    def every_domain(self, after: int, limit: int) -> list[DomainRow]:
        """Of all tenants, by id, beginning behind `after`."""
        ...

    def every_type(self, after: tuple[int, str, str, str] | None, limit: int) -> list[TypeRow]:
        """By domain, kind, name and version, beginning behind these."""
        ...

    def numbered_events(self, run: int, after: int, limit: int) -> list[EventRow]:
        """With the numbers under which they are stored, beginning behind `after`."""
        ...

    def runs(self, after: int, limit: int) -> list[int]:
        """Keys of the runs that have a row, ascending, beginning behind `after`."""
        ...

    def tasks_of(self, runs: list[int]) -> list[TaskRow]:
        """All tasks of these runs, ready or not, by run and event."""
        ...

    def tags_of(self, runs: list[int]) -> list[TagRow]:
        """Where these runs are listed under their tags, by run, tag and list."""
        ...

    def heartbeats_of(self, runs: list[int]) -> list[HeartbeatRow]:
        """By run and event."""
        ...

    def waiting_messages(self, after: int, limit: int) -> list[MessageRow]:
        """Messages by id, beginning behind `after`, whoever holds them."""
        ...

    def orphans(self, limit: int) -> list[tuple[str, int]]:
        """(table, run) of events, tasks, heartbeats and tags that belong to a run without a row."""
        ...

    def integrity_errors(self, limit: int) -> list[str]:
        """What the database finds wrong with its own files; empty when it is sound or cannot tell."""
        ...


class Transaction(Reader, Protocol):
    """Reads see the writes made before them in the same transaction."""

    def database_time(self) -> int | None:
        """What time it is by the database's clock, which is the same for all nodes: when this transaction began, or
        later. None when it has none of its own.
        """
        ...

    def prefetch(
        self,
        runs: list[int],
        names: list[tuple[int, str]],
        meta: str | None,
        next_event_of: Callable[[int], int],
    ) -> None:
        """These runs will be locked without waiting, the open runs of these (domain, workflowId) asked for and
        locked, and the value of `meta`: a store that is far away fetches all of it at once, with the events of
        each run from `next_event_of` on.
        """
        ...

    def lock(self, runs: list[int], *, wait: bool = True) -> dict[int, LockedRow]:
        """The runs that exist, held against every other node until the end of the transaction; locked in key order.
        Without `wait`, Held is raised when another node holds one of them; the transaction may go on.
        """
        ...

    def put_domain(self, row: DomainRow) -> None:
        """Insert, or replace the row with this id."""
        ...

    def put_type(self, row: TypeRow) -> None:
        """Insert, or replace the row with this domain, kind, name and version."""
        ...

    def deprecate_types(self, domain: int, at: int) -> None:
        """Every REGISTERED type of the domain becomes DEPRECATED."""
        ...

    def delete_type(self, domain: int, kind: TypeKind, name: str, version: str) -> None: ...

    def insert_executions(self, rows: list[ExecutionRow]) -> None:
        """Conflict when another run of the workflowId is open."""
        ...

    def update_executions(self, changes: list[ExecutionChange]) -> None: ...
    def append_events(self, rows: list[EventRow]) -> None:
        """Conflict when a row with this run and event id exists."""
        ...

    def put_tasks(self, rows: list[TaskRow]) -> None: ...
    def ready_tasks(self, keys: list[TaskKey]) -> None:
        """These tasks may now be taken."""
        ...

    def take_tasks(self, domain: int, kind: TaskKind, task_list: str, limit: int) -> list[TaskRow]:
        """Remove and return the next ready tasks, skipping those whose executions another node holds; their executions
        are held from here on.
        """
        ...

    def take_from_lists(self, wanted: dict[ListKey, int]) -> list[TaskRow]:
        """`take_tasks` for several lists at once, at most so many from each; list by list, each in its order."""
        ...

    def has_locked_by_peer(self, task_list: ListKey) -> bool:
        """When fewer than wanted could be taken from this list just now: there was more, held by others."""
        ...

    def delete_tasks(self, keys: list[TaskKey]) -> None: ...
    def delete_tasks_of(self, runs: list[int]) -> None: ...
    def put_heartbeats(self, rows: list[HeartbeatRow]) -> None:
        """Insert or replace."""
        ...

    def delete_heartbeats(self, keys: list[TaskKey]) -> None: ...
    def delete_heartbeats_of(self, runs: list[int]) -> None: ...
    def put_messages(self, rows: list[MessageRow]) -> None: ...
    def messages(self, limit: int) -> list[MessageRow]:
        """The oldest messages that no other transaction holds, by id."""
        ...

    def delete_messages(self, ids: list[int]) -> int:
        """How many of them were still there."""
        ...

    def due_runs(self, now: int, limit: int) -> list[int]:
        """Open runs with wake_at <= now, earliest first, skipping those another transaction holds."""
        ...

    def expired_runs(self, now: int, limit: int) -> list[int]:
        """Closed runs with purge_at <= now."""
        ...

    def purge(self, run: int, at_most_events: int) -> bool:
        """Delete up to so many events of a closed run, newest first; with the last of them the run itself. True when it
        is gone.
        """
        ...

    def put_meta(self, key: str, value: bytes) -> None: ...
    def delete_meta(self, key: str) -> None: ...

    # Asked by repairs alone.

    def replace_executions(self, rows: list[ExecutionRow]) -> None:
        """All columns of stored runs become these, and the lists of their tags what these say."""
        ...

    def delete_tags_of(self, runs: list[int]) -> None: ...


class Store(Protocol):
    """A database. `transaction` and `reader` may be used from any thread; one transaction at a time per node."""

    shared: bool  # True when other nodes may write to the same database

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Commits when the block ends well, rolls back when it raises; raises StoreError kinds only."""
        ...

    def reader(self) -> AbstractContextManager[Reader]:
        """A snapshot of what is committed, beside the running transaction where the database can do that."""
        ...

    def hint(self, lists: list[ListKey]) -> None:
        """Tells other nodes, soon and outside any transaction, that these lists have got ready tasks. A hint may
        be lost and must not be waited for: polls look again by themselves.
        """
        ...

    def listen(self, heard: Callable[[list[ListKey]], None]) -> None:
        """From now on calls back, from any thread, with the hints of other nodes."""
        ...

    def describe(self) -> str:
        """Where the data is kept, for the banner."""
        ...

    def close(self) -> None: ...
