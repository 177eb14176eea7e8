"""Reads the file of a SQLite store that a server may be using, and never writes to it.

Owns which files are accepted: existing ones, made by workflowsvc, at the newest schema. It takes no lock unless it is
opened as exclusive, so a server may run beside it. A connection that only reads never checkpoints either
(docs/decisions/0003). It must not know what is asked.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress

import apsw

from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.migrate import pending
from workflowsvc.store.sqlite import database_file as schema
from workflowsvc.store.sqlite.audit_reads import SqliteAuditReader
from workflowsvc.store.sqlite.errors import store_error
from workflowsvc.store.sqlite.queries import Queries


class SqliteReadOnlyStore:
    """StoreUnusable when the file does not exist, was not made by workflowsvc, or has another schema. With `exclusive`:
    StoreInUse when a server has it open, and no server can open it until this is closed."""

    def __init__(self, path: str, *, exclusive: bool = False) -> None:
        self._path = path
        self._lock: int | None = None
        if exclusive:
            if not os.path.isfile(path):
                raise StoreUnusable(f"{path} is not there or cannot be read.")
            self._lock = schema.lock(os.path.realpath(path))
        try:
            self._open(path)
        except BaseException:
            self._unlock()
            raise

    def _open(self, path: str) -> None:
        try:
            self._connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
            try:
                self._connection.set_busy_timeout(schema.BUSY_MS)
                self._connection.execute(schema.READER_SETTINGS)
                self._require_ours()
            except BaseException:
                self._connection.close()
                raise
        except apsw.CantOpenError as error:
            raise StoreUnusable(f"{path} is not there or cannot be read.") from error
        except apsw.NotADBError as error:
            raise StoreUnusable(f"{path} is not a SQLite database.") from error
        except apsw.Error as error:
            raise StoreUnusable(f"{path} cannot be used: {error}.") from error

    def _require_ours(self) -> None:
        if self._connection.pragma("application_id") != schema.APPLICATION_ID:
            raise StoreUnusable(f"{self._path} is not a database of workflowsvc.")
        version = schema.version_of(self._connection, self._path)
        if missing := pending(schema.MIGRATIONS, version, self._path):
            raise StoreUnusable(
                f"{self._path} has schema {version.number}, and this release needs {missing[-1].number}; "
                "it is upgraded when `workflowsvc serve` or `workflowsvc migrate` opens it."
            )

    @contextmanager
    def reader(self) -> Generator[AuditReader]:
        """One snapshot. While it is open the log of a running server grows."""
        reader = SqliteAuditReader(Queries(self._connection))
        try:
            self._connection.execute("begin")
            yield reader
        except apsw.Error as error:
            raise store_error(error) from error
        finally:
            reader.end()
            with suppress(apsw.Error):
                if self._connection.in_transaction:
                    self._connection.execute("rollback")

    def describe(self) -> str:
        return self._path

    def require_alone(self) -> None:
        """The lock was taken when this was opened as exclusive."""

    def close(self) -> None:
        try:
            self._connection.close()
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
