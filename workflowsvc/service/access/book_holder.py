"""Keeps what a node knows of access data fresh: a thread reads the version, and what has changed.

Owns when rows are read, when the book counts as too old, and the background work on keys: writing down when they were
last used, and deleting temporary ones that have expired. Reading takes a store, decrypting takes time: both happen on
this thread, and callers get a finished book by reference. Must not know how a call is judged.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from threading import Event, Lock, Thread
from typing import Any

from workflowsvc.access.book import AccessKey
from workflowsvc.access.secrets import MasterKey
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.outage import Outage
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.service.access import records
from workflowsvc.service.access.changes import Change, decode_change
from workflowsvc.service.access.master_key import refuse_wrong_master_key
from workflowsvc.service.access.stored_book import (
    BookBuilder,
    StoredBook,
    in_order,
    read_everything,
)
from workflowsvc.store.errors import StoreError
from workflowsvc.store.interface import Reader

log = logging.getLogger("workflowsvc.access")

REFRESH_SECONDS = (
    0.25  # a change is known on all nodes within a second (QUALITY §4.5), with room for a slow store
)
STALE_SECONDS = 5.0  # reading everything anew takes a second or two on a busy machine
SMALL_CHANGE_ROWS = 100  # changed rows that the thread of a change reads itself: 2 ms
HOUR_MS = 3_600_000
USES_PER_BATCH = 200
EXPIRED_PER_BATCH = 200
PURGE_SECONDS = 600.0


class BookHolder:
    """Of one node. `book` and `used` may be called from any thread."""

    def __init__(self, engine: Engine, master_keys: Sequence[MasterKey]) -> None:
        self._store = engine.store
        self._writer = engine.writer
        self._now_ms = engine.now_ms
        self._monotonic = engine.clock.monotonic
        self._master_keys = master_keys
        self._book: StoredBook | None = None
        self._read_at = 0.0
        self._lock = Lock()  # one reads at a time
        self._wake = Event()
        self._is_closed = False
        self._outage = Outage(
            log,
            engine.clock,
            f"After {STALE_SECONDS:.0f} s all calls are answered 503, as keys may have been revoked.",
        )
        self._hours: dict[
            str, int
        ] = {}  # the hour in which a key was last used, as far as this node has seen
        self._uses: dict[str, int] = {}  # of these, what is not written yet
        self._purge_at = 0.0
        self._thread: Thread | None = None
        access = engine.state.access
        access.book, access.changed, access.used = self.book, self.changed, self.used

    def read_first(self) -> None:
        """Reads before any call comes. MasterKeyError, which the thread would log again and again; StoreError."""
        with self._lock:
            self._read(limit=None)

    def start(self) -> None:
        """Starts the thread."""
        self._thread = Thread(target=self._work, name="access", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    # --- for callers ---

    def book(self) -> StoredBook:
        """The latest book. ServiceUnavailable when there is none, or when it may be older than STALE_SECONDS."""
        book = self._book
        if book is None or self._monotonic() - self._read_at > STALE_SECONDS:
            raise ServiceUnavailable(detail="access data cannot be read")
        return book

    def used(self, key: AccessKey, at_ms: int) -> None:
        """Costs a look into a dictionary, but once an hour for each key. A temporary key is not written down."""
        hour = at_ms // HOUR_MS
        if self._hours.get(key.id) != hour and key.session_token is None:
            self._hours[key.id] = hour
            self._uses[key.id] = hour * HOUR_MS

    def changed(self) -> None:
        """After the commit of a change on this node: a small one is known here before its caller is answered."""
        if not self._lock.acquire(blocking=False):
            self._wake.set()  # the thread is reading, and may have begun before the commit
            return
        try:
            self._read(limit=SMALL_CHANGE_ROWS)
        except Exception:
            log.debug("the change is read by the thread", exc_info=True)
        finally:
            self._lock.release()
        self._wake.set()

    # --- the thread ---

    def _work(self) -> None:
        while not self._is_closed:
            self._wake.clear()
            self.tick()
            self._wake.wait(REFRESH_SECONDS)

    def tick(self) -> None:
        """What the thread does again and again: reads what has changed, and hands background work to the writer."""
        with self._lock:
            try:
                self._read(limit=None)
            except Exception as error:
                self._outage.failed(error, "the reading of access data")
            else:
                self._outage.worked()
        self._write_uses()
        if self._monotonic() >= self._purge_at:
            self._purge_at = self._monotonic() + PURGE_SECONDS
            self._purge()

    def _read(self, limit: int | None) -> None:
        """Replaces the book if there were changes. With a limit, a larger change is left to the thread."""
        began = self._monotonic()
        with self._store.reader() as reader:
            version = records.version_of(reader)
            book = self._book
            if book is None or version != book.version:
                book = self._next_book(reader, version, limit)
            if book is None:
                return
        self._book = book
        self._read_at = began

    def _next_book(self, reader: Reader, version: int, limit: int | None) -> StoredBook | None:
        refuse_wrong_master_key(reader, self._master_keys)
        before = self._book
        changed = None if before is None else _changed_rows(reader, before.version, version)
        if before is not None and changed is not None:
            if limit is not None and len(changed) > limit:
                return None
            builder = BookBuilder(before, self._master_keys)
            builder.apply((key, reader.meta(key)) for key in changed)
            return builder.book(version)
        if limit is not None:
            return None
        return read_everything(reader, self._master_keys)

    # --- background work, which the writer's thread carries out ---

    def _write_uses(self) -> None:
        uses: dict[str, int] = {}
        while self._uses and len(uses) < USES_PER_BATCH:
            key_id, at_ms = self._uses.popitem()  # the event loop may add others at any time
            uses[key_id] = at_ms
        if uses:
            self._writer.submit(Command(partial(_put_uses, uses=uses), partial(self._wrote, uses)))

    def _wrote(self, uses: dict[str, int], answer: Any) -> None:
        """After a failure, which the writer loop logs, they are written a moment later."""
        if isinstance(answer, BaseException):
            for key_id, at_ms in uses.items():
                self._uses.setdefault(key_id, at_ms)

    def _purge(self) -> None:
        """Looks for temporary keys that have expired; when there are many, the rest follows soon."""
        try:
            with self._store.reader() as reader:
                expired = _expired_rows(reader, self._now_ms())
        except StoreError:
            return  # reading access data fails too, which is logged
        if expired:
            self._writer.submit(Command(partial(_delete_temporary, keys=expired), _ignore))
        if len(expired) == EXPIRED_PER_BATCH:
            self._purge_at = 0.0


def _put_uses(work: UnitOfWork, uses: dict[str, int]) -> None:
    """No change of access data: no book holds it. A row of a key that was deleted meanwhile is not made again."""
    for key_id, at_ms in uses.items():
        before = records.last_use(work.tx, key_id)
        if (before is None or before < at_ms) and work.tx.meta(records.key_key(key_id)) is not None:
            work.tx.put_meta(records.last_use_key(key_id), str(at_ms).encode())


def _delete_temporary(work: UnitOfWork, keys: list[str]) -> None:
    change = Change(work)
    for key in keys:
        change.delete_temporary(key)
    change.write_version()


def _ignore(answer: Any) -> None:
    """The writer loop logs a failure of the store; what was not deleted is found again."""


def _expired_rows(reader: Reader, now: int) -> list[str]:
    """At most EXPIRED_PER_BATCH keys of rows of temporary keys; those of each user are in an order of their own."""
    found: list[str] = []
    for page in records.pages(reader, *records.below(records.TEMPORARY)):
        for key, _ in page:
            if int(key.split(" ")[4]) < now:
                found.append(key)
                if len(found) == EXPIRED_PER_BATCH:
                    return found
    return found


def _changed_rows(reader: Reader, before: int, now: int) -> list[str] | None:
    """The keys of all rows that changes after `before` have touched. None when the list of them does not reach back so
    far, or the version went backwards, as after a restore."""
    if now < before:
        return None
    rows = reader.metas(records.change_key(before + 1), records.change_key(now + 1), now - before)
    if len(rows) != now - before:
        return None
    return in_order(key for _, value in rows for key in decode_change(value))
