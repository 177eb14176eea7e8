"""One transaction on PostgreSQL: a reader, and the objects that prefetch, lock, claim and write for it.

Owns these objects and what they are given of each other. Each does one thing:

    Queries          statements on the connection, one or several keys to a round trip
    TransactionInfo  when the transaction began, the server's clock, its id, whether it has written
    Locks            executions that are locked, and what was read of them
    Prefetched       answers that were fetched before they are asked for
    RunClaims, MessageClaims, TaskClaims   what several nodes want, and one gets
    PostgresWrites   changes, reported to the objects that remember what they change

It must not know when a transaction ends, nor which connection it is on.
"""

from __future__ import annotations

from workflowsvc.core.outcome import TaskKind
from workflowsvc.store.errors import LockedByPeer
from workflowsvc.store.postgres.audit_reads import PostgresAuditReader
from workflowsvc.store.postgres.claims import MessageClaims, RunClaims
from workflowsvc.store.postgres.columns import domain_row
from workflowsvc.store.postgres.locks import Locks
from workflowsvc.store.postgres.low_watermarks import LowWatermarks
from workflowsvc.store.postgres.prefetch import Prefetched
from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.reads import DomainNames, PostgresReader
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.task_claims import TaskClaims
from workflowsvc.store.postgres.transaction_info import TransactionInfo
from workflowsvc.store.postgres.wire import Row, Wire
from workflowsvc.store.postgres.writes import PostgresWrites
from workflowsvc.store.rows import DomainRow, HeartbeatRow, ListKey, MessageRow, TaskRow


class PostgresTransaction(PostgresReader):
    """On the one connection of this node that writes. It answers questions like any reader, unless the answer is known
    already; every other method is that of one of its objects.
    """

    def __init__(self, wire: Wire, names: DomainNames, low_watermarks: LowWatermarks) -> None:
        queries = Queries(wire)
        super().__init__(queries, names)
        self.info = info = TransactionInfo(queries)
        self._locks = locks = Locks(queries, info)
        self._prefetched = prefetched = Prefetched(queries, info, locks, names, low_watermarks.tasks)
        self._runs = runs = RunClaims(queries, info, locks, low_watermarks)
        messages = MessageClaims(queries, info, low_watermarks.messages)
        self._tasks = tasks = TaskClaims(queries, info, locks, prefetched, low_watermarks.tasks)
        self._writes = writes = PostgresWrites(queries, info, locks, prefetched, messages, low_watermarks)

        self.database_time = info.database_time
        self.prefetch = prefetched.prefetch
        self.lock = locks.lock
        self.due_runs = runs.due_runs
        self.expired_runs = runs.expired_runs
        self.due_between = runs.due_between
        self.expired_between = runs.expired_between
        self.exclude_peers = info.exclude_peers
        self.messages = messages.messages
        self.has_locked_by_peer = tasks.has_locked_by_peer

        self.put_domain = writes.put_domain
        self.put_clock = writes.put_clock
        self.delete_domain = writes.delete_domain
        self.put_type = writes.put_type
        self.deprecate_types = writes.deprecate_types
        self.delete_type = writes.delete_type
        self.put_meta = writes.put_meta
        self.delete_meta = writes.delete_meta
        self.insert_executions = writes.insert_executions
        self.update_executions = writes.update_executions
        self.purge = writes.purge
        self.append_events = writes.append_events
        self.can_feed = queries.knows_transaction_status
        self.put_feed = writes.put_feed
        self.delete_feed = writes.delete_feed
        self.put_heartbeats = writes.put_heartbeats
        self.delete_heartbeats = writes.delete_heartbeats
        self.put_tasks = writes.put_tasks
        self.ready_tasks = writes.ready_tasks
        self.delete_tasks = writes.delete_tasks
        self.put_messages = writes.put_messages
        self.delete_messages = writes.delete_messages

    # --- what may have been fetched already ---

    def open_run(self, domain: int, workflow_id: str) -> int | None:
        """Reads the clock on the way (TransactionInfo.queue_clock)."""
        if self._prefetched.has_open_run(domain, workflow_id):
            return self._prefetched.take_open_run(domain, workflow_id)
        self.info.queue_clock()
        return super().open_run(domain, workflow_id)

    def meta(self, key: str) -> bytes | None:
        if self._prefetched.has_meta(key):
            return self._prefetched.take_meta(key)
        return super().meta(key)

    def events(self, run: int, first: int, last: int, limit: int, descending: bool = False) -> list[bytes]:
        bodies = self._prefetched.take_events(run, first, last, limit, descending)
        return super().events(run, first, last, limit, descending) if bodies is None else bodies

    def heartbeats(self, run: int) -> list[HeartbeatRow]:
        known = self._locks.heartbeats(run)
        return super().heartbeats(run) if known is None else known

    # --- where the low watermarks say where to begin ---

    def next_wake_at(self) -> int | None:
        return self._runs.next_wake_at()

    def next_purge_at(self) -> int | None:
        return self._runs.next_purge_at()

    # --- feeds ---

    def first_free_place(self, place: int) -> int:
        return self._queries.rows(SQL.feed_places)[0][1] if self.can_feed else 0

    # --- of domains with a clock of their own ---

    def next_wake_from(self, first: int) -> int | None:
        return self._queries.rows(SQL.next_wake_from, first)[0][0]

    def next_purge_from(self, first: int) -> int | None:
        return self._queries.rows(SQL.next_purge_from, first)[0][0]

    def has_messages(self, domain: int) -> bool:
        return self._queries.rows(SQL.has_messages, domain)[0][0]

    def lock_domain(self, domain: int, *, exclusive: bool) -> DomainRow | None:
        found: list[Row] = []
        self._queries.queue(SQL.lock_domain if exclusive else SQL.share_domain, (domain,), found.extend)
        self.info.queue_clock()
        self._queries.exchange()
        if found:
            return domain_row(found[0])
        if self.domains_by_id([domain]):
            raise LockedByPeer(f"domain {domain} is locked by another node")
        return None

    def take_tasks(self, domain: int, kind: TaskKind, task_list: str, limit: int) -> list[TaskRow]:
        return self.take_from_lists({ListKey(domain, kind, task_list): limit})

    def take_from_lists(self, wanted: dict[ListKey, int]) -> list[TaskRow]:
        self._writes.settle_readied()
        return self._tasks.take_from_lists(wanted)

    def waiting_messages(self, after: int, limit: int) -> list[MessageRow]:
        return [MessageRow._make(row) for row in self._queries.rows(SQL.waiting_messages, after, limit)]


class PostgresRepairTransaction(PostgresTransaction, PostgresAuditReader):
    """What audits, repairs and copies need besides."""

    def __init__(self, wire: Wire, names: DomainNames, low_watermarks: LowWatermarks) -> None:
        super().__init__(wire, names, low_watermarks)
        writes = self._writes
        self.replace_executions = writes.replace_executions
        self.delete_tags_of = writes.delete_tags_of
        self.copy_feed = writes.copy_feed
        self.delete_tasks_of = writes.delete_tasks_of
        self.delete_heartbeats_of = writes.delete_heartbeats_of
