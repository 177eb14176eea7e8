"""Changes made through a PostgreSQL connection: the writing half of interface.py's `Transaction`.

Owns how tuples of the interface become rows, and reports each change to the objects that remember what it changes
(locks, prefetched answers, low watermarks). Changes are queued and sent with the next question or with the commit, so
a conflict is raised then. It must not know who opened the connection, nor begin or end transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from workflowsvc.core.key_layout import shard_of
from workflowsvc.core.outcome import TaskKind
from workflowsvc.store.postgres.claims import MessageClaims
from workflowsvc.store.postgres.columns import blob
from workflowsvc.store.postgres.locks import Locks
from workflowsvc.store.postgres.low_watermarks import LowWatermarks
from workflowsvc.store.postgres.prefetch import Prefetched
from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.statements import OF_ONE_ROW, SQL, Statement
from workflowsvc.store.postgres.transaction_info import TransactionInfo
from workflowsvc.store.postgres.wire import Rows
from workflowsvc.store.rows import (
    DomainRow,
    EventRow,
    ExecutionChange,
    ExecutionRow,
    FeedPlace,
    FeedRow,
    HeartbeatRow,
    ListKey,
    MessageRow,
    TaskKey,
    TaskRow,
    TypeKind,
    TypeRow,
)

_tags_of = msgspec.json.Decoder(list[str | None]).decode


class PostgresWrites:
    """Of one transaction."""

    def __init__(
        self,
        queries: Queries,
        info: TransactionInfo,
        locks: Locks,
        prefetched: Prefetched,
        messages: MessageClaims,
        low_watermarks: LowWatermarks,
    ) -> None:
        self._queries = queries
        self._info = info
        self._locks = locks
        self._prefetched = prefetched
        self._messages = messages
        self._low_watermarks = low_watermarks
        self._has_readied = False  # tasks were made ready, and their positions are not known yet

    def _write(
        self, statement: Statement, values: Sequence[object], then: Callable[[Rows], None] | None = None
    ) -> None:
        self._info.wrote = True
        self._queries.queue(statement, values, then)

    def _insert(self, statement: Statement, rows: Sequence[Sequence[object]]) -> None:
        """One array for each column. The first column is the run; its shard goes before it."""
        self._insert_at([shard_of(row[0]) for row in rows], statement, rows)  # type: ignore[arg-type]

    def _insert_at(self, shards: list[int], statement: Statement, rows: Sequence[Sequence[object]]) -> None:
        if self._queries.is_distributed:
            for shard, row in zip(shards, rows, strict=True):
                self._write(OF_ONE_ROW[statement.name], (shard, *row))
        elif rows:
            self._write(statement, (shards, *zip(*rows, strict=True)))

    def _write_each(self, statement: Statement, keys: Iterable[TaskKey]) -> None:
        for run, scheduled_event_id in keys:
            self._write(statement, (shard_of(run), run, scheduled_event_id))

    def _write_runs(self, statement: Statement, runs: Iterable[int]) -> None:
        for run in runs:
            self._write(statement, (shard_of(run), run))

    # --- domains and types ---

    def put_domain(self, row: DomainRow) -> None:
        self._write(SQL.put_domain, (*row[:4], blob(row.description), *row[5:]))

    def put_clock(self, domain: int, clock: bytes) -> None:
        self._write(SQL.change_clock, (clock, domain))

    def delete_domain(self, domain: int) -> None:
        self._write(SQL.delete_domain, (domain,))

    def put_type(self, row: TypeRow) -> None:
        self._write(SQL.put_type, (*row[:5], blob(row.description), *row[6:]))

    def deprecate_types(self, domain: int, at: int) -> None:
        self._write(SQL.deprecate_types, (at, domain))

    def delete_type(self, domain: int, kind: TypeKind, name: str, version: str) -> None:
        self._write(SQL.delete_type, (domain, kind, name, version))

    def put_meta(self, key: str, value: bytes) -> None:
        self._prefetched.forget_meta()  # the write may wait for another transaction, which changes more facts
        self._write(SQL.put_meta, (key, value))

    def delete_meta(self, key: str) -> None:
        self._prefetched.forget_meta()
        self._write(SQL.delete_meta, (key,))

    # --- executions ---

    def insert_executions(self, rows: list[ExecutionRow]) -> None:
        self._insert(SQL.insert_executions, [_cold(row) for row in rows])
        self._insert_what_changes(rows)
        self._see_due(rows)
        self._locks.see_without_tags(row.run for row in rows if row.tags is None)
        self._prefetched.see_started(rows)

    def _insert_what_changes(self, rows: list[ExecutionRow]) -> None:
        """The rows beside those in `executions`: progress of open runs, and the lists of tags."""
        self._insert(
            SQL.put_progress,
            [
                (row.run, row.next_event_id, row.wake_at, row.cancel_requested)
                for row in rows
                if row.closed_at is None
            ],
        )
        tagged = [row for row in rows if row.tags is not None]
        if tagged:
            self._insert(SQL.put_execution_tags, [entry for row in tagged for entry in _tag_entries(row)])

    def _see_due(self, rows: Sequence[ExecutionRow | ExecutionChange]) -> None:
        for row in rows:
            self._locks.forget_row(row.run)
            self._low_watermarks.wakes.gone(row.run)
            self._low_watermarks.wakes.wrote(row.wake_at if row.closed_at is None else None)
            self._low_watermarks.purges.wrote(row.purge_at)

    def update_executions(self, changes: list[ExecutionChange]) -> None:
        open_ones: dict[int, Sequence[object]] = {}
        for change in changes:
            run, next_event_id, wake_at, cancel_requested, *closing = change
            changed = (next_event_id, wake_at, cancel_requested)
            if change.closed_at is None:
                open_ones[run] = (run, *changed)
            else:
                open_ones.pop(run, None)
                self._close(shard_of(run), run, (*changed, *closing))
        self._insert(SQL.put_progress, list(open_ones.values()))
        self._see_due(changes)
        self._prefetched.see_closed(change.run for change in changes if change.closed_at is not None)

    def _close(self, shard: int, run: int, values: tuple[object, ...]) -> None:
        self._write(SQL.close_execution, (shard, run, *values))
        if not self._locks.has_no_tags(run):
            closed_at = values[3]
            self._write(SQL.list_tags_by_close, (closed_at, shard, run))
            self._write(SQL.list_tags_as_closed, (shard, run))

    def replace_executions(self, rows: list[ExecutionRow]) -> None:
        runs = [row.run for row in rows]
        self._locks.forget_without_tags(runs)
        self.delete_tags_of(runs)
        self._write_runs(SQL.delete_progress, runs)
        for row in rows:
            self._write(SQL.replace_execution, (*_cold(row)[1:], shard_of(row.run), row.run))
        self._insert_what_changes(rows)
        self._see_due(rows)
        self._prefetched.see_started(rows)
        self._prefetched.see_closed(runs)

    def delete_tags_of(self, runs: list[int]) -> None:
        self._write_runs(SQL.delete_tags_of, runs)

    def purge(self, run: int, at_most_events: int) -> bool:
        row = self._locks.get(run) or self._execution(run)
        if row is None:
            return True
        assert row.closed_at is not None, f"run {run} is open and must not be purged"
        key = (shard_of(run), run)
        self._prefetched.forget_events([run])
        self._write(SQL.delete_newest_events, (*key, at_most_events))
        if self._queries.rows(SQL.has_events, *key)[0][0]:
            return False
        self._locks.forget([run])
        self._write(SQL.delete_execution, key)
        self.delete_tags_of([run])
        self.delete_tasks_of([run])
        self.delete_heartbeats_of([run])
        self._low_watermarks.purges.gone(run)
        return True

    def _execution(self, run: int) -> ExecutionRow | None:
        row = self._queries.row(SQL.execution, shard_of(run), run)
        return None if row is None else ExecutionRow._make(row)

    # --- histories ---

    def append_events(self, rows: list[EventRow]) -> None:
        self._prefetched.see_appended(rows)
        self._insert(SQL.append_events, rows)

    def put_heartbeats(self, rows: list[HeartbeatRow]) -> None:
        for row in rows:
            self._locks.forget_heartbeats(row.run)
        latest = {row[:2]: (*row[:3], blob(row.details)) for row in rows}
        self._insert(SQL.put_heartbeats, list(latest.values()))

    def delete_heartbeats(self, keys: list[TaskKey]) -> None:
        """Nothing is sent for those that are known not to be there: most activities end without a heartbeat."""
        there = [key for key in keys if self._locks.may_have_heartbeat(key)]
        for key in there:
            self._locks.forget_heartbeats(key.run)
        self._write_each(SQL.delete_heartbeat, there)

    def delete_heartbeats_of(self, runs: list[int]) -> None:
        for run in runs:
            self._locks.forget_heartbeats(run)
        self._write_runs(SQL.delete_heartbeats_of, runs)

    # --- tasks ---

    def put_tasks(self, rows: list[TaskRow]) -> None:
        self._insert(SQL.put_tasks, list({row[:2]: row for row in rows}.values()))
        for row in rows:
            if row.ready:
                self._see_ready(row.domain, row.kind, row.task_list, row.priority, row.position)

    def ready_tasks(self, keys: list[TaskKey]) -> None:
        for run, scheduled_event_id in keys:
            self._write(SQL.ready_task, (shard_of(run), run, scheduled_event_id), self._see_readied)
            self._has_readied = True

    def settle_readied(self) -> None:
        """Before tasks are taken: the low watermarks must know where those stand that were made ready."""
        if self._has_readied:
            self._queries.exchange()

    def _see_readied(self, rows: Rows) -> None:
        self._has_readied = False
        for row in rows:
            self._see_ready(*row)

    def _see_ready(self, domain: int, kind: TaskKind, task_list: str, priority: int, position: int) -> None:
        self._low_watermarks.tasks.wrote(ListKey(domain, kind, task_list), priority, position)

    def delete_tasks(self, keys: list[TaskKey]) -> None:
        self._write_each(SQL.delete_task, keys)

    def delete_tasks_of(self, runs: list[int]) -> None:
        self._write_runs(SQL.delete_tasks_of, runs)

    # --- feeds ---

    def put_feed(self, rows: list[FeedRow]) -> None:
        if rows:
            self._write(SQL.put_feed, [*zip(*((*row[:2], *row[3:]) for row in rows), strict=True)])

    def copy_feed(self, rows: list[FeedRow]) -> None:
        if rows:
            self._write(SQL.put_copied_feed, [*zip(*rows, strict=True)])

    def delete_feed(self, domain: int, until: FeedPlace) -> None:
        self._write(SQL.delete_feed, (domain, *until))

    # --- messages ---

    def put_messages(self, rows: list[MessageRow]) -> None:
        if rows:
            self._insert_at([shard_of(row.run) for row in rows], SQL.put_messages, rows)
            self._low_watermarks.messages.wrote(min(row.id for row in rows))

    def delete_messages(self, ids: list[int]) -> int:
        """No round trip for those that this transaction holds: they are certain to be there."""
        others: list[int] = []
        for id in ids:
            shard = self._messages.release(id)
            if shard is None:
                others.append(id)
            else:
                self._write(SQL.delete_message, (shard, id))
            self._low_watermarks.messages.gone(id)
        count = len(ids) - len(others)
        if others:
            self._info.wrote = True
            count += len(self._queries.rows(SQL.delete_messages_by_id, others))
        return count


def _cold(row: ExecutionRow) -> ExecutionRow:
    """As it stands in `executions`, where what changes while a run is open does not count."""
    return row if row.closed_at is not None else row._replace(wake_at=None, cancel_requested=False)


def _tag_entries(row: ExecutionRow) -> list[tuple[int, str, bytes, int, int]]:
    """The rows of execution_tags for one run; a null element is no tag (SWF §1.1.11)."""
    assert row.tags is not None
    lists: list[tuple[str, int]] = (
        [("open by start", row.started_at)]
        if row.closed_at is None
        else [("closed by start", row.started_at), ("closed by close", row.closed_at)]
    )
    tags: list[Any] = [tag.encode() for tag in _tags_of(row.tags) if tag is not None]
    return [(row.run, name, tag, row.domain, at) for tag in tags for name, at in lists]
