"""Archives closed runs whose retention has ended, and has them deleted then: the work of a thread beside the writer.

Owns the order (written, synced, deleted), what is tried again and when, and what is logged. A run is deleted by a
command of the writer loop, and only if it is still due; a crash in between leaves an object that is written again under
the same name. Of several nodes the one that has the lease does it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from functools import partial
from threading import Event, Lock, Thread
from typing import Any, BinaryIO, TypeVar

from workflowsvc.archive.form import head_of, write_run
from workflowsvc.archive.names import object_name
from workflowsvc.archive.place import Place, PlaceFailed
from workflowsvc.archive.waiting import Look, Waiting, look
from workflowsvc.engine.archiving import (
    LEASE_MS,
    Expired,
    end_retention,
    is_archived_by_another,
    set_archives,
    take_lease,
)
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.outage import Outage
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.store.errors import StoreError
from workflowsvc.store.rows import ExecutionRow
from workflowsvc.tenant import Tenant

RUNS_PER_ROUND = 64
EVENTS_PER_READ = 100  # in memory at once, for each of the place's workers; 20 MB at the very most
LOOK_SECONDS = 2.0  # between two looks when nothing waits
MAX_PAUSE_SECONDS = 60.0  # between two tries while the place fails; it doubles from LOOK_SECONDS on
RETRY_SECONDS = 60.0  # until a run is tried again of which the object could not be written
RETRY_UNREADABLE_SECONDS = 3_600.0  # until a run is tried again whose history could not be read
RENEW_MS = LEASE_MS // 2  # before the end of a lease
STOP_LOOK_SECONDS = 0.5  # while the writer is waited for, which may have ended before
MAX_LATER = 1_000  # runs that are left for later; beyond that, all wait

log = logging.getLogger("workflowsvc.retention")

T = TypeVar("T")
Call = Callable[[Callable[[UnitOfWork], T]], T]
"""Carries a command out on the writer's thread; raises the fault, or Stopped."""


class Stopped(Exception):
    """The node ends."""


class _Tries:
    """To write objects, in one round. When as many have failed as are tried at once, and none has succeeded, the others
    are not tried: each may wait for a network that is down.
    """

    def __init__(self) -> None:
        self.succeeded = self.failed = 0

    def are_in_vain(self, workers: int) -> bool:
        return not self.succeeded and self.failed >= workers


class _NotWhole(Exception):
    """Not all events of a run could be read."""


