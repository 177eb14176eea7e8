"""Questions asked of one SQLite connection: the `Reader` of interface.py.

Owns how rows become tuples of the interface. It must not know who opened the connection, nor begin or end
transactions.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, cast

import apsw

from workflowsvc.core.outcome import TaskKind
from workflowsvc.store import visibility
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
from workflowsvc.store.sqlite.errors import store_error
from workflowsvc.store.sqlite.statements import LISTING, SQL

Row = tuple[Any, ...]  # what apsw gives: the shape is known from the statement alone


class SqliteReader:
    """Reads through a connection on which somebody else has begun a transaction, until he ends it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def end(self) -> None:
        """From here on every use is an error: nobody reads or writes outside a transaction by accident."""
        del self._connection

    def _rows(self, sql: str, parameters: Sequence[object] | dict[str, Any] = ()) -> list[Row]:
        try:
            return cast("list[Row]", self._connection.execute(sql, cast(Any, parameters)).fetchall())
        except apsw.Error as error:
            raise store_error(error) from error

    def _rows_of(self, sql: str, keys: list[int]) -> list[Row]:
        """Rows for a list of integer keys, in one statement; SQLite has no empty arrays."""
        return self._rows(sql, (apsw.carray(array("q", keys)),)) if keys else []

    def _row(self, sql: str, parameters: Sequence[object]) -> Row | None:
        rows = self._rows(sql, parameters)
        return rows[0] if rows else None

    def _value(self, sql: str, parameters: Sequence[object] | dict[str, Any] = ()) -> Any:
        """The only column of the only row."""
        return self._rows(sql, parameters)[0][0]

    def domain(self, tenant: str, name: str) -> DomainRow | None:
        row = self._row(SQL.domain, (tenant, name))
        return None if row is None else _domain(row)

    def domains_by_id(self, ids: list[int]) -> dict[int, DomainRow]:
        return {row[0]: _domain(row) for row in self._rows_of(SQL.domains_by_id, ids)}

    def domains(
        self, tenant: str, status: Status, after: str | None, limit: int, descending: bool
    ) -> list[DomainRow]:
        sql = SQL.domains_descending if descending else SQL.domains_ascending
        return [_domain(row) for row in self._rows(sql, (tenant, status, after, limit))]

    def count_domains(self, tenant: str) -> int:
        return self._value(SQL.count_domains, (tenant,))

    def type(self, domain: int, kind: TypeKind, name: str, version: str) -> TypeRow | None:
        row = self._row(SQL.type, (domain, kind, name, version))
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
            sql = SQL.types_descending if descending else SQL.types_ascending
            after_name, after_version = after or ((None, None) if descending else ("", ""))
        else:
            sql = SQL.types_named_descending if descending else SQL.types_named_ascending
            after_name, after_version = name, after and after[1]
        rows = self._rows(sql, (domain, kind, status, after_name, after_version, limit))
        return [_type(row) for row in rows]

    def count_types(self, domain: int, kind: TypeKind) -> int:
        return self._value(SQL.count_types, (domain, kind))

    def executions(self, runs: list[int]) -> dict[int, ExecutionRow]:
        return {row[0]: _execution(row) for row in self._rows_of(SQL.executions, runs)}

    def open_run(self, domain: int, workflow_id: str) -> int | None:
        row = self._row(SQL.open_run, (domain, workflow_id))
        return None if row is None else row[0]

    def count_open(self, domain: int) -> int:
        return self._value(SQL.count_open, (domain,))

    def events(self, run: int, first: int, last: int, limit: int, descending: bool = False) -> list[bytes]:
        sql = SQL.events_descending if descending else SQL.events_ascending
        return [body for (body,) in self._rows(sql, (run, first, last, limit))]

    def heartbeats(self, run: int) -> list[HeartbeatRow]:
        return [
            HeartbeatRow(run, scheduled_event_id, at, text(details))
            for run, scheduled_event_id, at, details in self._rows(SQL.heartbeats, (run,))
        ]

    def list_executions(self, query: ExecutionQuery) -> list[ExecutionRow]:
        return [_execution(row) for row in self._rows(*visibility.listing(LISTING, query))]

    def count_executions(self, query: ExecutionQuery) -> int:
        return self._value(*visibility.counting(LISTING, query))

    def count_tasks(self, domain: int, kind: TaskKind, task_list: str) -> int:
        return self._value(SQL.count_tasks, (domain, kind, task_list))

    def next_wake_at(self) -> int | None:
        return self._value(SQL.next_wake_at)

    def next_purge_at(self) -> int | None:
        return self._value(SQL.next_purge_at)

    def meta(self, key: str) -> bytes | None:
        row = self._row(SQL.meta, (key,))
        return None if row is None else row[0]

    # --- for audits and copies ---

    def every_meta(self) -> list[tuple[str, bytes]]:
        return [(key, value) for key, value in self._rows(SQL.every_meta)]

    def every_domain(self, after: int, limit: int) -> list[DomainRow]:
        return [_domain(row) for row in self._rows(SQL.every_domain, (after, limit))]

    def every_type(self, after: tuple[int, str, str, str] | None, limit: int) -> list[TypeRow]:
        return [_type(row) for row in self._rows(SQL.every_type, (*(after or BEFORE_ALL_TYPES), limit))]

    def numbered_events(self, run: int, after: int, limit: int) -> list[EventRow]:
        return [EventRow._make(row) for row in self._rows(SQL.numbered_events, (run, after, limit))]

    def runs(self, after: int, limit: int) -> list[int]:
        return [run for (run,) in self._rows(SQL.runs, (after, limit))]

    def tasks_of(self, runs: list[int]) -> list[TaskRow]:
        return [task_of(row) for row in self._rows_of(SQL.tasks_of, runs)]

    def tags_of(self, runs: list[int]) -> list[TagRow]:
        return [
            TagRow(run, domain, tag.decode(), name, at)
            for run, domain, tag, name, at in self._rows_of(SQL.tags_of, runs)
        ]

    def heartbeats_of(self, runs: list[int]) -> list[HeartbeatRow]:
        return [
            HeartbeatRow(run, scheduled_event_id, at, text(details))
            for run, scheduled_event_id, at, details in self._rows_of(SQL.heartbeats_of, runs)
        ]

    def waiting_messages(self, after: int, limit: int) -> list[MessageRow]:
        return [MessageRow(*row) for row in self._rows(SQL.waiting_messages, (after, limit))]

    def orphans(self, limit: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for sql in (SQL.orphan_events, SQL.orphan_tasks, SQL.orphan_heartbeats, SQL.orphan_tags):
            found += [(table, run) for table, run in self._rows(sql, (limit,))]
        return found[:limit]

    def integrity_errors(self, limit: int) -> list[str]:
        return [told for (told,) in self._rows(SQL.integrity_errors, (limit,))]


def blob(value: str | None) -> bytes | None:
    """Free text as it is stored: NUL is nothing special in a blob."""
    return None if value is None else value.encode()


def text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _domain(row: Row) -> DomainRow:
    identity, tenant, name, status, description, retention, tags = row
    return DomainRow(identity, tenant, name, status, text(description), retention, tags)


def _type(row: Row) -> TypeRow:
    *key, status, description, created_at, deprecated_at, defaults = row
    domain, kind, name, version = key
    return TypeRow(
        domain, kind, name, version, status, text(description), created_at, deprecated_at, defaults
    )


def task_of(row: Row) -> TaskRow:
    return TaskRow._make((*row[:7], bool(row[7])))


def _execution(row: Row) -> ExecutionRow:
    return ExecutionRow._make((*row[:12], bool(row[12]), *row[13:]))
