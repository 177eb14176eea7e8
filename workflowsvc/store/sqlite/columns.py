"""Columns of SQLite as rows of the interface: what reading and writing have in common."""

from __future__ import annotations

from workflowsvc.store.rows import DomainRow, ExecutionRow, TaskRow, TypeRow
from workflowsvc.store.sqlite.queries import Row


def blob(value: str | None) -> bytes | None:
    """Free text as it is stored: a blob can hold NUL."""
    return None if value is None else value.encode()


def text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def domain_row(row: Row) -> DomainRow:
    identity, tenant, name, status, description, retention, tags = row
    return DomainRow(identity, tenant, name, status, text(description), retention, tags)


def type_row(row: Row) -> TypeRow:
    *key, status, description, created_at, deprecated_at, defaults = row
    domain, kind, name, version = key
    return TypeRow(
        domain, kind, name, version, status, text(description), created_at, deprecated_at, defaults
    )


def task_row(row: Row) -> TaskRow:
    return TaskRow._make((*row[:7], bool(row[7])))


def execution_row(row: Row) -> ExecutionRow:
    return ExecutionRow._make((*row[:12], bool(row[12]), *row[13:]))
