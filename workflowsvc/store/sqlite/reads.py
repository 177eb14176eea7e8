"""Questions asked of SQLite: the `Reader` of interface.py.

Owns how rows become tuples of the interface. It must not know who opened the connection, nor begin or end transactions.
"""

from __future__ import annotations

from workflowsvc.core.outcome import TaskKind
from workflowsvc.store import visibility
from workflowsvc.store.rows import (
    BEFORE_ALL_ENTRIES,
    Backlog,
    DomainRow,
    ExecutionQuery,
    ExecutionRow,
    FeedPlace,
    FeedRow,
    HeartbeatRow,
    ListKey,
    Status,
    TaskRow,
    TypeKind,
    TypeRow,
    backlog_of,
)
from workflowsvc.store.sqlite.columns import domain_row, execution_row, task_row, text, type_row
from workflowsvc.store.sqlite.queries import Queries
from workflowsvc.store.sqlite.statements import LISTING, SQL


class SqliteReader:
    """Through a connection on which the store has begun a transaction."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def end(self) -> None:
        """Every later use is an error."""
        self._queries.end()

    def domain(self, tenant: str, name: str) -> DomainRow | None:
        row = self._queries.row(SQL.domain, (tenant, name))
        return None if row is None else domain_row(row)

    def domains_by_id(self, ids: list[int]) -> dict[int, DomainRow]:
        return {row[0]: domain_row(row) for row in self._queries.rows_of(SQL.domains_by_id, ids)}

    def domains(
        self, tenant: str, status: Status, after: str | None, limit: int, descending: bool
    ) -> list[DomainRow]:
        sql = SQL.domains_descending if descending else SQL.domains_ascending
        return [domain_row(row) for row in self._queries.rows(sql, (tenant, status, after, limit))]

    def count_domains(self, tenant: str) -> int:
        return self._queries.value(SQL.count_domains, (tenant,))

    def type(self, domain: int, kind: TypeKind, name: str, version: str) -> TypeRow | None:
        row = self._queries.row(SQL.type, (domain, kind, name, version))
        return None if row is None else type_row(row)

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
        if name is None:
            sql = SQL.types_descending if descending else SQL.types_ascending
            after_name, after_version = after or ((None, None) if descending else ("", ""))
        else:
            sql = SQL.types_named_descending if descending else SQL.types_named_ascending
            after_name, after_version = name, after and after[1]
        rows = self._queries.rows(sql, (domain, kind, status, after_name, after_version, limit))
        return [type_row(row) for row in rows]

    def count_types(self, domain: int, kind: TypeKind) -> int:
        return self._queries.value(SQL.count_types, (domain, kind))

    def executions(self, runs: list[int]) -> dict[int, ExecutionRow]:
        return {row[0]: execution_row(row) for row in self._queries.rows_of(SQL.executions, runs)}

    def open_run(self, domain: int, workflow_id: str) -> int | None:
        row = self._queries.row(SQL.open_run, (domain, workflow_id))
        return None if row is None else row[0]

    def count_open(self, domain: int) -> int:
        return self._queries.value(SQL.count_open, (domain,))

    def events(self, run: int, first: int, last: int, limit: int, descending: bool = False) -> list[bytes]:
        sql = SQL.events_descending if descending else SQL.events_ascending
        return [body for (body,) in self._queries.rows(sql, (run, first, last, limit))]

    def heartbeats(self, run: int) -> list[HeartbeatRow]:
        return [
            HeartbeatRow(run, scheduled_event_id, at, text(details))
            for run, scheduled_event_id, at, details in self._queries.rows(SQL.heartbeats, (run,))
        ]

    def list_executions(self, query: ExecutionQuery) -> list[ExecutionRow]:
        return [execution_row(row) for row in self._queries.rows(*visibility.listing(LISTING, query))]

    def count_executions(self, query: ExecutionQuery) -> int:
        return self._queries.value(*visibility.counting(LISTING, query))

    def slice_end(self, query: ExecutionQuery, size: int) -> tuple[int, int] | None:
        rows = self._queries.rows(*visibility.slicing(LISTING, query, size))
        return (rows[0][0], rows[0][1]) if rows else None

    def some_events(self, keys: list[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        found: dict[tuple[int, int], bytes] = {}
        for run, event_id in keys:
            for body in self.events(run, event_id, event_id, 1):
                found[run, event_id] = body
        return found

    def count_tasks(self, domain: int, kind: TaskKind, task_list: str) -> int:
        return self._queries.value(SQL.count_tasks, (domain, kind, task_list))

    def task_lists(self, domain: int, kind: TaskKind, after: str, limit: int) -> list[str]:
        return [name for (name,) in self._queries.rows(SQL.task_lists, (domain, kind, after, limit))]

    def backlog(self, domain: int, kind: TaskKind, task_list: str) -> list[Backlog]:
        return backlog_of(self._queries.rows(SQL.backlog, (domain, kind, task_list)))

    def first_task_behind(self, after: ListKey) -> TaskRow | None:
        row = self._queries.row(SQL.first_task_behind, after)
        return None if row is None else task_row(row)

    def tasks_ahead(self, run: int, scheduled_event_id: int, limit: int) -> int:
        return self._queries.value(SQL.tasks_ahead, (run, scheduled_event_id, limit))

    def next_wake_at(self) -> int | None:
        return self._queries.value(SQL.next_wake_at)

    def expired(self, first: int, last: int, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
        rows = self._queries.rows(SQL.expired_behind, (first, last, *after, limit))
        return [(at, run) for at, run in rows]

    def next_purge_at(self) -> int | None:
        return self._queries.value(SQL.next_purge_at)

    def clocked_domains(self) -> list[DomainRow]:
        return [domain_row(row) for row in self._queries.rows(SQL.clocked_domains)]

    def feed(self, domain: int, latest: int, after: FeedPlace, limit: int) -> list[FeedRow]:
        return [FeedRow._make(row) for row in self._queries.rows(SQL.feed_behind, (domain, *after, limit))]

    def feed_end(self, domain: int, latest: int) -> FeedPlace:
        return self.last_of_feed(domain) or BEFORE_ALL_ENTRIES._replace(generation=latest)

    def oldest_of_feed(self, domain: int, limit: int) -> list[tuple[FeedPlace, int]]:
        return [
            (FeedPlace._make(row[:4]), row[4])
            for row in self._queries.rows(SQL.oldest_of_feed, (domain, limit))
        ]

    def last_of_feed(self, domain: int) -> FeedPlace | None:
        row = self._queries.row(SQL.feed_end, (domain,))
        return None if row is None else FeedPlace._make(row)

    def meta(self, key: str) -> bytes | None:
        row = self._queries.row(SQL.meta, (key,))
        return None if row is None else row[0]

    def metas(self, first: str, last: str, limit: int) -> list[tuple[str, bytes]]:
        return [(key, value) for key, value in self._queries.rows(SQL.metas, (first, last, limit))]
