"""The SQLite store: one file, or memory, one process, one connection that writes.

Owns the connections: how they are opened and set, who may use them when, and where a transaction begins and ends. What is
asked of them is in sqlite_reads.py and sqlite_writes.py, which file may be opened at all in sqlite_file.py. It must not
know SWF.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import apsw

from workflowsvc.store.interface import Reader, Transaction
from workflowsvc.store.sqlite_errors import store_error
from workflowsvc.store.sqlite_file import SqliteFile
from workflowsvc.store.sqlite_reads import SqliteReader
from workflowsvc.store.sqlite_writes import SqliteTransaction

READERS = 4


class SqliteStore:
    """All of one installation, in the file `path`, or in memory when it is None."""

    shared = False

    def __init__(self, path: str | None) -> None:
        self._file = SqliteFile(path)
        self._writer = self._file.writer
        self._turn = threading.Lock()
        self._turn_of: int | None = None
        self._transaction = SqliteTransaction(self._writer)
        self._idle: queue.SimpleQueue[apsw.Connection] | None = None
        if path is not None:
            self._idle = queue.SimpleQueue()
            for _ in range(READERS):
                self._idle.put(self._file.open_reader())

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._my_turn():
            try:
                self._writer.execute("begin immediate")
                yield self._transaction
                self._writer.execute("commit")
            except apsw.Error as error:
                self._roll_back()
                raise store_error(error) from error
            except BaseException:
                self._roll_back()
                raise

    def reader(self) -> AbstractContextManager[Reader]:
        return self._read_in_turn() if self._idle is None else self._read_beside(self._idle)

    @contextmanager
    def _read_beside(self, idle: queue.SimpleQueue[apsw.Connection]) -> Iterator[Reader]:
        """On a connection of the reader's own: sees what was committed before its first question."""
        connection = idle.get()
        try:
            connection.execute("begin")
            yield SqliteReader(connection)
        except apsw.Error as error:
            raise store_error(error) from error
        finally:
            if not connection.getautocommit():
                with suppress(apsw.Error):
                    connection.execute("rollback")
            idle.put(connection)

    @contextmanager
    def _read_in_turn(self) -> Iterator[Reader]:
        """A database in memory has one connection: a reader waits until the transaction is over."""
        with self._my_turn():
            yield SqliteReader(self._writer)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        me = threading.get_ident()
        assert self._turn_of != me, "this thread is inside a transaction already"
        with self._turn:
            self._turn_of = me
            try:
                yield
            finally:
                self._turn_of = None

    def _roll_back(self) -> None:
        """SQLite may have rolled back by itself, for example when the disk is full."""
        if not self._writer.getautocommit():
            with suppress(apsw.Error):
                self._writer.execute("rollback")

    def describe(self) -> str:
        return self._file.describe()

    def close(self) -> None:
        with self._my_turn():
            if self._idle is not None:
                for _ in range(READERS):
                    self._idle.get().close()
                self._idle = None
            self._file.close()
