"""Columns of SQLite as rows of the interface: what reading and writing have in common."""

from __future__ import annotations

from typing import cast

from workflowsvc.store.rows import DomainRow, ExecutionRow, TaskRow, TypeRow
from workflowsvc.store.sqlite.queries import Row


def blob(value: str | None) -> bytes | None:
    """Free text as it is stored: a blob can hold NUL."""
    return None if value is None else value.encode(errors="surrogateescape")


def text(value: object) -> str | None:
    """Bytes that are not UTF-8 become surrogates, so that an audit can name the row. What another program has stored in
    place of bytes becomes no text, so that an audit sees it: a text becomes bytes."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    return cast("str", value.encode(errors="surrogateescape") if isinstance(value, str) else value)


def flag(value: int) -> bool:
    """0 and 1 as they were meant; anything else stays what it is, so that an audit sees it."""
    return bool(value) if type(value) is int and value in (0, 1) else value  # pyright: ignore[reportReturnType]


def domain_row(row: Row) -> DomainRow:
    identity, tenant, name, status, description, retention, tags, clock = row
    return DomainRow(identity, tenant, name, status, text(description), retention, tags, clock)


def type_row(row: Row) -> TypeRow:
    *key, status, description, created_at, deprecated_at, defaults = row
    domain, kind, name, version = key
    return TypeRow(
        domain, kind, name, version, status, text(description), created_at, deprecated_at, defaults
    )


def task_row(row: Row) -> TaskRow:
    return TaskRow._make((*row[:7], flag(row[7])))


def execution_row(row: Row) -> ExecutionRow:
    return ExecutionRow._make((*row[:12], flag(row[12]), *row[13:]))
