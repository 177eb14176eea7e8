"""How one transaction gets executions, tasks and messages to itself, when other nodes want them as well.

Owns the walk: a window of candidates is read without locks, wherever they are, then each is claimed by a statement of
its own that names its shard and passes over what another node holds. On one server the statement that walks passes over
it by itself, and locks until there are enough. And it owns what was read of a locked execution.
It must not know what is done with what was claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from workflowsvc.core.key_layout import shard_of
from workflowsvc.core.outcome import TaskKind
from workflowsvc.store.errors import LockedByPeer
from workflowsvc.store.postgres.low_watermarks import LowWatermark, LowWatermarks, Stretch, beyond
from workflowsvc.store.postgres.reads import DomainNames, PostgresReader, heartbeat_row
from workflowsvc.store.postgres.statements import SQL, Statement
from workflowsvc.store.postgres.values import ContainsNul
from workflowsvc.store.postgres.wire import Rows, Wire
from workflowsvc.store.rows import HeartbeatRow, ListKey, LockedRow, MessageRow, TaskRow

BEFORE_ALL = -1
_COLUMNS = len(LockedRow._fields)
SPARE = 2  # candidates beyond those wanted: the first ones may be in other hands

Candidate = TypeVar("Candidate", bound=tuple[Any, ...])


_RunAt = tuple[int, int]


class _TaskAt(NamedTuple):
    run: int
    scheduled_event_id: int
    priority: int
    position: int


class _Walk:
    """Along one task list, until enough is got."""

    def __init__(self, key: ListKey, limit: int, stretches: list[Stretch]) -> None:
        self.key = key
        self.stretches = stretches  # where it goes on
        self.got: list[_TaskAt] = []
        self.missed = (
            False  # something before the last one got, or before the end, is in other hands or gone meanwhile
        )
        self.held = False  # it is in other hands
        self._limit = limit
        self._found: list[tuple[_TaskAt, bool]] = []
        self._exhausted = True  # there are no others behind those found
        self.is_over = False

    @property
    def missing(self) -> int:
        return self._limit - len(self.got)

    def see(self, rows: Rows) -> None:
        """Of one stretch."""
        for *candidate, is_ours, _, _ in rows:
            if is_ours is not False:
                self._found.append((_TaskAt._make(candidate), is_ours is not None))
        if rows:
            *_, is_ours, place, is_last = rows[-1]
            self.held = self.held or is_ours is False or place > len(rows)
            self._exhausted = self._exhausted and is_last

    def next_found(self) -> list[tuple[_TaskAt, bool]]:
        """The first of those seen, as many as are missing; with each whether its execution is locked, or is none."""
        found = sorted(self._found, key=lambda entry: (-entry[0].priority, entry[0].position))
        several, more = found[: self.missing], found[self.missing :]
        self.is_over = self._exhausted and not more
        if several:
            last = several[-1][0]
            self.stretches = beyond(last.priority, last.position)
        self._found, self._exhausted = [], True
        return several


class Claimed(NamedTuple, Generic[Candidate]):
    got: list[Candidate]
    missed: list[Candidate]  # before the last one got, or before the end: in other hands, or gone meanwhile
    exhausted: bool  # there are no others


def claim_first(
    limit: int,
    find: Callable[[Candidate | None, int], list[Candidate]],
    claim: Callable[[list[Candidate]], list[bool]],
) -> Claimed[Candidate]:
    """In the order of the candidates. `find` gives so many of them behind that one, `claim` tries all it is given."""
    got: list[Candidate] = []
    missed: list[Candidate] = []
    last: Candidate | None = None
    while True:
        most = limit - len(got) + SPARE
        window = find(last, most)
        tried = 0
        while tried < len(window) and len(got) < limit:
            several = window[tried : tried + limit - len(got)]
            for candidate, is_ours in zip(several, claim(several), strict=True):
                (got if is_ours else missed).append(candidate)
            tried += len(several)
        if len(got) >= limit or len(window) < most:
            return Claimed(got, missed, len(got) < limit)
        last = window[-1]


class PostgresClaims(PostgresReader):
    """The part of a transaction that reads in order to change, on the one connection of this node that writes."""

    def __init__(self, wire: Wire, names: DomainNames, marks: LowWatermarks) -> None:
        super().__init__(wire, names)
        self._low_watermarks = marks
        self._moment = self._clock = 0
        # What was read of runs after they were locked, as long as it is certain.
        self._locked: dict[int, LockedRow] = {}
        self._heartbeats: dict[int, list[HeartbeatRow]] = {}
        self._without_tags: set[int] = set()
        self._read_messages: dict[int, int] = {}  # their shards, by id: locked, so certain to be there
        self._held_lists: set[ListKey] = set()
        self._has_readied = False  # tasks were made ready, and where they stand is not known yet
        self.wrote = False
        self.transaction_id: str | None = (
            None  # given with the first lock or change, known when it was asked for
        )
        wire.queue(SQL.begin_writing)
        wire.queue(SQL.moment, then=self._see_moment)

    def _see_moment(self, rows: Rows) -> None:
        self._moment = self._clock = rows[0][0]

    def queue_transaction_id(self) -> None:
        """Behind a lock or change. Asked for together with other things, it costs the commit nothing."""
        if self.transaction_id is None and self._wire.server.knows_transaction_status:
            self._wire.queue(SQL.transaction_id, then=self._see_transaction_id)

    def _see_transaction_id(self, rows: Rows) -> None:
        self.transaction_id = rows[0][0]

    def _see_clock(self, rows: Rows) -> None:
        self._clock = rows[0][0]

    def database_time(self) -> int:
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

    # --- executions ---

    def lock(self, runs: list[int], *, wait: bool = True) -> dict[int, LockedRow]:
        statement = SQL.lock_execution if wait else SQL.try_lock_execution
        unknown = [run for run in runs if run not in self._locked]
        others = self._lock_and_read(statement, unknown)
        if others and wait:  # they have begun to be just now
            return self.lock(runs)
        if others:
            raise LockedByPeer(f"{len(others)} of {len(runs)} executions are held by another node")
        return {run: self._locked[run] for run in runs if run in self._locked}

    def _lock_and_read(self, statement: Statement, runs: list[int]) -> set[int]:
        """Locks in order of the keys; the runs that are there and could not be locked. What is asked next of a locked
        run, nearly always, is answered in the same round trip.
        """
        ours: dict[int, Rows] = {}
        keys = sorted((shard_of(run), run) for run in runs)
        self._queue_each(statement, keys, [partial(ours.__setitem__, run) for _, run in keys])
        self._queue_reading(runs)
        if keys:
            self.queue_transaction_id()
            self._wire.exchange()
        others = {run for run, rows in ours.items() if not rows and run in self._locked}
        self._forget(others)
        return others

    def _queue_reading(self, runs: Iterable[int]) -> None:
        """Of those that are not read yet. Behind a statement that locks them: each statement sees what was written
        before itself.
        """
        keys = [(shard_of(run), run) for run in dict.fromkeys(runs) if run not in self._locked]
        self._queue_each(SQL.locked_execution, keys, [partial(self._see_locked, run) for _, run in keys])

    def _see_locked(self, run: int, rows: Rows) -> None:
        if not rows:
            return
        first = rows[0]
        self._locked[run] = LockedRow._make(first[:_COLUMNS])
        has_tags = first[_COLUMNS]
        if not has_tags:
            self._without_tags.add(run)
        beats = [row[_COLUMNS + 1 :] for row in rows]
        self._heartbeats[run] = sorted(heartbeat_row(run, beat) for beat in beats if beat[0] is not None)

    def _read_locked(self, runs: list[int]) -> None:
        self._queue_reading(runs)
        if runs:
            self._wire.exchange()

    def _forget(self, runs: Iterable[int]) -> None:
        for run in runs:
            self._locked.pop(run, None)
            self._heartbeats.pop(run, None)

    def heartbeats(self, run: int) -> list[HeartbeatRow]:
        known = self._heartbeats.get(run)
        return super().heartbeats(run) if known is None else known

    def due_runs(self, now: int, limit: int) -> list[int]:
        return self._claim_runs(SQL.due_runs, SQL.lock_due_runs, self._low_watermarks.wakes, now, limit)

    def next_wake_at(self) -> int | None:
        return self._rows(SQL.next_wake_at, self._low_watermarks.wakes.first(self._now()))[0][0]

    def expired_runs(self, now: int, limit: int) -> list[int]:
        return self._claim_runs(
            SQL.expired_runs, SQL.lock_expired_runs, self._low_watermarks.purges, now, limit
        )

    def next_purge_at(self) -> int | None:
        return self._rows(SQL.next_purge_at, self._low_watermarks.purges.first(self._now()))[0][0]

    def _claim_runs(
        self, statement: Statement, on_one_server: Statement, mark: LowWatermark, now: int, limit: int
    ) -> list[int]:
        first = mark.first(self._now())

        def find(last: _RunAt | None, most: int) -> list[_RunAt]:
            after_run, after_at = (BEFORE_ALL, BEFORE_ALL) if last is None else last
            return [(run, at) for run, at in self._rows(statement, first, now, after_at, after_run, most)]

        def claim(several: list[_RunAt]) -> list[bool]:
            runs = [run for run, _ in several]
            self._lock_and_read(SQL.try_lock_execution, [run for run in runs if run not in self._locked])
            return [run in self._locked for run in runs]

        if self._wire.server.is_distributed:
            claimed = claim_first(limit, find, claim)
        else:
            rows: list[_RunAt] = [(run, at) for run, at in self._rows(on_one_server, first, now, limit)]
            claimed = Claimed(rows, [], len(rows) < limit)
            self._read_locked([run for run, _ in rows])
        beyond = now + 1 if claimed.exhausted else claimed.got[-1][1]
        mark.found([*claimed.got, *claimed.missed], beyond)
        return [run for run, _ in claimed.got]

    # --- tasks ---

    def take_tasks(self, domain: int, kind: TaskKind, task_list: str, limit: int) -> list[TaskRow]:
        return self.take_from_lists({ListKey(domain, kind, task_list): limit})

    def take_from_lists(self, wanted: dict[ListKey, int]) -> list[TaskRow]:
        if self._has_readied:
            self._wire.exchange()
        moment = self._now()
        walks = [
            _Walk(key, most, self._low_watermarks.tasks.stretches(key, moment))
            for key, most in wanted.items()
        ]
        if self._wire.server.is_distributed:
            for walk in walks:
                self._claim_one_by_one(walk)
        else:
            self._claim_along(walks)
        return [row for walk in walks for row in self._taken(walk)]

    def _taken(self, walk: _Walk) -> list[TaskRow]:
        key = walk.key
        self._held_lists.discard(key)
        if walk.held and walk.missing:
            self._held_lists.add(key)
        self.wrote = self.wrote or bool(walk.got)
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
        if not walk.missed and not walk.held:  # else there is something before them
            self._low_watermarks.tasks.took(key, taken)
        return taken

    def _claim_along(self, walks: list[_Walk]) -> None:
        """Two round trips for all lists together, unless tasks were taken by others in between."""
        while walks:
            for walk in walks:
                with suppress(ContainsNul):
                    for highest, marked, first, lowest in walk.stretches:
                        values = (*walk.key, highest, marked, first, lowest, walk.missing)
                        self._wire.queue(SQL.free_tasks, values, walk.see)
            if self._wire.has_queued:
                self._wire.exchange()
            self._claim_found([(walk, *found) for walk in walks for found in walk.next_found()])
            walks = [walk for walk in walks if walk.missing and not walk.is_over]

    def _claim_found(self, found: list[tuple[_Walk, _TaskAt, bool]]) -> None:
        taken: set[_TaskAt] = set()
        for _, row, is_locked in found:
            self._queue_claiming(SQL.delete_locked_task if is_locked else SQL.claim_task, row, taken)
        self._queue_reading_of_taken([row.run for _, row, _ in found])
        if found:
            self.queue_transaction_id()
            self._wire.exchange()
        for walk, row, is_locked in found:
            if row in taken:
                walk.got.append(row)
            else:
                walk.missed = True
                walk.held = walk.held or not is_locked
        self._forget(row.run for _, row, _ in found if row not in taken)

    def _queue_claiming(self, statement: Statement, row: _TaskAt, taken: set[_TaskAt]) -> None:
        key = (shard_of(row.run), row.run, row.scheduled_event_id, row.position)
        self._wire.queue(statement, key, lambda rows: taken.update([row] if rows else []))

    def _queue_reading_of_taken(self, runs: list[int]) -> None:
        """Behind all statements that claim."""
        self._queue_reading(runs)

    def _claim_one_by_one(self, walk: _Walk) -> None:
        """Where nothing may lock in several shards."""

        def find(last: _TaskAt | None, most: int) -> list[_TaskAt]:
            stretches = walk.stretches if last is None else beyond(last.priority, last.position)
            keys = ((*walk.key, *stretch[:2], most, *stretch[2:]) for stretch in stretches)
            found = [_TaskAt(*row) for rows in self._rows_each(SQL.candidate_tasks, keys) for row in rows]
            found.sort(key=lambda row: (-row.priority, row.position))
            return found[:most]

        def claim(several: list[_TaskAt]) -> list[bool]:
            taken: set[_TaskAt] = set()
            for row in several:
                self._queue_claiming(SQL.claim_task, row, taken)
            self._queue_reading_of_taken([row.run for row in several])
            self._wire.exchange()
            self._forget(row.run for row in several if row not in taken)
            return [row in taken for row in several]

        claimed = claim_first(walk.missing, find, claim)
        walk.got = claimed.got
        walk.held = bool(claimed.missed)

    def has_locked_by_peer(self, task_list: ListKey) -> bool:
        return task_list in self._held_lists

    # --- messages ---

    def messages(self, limit: int) -> list[MessageRow]:
        mark = self._low_watermarks.messages
        first = mark.first(self._now())

        def find(last: MessageRow | None, most: int) -> list[MessageRow]:
            rows = self._rows(SQL.messages, first if last is None else last.id + 1, most)
            return [MessageRow._make(row) for row in rows]

        if self._wire.server.is_distributed:
            claimed = claim_first(limit, find, self._claim_messages)
        else:
            locked = self._rows(SQL.lock_messages, first, limit)
            claimed = Claimed([MessageRow._make(row) for row in locked], [], len(locked) < limit)
        rows = claimed.got
        mark.found(((row.id, row.id) for row in (*rows, *claimed.missed)), rows[-1].id + 1 if rows else None)
        self._read_messages.update((row.id, shard_of(row.run)) for row in rows)
        return rows

    def _claim_messages(self, several: list[MessageRow]) -> list[bool]:
        unknown = [row for row in several if row.id not in self._read_messages]
        keys = ((shard_of(row.run), row.id) for row in unknown)
        ours = {
            row.id
            for row, rows in zip(unknown, self._rows_each(SQL.claim_message, keys), strict=True)
            if rows
        }
        return [row.id in ours or row.id in self._read_messages for row in several]
