"""The executions that a transaction has locked, and what was read of them.

Owns the lock (`for update skip locked`, in order of the keys, never waiting for another node) and what was read
behind it: the row, the heartbeats, and whether there are tags. What was read stays right as long as the lock is held,
except for what this transaction writes, so every write of these columns is reported here. It must not know why an
execution is locked.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from workflowsvc.core.key_layout import shard_of
from workflowsvc.store.errors import LockedByPeer
from workflowsvc.store.postgres.columns import heartbeat_row
from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.transaction_info import TransactionInfo
from workflowsvc.store.postgres.wire import Rows
from workflowsvc.store.rows import HeartbeatRow, LockedRow, TaskKey

_COLUMNS = len(LockedRow._fields)


class Locks:
    """Of one transaction."""

    def __init__(self, queries: Queries, info: TransactionInfo) -> None:
        self._queries = queries
        self._info = info
        self._rows: dict[int, LockedRow] = {}
        self._heartbeats: dict[int, list[HeartbeatRow]] = {}
        self._without_tags: set[int] = set()

    def __contains__(self, run: int) -> bool:
        return run in self._rows

    def __getitem__(self, run: int) -> LockedRow:
        return self._rows[run]

    def get(self, run: int) -> LockedRow | None:
        return self._rows.get(run)

    def lock(self, runs: list[int]) -> dict[int, LockedRow]:
        """The runs that exist. Raises LockedByPeer when another node holds one of them."""
        lost = self.try_lock([run for run in runs if run not in self._rows])
        if lost:
            raise LockedByPeer(f"{len(lost)} of {len(runs)} executions are locked by another node")
        return {run: self._rows[run] for run in runs if run in self._rows}

    def try_lock(self, runs: list[int]) -> set[int]:
        """Locks and reads these runs, which are not locked yet, in one round trip; none for no run. Returns the runs
        that exist and that another node holds.
        """
        found: dict[int, Rows] = {}
        keys = sorted((shard_of(run), run) for run in runs)
        self._queries.queue_each(
            SQL.try_lock_execution, keys, [partial(found.__setitem__, run) for _, run in keys]
        )
        self.queue_reading(runs)
        if keys:
            self._info.queue_id()
            self._queries.exchange()
        lost = {run for run, rows in found.items() if not rows and run in self._rows}
        self.forget(lost)
        return lost

    def queue_reading(self, runs: Iterable[int]) -> None:
        """Reads those that were not read yet. Queued behind the statement that locks them: each statement sees what
        was committed before it was carried out.
        """
        keys = [(shard_of(run), run) for run in dict.fromkeys(runs) if run not in self._rows]
        self._queries.queue_each(SQL.locked_execution, keys, [partial(self._see, run) for _, run in keys])

    def read(self, runs: list[int]) -> None:
        """Runs that were locked by another statement."""
        self.queue_reading(runs)
        if runs:
            self._queries.exchange()

    def _see(self, run: int, rows: Rows) -> None:
        if not rows:
            return
        first = rows[0]
        self._rows[run] = LockedRow._make(first[:_COLUMNS])
        has_tags = first[_COLUMNS]
        if not has_tags:
            self._without_tags.add(run)
        heartbeats = [row[_COLUMNS + 1 :] for row in rows]
        self._heartbeats[run] = sorted(heartbeat_row(run, row) for row in heartbeats if row[0] is not None)

    def heartbeats(self, run: int) -> list[HeartbeatRow] | None:
        """None when they are not known."""
        return self._heartbeats.get(run)

    def may_have_heartbeat(self, key: TaskKey) -> bool:
        known = self._heartbeats.get(key.run)
        return known is None or any(row.scheduled_event_id == key.scheduled_event_id for row in known)

    def has_no_tags(self, run: int) -> bool:
        """False when that is not known."""
        return run in self._without_tags

    # --- what this transaction writes ---

    def forget(self, runs: Iterable[int]) -> None:
        for run in runs:
            self._rows.pop(run, None)
            self._heartbeats.pop(run, None)

    def forget_row(self, run: int) -> None:
        self._rows.pop(run, None)

    def forget_heartbeats(self, run: int) -> None:
        self._heartbeats.pop(run, None)

    def see_without_tags(self, runs: Iterable[int]) -> None:
        self._without_tags.update(runs)

    def forget_without_tags(self, runs: Iterable[int]) -> None:
        self._without_tags.difference_update(runs)
