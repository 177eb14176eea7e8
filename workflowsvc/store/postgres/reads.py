"""Questions asked of PostgreSQL: the `Reader` of interface.py.

Owns how rows become tuples of the interface, and which shards a question is sent to. It must not know who opened the
connection, nor begin or end transactions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workflowsvc.core.key_layout import SHARDS, shard_for, shard_of
from workflowsvc.core.outcome import TaskKind
from workflowsvc.store import visibility
from workflowsvc.store.postgres.columns import domain_row, heartbeat_row, type_row
from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.statements import LISTING, SQL, listing
from workflowsvc.store.postgres.wire import Rows
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

ALL_SHARDS = list(range(SHARDS))
BEGINNING = 0  # before all times and ids
LAST_KEY = (1 << 63) - 1  # behind all runs and event ids

DomainNames = dict[int, tuple[str, str]]
"""Tenant and name by id, which never change: with the workflowId they give the shard."""


class PostgresReader:
    """Through a connection on which the store has begun a transaction."""

    def __init__(self, queries: Queries, names: DomainNames) -> None:
        self._queries = queries
        self._names = names

    def end(self) -> None:
        """Every later use is an error."""
        self._queries.end()

    def domain(self, tenant: str, name: str) -> DomainRow | None:
        row = self._queries.row(SQL.domain, tenant, name)
        return None if row is None else domain_row(row)

    def domains_by_id(self, ids: list[int]) -> dict[int, DomainRow]:
        return {
            row[0]: domain_row(row) for row in (self._queries.rows(SQL.domains_by_id, ids) if ids else ())
        }

    def domains(
        self, tenant: str, status: Status, after: str | None, limit: int, descending: bool
    ) -> list[DomainRow]:
        statement = SQL.domains_descending if descending else SQL.domains_ascending
        return [domain_row(row) for row in self._queries.rows(statement, tenant, status, after, limit)]

    def count_domains(self, tenant: str) -> int:
        return self._queries.count(SQL.count_domains, tenant)

    def type(self, domain: int, kind: TypeKind, name: str, version: str) -> TypeRow | None:
        row = self._queries.row(SQL.type, domain, kind, name, version)
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
            statement = SQL.types_descending if descending else SQL.types_ascending
            after_name, after_version = after or (None, None)
        else:
            statement = SQL.types_named_descending if descending else SQL.types_named_ascending
            after_name, after_version = name, after and after[1]
        rows = self._queries.rows(statement, domain, kind, status, after_name, after_version, limit)
        return [type_row(row) for row in rows]

    def count_types(self, domain: int, kind: TypeKind) -> int:
        return self._queries.count(SQL.count_types, domain, kind)

    def executions(self, runs: list[int]) -> dict[int, ExecutionRow]:
        return {row[0]: ExecutionRow._make(row) for row in self._queries.rows_of(SQL.execution, runs)}

    def open_run(self, domain: int, workflow_id: str) -> int | None:
        keys = [(shard, domain, workflow_id) for shard in self._shards(domain, workflow_id)]
        return next((rows[0][0] for rows in self._queries.rows_each(SQL.open_run, keys) if rows), None)

    def _shards(self, domain: int, workflow_id: str) -> list[int]:
        """The shard of this workflowId's runs; all shards for a domain that does not exist."""
        names = self._names.get(domain)
        if names is None:
            row = self.domains_by_id([domain]).get(domain)
            if row is None:
                return ALL_SHARDS
            names = self._names[domain] = (row.tenant, row.name)
        return [shard_for(*names, workflow_id)]

    def count_open(self, domain: int) -> int:
        return self._queries.count(SQL.count_open, domain)

    def events(self, run: int, first: int, last: int, limit: int, descending: bool = False) -> list[bytes]:
        statement = SQL.events_descending if descending else SQL.events_ascending
        return [body for (body,) in self._queries.rows(statement, shard_of(run), run, first, last, limit)]

    def heartbeats(self, run: int) -> list[HeartbeatRow]:
        return [heartbeat_row(run, row) for row in self._queries.rows(SQL.heartbeats, shard_of(run), run)]

    def list_executions(self, query: ExecutionQuery) -> list[ExecutionRow]:
        pages = self._listing(query, *visibility.listing(LISTING, query))
        rows = [ExecutionRow._make(row) for page in pages for row in page]
        if len(pages) > 1:
            rows.sort(key=lambda row: (getattr(row, query.order_by), row.run), reverse=not query.ascending)
        return rows[: query.limit]

    def count_executions(self, query: ExecutionQuery) -> int:
        pages = self._listing(query, *visibility.counting(LISTING, query))
        return sum(page[0][0] for page in pages)

    def _listing(self, query: ExecutionQuery, text: str, given: Mapping[str, Any]) -> list[Rows]:
        """One answer, or one from each shard that the workflowId may be in."""
        statement = listing(text)
        shards: Sequence[int | None] = (None,)
        if "shard" in statement.parameters:
            assert query.workflow_id is not None
            shards = self._shards(query.domain, query.workflow_id)
        keys = [[{**given, "shard": shard}[name] for name in statement.parameters] for shard in shards]
        return list(self._queries.rows_each(statement, keys))

    def slice_end(self, query: ExecutionQuery, size: int) -> tuple[int, int] | None:
        (rows,) = self._listing(query, *visibility.slicing(LISTING, query, size))
        return (rows[0][0], rows[0][1]) if rows else None

    def some_events(self, keys: list[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        asked = ((shard_of(run), run, event_id, event_id, 1) for run, event_id in keys)
        answers = self._queries.rows_each(SQL.events_ascending, asked) if keys else ()
        return {key: rows[0][0] for key, rows in zip(keys, answers, strict=True) if rows}

    def count_tasks(self, domain: int, kind: TaskKind, task_list: str) -> int:
        return self._queries.count(SQL.count_tasks, domain, kind, task_list)

    def task_lists(self, domain: int, kind: TaskKind, after: str, limit: int) -> list[str]:
        names: list[str] = []
        while len(names) < limit:
            rows = self._queries.rows(SQL.next_task_list, domain, kind, names[-1] if names else after)
            if not rows or rows[0][0] is None:
                break
            names.append(rows[0][0])
        return names

    def backlog(self, domain: int, kind: TaskKind, task_list: str) -> list[Backlog]:
        return backlog_of(self._queries.rows(SQL.backlog, domain, kind, task_list))

    def first_task_behind(self, after: ListKey) -> TaskRow | None:
        row = self._queries.row(SQL.first_task_behind, *after)
        return None if row is None else TaskRow._make(row)

    def tasks_ahead(self, run: int, scheduled_event_id: int, limit: int) -> int:
        row = self._queries.row(SQL.waiting_task, shard_of(run), run, scheduled_event_id)
        if row is None:
            return 0
        task = TaskRow._make(row)
        return self._queries.count(
            SQL.tasks_ahead, task.domain, task.kind, task.task_list, task.priority, limit, task.position
        )

    def next_wake_at(self) -> int | None:
        return self._queries.rows(SQL.next_wake_at, BEGINNING)[0][0]

    def expired(self, first: int, last: int, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
        rows = self._queries.rows(SQL.expired_runs, first, last, *after, limit)
        return [(at, run) for run, at in rows]

    def next_purge_at(self) -> int | None:
        return self._queries.rows(SQL.next_purge_at, BEGINNING)[0][0]

    def clocked_domains(self) -> list[DomainRow]:
        return [domain_row(row) for row in self._queries.rows(SQL.clocked_domains)]

    def feed(self, domain: int, latest: int, after: FeedPlace, limit: int) -> list[FeedRow]:
        if not self._queries.knows_transaction_status:
            return []  # nothing can have been written
        rows = self._queries.rows(SQL.feed_behind, domain, *after, latest, limit)
        return [FeedRow._make(row) for row in rows]

    def feed_end(self, domain: int, latest: int) -> FeedPlace:
        if not self._queries.knows_transaction_status:
            return BEFORE_ALL_ENTRIES._replace(generation=latest)
        place = self._queries.rows(SQL.feed_places)[0][0] - 1
        return FeedPlace(latest, place, LAST_KEY, LAST_KEY)

    def oldest_of_feed(self, domain: int, limit: int) -> list[tuple[FeedPlace, int]]:
        return [
            (FeedPlace._make(row[:4]), row[4])
            for row in self._queries.rows(SQL.oldest_of_feed, domain, limit)
        ]

    def last_of_feed(self, domain: int) -> FeedPlace | None:
        row = self._queries.row(SQL.feed_end, domain)
        return None if row is None else FeedPlace._make(row)

    def meta(self, key: str) -> bytes | None:
        row = self._queries.row(SQL.meta, key)
        return None if row is None else row[0]

    def metas(self, first: str, last: str, limit: int) -> list[tuple[str, bytes]]:
        return [(key, value) for key, value in self._queries.rows(SQL.metas, first, last, limit)]
