"""What a transaction will ask for, fetched in one round trip before it asks.

Owns what was fetched and not asked for yet: open runs, events and facts of the installation. Locked executions are
kept by postgres_claims.py. Everything is given once: who asks again wants to see what has changed. It must not know who
will ask, nor why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from workflowsvc.core.key_layout import shard_for, shard_of
from workflowsvc.store.postgres.claims import PostgresClaims
from workflowsvc.store.postgres.low_watermarks import LowWatermarks
from workflowsvc.store.postgres.reads import DomainNames
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.wire import Rows, Wire

MOST_EVENTS = 1_000  # of one run: longer stretches are worth a round trip of their own, and too much to keep


class _Name(NamedTuple):
    """A workflowId, of which one run at most is open."""

    domain: int
    workflow_id: str


class _Stretch(NamedTuple):
    """Events of a run, from `first` on to the last there is."""

    first: int
    bodies: list[bytes]


class PostgresPrefetch(PostgresClaims):
    """The part of a transaction that is told beforehand what it will be asked."""

    def __init__(self, wire: Wire, names: DomainNames, marks: LowWatermarks) -> None:
        super().__init__(wire, names, marks)
        self._open_runs: dict[_Name, int | None] = {}
        self._events: dict[int, _Stretch] = {}
        self._meta: dict[str, bytes | None] = {}
        self._next_event_of: Callable[[int], int] | None = None

    def prefetch(
        self,
        runs: list[int],
        names: list[tuple[int, str]],
        meta: str | None,
        next_event_of: Callable[[int], int],
    ) -> None:
        """One round trip; one more when events are missing or a name has led to a run."""
        self._next_event_of = next_event_of
        following: list[int] = []
        if meta is not None:
            self._wire.queue(SQL.meta, (meta,), partial(self._see_meta, meta))
        self._expect_open_runs([_Name(*name) for name in names], following)
        if names:  # behind them: whoever finds that a run is closed must not live before that moment
            self._wire.queue(SQL.moment_now, then=self._see_clock)
        while runs or self._wire.has_queued:
            unknown = [run for run in runs if run not in self._locked]
            self._lock_and_read(SQL.try_lock_execution, unknown)
            if self._wire.has_queued:
                self._wire.exchange()
            self._expect_events(runs, next_event_of)
            runs = [run for run in dict.fromkeys(following) if run not in self._locked]
            following.clear()

    def _expect_open_runs(self, names: list[_Name], following: list[int]) -> None:
        def see(name: _Name, rows: Rows) -> None:
            self._open_runs[name] = rows[0][0] if rows else None
            following.extend(row[0] for row in rows)

        # Of the others the question itself will find out what there is.
        known = [name for name in names if name.domain in self._names and "\0" not in name.workflow_id]
        keys = [(shard_for(*self._names[name.domain], name.workflow_id), *name) for name in known]
        self._queue_each(SQL.open_run, keys, [partial(see, name) for name in known])

    def _queue_reading_of_taken(self, runs: list[int]) -> None:
        """With what this node has not seen of them, if that was some of it lately: then others have made it."""
        super()._queue_reading_of_taken(runs)
        if self._next_event_of is not None and self._low_watermarks.tasks.others_record:
            self._queue_events({run: self._next_event_of(run) for run in runs if run not in self._locked})

    def _expect_events(self, runs: Iterable[int], next_event_of: Callable[[int], int]) -> None:
        read = [run for run in runs if run in self._locked]
        news = {run: (next_event_of(run), self._locked[run].next_event_id - 1) for run in read}
        if any(run in self._events for run in news):
            self._low_watermarks.tasks.others_record = any(first <= last for first, last in news.values())
        missing = {
            run: first
            for run, (first, last) in news.items()
            if first <= last < first + MOST_EVENTS and run not in self._events
        }
        if missing:
            self._low_watermarks.tasks.others_record = True
            self._queue_events(missing)

    def _queue_events(self, missing: dict[int, int]) -> None:
        """Of each run from this event on."""
        keys = [(shard_of(run), run, first - 1, MOST_EVENTS) for run, first in missing.items()]
        thens = [partial(self._see_events, run, first) for run, first in missing.items()]
        self._queue_each(SQL.numbered_events, keys, thens)

    def _see_events(self, run: int, first: int, rows: Rows) -> None:
        self._events[run] = _Stretch(first, [body for _, _, body in sorted(rows)])

    def _forget(self, runs: Iterable[int]) -> None:
        forgotten = list(runs)
        super()._forget(forgotten)
        for run in forgotten:
            self._events.pop(run, None)

    def _see_meta(self, key: str, rows: Rows) -> None:
        self._meta[key] = rows[0][0] if rows else None

    # --- what is asked then ---

    def open_run(self, domain: int, workflow_id: str) -> int | None:
        name = _Name(domain, workflow_id)
        if name in self._open_runs:
            return self._open_runs.pop(name)
        return super().open_run(domain, workflow_id)

    def meta(self, key: str) -> bytes | None:
        if key in self._meta:
            return self._meta.pop(key)
        return super().meta(key)

    def events(self, run: int, first: int, last: int, limit: int, descending: bool = False) -> list[bytes]:
        """Of what was fetched, only the very stretch that was foretold: it is asked for before anything is appended."""
        stretch = self._events.pop(run, None)
        count = last - first + 1
        if (
            stretch
            and not descending
            and limit >= count
            and (stretch.first, len(stretch.bodies)) == (first, count)
        ):
            return stretch.bodies
        return super().events(run, first, last, limit, descending)
