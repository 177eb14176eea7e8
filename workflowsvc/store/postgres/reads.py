"""Questions asked of one PostgreSQL connection: the `Reader` of interface.py.

Owns how rows become tuples of the interface. It must not know who opened the connection, nor begin or end
transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from workflowsvc.core.key_layout import SHARDS, shard_for, shard_of
from workflowsvc.core.outcome import TaskKind
from workflowsvc.store import visibility
from workflowsvc.store.postgres.statements import LISTING, OF_MANY, SQL, Statement, listing
from workflowsvc.store.postgres.values import ContainsNul
from workflowsvc.store.postgres.wire import Row, Rows, Wire
from workflowsvc.store.rows import (
    BEFORE_ALL_TYPES,
    DomainRow,
    EventRow,
    ExecutionQuery,
    ExecutionRow,
    HeartbeatRow,
    MessageRow,
    Status,
    TagRow,
    TaskRow,
    TypeKind,
    TypeRow,
)

ALL_SHARDS = list(range(SHARDS))
SHARDS_AT_ONCE = 16
BEGINNING = 0  # before all times and ids

DomainNames = dict[int, tuple[str, str]]
"""Tenant and name by id, which never change: with the workflowId they give the shard."""


class PostgresReader:
    """Reads through a connection on which somebody else begins a transaction, until he ends it."""

    def __init__(self, wire: Wire, names: DomainNames) -> None:
        self._wire = wire
        self._names = names

    def end(self) -> None:
        """From here on every use is an error: nobody reads or writes outside a transaction by accident."""
        del self._wire

    def _rows(self, statement: Statement, *values: object) -> Rows:
        wire = self._wire
        try:
            return wire.ask(statement, values)
        except ContainsNul:
            return []

    def _rows_each(self, statement: Statement, keys: Iterable[Sequence[object]]) -> Iterator[Rows]:
        """The answer for each key, all in one round trip."""
        keys = list(keys)
        answers: list[Rows] = []
        try:
            self._queue_each(statement, keys, [answers.append] * len(keys))
        except ContainsNul:
            return iter(())
        self._wire.exchange()
        return iter(answers)

    def _queue_each(
        self, statement: Statement, keys: Sequence[Sequence[object]], thens: Sequence[Callable[[Rows], None]]
    ) -> None:
        """Sent with the next exchange: a statement for each key, or one for all of them where that may be. Each `then`
        gets the rows of the key at its place, in the order of the keys.
        """
        of_many = None if self._wire.server.is_distributed or len(keys) < 2 else OF_MANY.get(statement.name)
        if of_many is None:
            for key, then in zip(keys, thens, strict=True):
                self._wire.queue(statement, key, then)
            return

        def see(rows: Rows) -> None:
            found: list[Rows] = [[] for _ in thens]
            for row in rows:
                place: int = row[0]
                found[place - 1].append(row[1:])
            for then, of_one in zip(thens, found, strict=True):
                then(of_one)

        self._wire.queue(of_many, list(zip(*keys, strict=True)), see)

    def _rows_of_each(self, statement: Statement, runs: list[int]) -> list[Rows]:
        return list(self._rows_each(statement, ((shard_of(run), run) for run in runs))) if runs else []

    def _rows_of(self, statement: Statement, runs: list[int]) -> Rows:
        """By run."""
        return list(chain.from_iterable(self._rows_of_each(statement, sorted(runs))))

    def _row(self, statement: Statement, *values: object) -> Row | None:
        rows = self._rows(statement, *values)
        return rows[0] if rows else None

    def _count(self, statement: Statement, *values: object) -> int:
        row = self._row(statement, *values)
        return 0 if row is None else row[0]

    def domain(self, tenant: str, name: str) -> DomainRow | None:
        row = self._row(SQL.domain, tenant, name)
        return None if row is None else _domain(row)

    def domains_by_id(self, ids: list[int]) -> dict[int, DomainRow]:
        return {row[0]: _domain(row) for row in (self._rows(SQL.domains_by_id, ids) if ids else ())}

    def domains(
        self, tenant: str, status: Status, after: str | None, limit: int, descending: bool
    ) -> list[DomainRow]:
        statement = SQL.domains_descending if descending else SQL.domains_ascending
        return [_domain(row) for row in self._rows(statement, tenant, status, after, limit)]

    def count_domains(self, tenant: str) -> int:
        return self._count(SQL.count_domains, tenant)

    def type(self, domain: int, kind: TypeKind, name: str, version: str) -> TypeRow | None:
        row = self._row(SQL.type, domain, kind, name, version)
        return None if row is None else _type(row)

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
        rows = self._rows(statement, domain, kind, status, after_name, after_version, limit)
        return [_type(row) for row in rows]

    def count_types(self, domain: int, kind: TypeKind) -> int:
        return self._count(SQL.count_types, domain, kind)

    def executions(self, runs: list[int]) -> dict[int, ExecutionRow]:
        return {row[0]: ExecutionRow._make(row) for row in self._rows_of(SQL.execution, runs)}

    def open_run(self, domain: int, workflow_id: str) -> int | None:
        keys = [(shard, domain, workflow_id) for shard in self._shards(domain, workflow_id)]
        return next((rows[0][0] for rows in self._rows_each(SQL.open_run, keys) if rows), None)

    def _shards(self, domain: int, workflow_id: str) -> list[int]:
        """Where runs of this workflowId are; everywhere, as long as the domain is not known to the store."""
        names = self._names.get(domain)
        if names is None:
            row = self.domains_by_id([domain]).get(domain)
            if row is None:
                return ALL_SHARDS
            names = self._names[domain] = (row.tenant, row.name)
        return [shard_for(*names, workflow_id)]

    def count_open(self, domain: int) -> int:
        return self._count(SQL.count_open, domain)

    def events(self, run: int, first: int, last: int, limit: int, descending: bool = False) -> list[bytes]:
        statement = SQL.events_descending if descending else SQL.events_ascending
        return [body for (body,) in self._rows(statement, shard_of(run), run, first, last, limit)]

    def heartbeats(self, run: int) -> list[HeartbeatRow]:
        return [heartbeat_row(run, row) for row in self._rows(SQL.heartbeats, shard_of(run), run)]

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
        return list(self._rows_each(statement, keys))

    def count_tasks(self, domain: int, kind: TaskKind, task_list: str) -> int:
        return self._count(SQL.count_tasks, domain, kind, task_list)

    def next_wake_at(self) -> int | None:
        return self._rows(SQL.next_wake_at, BEGINNING)[0][0]

    def next_purge_at(self) -> int | None:
        return self._rows(SQL.next_purge_at, BEGINNING)[0][0]

    def meta(self, key: str) -> bytes | None:
        row = self._row(SQL.meta, key)
        return None if row is None else row[0]

    # --- for audits and copies ---

    def every_meta(self) -> list[tuple[str, bytes]]:
        return [(key, value) for key, value in self._rows(SQL.every_meta)]

    def every_domain(self, after: int, limit: int) -> list[DomainRow]:
        return [_domain(row) for row in self._rows(SQL.every_domain, after, limit)]

    def every_type(self, after: tuple[int, str, str, str] | None, limit: int) -> list[TypeRow]:
        return [_type(row) for row in self._rows(SQL.every_type, *(after or BEFORE_ALL_TYPES), limit)]

    def numbered_events(self, run: int, after: int, limit: int) -> list[EventRow]:
        rows = self._rows(SQL.numbered_events, shard_of(run), run, after, limit)
        return [EventRow._make(row) for row in rows]

    def runs(self, after: int, limit: int) -> list[int]:
        """A little from each shard, and of that what stands before the end of every shard that has more."""
        most = 4 + 2 * limit // len(ALL_SHARDS)
        parts = list(self._rows_each(SQL.runs, ((shard, after, most) for shard in ALL_SHARDS)))
        end = min((part[-1][0] for part in parts if len(part) == most), default=None)
        runs = sorted(run for part in parts for (run,) in part if end is None or run <= end)
        return runs[:limit]

    def tasks_of(self, runs: list[int]) -> list[TaskRow]:
        return [TaskRow._make(row) for row in self._rows_of(SQL.tasks_of, runs)]

    def tags_of(self, runs: list[int]) -> list[TagRow]:
        return [
            TagRow(run, domain, tag.decode(), name, at)
            for run, domain, tag, name, at in self._rows_of(SQL.tags_of, runs)
        ]

    def heartbeats_of(self, runs: list[int]) -> list[HeartbeatRow]:
        return [
            heartbeat_row(run, row)
            for run, rows in zip(sorted(runs), self._rows_of_each(SQL.heartbeats, sorted(runs)), strict=True)
            for row in rows
        ]

    def waiting_messages(self, after: int, limit: int) -> list[MessageRow]:
        return [MessageRow._make(row) for row in self._rows(SQL.waiting_messages, after, limit)]

    def orphans(self, limit: int) -> list[tuple[str, int]]:
        statements = (SQL.orphan_events, SQL.orphan_tasks, SQL.orphan_heartbeats, SQL.orphan_tags)
        return [(table, run) for table, run in self._by_shard(limit, *statements)]

    def integrity_errors(self, limit: int) -> list[str]:
        found = self._rows(SQL.invalid_indexes) + self._by_shard(limit, SQL.damaged_progress)
        return [told for (told,) in found[:limit]]

    def _by_shard(self, limit: int, *statements: Statement) -> Rows:
        """Shard by shard, so that no statement takes long; many at a time, as each answer is a journey."""
        found: Rows = []
        for first in ALL_SHARDS[::SHARDS_AT_ONCE]:
            for shard in ALL_SHARDS[first : first + SHARDS_AT_ONCE]:
                for statement in statements:
                    self._wire.queue(statement, (shard, limit), then=found.extend)
            self._wire.exchange()
            if len(found) >= limit:
                break
        return found[:limit]


def blob(value: str | None) -> bytes | None:
    """Free text as it is stored: NUL is nothing special in bytea."""
    return None if value is None else value.encode()


def text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def heartbeat_row(run: int, row: Row) -> HeartbeatRow:
    scheduled_event_id, at, details = row
    return HeartbeatRow(run, scheduled_event_id, at, text(details))


def _domain(row: Row) -> DomainRow:
    identity, tenant, name, status, description, retention, tags = row
    return DomainRow(identity, tenant, name, status, text(description), retention, tags)


def _type(row: Row) -> TypeRow:
    *key, status, description, created_at, deprecated_at, defaults = row
    domain, kind, name, version = key
    return TypeRow(
        domain, kind, name, version, status, text(description), created_at, deprecated_at, defaults
    )