class Archiver:
    """Of one node."""

    def __init__(self, engine: Engine, place: Place, call: Call[Any] | None = None) -> None:
        """`call`: for a service without a writer thread."""
        self._engine = engine
        self._store = engine.store
        self._place = place
        self._figures = engine.state.archive
        self._stopping = Event()
        self._reading = Lock()  # one session of the store at a time is enough
        self._call = call or self._call_writer
        self._monotonic = engine.clock.monotonic
        self._later: dict[int, float] = {}  # runs that are tried again at these moments
        self._pause = LOOK_SECONDS
        self._is_said = False  # the store says that runs are archived
        self._lease_until = 0
        self._owner = f"{engine.state.name} {engine.state.ids.random_bytes(8).hex()}"
        self._tries = _Tries()
        self._outage = Outage(
            log,
            engine.clock,
            "No closed run is deleted until it is archived.",
            subject="the archive",
        )
        self._thread = Thread(target=self._work, name="archiver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits for what is being written no longer than for a moment: it will be written again."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=LOOK_SECONDS)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                pause = self.round()
            except Stopped:
                return
            except (StoreError, ServiceUnavailable):
                pause = LOOK_SECONDS  # the store's own log says it
            except Exception:
                log.exception("a round of the archive has met a bug")
                pause = MAX_PAUSE_SECONDS
            self._stopping.wait(pause)

    def round(self) -> float:
        """Archives and deletes some runs; seconds until the next round."""
        self._figures.is_at_work = self._has_lease()
        if not self._figures.is_at_work:
            self._figures.oldest_due_at = None
            return LOOK_SECONDS
        now = self._monotonic()
        self._later = {run: at for run, at in self._later.items() if at > now}
        if len(self._later) >= MAX_LATER:
            return self._fail_all()
        found = self._look()
        self._figures.oldest_due_at = found.oldest_due_at
        done = self._archive(found.waiting) if found.waiting else []
        self._end_retention([*found.expired, *(Expired(row.run, is_archived=True) for row in done)])
        if found.waiting and not done:
            return self._fail_all()
        if done:
            self._outage.worked()
            self._figures.fails = False
            self._pause = LOOK_SECONDS
        if found.is_whole:
            left = len(found.waiting) - len(done)
            self._figures.oldest_due_at = found.oldest_due_at if left or self._later else None
        return LOOK_SECONDS if found.is_whole else 0.0

    def _fail_all(self) -> float:
        """The place takes nothing: one run is tried at a time, more and more rarely."""
        self._figures.fails = True
        pause, self._pause = self._pause, min(self._pause * 2, MAX_PAUSE_SECONDS)
        return pause

    def _look(self) -> Look:
        limit = 1 if self._figures.fails else RUNS_PER_ROUND
        min_ms = self._engine.settings.min_retention_ms
        with self._reading, self._store.reader() as reader:
            return look(reader, self._engine.now_ms(), min_ms, limit, self._later, self._stopping.is_set)

    # --- writing ---

    def _archive(self, waiting: Sequence[Waiting]) -> list[ExecutionRow]:
        """Those that are in the archive and stay there."""
        self._tries = _Tries()
        names = self._write_all(waiting)
        if not names:
            return []
        try:
            self._place.sync([name for name, _ in names.values()])
        except PlaceFailed as error:
            for each in waiting:
                self._failed(each.row, error)
            return []
        self._figures.archived.add(len(names))
        self._figures.written_bytes.add(sum(size for _, size in names.values()))
        return [each.row for each in waiting if each.row.run in names]

    def _write_all(self, waiting: Sequence[Waiting]) -> dict[int, tuple[str, int]]:
        """By run, the names and sizes of the objects that were written. The threads are no executor's: a process does
        not wait at its end for those that hang in a network.
        """
        left, written = deque(waiting), deque[tuple[int, tuple[str, int]]]()

        def work() -> None:
            with suppress(IndexError):
                while True:
                    each = left.popleft()
                    try:
                        found = self._write(each)
                    except StoreError:
                        continue  # of the look whether the run is still there; it is tried in the next round
                    if found is not None:
                        written.append(found)

        threads = [
            Thread(target=work, name="archive", daemon=True)
            for _ in range(min(self._place.workers, len(waiting)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(STOP_LOOK_SECONDS)
                if self._stopping.is_set():
                    raise Stopped
        return dict(written)

    def _write(self, each: Waiting) -> tuple[int, tuple[str, int]] | None:
        """The run with the name and the size of its object; None when there is none."""
        row, domain = each
        if self._stopping.is_set() or self._tries.are_in_vain(self._place.workers):
            return None
        tenant = Tenant(*domain.tenant.split("/", 1))
        assert row.closed_at is not None
        name = object_name(*tenant, domain.name, row.closed_at, row.workflow_id, row.run_id)
        head = head_of(row, tenant, domain.name)

        def write(target: BinaryIO) -> None:
            write_run(target, head, self._pages(row))

        try:
            size = self._place.put(name, write)
            self._tries.succeeded += 1
            return row.run, (name, size)
        except PlaceFailed as error:
            self._tries.failed += 1
            self._failed(row, error)
        except StoreError as error:
            log.debug("run %s cannot be read for the archive: %s", row.run_id, error)
        except Stopped:
            return None
        except _NotWhole as error:
            self._unreadable(row, str(error))
        except Exception as error:
            log.exception("run %s of workflow %r cannot be archived", row.run_id, row.workflow_id)
            self._unreadable(row, type(error).__name__)
        return None

    def _pages(self, row: ExecutionRow) -> Iterator[list[bytes]]:
        last = row.next_event_id - 1
        for first in range(1, last + 1, EVENTS_PER_READ):
            if self._stopping.is_set():
                raise Stopped
            end = min(first + EVENTS_PER_READ - 1, last)
            with self._reading, self._store.reader() as reader:
                bodies = reader.events(row.run, first, end, EVENTS_PER_READ)
            if len(bodies) != end - first + 1:
                raise _NotWhole(f"events {first} to {end} are not all there")
            yield bodies

    def _failed(self, row: ExecutionRow, error: PlaceFailed) -> None:
        self._figures.failures.add()
        self._later[row.run] = self._monotonic() + RETRY_SECONDS
        self._outage.failed(error, f"run {row.run_id} of workflow {row.workflow_id!r}")

    def _unreadable(self, row: ExecutionRow, why: str) -> None:
        """It may have been deleted by a call just now; if not, the operator must look at it."""
        with self._reading, self._store.reader() as reader:
            last = row.next_event_id - 1
            if not reader.events(row.run, last, last, 1):
                return
        self._figures.failures.add()
        self._later[row.run] = self._monotonic() + RETRY_UNREADABLE_SECONDS
        log.error(
            "run %s of workflow %r cannot be archived, and is not deleted: %s; `workflowsvc fsck` says what is wrong",
            row.run_id,
            row.workflow_id,
            why,
        )

    # --- through the writer loop ---

    def _end_retention(self, expired: Sequence[Expired]) -> None:
        while expired:
            seen = self._call(partial(end_retention, expired=expired))
            expired = expired[seen:]

    def _has_lease(self) -> bool:
        """A single node needs none. The first time, the store is made to say that runs are archived."""
        if not self._is_said:
            self._call(partial(set_archives, yes=True))
            self._is_said = True
        if self._engine.state.coordination.poll_store_ms is None:
            return True
        now = self._engine.now_ms()
        if now < self._lease_until - RENEW_MS:
            return True
        with self._reading, self._store.reader() as reader:
            if is_archived_by_another(reader, self._owner, now):
                self._lease_until = 0
                return False
        self._lease_until = self._call(partial(take_lease, owner=self._owner)) or 0
        return self._lease_until > 0

    def _call_writer(self, run: Callable[[UnitOfWork], Any]) -> Any:
        future: Future[Any] = Future()

        def reply(answer: Any) -> None:
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)

        self._engine.writer.submit(Command(run, reply))
        while not self._stopping.is_set():
            try:
                return future.result(timeout=STOP_LOOK_SECONDS)
            except FutureTimeout:
                if future.done():
                    raise
        raise Stopped
