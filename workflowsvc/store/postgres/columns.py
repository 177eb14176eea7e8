"""Columns of PostgreSQL as rows of the interface: what reading, locking and writing have in common."""

from __future__ import annotations

from workflowsvc.store.postgres.wire import Row
from workflowsvc.store.rows import DomainRow, HeartbeatRow, TypeRow


def blob(value: str | None) -> bytes | None:
    """Free text as it is stored: bytea can hold NUL, text cannot."""
    return None if value is None else value.encode()


def text(value: bytes | None) -> str | None:
    """What is no bytes, because the column was altered, is left for audits to judge."""
    if not isinstance(value, bytes):
        return value
    return value.decode()


def heartbeat_row(run: int, row: Row) -> HeartbeatRow:
    scheduled_event_id, at, details = row
    return HeartbeatRow(run, scheduled_event_id, at, text(details))


def domain_row(row: Row) -> DomainRow:
    identity, tenant, name, status, description, retention, tags, clock = row
    return DomainRow(identity, tenant, name, status, text(description), retention, tags, clock)


def type_row(row: Row) -> TypeRow:
    *key, status, description, created_at, deprecated_at, defaults = row
    domain, kind, name, version = key
    return TypeRow(
        domain, kind, name, version, status, text(description), created_at, deprecated_at, defaults
    )
