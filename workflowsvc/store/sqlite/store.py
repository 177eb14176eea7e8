"""The SQLite store: one file, or memory, one process, one connection that writes.

Owns who may use which connection when, and where a transaction begins and ends. What is asked of a connection is in
reads.py, audit_reads.py and writes.py; which file may be opened, and with which settings, in database_file.py. It must
not know SWF.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress

import apsw

from workflowsvc.store.errors import StoreUnusable, Unavailable
from workflowsvc.store.interface import AuditReader, RepairTransaction
from workflowsvc.store.rows import DiskSpace, Measurement
from workflowsvc.store.sqlite.audit_reads import SqliteAuditReader
from workflowsvc.store.sqlite.database_file import SqliteFile
from workflowsvc.store.sqlite.errors import store_error
from workflowsvc.store.sqlite.measurements import disk_space, measurements
from workflowsvc.store.sqlite.queries import Queries
from workflowsvc.store.sqlite.writes import SqliteRepairTransaction

READERS = 7  # one for each thread of a node that reads, and one for its metrics
PATIENCE_SECONDS = 10.0  # waiting for a connection that reads; a page of a list takes milliseconds


class SqliteStore:
    """All of one installation, in the file `path`, or in memory when it is None."""

    def __init__(self, path: str | None) -> None:
        self._file = SqliteFile(path)
        self._writer = self._file.writer
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._closed = False
        self._idle: queue.SimpleQueue[apsw.Connection] | None = None
        if path is not None:
            self._idle = queue.SimpleQueue()
            try:
                for _ in range(READERS):
                    self._idle.put(self._file.open_reader())
            except apsw.Error as error:
                while not self._idle.empty():
                    self._idle.get().close()
                self._file.close()
                raise StoreUnusable(f"{path} cannot be used: {error}.") from error

    @contextmanager
    def transaction(self) -> Generator[RepairTransaction]:
        with self._exclusive_section():
            self._file.require_in_place()
            transaction = SqliteRepairTransaction(Queries(self._writer))
            try:
                self._writer.execute("begin immediate")
                yield transaction
                self._writer.execute("commit")
            except apsw.Error as error:
                self._roll_back()
                raise store_error(error) from error
            except BaseException:
                self._roll_back()
                raise
            finally:
                transaction.end()
            self._file.committed()

    def _roll_back(self) -> None:
        """Nothing to do when SQLite has rolled back by itself, as it may when the disk is full."""
        with suppress(apsw.Error):
            if self._writer.in_transaction:
                self._writer.execute("rollback")

    def reader(self) -> AbstractContextManager[AuditReader]:
        if self._closed:
            raise Unavailable("the store is closed")
        self._file.require_in_place()
        return self._read_in_turn() if self._idle is None else self._read_beside(self._idle)

    @contextmanager
    def _read_beside(self, idle: queue.SimpleQueue[apsw.Connection]) -> Generator[AuditReader]:
        """On a connection of the reader's own: all answers are of the moment of its first question."""
        connection = self._take_idle(idle)
        reader = SqliteAuditReader(Queries(connection))
        try:
            connection.execute("begin")
            yield reader
        except apsw.Error as error:
            raise store_error(error) from error
        finally:
            reader.end()
            with suppress(apsw.Error):
                if connection.in_transaction:
                    connection.execute("rollback")  # else the snapshot stays open, and the log grows
            idle.put(connection)

    def measure(self) -> list[Measurement]:
        idle, path = self._idle, self._file.path
        if idle is None or path is None:
            return []
        connection = self._take_idle(idle)
        try:
            return measurements(path, connection)
        except apsw.Error as error:
            raise store_error(error) from error
        finally:
            idle.put(connection)

    def disk(self) -> DiskSpace | None:
        return None if self._file.path is None else disk_space(self._file.path)

    def _take_idle(self, idle: queue.SimpleQueue[apsw.Connection]) -> apsw.Connection:
        try:
            return idle.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise Unavailable("all connections for reading are busy") from None

    @contextmanager
    def _read_in_turn(self) -> Generator[AuditReader]:
        """A database in memory has one connection: a reader waits until the running transaction is over."""
        with self._exclusive_section():
            reader = SqliteAuditReader(Queries(self._writer))
            try:
                yield reader
            finally:
                reader.end()

    @contextmanager
    def _exclusive_section(self) -> Generator[None]:
        me = threading.get_ident()
        assert self._owner != me, "this thread is inside a transaction of this store already"
        with self._lock:
            self._owner = me
            try:
                yield
            finally:
                self._owner = None

    def describe(self) -> str:
        return self._file.describe()

    def close(self) -> None:
        """Waits for the running transaction, and up to PATIENCE_SECONDS for readers; all data is then in the file
        itself."""
        with self._exclusive_section():
            idle, self._idle = self._idle, None
            self._closed = True
            with suppress(queue.Empty):
                for _ in range(READERS if idle is not None else 0):
                    assert idle is not None
                    idle.get(timeout=PATIENCE_SECONDS).close()
            self._file.close()
