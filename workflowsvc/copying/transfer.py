"""Carries all rows from one store to another, in transactions of bounded size, each of which says where to go on.

Owns the order: names and keys, then run by run, then messages. The place that was reached is committed together with
what was carried, so whoever goes on neither leaves anything out nor carries it twice, whenever and however the copy
before was ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, TypeVar

import msgspec

from workflowsvc.engine.unfinished_copy import UNFINISHED, refuse_unfinished
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.interface import AuditReader, RepairStore, RepairTransaction
from workflowsvc.store.rows import (
    DomainRow,
    EventRow,
    ExecutionRow,
    HeartbeatRow,
    MessageRow,
    TaskRow,
    TypeRow,
)

RUNS_AT_ONCE = 200
NAMES_AT_ONCE = 1_000
MESSAGES_AT_ONCE = 1_000
EVENTS_AT_ONCE = 250  # of 64 KiB at most, so that a page is 16 MiB in the worst case
MOST_BYTES = 4 << 20  # of bodies in a transaction; one may go beyond it by a page of events
MOST_ROWS = 5_000  # past some hundreds a transaction no longer gets cheaper by the row
BEFORE_ALL = -1  # runs, domains and messages


class Readable(Protocol):
    """A store, or one that is only looked at."""

    def reader(self) -> AbstractContextManager[AuditReader]: ...
    def describe(self) -> str: ...


class Place(msgspec.Struct):
    """Up to where everything has been carried. `run` is there with all but its events behind `event`, None when it
    has all of them."""

    source: str
    run: int = BEFORE_ALL
    event: int | None = None
    message: int = BEFORE_ALL


Row = TypeVar("Row", TaskRow, HeartbeatRow)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Place).decode


def fingerprint(reader: AuditReader) -> str:
    """Tells installations apart; says nothing of what is in them."""
    told = b"".join(key.encode() + b"\0" + value for key, value in reader.every_meta())
    return blake2b(told, digest_size=16).hexdigest()


def place_in(target: RepairStore, source: Readable) -> Place:
    """Where to begin. StoreUnusable when the source holds nothing, or the target anything else than a part of it."""
    with source.reader() as reader:
        refuse_unfinished(reader, source.describe())
        if not _has_names(reader):
            raise StoreUnusable(f"{source.describe()} holds nothing: no server has ever used it.")
        of = fingerprint(reader)
    with target.reader() as reader:
        mark = reader.meta(UNFINISHED)
        if mark is None and not _is_empty(reader):
            raise StoreUnusable(f"{target.describe()} is not empty: copy into a store that nobody has used.")
        place = Place(of) if mark is None else _decode(mark)
    if place.source != of:
        raise StoreUnusable(
            f"{target.describe()} holds a part of another installation, or of this one before it was served "
            "again: empty it and copy anew."
        )
    return place


def _has_names(reader: AuditReader) -> bool:
    return bool(reader.every_meta() or reader.every_domain(BEFORE_ALL, 1))


def _is_empty(reader: AuditReader) -> bool:
    return not (
        _has_names(reader)
        or reader.runs(BEFORE_ALL, 1)
        or reader.waiting_messages(BEFORE_ALL, 1)
        or reader.orphans(1)
    )


# --- pages of what is read ---


def pages_of_domains(reader: AuditReader) -> Iterator[list[DomainRow]]:
    after = BEFORE_ALL
    while page := reader.every_domain(after, NAMES_AT_ONCE):
        yield page
        after = page[-1].id


def pages_of_types(reader: AuditReader) -> Iterator[list[TypeRow]]:
    after = None
    while page := reader.every_type(after, NAMES_AT_ONCE):
        yield page
        after = page[-1][:4]


def pages_of_events(reader: AuditReader, run: int, after: int = -1) -> Iterator[list[EventRow]]:
    while page := reader.numbered_events(run, after, EVENTS_AT_ONCE):
        yield page
        if len(page) < EVENTS_AT_ONCE:
            return
        after = page[-1].event_id


def own_meta(reader: AuditReader) -> list[tuple[str, bytes]]:
    """Of the installation; the mark is the copy's."""
    return [(key, value) for key, value in reader.every_meta() if key != UNFINISHED]


