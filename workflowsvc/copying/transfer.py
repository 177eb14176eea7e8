"""Copies all rows from one store to another, in transactions of bounded size, each with a checkpoint to resume from.

Owns the order: domains, types and keys, then run by run, then messages, then the feeds. The checkpoint is
committed together with the rows, so an attempt that resumes neither leaves out a row nor copies one twice, whatever
ended the attempt before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, TypeVar

import msgspec

from workflowsvc.engine.unfinished_copy import UNFINISHED, refuse_unfinished
from workflowsvc.store.errors import Damaged, StoreUnusable
from workflowsvc.store.interface import AuditReader, RepairStore, RepairTransaction
from workflowsvc.store.row_types import MetaRow, misfit
from workflowsvc.store.rows import (
    BEFORE_ALL_ENTRIES,
    DomainRow,
    EventRow,
    ExecutionRow,
    FeedPlace,
    FeedRow,
    HeartbeatRow,
    MessageRow,
    TaskRow,
    TypeRow,
)

RUNS_BATCH_SIZE = 200
CATALOG_BATCH_SIZE = 1_000  # domains or types
MESSAGES_BATCH_SIZE = 1_000
ENTRIES_BATCH_SIZE = 1_000  # of feeds
EVENTS_BATCH_SIZE = 250  # events of at most 64 KiB: 16 MiB a page in the worst case
MAX_BYTES = 4 << 20  # bytes of event bodies in a transaction, exceeded by a page of events at most
MAX_ROWS = 5_000  # rows in a transaction; beyond some hundreds the cost per row no longer falls
BEFORE_ALL = -(1 << 63)  # key before the first run, domain or message


class ReadableStore(Protocol):
    """A store, or a store opened for reading only."""

    def reader(self) -> AbstractContextManager[AuditReader]: ...
    def describe(self) -> str: ...


class Checkpoint(msgspec.Struct):
    """The last rows that were copied, stored in the target as JSON. Of `run` the events after `event` are still
    missing; `event` is None when it has all of them.
    """

    source: str
    run: int = BEFORE_ALL
    event: int | None = None
    message: int = BEFORE_ALL
    entry: tuple[int, FeedPlace] = (BEFORE_ALL, BEFORE_ALL_ENTRIES)


Row = TypeVar("Row", TaskRow, HeartbeatRow)
AnyRow = TypeVar("AnyRow", bound=tuple[object, ...])
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Checkpoint).decode


def fingerprint(reader: AuditReader) -> str:
    """A hash that differs between installations, whatever rows they hold."""
    metadata = b"".join(key.encode() + b"\0" + value for key, value in _meta(reader))
    return blake2b(metadata, digest_size=16).hexdigest()


def fingerprint_of(source: ReadableStore) -> str:
    """The fingerprint of what is to be copied. StoreUnusable when there is nothing, or a copy that is not finished."""
    with source.reader() as reader:
        refuse_unfinished(reader, source.describe())
        if not _has_catalog(reader):
            raise StoreUnusable(f"{source.describe()} holds nothing: no server has ever used it.")
        try:
            return fingerprint(reader)
        except (Damaged, UnicodeError) as error:
            raise StoreUnusable(
                f"{source.describe()} cannot be copied: its keys (meta) cannot be read: {error}."
            ) from error


def checkpoint_in(target: RepairStore, of: str) -> Checkpoint:
    """The checkpoint to begin from. Raises StoreUnusable when the target holds anything else than a part of the source
    with the fingerprint `of`.
    """
    with target.reader() as reader:
        mark = reader.meta(UNFINISHED)
        if mark is None and not _is_empty(reader):
            raise StoreUnusable(
                f"{target.describe()} is not empty: copy into a store that no server has used."
            )
        try:
            checkpoint = Checkpoint(of) if mark is None else _decode(mark)
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise StoreUnusable(
                f"{target.describe()} is damaged: {UNFINISHED} cannot be read ({error}). Empty it and copy anew."
            ) from error
    if checkpoint.source != of:
        raise StoreUnusable(
            f"{target.describe()} holds a part of another installation, or of this one before it was served "
            "again: empty it and copy anew."
        )
    return checkpoint


def _has_catalog(reader: AuditReader) -> bool:
    return bool(reader.every_meta() or reader.every_domain(BEFORE_ALL, 1))


def _is_empty(reader: AuditReader) -> bool:
    return not (
        _has_catalog(reader)
        or reader.runs(BEFORE_ALL, 1)
        or reader.waiting_messages(BEFORE_ALL, 1)
        or reader.every_feed((BEFORE_ALL, BEFORE_ALL_ENTRIES), 1)
        or reader.orphans(1)
    )


# --- reading in pages ---


def pages_of_domains(reader: AuditReader) -> Iterator[list[DomainRow]]:
    after = BEFORE_ALL
    while page := _copyable(reader.every_domain(after, CATALOG_BATCH_SIZE)):
        yield page
        after = page[-1].id


def pages_of_types(reader: AuditReader) -> Iterator[list[TypeRow]]:
    after = None
    while page := _copyable(reader.every_type(after, CATALOG_BATCH_SIZE)):
        yield page
        after = page[-1][:4]


def pages_of_events(reader: AuditReader, run: int, after: int = BEFORE_ALL) -> Iterator[list[EventRow]]:
    while page := _copyable(reader.numbered_events(run, after, EVENTS_BATCH_SIZE)):
        yield page
        if len(page) < EVENTS_BATCH_SIZE:
            return
        after = page[-1].event_id


def own_meta(reader: AuditReader) -> list[MetaRow]:
    """The metadata of the installation, without the mark of an unfinished copy."""
    return [row for row in _meta(reader) if row.key != UNFINISHED]


def _meta(reader: AuditReader) -> list[MetaRow]:
    return _copyable([MetaRow(*row) for row in reader.every_meta()])


def _copyable(rows: list[AnyRow]) -> list[AnyRow]:
    """The same rows. Damaged when a column of one has another type than it must have."""
    for row in rows:
        if why := misfit(row):
            raise Damaged(f"of a {type(row).__name__.removesuffix('Row').lower()}, {why}")
    return rows


# --- copying ---


@dataclass
class _Batch:
    """The rows of the next transaction."""

    executions: list[ExecutionRow] = field(default_factory=list[ExecutionRow])
    events: list[EventRow] = field(default_factory=list[EventRow])
    tasks: list[TaskRow] = field(default_factory=list[TaskRow])
    heartbeats: list[HeartbeatRow] = field(default_factory=list[HeartbeatRow])
    messages: list[MessageRow] = field(default_factory=list[MessageRow])
    feed: list[FeedRow] = field(default_factory=list[FeedRow])
    size: int = 0

    @property
    def is_full(self) -> bool:
        rows = (self.executions, self.events, self.tasks, self.heartbeats, self.messages)
        return self.size >= MAX_BYTES or sum(map(len, rows)) >= MAX_ROWS

    def add_events(self, rows: list[EventRow]) -> None:
        self.events += rows
        self.size += sum(len(row.body) for row in rows)

    def write(self, tx: RepairTransaction) -> None:
        tx.insert_executions(self.executions)
        tx.append_events(self.events)
        tx.put_tasks(self.tasks)
        tx.put_heartbeats(self.heartbeats)
        tx.put_messages(self.messages)
        tx.copy_feed(self.feed)


@dataclass
class Transfer:
    """One attempt to copy. `runs`: the number of runs copied by this attempt, not by earlier ones."""

    source: ReadableStore
    target: RepairStore
    checkpoint: Checkpoint
    progress: Callable[[int], None] = lambda runs: None
    runs: int = 0
    _batch: _Batch = field(default_factory=_Batch)

    def transfer(self) -> None:
        self._copy_catalog()
        self._finish_run()
        while self._copy_runs():
            self.progress(self.runs)
        self._flush()
        while self._copy_messages() or self._copy_feed():
            pass
        self._flush()

    def _copy_catalog(self) -> None:
        """Metadata, domains and types. An attempt that resumes writes them again, which changes nothing."""
        with self.source.reader() as reader:
            with self.target.transaction() as tx:
                tx.put_meta(UNFINISHED, _encode(self.checkpoint))
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
        """Completes the run in the middle of which the attempt before ended."""
        if self.checkpoint.event is not None:
            with self.source.reader() as reader:
                self._copy_events(reader, self.checkpoint.run, self.checkpoint.event)

    def _copy_runs(self) -> bool:
        """Copies the next page of runs; False when there are no more."""
        with self.source.reader() as reader:
            runs = reader.runs(self.checkpoint.run, RUNS_BATCH_SIZE)
            rows = reader.executions(runs)
            _copyable([*rows.values()])
            tasks = _by_run(_copyable(reader.tasks_of(runs)))
            heartbeats = _by_run(_copyable(reader.heartbeats_of(runs)))
            for run in runs:
                if run not in rows:
                    raise Damaged(f"the row of run {run} is not found by its key")
                self._batch.executions.append(rows[run])
                self._batch.tasks += tasks.get(run, [])
                self._batch.heartbeats += heartbeats.get(run, [])
                self._copy_events(reader, run, BEFORE_ALL)
                self.runs += 1
        return bool(runs)

    def _copy_events(self, reader: AuditReader, run: int, after: int) -> None:
        """Copies the events after `after`; the row of the run is in the target, or in the batch."""
        for page in pages_of_events(reader, run, after):
            self._batch.add_events(page)
            self.checkpoint.run, self.checkpoint.event = run, page[-1].event_id
            if self._batch.is_full:
                self._flush()
        self.checkpoint.run, self.checkpoint.event = run, None

    def _copy_messages(self) -> bool:
        with self.source.reader() as reader:
            rows = _copyable(reader.waiting_messages(self.checkpoint.message, MESSAGES_BATCH_SIZE))
        if rows:
            self._batch.messages += rows
            self.checkpoint.message = rows[-1].id
            self._flush()
        return bool(rows)

    def _copy_feed(self) -> bool:
        with self.source.reader() as reader:
            rows = _copyable(reader.every_feed(self.checkpoint.entry, ENTRIES_BATCH_SIZE))
        if rows:
            self._batch.feed += rows
            self.checkpoint.entry = (rows[-1].domain, rows[-1].position)
            self._flush()
        return bool(rows)

    def _flush(self) -> None:
        with self.target.transaction() as tx:
            self._batch.write(tx)
            tx.put_meta(UNFINISHED, _encode(self.checkpoint))
        self._batch = _Batch()


def _by_run(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row.run, []).append(row)
    return found


def finish(target: RepairStore) -> None:
    """Removes the mark of an unfinished copy: from here on servers may use the target."""
    with target.transaction() as tx:
        tx.delete_meta(UNFINISHED)
