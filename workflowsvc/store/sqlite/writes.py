"""Changes made through SQLite: the `Transaction` of interface.py, and what repairs and copies need besides.

Owns how tuples of the interface become rows. There are no other nodes, so locking is reading. It must not know who
opened the connection, nor begin or end transactions.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from workflowsvc.core.outcome import TaskKind
from workflowsvc.store.rows import (
    DomainRow,
    EventRow,
    ExecutionChange,
    ExecutionRow,
    FeedPlace,
    FeedRow,
    HeartbeatRow,
    LockedRow,
    MessageRow,
    TaskKey,
    TaskRow,
    TypeKind,
    TypeRow,
)
from workflowsvc.store.sqlite.audit_reads import SqliteAuditReader, waiting_messages
from workflowsvc.store.sqlite.columns import blob, task_row
from workflowsvc.store.sqlite.reads import SqliteReader
from workflowsvc.store.sqlite.statements import SQL

_tags_of = msgspec.json.Decoder(list[str | None]).decode


class SqliteTransaction(SqliteReader):
    """Through the one connection that writes."""

    can_feed = True

    def lock(self, runs: list[int]) -> dict[int, LockedRow]:
        return {run: _locked(row) for run, row in self.executions(runs).items()}

    def put_domain(self, row: DomainRow) -> None:
        self._queries.write(SQL.put_domain, row._replace(description=cast(Any, blob(row.description))))

    def put_clock(self, domain: int, clock: bytes) -> None:
        self._queries.write(SQL.put_clock, (domain, clock))

    def delete_domain(self, domain: int) -> None:
        self._queries.write(SQL.delete_domain, (domain,))

    def put_type(self, row: TypeRow) -> None:
        self._queries.write(SQL.put_type, row._replace(description=cast(Any, blob(row.description))))

    def deprecate_types(self, domain: int, at: int) -> None:
        self._queries.write(SQL.deprecate_types, (domain, at))

    def delete_type(self, domain: int, kind: TypeKind, name: str, version: str) -> None:
        self._queries.write(SQL.delete_type, (domain, kind, name, version))

    def insert_executions(self, rows: list[ExecutionRow]) -> None:
        self._queries.write_many(SQL.insert_execution, rows)
        if any(row.tags is not None for row in rows):
            self._put_tags([row.run for row in rows])

    def update_executions(self, changes: list[ExecutionChange]) -> None:
        still_open = [change[:4] for change in changes if change.closed_at is None]
        self._queries.write_many(SQL.update_open_execution, still_open)
        if len(still_open) < len(changes):
            closing = [change for change in changes if change.closed_at is not None]
            tagged = self._delete_tags([change.run for change in closing])
            self._queries.write_many(SQL.close_execution, closing)
            self._put_tags(tagged)

    def _put_tags(self, runs: list[int]) -> None:
        """Lists these runs under their tags, as they stand now."""
        for row in self._queries.rows_of(SQL.tagged_executions, runs):
            self._queries.write_many(SQL.put_execution_tag, _tag_entries(*row))

    def _delete_tags(self, runs: list[int]) -> list[int]:
        """Takes these runs off the lists of their tags; those that have any."""
        rows = self._queries.rows_of(SQL.tagged_executions, runs)
        for row in rows:
            self._queries.write_many(SQL.delete_execution_tag, _tag_entries(*row))
        return [row[0] for row in rows]

    def append_events(self, rows: list[EventRow]) -> None:
        self._queries.write_many(SQL.append_event, rows)

    def put_tasks(self, rows: list[TaskRow]) -> None:
        self._queries.write_many(SQL.put_task, rows)

    def ready_tasks(self, keys: list[TaskKey]) -> None:
        self._queries.write_many(SQL.ready_task, keys)

    def take_tasks(self, domain: int, kind: TaskKind, task_list: str, limit: int) -> list[TaskRow]:
        rows = self._queries.rows(SQL.next_tasks, (domain, kind, task_list, limit))
        self._queries.write_many(SQL.delete_task, [row[:2] for row in rows])
        return [task_row(row) for row in rows]

    def delete_tasks(self, keys: list[TaskKey]) -> None:
        self._queries.write_many(SQL.delete_task, keys)

    def put_heartbeats(self, rows: list[HeartbeatRow]) -> None:
        self._queries.write_many(SQL.put_heartbeat, [(*row[:3], blob(row.details)) for row in rows])

    def delete_heartbeats(self, keys: list[TaskKey]) -> None:
        self._queries.write_many(SQL.delete_heartbeat, keys)

    def put_messages(self, rows: list[MessageRow]) -> None:
        self._queries.write_many(SQL.put_message, rows)

    def messages(self, limit: int) -> list[MessageRow]:
        return [MessageRow(*row) for row in self._queries.rows(SQL.messages, (limit,))]

    def delete_messages(self, ids: list[int]) -> int:
        before = self._queries.total_changes()
        self._queries.write_many(SQL.delete_message, [(identity,) for identity in ids])
        return self._queries.total_changes() - before

    def due_runs(self, now: int, limit: int) -> list[int]:
        return [run for (run,) in self._queries.rows(SQL.due_runs, (now, limit))]

    def expired_runs(self, now: int, limit: int) -> list[int]:
        return [run for (run,) in self._queries.rows(SQL.expired_runs, (now, limit))]

    def next_wake_from(self, first: int) -> int | None:
        return self._queries.value(SQL.next_wake_from, (first,))

    def next_purge_from(self, first: int) -> int | None:
        return self._queries.value(SQL.next_purge_from, (first,))

    def due_between(self, first: int, last: int, limit: int) -> list[int]:
        return [run for (run,) in self._queries.rows(SQL.due_between, (first, last, limit))]

    def expired_between(self, first: int, last: int, limit: int) -> list[int]:
        return [run for (run,) in self._queries.rows(SQL.expired_between, (first, last, limit))]

    def has_messages(self, domain: int) -> bool:
        return bool(self._queries.value(SQL.has_messages, (domain,)))

    def purge(self, run: int, at_most_events: int) -> bool:
        row = self.executions([run]).get(run)
        if row is None:
            return True
        assert row.closed_at is not None, f"run {run} is open and must not be purged"
        self._queries.write(SQL.delete_newest_events, (run, at_most_events))
        if self._queries.value(SQL.has_events, (run,)):
            return False
        self._delete_tags([run])
        for sql in (SQL.delete_tasks_of, SQL.delete_heartbeats_of, SQL.delete_execution):
            self._queries.write(sql, (run,))
        return True

    def put_feed(self, rows: list[FeedRow]) -> None:
        self._queries.write_many(SQL.put_feed, rows)

    def first_free_place(self, place: int) -> int:
        return place - 1

    def delete_feed(self, domain: int, until: FeedPlace) -> None:
        self._queries.write(SQL.delete_feed, (domain, *until))

    def put_meta(self, key: str, value: bytes) -> None:
        self._queries.write(SQL.put_meta, (key, value))

    def delete_meta(self, key: str) -> None:
        self._queries.write(SQL.delete_meta, (key,))

    def waiting_messages(self, after: int, limit: int) -> list[MessageRow]:
        return waiting_messages(self._queries, after, limit)


class SqliteRepairTransaction(SqliteTransaction, SqliteAuditReader):
    """What audits, repairs and copies need besides."""

    def replace_executions(self, rows: list[ExecutionRow]) -> None:
        self.delete_tags_of([row.run for row in rows])
        self._queries.write_many(SQL.replace_execution, rows)
        self._put_tags([row.run for row in rows])

    def copy_feed(self, rows: list[FeedRow]) -> None:
        self.put_feed(rows)

    def delete_tags_of(self, runs: list[int]) -> None:
        self._queries.write_many(SQL.delete_tags_of, [(run,) for run in runs])

    def delete_tasks_of(self, runs: list[int]) -> None:
        self._queries.write_many(SQL.delete_tasks_of, [(run,) for run in runs])

    def delete_heartbeats_of(self, runs: list[int]) -> None:
        self._queries.write_many(SQL.delete_heartbeats_of, [(run,) for run in runs])


def _tag_entries(
    run: int, domain: int, tags: bytes, started_at: int, closed_at: int | None
) -> list[tuple[int, bytes, str, int, int]]:
    """The rows of execution_tags for one run; a null element is no tag (SWF §1.1.11)."""
    lists = (
        [("open by start", started_at)]
        if closed_at is None
        else [("closed by start", started_at), ("closed by close", closed_at)]
    )
    return [
        (domain, tag.encode(), name, at, run)
        for tag in _tags_of(tags)
        if tag is not None
        for name, at in lists
    ]


def _locked(row: ExecutionRow) -> LockedRow:
    return LockedRow(
        row.run, row.run_id, row.domain, row.workflow_id, row.next_event_id, row.closed_at, row.purge_at
    )