# --- carrying ---


@dataclass
class _Batch:
    """What the next transaction will write."""

    executions: list[ExecutionRow] = field(default_factory=list[ExecutionRow])
    events: list[EventRow] = field(default_factory=list[EventRow])
    tasks: list[TaskRow] = field(default_factory=list[TaskRow])
    heartbeats: list[HeartbeatRow] = field(default_factory=list[HeartbeatRow])
    messages: list[MessageRow] = field(default_factory=list[MessageRow])
    size: int = 0

    @property
    def is_full(self) -> bool:
        rows = (self.executions, self.events, self.tasks, self.heartbeats, self.messages)
        return self.size >= MOST_BYTES or sum(map(len, rows)) >= MOST_ROWS

    def add_events(self, rows: list[EventRow]) -> None:
        self.events += rows
        self.size += sum(len(row.body) for row in rows)

    def write(self, tx: RepairTransaction) -> None:
        tx.insert_executions(self.executions)
        tx.append_events(self.events)
        tx.put_tasks(self.tasks)
        tx.put_heartbeats(self.heartbeats)
        tx.put_messages(self.messages)


@dataclass
class Transfer:
    """`runs` counts those carried by us, those of an earlier attempt left out."""

    source: Readable
    target: RepairStore
    place: Place
    progress: Callable[[int], None] = lambda runs: None
    runs: int = 0
    _batch: _Batch = field(default_factory=_Batch)

    def transfer(self) -> None:
        self._carry_names()
        self._finish_run()
        while self._carry_runs():
            self.progress(self.runs)
        self._flush()
        while self._carry_messages():
            pass
        self._flush()

    def _carry_names(self) -> None:
        """Put once more by whoever goes on: that changes nothing."""
        with self.source.reader() as reader:
            with self.target.transaction() as tx:
                tx.put_meta(UNFINISHED, _encode(self.place))
                for key, value in own_meta(reader):
                    tx.put_meta(key, value)
            for domains in pages_of_domains(reader):
                with self.target.transaction() as tx:
                    for domain in domains:
                        tx.put_domain(domain)
            for types in pages_of_types(reader):
                with self.target.transaction() as tx:
                    for row in types:
                        tx.put_type(row)

    def _finish_run(self) -> None:
        """The one in the middle of which the attempt before was ended."""
        if self.place.event is not None:
            with self.source.reader() as reader:
                self._carry_events(reader, self.place.run, self.place.event)

    def _carry_runs(self) -> bool:
        """The next of them; False when there are no more."""
        with self.source.reader() as reader:
            runs = reader.runs(self.place.run, RUNS_AT_ONCE)
            rows = reader.executions(runs)
            tasks, heartbeats = _by_run(reader.tasks_of(runs)), _by_run(reader.heartbeats_of(runs))
            for run in runs:
                self._batch.executions.append(rows[run])
                self._batch.tasks += tasks.get(run, [])
                self._batch.heartbeats += heartbeats.get(run, [])
                self._carry_events(reader, run, -1)
                self.runs += 1
        return bool(runs)

    def _carry_events(self, reader: AuditReader, run: int, after: int) -> None:
        """Behind `after`; the row of the run is there, or in the batch."""
        for page in pages_of_events(reader, run, after):
            self._batch.add_events(page)
            self.place.run, self.place.event = run, page[-1].event_id
            if self._batch.is_full:
                self._flush()
        self.place.run, self.place.event = run, None

    def _carry_messages(self) -> bool:
        with self.source.reader() as reader:
            rows = reader.waiting_messages(self.place.message, MESSAGES_AT_ONCE)
        if rows:
            self._batch.messages += rows
            self.place.message = rows[-1].id
            self._flush()
        return bool(rows)

    def _flush(self) -> None:
        with self.target.transaction() as tx:
            self._batch.write(tx)
            tx.put_meta(UNFINISHED, _encode(self.place))
        self._batch = _Batch()


def _by_run(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row.run, []).append(row)
    return found


def finish(target: RepairStore) -> None:
    """From here on it may be served."""
    with target.transaction() as tx:
        tx.delete_meta(UNFINISHED)
