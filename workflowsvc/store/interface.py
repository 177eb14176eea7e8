"""What a store can do, one protocol for each use of it.

Owns the protocols; the rows are in rows.py, what is raised in errors.py. Everything is synchronous and list-shaped, and
every moment in time is passed in: a store never reads a clock of its own. It must not know the rules of SWF; the one
promise beyond remembering is that two open runs of one workflowId, or two events with one id, cannot be committed
(`Conflict`).

| use | asks for |
|---|---|
| the service's reads | `Reader`, from `Store.reader` |
| the engine of a single node | `Transaction`, from `Store.transaction` |
| the engine of one of several nodes | `PeerTransaction`, from `PeerStore.transaction` |
| fsck and the reading side of copy | `AuditReader` |
| fsck --repair and the writing side of copy | `RepairTransaction`, from `RepairStore.transaction` |

Name the narrowest one: the type then says what a function may do, and a new store need not implement what its users
never ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from workflowsvc.core.outcome import TaskKind
from workflowsvc.store.rows import (
    Backlog,
    DiskSpace,
    DomainRow,
    EventRow,
    ExecutionChange,
    ExecutionQuery,
    ExecutionRow,
    FeedPlace,
    FeedRow,
    HeartbeatRow,
    ListKey,
    LockedRow,
    Measurement,
    MessageRow,
    SchemaErrors,
    Status,
    TagRow,
    TaskKey,
    TaskRow,
    TypeKind,
    TypeRow,
)


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
    def events(self, run: int, first: int, last: int, limit: int, descending: bool = False) -> list[bytes]:
        """Bodies of events first..last inclusive, at most `limit` of them."""
        ...

    def heartbeats(self, run: int) -> list[HeartbeatRow]: ...
    def list_executions(self, query: ExecutionQuery) -> list[ExecutionRow]: ...
    def count_executions(self, query: ExecutionQuery) -> int:
        """How many match, ignoring order, `after` and `limit`."""
        ...

    def slice_end(self, query: ExecutionQuery, size: int) -> tuple[int, int] | None:
        """(time, run) of the last of the next `size` rows behind `after`, counted without the filters of the query but
        for its status; None when there are fewer. Not for queries by tag or workflowId, which have indexes of their
        own.
        """
        ...

    def some_events(self, keys: list[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Bodies of single events by run and event id; those that are not stored are left out."""
        ...

    def count_tasks(self, domain: int, kind: TaskKind, task_list: str) -> int:
        """Waiting tasks, those not yet ready included (SWF §15.26)."""
        ...

    def task_lists(self, domain: int, kind: TaskKind, after: str, limit: int) -> list[str]:
        """Names of the lists on which tasks wait, beginning behind `after`."""
        ...

    def backlog(self, domain: int, kind: TaskKind, task_list: str) -> list[Backlog]:
        """The tasks that wait on a list, those not yet ready included, by priority, the highest first."""
        ...

    def first_task_behind(self, after: ListKey) -> TaskRow | None:
        """The next ready task of the first list behind this one that has any, by domain, kind and name."""
        ...

    def tasks_ahead(self, run: int, scheduled_event_id: int, limit: int) -> int:
        """Ready tasks that are handed out before this one, counted up to about `limit`; 0 when it does not wait."""
        ...

    def clocked_domains(self) -> list[DomainRow]:
        """Those that do not live in real time, of all tenants."""
        ...

    def next_purge_at(self) -> int | None:
        """The earliest end of a retention by real time."""
        ...

    def expired(self, first: int, last: int, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
        """(purge_at, run) of closed runs with first <= purge_at <= last, in this order, beginning behind `after`."""
        ...

    def feed(self, domain: int, latest: int, after: FeedPlace, limit: int) -> list[FeedRow]:
        """Entries of the feed of a domain behind `after`, in their order; `latest` is the generation that is written
        to. Only those before which none can be committed any more: who goes on behind the last one misses nothing.
        """
        ...

    def oldest_of_feed(self, domain: int, limit: int) -> list[tuple[FeedPlace, int]]:
        """Where the first entries stand, and when each was written."""
        ...

    def last_of_feed(self, domain: int) -> FeedPlace | None:
        """The last entry, whether or not it may be read yet."""
        ...

    def feed_end(self, domain: int, latest: int) -> FeedPlace:
        """Behind all entries that may be read now, and before all that may be read later."""
        ...

    def meta(self, key: str) -> bytes | None: ...
    def metas(self, first: str, last: str, limit: int) -> list[tuple[str, bytes]]:
        """Keys from `first` on, up to but without `last`, with their values, by key."""
        ...


class Transaction(Reader, Protocol):
    """What every store needs to write. Reads see the writes made before them in the same transaction."""

    def lock(self, runs: list[int]) -> dict[int, LockedRow]:
        """The runs that exist, as they stand; no other transaction changes them before this one is over."""
        ...

    def open_run(self, domain: int, workflow_id: str) -> int | None: ...
    def count_open(self, domain: int) -> int: ...
    def put_domain(self, row: DomainRow) -> None:
        """Insert, or replace the row with this id, but for its clock."""
        ...

    def put_clock(self, domain: int, clock: bytes) -> None:
        """Of a domain that is there."""
        ...

    def delete_domain(self, domain: int) -> None:
        """The row alone."""
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
        """Remove and return the next ready tasks. Where several nodes are at work, tasks of executions that another
        node has locked are skipped, and the executions of those returned are locked.
        """
        ...

    def delete_tasks(self, keys: list[TaskKey]) -> None: ...
    def put_heartbeats(self, rows: list[HeartbeatRow]) -> None:
        """Insert or replace."""
        ...

    def delete_heartbeats(self, keys: list[TaskKey]) -> None: ...
    def put_messages(self, rows: list[MessageRow]) -> None: ...
    def messages(self, limit: int) -> list[MessageRow]:
        """The oldest messages that no other transaction has locked, by id."""
        ...

    def waiting_messages(self, after: int, limit: int) -> list[MessageRow]:
        """Messages by id, beginning behind `after`, those that other transactions have locked included."""
        ...

    def delete_messages(self, ids: list[int]) -> int:
        """How many of them were still there."""
        ...

    def next_wake_at(self) -> int | None:
        """The earliest deadline by real time."""
        ...

    def due_runs(self, now: int, limit: int) -> list[int]:
        """Open runs with wake_at <= now, earliest first, skipping those another transaction has locked."""
        ...

    def expired_runs(self, now: int, limit: int) -> list[int]:
        """Closed runs with purge_at <= now."""
        ...

    # What follows is for runs that are due by the clock of their domain: values as core/key_layout.py makes them.

    def next_wake_from(self, first: int) -> int | None:
        """The lowest wake_at that is at least `first`."""
        ...

    def next_purge_from(self, first: int) -> int | None:
        """The lowest purge_at that is at least `first`."""
        ...

    def due_between(self, first: int, last: int, limit: int) -> list[int]:
        """As `due_runs`, of runs with first <= wake_at <= last."""
        ...

    def expired_between(self, first: int, last: int, limit: int) -> list[int]:
        """As `expired_runs`, of runs with first <= purge_at <= last."""
        ...

    def has_messages(self, domain: int) -> bool:
        """Whether any message waits in the domain, those that other transactions have locked included."""
        ...

    def purge(self, run: int, at_most_events: int) -> bool:
        """Delete up to `at_most_events` events of a closed run, newest first; with the last of them the run itself.
        True when it is gone.
        """
        ...

    @property
    def can_feed(self) -> bool:
        """Whether the database can say which entries of a feed may be read."""
        ...

    def put_feed(self, rows: list[FeedRow]) -> None:
        """In the order of their events for each run. A database that several nodes share gives them other places."""
        ...

    def first_free_place(self, place: int) -> int:
        """No entry will be written below this place any more, where a node would now write at `place`; an entry of this
        generation that stands above it comes from another database, or from another time.
        """
        ...

    def delete_feed(self, domain: int, until: FeedPlace) -> None:
        """The entries up to and with this one."""
        ...

    def put_meta(self, key: str, value: bytes) -> None: ...
    def delete_meta(self, key: str) -> None: ...


class PeerTransaction(Transaction, Protocol):
    """What only several nodes on one database need besides."""

    def database_time(self) -> int:
        """The time by the database's clock, which is the same for all nodes: when this transaction began, or later."""
        ...

    def prefetch(
        self,
        runs: list[int],
        names: list[tuple[int, str]],
        meta: str | None,
        next_event_of: Callable[[int], int],
    ) -> None:
        """Fetches in one round trip what will be asked next: these runs, locked without waiting, with their events
        from `next_event_of` on; the open runs of these (domain, workflowId), locked too; and the value of `meta`.
        The events of a run must be asked for before more are appended to it. `next_event_of` is called while a
        claim is under way, by take_from_lists too, and must not use this transaction.
        """
        ...

    def lock(self, runs: list[int]) -> dict[int, LockedRow]:
        """Locks in key order, and never waits: raises LockedByPeer when another node has locked one of the runs. The
        transaction may go on after that.
        """
        ...

    def take_from_lists(self, wanted: dict[ListKey, int]) -> list[TaskRow]:
        """`take_tasks` for several lists in one go, at most `wanted` from each; list by list, each in its order."""
        ...

    def lock_domain(self, domain: int, *, exclusive: bool) -> DomainRow | None:
        """The domain as it stands, which no other transaction changes before this one is over; `exclusive`: and which
        none locks. Never waits: raises LockedByPeer. Moves `database_time` forward.
        """
        ...

    def exclude_peers(self) -> bool:
        """Waits for the transactions of other nodes that have begun; none begins before this one is over. False when
        another node is about to do the same: this one must then be given up.
        """
        ...

    def has_locked_by_peer(self, task_list: ListKey) -> bool:
        """When fewer than wanted could be taken from this list just now: other nodes have locked the others."""
        ...


class AuditReader(Reader, Protocol):
    """What audits and copies read besides: whole tables, page by page."""

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
        """Messages by id, beginning behind `after`, those that other transactions have locked included."""
        ...

    def every_feed(self, after: tuple[int, FeedPlace], limit: int) -> list[FeedRow]:
        """Entries of all feeds by domain and place, beginning behind these, whether or not they may be read yet."""
        ...

    def orphans(self, limit: int) -> list[tuple[str, int]]:
        """(table, run) of events, tasks, heartbeats and tags that belong to a run without a row."""
        ...

    def integrity_errors(self, limit: int) -> list[str]:
        """What the database finds wrong with its own files; empty when it is sound or does not know."""
        ...

    def schema_errors(self) -> SchemaErrors:
        """How tables, indexes and triggers differ from those of this release, as far as the database can say."""
        ...


class RepairTransaction(Transaction, AuditReader, Protocol):
    """What repairs and copies write besides."""

    def replace_executions(self, rows: list[ExecutionRow]) -> None:
        """All columns of stored runs become these, and the lists of their tags what these say."""
        ...

    def copy_feed(self, rows: list[FeedRow]) -> None:
        """With their places."""
        ...

    def delete_tasks_of(self, runs: list[int]) -> None: ...
    def delete_heartbeats_of(self, runs: list[int]) -> None: ...
    def delete_tags_of(self, runs: list[int]) -> None: ...


class Store(Protocol):
    """A database. `transaction` and `reader` may be used from any thread; one transaction at a time per node."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Commits when the block ends well, rolls back when it raises; raises StoreError kinds only."""
        ...

    def reader(self) -> AbstractContextManager[Reader]:
        """A snapshot of what is committed, beside the running transaction where the database can do that."""
        ...

    def describe(self) -> str:
        """Where the data is kept, for the banner."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class PeerStore(Store, Protocol):
    """A database to which other nodes may write at the same time."""

    def transaction(self) -> AbstractContextManager[PeerTransaction]: ...

    def hint(self, lists: list[ListKey]) -> None:
        """Hints to other nodes, soon and outside any transaction, that these lists have got ready tasks. A hint may
        be lost and must not be waited for: nodes poll the store as well.
        """
        ...

    def listen(self, heard: Callable[[list[ListKey]], None]) -> None:
        """From now on calls back, from any thread, with the hints of other nodes."""
        ...


@runtime_checkable
class MeasuredStore(Protocol):
    """A store that knows how it fares."""

    def measure(self) -> list[Measurement]:
        """Sizes and ages, of this moment; raises StoreError. From any thread, beside the running transaction."""
        ...

    def disk(self) -> DiskSpace | None:
        """Where the data is on a disk of this machine. From any thread; may wait for the disk."""
        ...


class RepairStore(Store, Protocol):
    """A database that is copied into or repaired."""

    def transaction(self) -> AbstractContextManager[RepairTransaction]: ...
    def reader(self) -> AbstractContextManager[AuditReader]: ...
