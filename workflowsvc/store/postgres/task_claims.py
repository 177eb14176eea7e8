"""How one transaction takes tasks from lists on which other nodes take tasks as well.

Owns the walk along a task list, in order of priority and position. Where all shards are on one server, a statement
tries the execution of each candidate as it comes, until enough are locked; a second statement removes their tasks.
Elsewhere candidates are read without locks, and each is claimed by a statement of its own (claims.py). What is read
of an execution next, nearly always, comes in the same round trip. It must not know what is done with a task.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from workflowsvc.core.key_layout import shard_of
from workflowsvc.store.postgres.claims import claim_first
from workflowsvc.store.postgres.locks import Locks
from workflowsvc.store.postgres.low_watermarks import Stretch, TaskLowWatermarks, beyond
from workflowsvc.store.postgres.prefetch import Prefetched
from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.statements import SQL, Statement
from workflowsvc.store.postgres.transaction_info import TransactionInfo
from workflowsvc.store.postgres.values import ContainsNul
from workflowsvc.store.postgres.wire import Rows
from workflowsvc.store.rows import ListKey, TaskRow


class _TaskAt(NamedTuple):
    run: int
    scheduled_event_id: int
    priority: int
    position: int


class _Walk:
    """Along one task list, until enough tasks were got."""

    def __init__(self, key: ListKey, limit: int, stretches: list[Stretch]) -> None:
        self.key = key
        self.stretches = stretches  # where it goes on
        self.got: list[_TaskAt] = []
        self.missed = False  # a task before the last one got, or before the end, was not got
        self.held = False  # because another node holds its execution
        self.is_over = False
        self._limit = limit
        self._found: list[tuple[_TaskAt, bool]] = []
        self._exhausted = True  # there are no candidates behind those found

    @property
    def missing(self) -> int:
        return self._limit - len(self.got)

    def see(self, rows: Rows) -> None:
        """The candidates of one stretch."""
        for *candidate, is_ours, _, _ in rows:
            if is_ours is not False:
                self._found.append((_TaskAt._make(candidate), is_ours is not None))
        if rows:
            *_, is_ours, place, is_last = rows[-1]
            self.held = self.held or is_ours is False or place > len(rows)
            self._exhausted = self._exhausted and is_last

    def next_found(self) -> list[tuple[_TaskAt, bool]]:
        """The first of those seen, as many as are missing; False with one whose execution does not exist."""
        found = sorted(self._found, key=lambda entry: (-entry[0].priority, entry[0].position))
        several, more = found[: self.missing], found[self.missing :]
        self.is_over = self._exhausted and not more
        if several:
            last = several[-1][0]
            self.stretches = beyond(last.priority, last.position)
        self._found, self._exhausted = [], True
        return several


class TaskClaims:
    """Of one transaction."""

    def __init__(
        self,
        queries: Queries,
        info: TransactionInfo,
        locks: Locks,
        prefetched: Prefetched,
        low_watermarks: TaskLowWatermarks,
    ) -> None:
        self._queries = queries
        self._info = info
        self._locks = locks
        self._prefetched = prefetched
        self._low_watermarks = low_watermarks
        self._locked_by_peers: set[ListKey] = set()

    def take_from_lists(self, wanted: dict[ListKey, int]) -> list[TaskRow]:
        began_at = self._info.began_at()
        walks = [
            _Walk(key, limit, self._low_watermarks.stretches(key, began_at)) for key, limit in wanted.items()
        ]
        if self._queries.is_distributed:
            for walk in walks:
                self._claim_one_by_one(walk)
        else:
            self._claim_along(walks)
        return [row for walk in walks for row in self._taken(walk)]

    def has_locked_by_peer(self, task_list: ListKey) -> bool:
        return task_list in self._locked_by_peers

    def _taken(self, walk: _Walk) -> list[TaskRow]:
        key = walk.key
        self._locked_by_peers.discard(key)
        if walk.held and walk.missing:
            self._locked_by_peers.add(key)
        self._info.wrote = self._info.wrote or bool(walk.got)
        taken = [
            TaskRow(
                row.run,
                row.scheduled_event_id,
                key.kind,
                key.domain,
                key.name,
                row.priority,
                row.position,
                True,
            )
            for row in walk.got
        ]
        if not walk.missed and not walk.held:  # else a task stands before them
            self._low_watermarks.took(key, taken)
        return taken

    def _claim_along(self, walks: list[_Walk]) -> None:
        """Two round trips for all lists together, unless other nodes took tasks in between."""
        while walks:
            for walk in walks:
                with suppress(ContainsNul):
                    for highest, marked, first, lowest in walk.stretches:
                        values = (*walk.key, highest, marked, first, lowest, walk.missing)
                        self._queries.queue(SQL.free_tasks, values, walk.see)
            if self._queries.has_queued:
                self._queries.exchange()
            self._claim_found([(walk, *found) for walk in walks for found in walk.next_found()])
            walks = [walk for walk in walks if walk.missing and not walk.is_over]

    def _claim_found(self, found: list[tuple[_Walk, _TaskAt, bool]]) -> None:
        taken: set[_TaskAt] = set()
        for _, row, is_locked in found:
            self._queue_claim(SQL.delete_locked_task if is_locked else SQL.claim_task, row, taken)
        self._queue_reading([row.run for _, row, _ in found])
        if found:
            self._info.queue_id()
            self._queries.exchange()
        for walk, row, is_locked in found:
            if row in taken:
                walk.got.append(row)
            else:
                walk.missed = True
                walk.held = walk.held or not is_locked
        self._forget([row.run for _, row, _ in found if row not in taken])

    def _claim_one_by_one(self, walk: _Walk) -> None:
        """Where no statement may lock in several shards."""

        def find(last: _TaskAt | None, count: int) -> list[_TaskAt]:
            stretches = walk.stretches if last is None else beyond(last.priority, last.position)
            keys = ((*walk.key, *stretch[:2], count, *stretch[2:]) for stretch in stretches)
            answers = self._queries.rows_each(SQL.candidate_tasks, keys)
            found = [_TaskAt(*row) for rows in answers for row in rows]
            found.sort(key=lambda row: (-row.priority, row.position))
            return found[:count]

        def claim(several: list[_TaskAt]) -> list[bool]:
            taken: set[_TaskAt] = set()
            for row in several:
                self._queue_claim(SQL.claim_task, row, taken)
            self._queue_reading([row.run for row in several])
            self._queries.exchange()
            self._forget([row.run for row in several if row not in taken])
            return [row in taken for row in several]

        claimed = claim_first(walk.missing, find, claim)
        walk.got = claimed.got
        walk.held = bool(claimed.missed)

    def _queue_claim(self, statement: Statement, row: _TaskAt, taken: set[_TaskAt]) -> None:
        key = (shard_of(row.run), row.run, row.scheduled_event_id, row.position)
        self._queries.queue(statement, key, lambda rows: taken.update([row] if rows else []))

    def _queue_reading(self, runs: list[int]) -> None:
        """Behind all statements that claim, so that it sees what the last holder of each lock has committed."""
        self._locks.queue_reading(runs)
        self._prefetched.queue_events_of_taken(runs)

    def _forget(self, runs: list[int]) -> None:
        """What was read of executions whose tasks were not got, so that may not be locked."""
        self._locks.forget(runs)
        self._prefetched.forget_events(runs)
