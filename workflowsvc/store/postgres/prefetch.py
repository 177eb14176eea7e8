"""What a transaction will be asked for, fetched in one round trip before it is asked.

Owns the open runs, the events and the facts of the installation that were fetched and not asked for yet; locked
executions are in locks.py. It must not know who will ask, nor why.

The order on which this relies:

1. Each answer is given once. The next question goes to the server, and sees what this transaction has written.
2. An answer that this transaction changes before it was asked for is dropped: the open run of a workflowId, a fact, the
   events of a run that is being purged.
3. Events are asked for before any is appended to their run, because the asker would otherwise append without having
   replayed them. `see_appended` asserts it.
4. `next_event_of`, a function of the caller, is called while statements are being queued, some of them behind a claim
   that is not answered yet. It looks something up and must not use this transaction. `_first_unseen` asserts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from workflowsvc.core.key_layout import shard_for, shard_of
from workflowsvc.store.postgres.locks import Locks
from workflowsvc.store.postgres.low_watermarks import TaskLowWatermarks
from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.reads import DomainNames
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.transaction_info import TransactionInfo
from workflowsvc.store.postgres.wire import Rows
from workflowsvc.store.rows import EventRow, ExecutionRow

MAX_EVENTS = 1_000  # of one run: more of them are worth a round trip of their own, and too much to keep

NextEventOf = Callable[[int], int]


class _Name(NamedTuple):
    """A workflowId, of which one run at most is open."""

    domain: int
    workflow_id: str


class _Stretch(NamedTuple):
    """Events of a run, from `first` to the last there is."""

    first: int
    bodies: list[bytes]


class Prefetched:
    """Of one transaction."""

    def __init__(
        self,
        queries: Queries,
        info: TransactionInfo,
        locks: Locks,
        names: DomainNames,
        low_watermarks: TaskLowWatermarks,
    ) -> None:
        self._queries = queries
        self._info = info
        self._locks = locks
        self._names = names
        self._low_watermarks = low_watermarks
        self._open_runs: dict[_Name, int | None] = {}
        self._events: dict[int, _Stretch] = {}
        self._meta: dict[str, bytes | None] = {}
        self._next_event_of: NextEventOf | None = None

    # --- fetching ---

    def prefetch(
        self, runs: list[int], names: list[tuple[int, str]], meta: str | None, next_event_of: NextEventOf
    ) -> None:
        """One round trip; a second one when events are missing or a workflowId has led to an open run."""
        self._next_event_of = next_event_of
        following: list[int] = []
        if meta is not None:
            self._queries.queue(SQL.meta, (meta,), partial(self._see_meta, meta))
        self._queue_open_runs([_Name(*name) for name in names], following)
        if names:
            self._info.queue_clock()
        while runs or self._queries.has_queued:
            self._locks.try_lock([run for run in runs if run not in self._locks])
            if self._queries.has_queued:
                self._queries.exchange()
            self._queue_missing_events([run for run in runs if run in self._locks])
            runs = [run for run in dict.fromkeys(following) if run not in self._locks]
            following.clear()

    def queue_events_of_taken(self, runs: list[int]) -> None:
        """Behind the statements that claim the tasks of these runs: what this node has not seen of each. Only if other
        nodes have recorded some lately, as it is in vain otherwise.
        """
        if self._next_event_of is not None and self._low_watermarks.others_record:
            unlocked = [run for run in runs if run not in self._locks]
            self._queue_events(self._first_unseen(unlocked))

    def _queue_open_runs(self, names: list[_Name], following: list[int]) -> None:
        def see(name: _Name, rows: Rows) -> None:
            self._open_runs[name] = rows[0][0] if rows else None
            following.extend(row[0] for row in rows)

        # The others are left to the question itself, which finds out what there is.
        known = [name for name in names if name.domain in self._names and "\0" not in name.workflow_id]
        keys = [(shard_for(*self._names[name.domain], name.workflow_id), *name) for name in known]
        self._queries.queue_each(SQL.open_run, keys, [partial(see, name) for name in known])

    def _queue_missing_events(self, locked: list[int]) -> None:
        unseen = self._first_unseen(locked)
        stretches = {run: (first, self._locks[run].next_event_id - 1) for run, first in unseen.items()}
        if any(run in self._events for run in stretches):
            self._low_watermarks.others_record = any(first <= last for first, last in stretches.values())
        missing = {
            run: first
            for run, (first, last) in stretches.items()
            if first <= last < first + MAX_EVENTS and run not in self._events
        }
        if missing:
            self._low_watermarks.others_record = True
            self._queue_events(missing)

    def _first_unseen(self, runs: list[int]) -> dict[int, int]:
        """By run, the first event that the caller has not seen."""
        assert self._next_event_of is not None
        before = self._queries.progress
        unseen = {run: self._next_event_of(run) for run in runs}
        assert self._queries.progress == before, "next_event_of must not use the transaction that calls it"
        return unseen

    def _queue_events(self, missing: dict[int, int]) -> None:
        """Of each run from this event on."""
        keys = [(shard_of(run), run, first - 1, MAX_EVENTS) for run, first in missing.items()]
        thens = [partial(self._see_events, run, first) for run, first in missing.items()]
        self._queries.queue_each(SQL.numbered_events, keys, thens)

    def _see_events(self, run: int, first: int, rows: Rows) -> None:
        self._events[run] = _Stretch(first, [body for _, _, body in sorted(rows)])

    def _see_meta(self, key: str, rows: Rows) -> None:
        self._meta[key] = rows[0][0] if rows else None

    # --- answering, each once ---

    def has_open_run(self, domain: int, workflow_id: str) -> bool:
        """It is known which run is open, or that none is."""
        return _Name(domain, workflow_id) in self._open_runs

    def take_open_run(self, domain: int, workflow_id: str) -> int | None:
        return self._open_runs.pop(_Name(domain, workflow_id))

    def has_meta(self, key: str) -> bool:
        return key in self._meta

    def take_meta(self, key: str) -> bytes | None:
        return self._meta.pop(key)

    def take_events(
        self, run: int, first: int, last: int, limit: int, descending: bool
    ) -> list[bytes] | None:
        """None unless exactly this stretch was fetched, which is forgotten in any case."""
        stretch = self._events.pop(run, None)
        count = last - first + 1
        if (
            stretch
            and not descending
            and limit >= count
            and (stretch.first, len(stretch.bodies)) == (first, count)
        ):
            return stretch.bodies
        return None

    # --- what this transaction writes ---

    def see_appended(self, rows: list[EventRow]) -> None:
        """A stretch without events is never asked for: its run had nothing that this node had not seen."""
        if not self._events:
            return
        for run in {row.run for row in rows}:
            stretch = self._events.pop(run, None)
            assert stretch is None or not stretch.bodies, (
                f"events of run {run} were prefetched, and not asked for before more were appended"
            )

    def see_started(self, rows: list[ExecutionRow]) -> None:
        for row in rows if self._open_runs else ():
            self._open_runs.pop(_Name(row.domain, row.workflow_id), None)

    def see_closed(self, runs: Iterable[int]) -> None:
        if not self._open_runs:
            return
        closed = set(runs)
        for name in [name for name, run in self._open_runs.items() if run in closed]:
            del self._open_runs[name]

    def forget_events(self, runs: Iterable[int]) -> None:
        for run in runs:
            self._events.pop(run, None)

    def forget_meta(self) -> None:
        self._meta.clear()
