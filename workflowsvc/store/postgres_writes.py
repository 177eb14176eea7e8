"""Changes made through one PostgreSQL connection: the `Transaction` of interface.py.

Owns how tuples of the interface become rows. Changes are queued and sent with the next question or with the commit, so
a conflict is told then. It must not know who opened the connection, nor begin or end transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from workflowsvc.store.interface import (
    DomainRow,
    EventRow,
    ExecutionChange,
    ExecutionRow,
    HeartbeatRow,
    Held,
    ListKey,
    MessageRow,
    TaskKey,
    TaskKind,
    TaskRow,
    TypeKind,
    TypeRow,
    shard_of,
)
from workflowsvc.store.postgres_marks import Marks
from workflowsvc.store.postgres_reads import DomainNames, PostgresReader, blob, text
from workflowsvc.store.postgres_sql import SQL, Statement
from workflowsvc.store.postgres_wire import Row, Rows, Wire

_tags_of = msgspec.json.Decoder(list[str | None]).decode


class PostgresTransaction(PostgresReader):
    """Reads and writes on the one connection of this node that writes."""

    def __init__(self, wire: Wire, names: DomainNames, marks: Marks) -> None:
        super().__init__(wire, names)
        self._marks = marks
        self._moment = self._clock = 0
        self._read_messages: dict[int, int] = {}  # their shards, by id: locked, so certain to be there
        self._heartbeats: dict[int, list[HeartbeatRow]] = {}  # of locked runs, as long as they are certain
        self._held_lists: set[ListKey] = set()
        self._has_readied = False  # tasks were made ready, and where they stand is not known yet
        self.wrote = False
        wire.queue(SQL.begin_writing)
        wire.queue(SQL.moment, then=self._see_moment)

    def _see_moment(self, rows: Rows) -> None:
        self._moment = self._clock = rows[0][0]

    def _see_clock(self, rows: Rows) -> None:
        self._clock = rows[0][0]

    def moment(self) -> int:
        return max(self._now(), self._clock)

    def open_run(self, domain: int, workflow_id: str) -> int | None:
        """Reads the clock on the way: whoever finds that a run is closed must not live before that moment."""
        self._wire.queue(SQL.moment_now, then=self._see_clock)
        return super().open_run(domain, workflow_id)

    @property
    def begun(self) -> bool:
        """The server knows of this transaction."""
        return self._moment != 0

    def _now(self) -> int:
        """The server's clock when the transaction began."""
        if not self.begun:
            self._wire.exchange()
        return self._moment

    def _write(
        self, statement: Statement, values: Sequence[object], then: Callable[[Rows], None] | None = None
    ) -> None:
        self.wrote = True
        self._wire.queue(statement, values, then)

    def _insert(self, statement: Statement, rows: Sequence[Sequence[object]]) -> None:
        """One array for each column. The first column is the run; its shard goes before it."""
        if rows:
            columns = list(zip(*rows, strict=True))
            self._write(statement, ([shard_of(run) for run in columns[0]], *columns))

    def _write_each(self, statement: Statement, keys: Iterable[TaskKey]) -> None:
        for run, scheduled_event_id in keys:
            self._write(statement, (shard_of(run), run, scheduled_event_id))

    def _write_runs(self, statement: Statement, runs: Iterable[int]) -> None:
        for run in runs:
            self._write(statement, (shard_of(run), run))

    # --- domains and types ---

    def put_domain(self, row: DomainRow) -> None:
        self._write(SQL.put_domain, (*row[:4], blob(row.description), *row[5:]))

    def put_type(self, row: TypeRow) -> None:
        self._write(SQL.put_type, (*row[:5], blob(row.description), *row[6:]))

    def deprecate_types(self, domain: int, at: int) -> None:
        self._write(SQL.deprecate_types, (at, domain))

    def delete_type(self, domain: int, kind: TypeKind, name: str, version: str) -> None:
        self._write(SQL.delete_type, (domain, kind, name, version))

    def put_meta(self, key: str, value: bytes) -> None:
        self._write(SQL.put_meta, (key, value))

    # --- executions ---

    def lock(self, runs: list[int], *, wait: bool = True) -> dict[int, ExecutionRow]:
        if not runs:
            return {}
        keys = sorted((shard_of(run), run) for run in runs)
        shards, runs = [key[0] for key in keys], [key[1] for key in keys]
        locked: list[Rows] = []
        self._wire.queue(
            SQL.lock_executions if wait else SQL.try_lock_executions, (shards, runs), locked.append
        )
        self._wire.queue(SQL.heartbeats_of, (shards, runs), then=self._see_heartbeats)
        self._heartbeats.update((run, []) for run in runs)
        rows = self.executions(runs)
        if not wait and len(locked[0]) < len(rows):
            raise Held(f"{len(rows) - len(locked[0])} of {len(rows)} executions are held by another node")
        return rows

    def _see_heartbeats(self, rows: Rows) -> None:
        """Asked for nearly always when an execution is locked: this spares a round trip."""
        for run, scheduled_event_id, at, details in rows:
            self._heartbeats[run].append(HeartbeatRow(run, scheduled_event_id, at, text(details)))

    def insert_executions(self, rows: list[ExecutionRow]) -> None:
        self._insert(SQL.insert_executions, [_cold(row) for row in rows])
        self._insert_what_changes(rows)
        self._see_due(rows)

    def _insert_what_changes(self, rows: list[ExecutionRow]) -> None:
        """The rows beside those in `executions`: progress of open runs, and the lists of tags."""
        self._insert(
            SQL.insert_progress,
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
            self._marks.wakes.gone(row.run)
            self._marks.wakes.wrote(row.wake_at if row.closed_at is None else None)
            self._marks.purges.wrote(row.purge_at)

    def update_executions(self, changes: list[ExecutionChange]) -> None:
        for change in changes:
            run, next_event_id, wake_at, cancel_requested, *closing = change
            changed = (next_event_id, wake_at, cancel_requested)
            if change.closed_at is None:
                self._write(SQL.update_progress, (*changed, shard_of(run), run))
            else:
                self._write(SQL.close_execution, (shard_of(run), run, *changed, *closing))
        self._see_due(changes)

    def replace_executions(self, rows: list[ExecutionRow]) -> None:
        runs = [row.run for row in rows]
        self.delete_tags_of(runs)
        self._write_runs(SQL.delete_progress, runs)
        for row in rows:
            self._write(SQL.replace_execution, (*_cold(row)[1:], shard_of(row.run), row.run))
        self._insert_what_changes(rows)
        self._see_due(rows)

    def delete_tags_of(self, runs: list[int]) -> None:
        self._write_runs(SQL.delete_tags_of, runs)

    def due_runs(self, now: int, limit: int) -> list[int]:
        first = self._marks.wakes.first(self._now())
        rows = self._rows(SQL.due_runs, first, now, limit)
        self._marks.wakes.found(_pairs(rows), now + 1 if len(rows) < limit else rows[-1][1])
        return [run for run, _ in rows]

    def next_wake_at(self) -> int | None:
        return self._rows(SQL.next_wake_at, self._marks.wakes.first(self._now()))[0][0]

    def expired_runs(self, now: int, limit: int) -> list[int]:
        first = self._marks.purges.first(self._now())
        rows = self._rows(SQL.expired_runs, first, now, limit)
        self._marks.purges.found(_pairs(rows), now + 1 if len(rows) < limit else rows[-1][1])
        return [run for run, _ in rows]

    def next_purge_at(self) -> int | None:
        return self._rows(SQL.next_purge_at, self._marks.purges.first(self._now()))[0][0]

    def purge(self, run: int, at_most_events: int) -> bool:
        row = self.executions([run]).get(run)
        if row is None:
            return True
        assert row.closed_at is not None, f"run {run} is open and must not be purged"
        key = (shard_of(run), run)
        self._write(SQL.delete_newest_events, (*key, at_most_events))
        if self._rows(SQL.has_events, *key)[0][0]:
            return False
        self._write(SQL.delete_execution, key)
        self.delete_tags_of([run])
        self.delete_tasks_of([run])
        self.delete_heartbeats_of([run])
        self._marks.purges.gone(run)
        return True

    # --- histories ---

    def append_events(self, rows: list[EventRow]) -> None:
        self._insert(SQL.append_events, rows)

    def heartbeats(self, run: int) -> list[HeartbeatRow]:
        known = self._heartbeats.get(run)
        return super().heartbeats(run) if known is None else known

    def put_heartbeats(self, rows: list[HeartbeatRow]) -> None:
        for row in rows:
            self._heartbeats.pop(row.run, None)
        latest = {row[:2]: (*row[:3], blob(row.details)) for row in rows}
        self._insert(SQL.put_heartbeats, list(latest.values()))

    def delete_heartbeats(self, keys: list[TaskKey]) -> None:
        for key in keys:
            self._heartbeats.pop(key.run, None)
        self._write_each(SQL.delete_heartbeat, keys)

    def delete_heartbeats_of(self, runs: list[int]) -> None:
        for run in runs:
            self._heartbeats.pop(run, None)
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

    def _see_readied(self, rows: Rows) -> None:
        self._has_readied = False
        for row in rows:
            self._see_ready(*row)

    def _see_ready(self, domain: int, kind: TaskKind, task_list: str, priority: int, position: int) -> None:
        self._marks.tasks.wrote(ListKey(domain, kind, task_list), priority, position)

    def take_tasks(self, domain: int, kind: TaskKind, task_list: str, limit: int) -> list[TaskRow]:
        key = ListKey(domain, kind, task_list)
        if self._has_readied:
            self._wire.exchange()
        stretches = self._marks.tasks.stretches(key, self._now())
        rows = self._rows(SQL.claim_tasks, *stretches, *key, limit)
        self._held_lists.discard(key)
        if rows and rows[0][0] is None:
            self._held_lists.add(key)
            return []
        self.wrote = self.wrote or bool(rows)
        rows.sort(key=lambda row: row[-1])  # by place: a join may return them in any order
        taken = [TaskRow._make(row[:-1]) for row in rows]
        if not rows or rows[-1][-1] == len(rows):  # else there is something before them
            self._marks.tasks.took(key, taken)
        return taken

    def has_held(self, task_list: ListKey) -> bool:
        return task_list in self._held_lists

    def delete_tasks(self, keys: list[TaskKey]) -> None:
        self._write_each(SQL.delete_task, keys)

    def delete_tasks_of(self, runs: list[int]) -> None:
        self._write_runs(SQL.delete_tasks_of, runs)

    # --- messages ---

    def put_messages(self, rows: list[MessageRow]) -> None:
        if rows:
            ids, runs, *others = zip(*rows, strict=True)
            self._write(SQL.put_messages, ([shard_of(run) for run in runs], ids, runs, *others))
            self._marks.messages.wrote(min(ids))

    def messages(self, limit: int) -> list[MessageRow]:
        first = self._marks.messages.first(self._now())
        rows = [MessageRow._make(row) for row in self._rows(SQL.messages, first, limit)]
        self._marks.messages.found([(row.id, row.id) for row in rows], rows[-1].id + 1 if rows else None)
        self._read_messages.update((row.id, shard_of(row.run)) for row in rows)
        return rows

    def delete_messages(self, ids: list[int]) -> int:
        """No round trip for those that this transaction has read: nobody else can have deleted them."""
        others: list[int] = []
        for id in ids:
            shard = self._read_messages.pop(id, None)
            if shard is None:
                others.append(id)
            else:
                self._write(SQL.delete_message, (shard, id))
            self._marks.messages.gone(id)
        count = len(ids) - len(others)
        if others:
            self.wrote = True
            count += len(self._rows(SQL.delete_messages_by_id, others))
        return count


def _cold(row: ExecutionRow) -> ExecutionRow:
    """As it stands in `executions`, where what changes while a run is open does not count."""
    return row if row.closed_at is not None else row._replace(wake_at=None, cancel_requested=False)


def _pairs(rows: Iterable[Row]) -> list[tuple[int, int]]:
    return [(run, place) for run, place in rows]


def _tag_entries(row: ExecutionRow) -> list[tuple[int, str, bytes, int, int]]:
    """The rows of execution_tags for one run; a null element is no tag (reference 1.1.11)."""
    assert row.tags is not None
    lists: list[tuple[str, int]] = (
        [("open by start", row.started_at)]
        if row.closed_at is None
        else [("closed by start", row.started_at), ("closed by close", row.closed_at)]
    )
    tags: list[Any] = [tag.encode() for tag in _tags_of(row.tags) if tag is not None]
    return [(row.run, name, tag, row.domain, at) for tag in tags for name, at in lists]
