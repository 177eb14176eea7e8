"""The file of a SQLite store: ours alone, fit to be used, at the newest schema.

Owns the lock beside the file, the settings of connections, and the refusal of files that cannot serve. It must not know
what is in the tables.
"""

from __future__ import annotations

import fcntl
import os

import apsw

from workflowsvc.store.interface import StoreInUse, StoreUnusable
from workflowsvc.store.migrate import migrations, pending

APPLICATION_ID = 0x53574653  # "SWFS", in the header of the file: `file x.db` shows it
MIGRATIONS = migrations("sqlite")


class SqliteFile:
    """An open database with the one connection that writes."""

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else os.path.realpath(path)
        self._lock = None if self._path is None else _lock(self._path)
        try:
            self.writer = self._open_writer()
        except BaseException:
            self._unlock()
            raise

    def _open_writer(self) -> apsw.Connection:
        where = self.describe()
        try:
            connection = apsw.Connection(self._path or ":memory:")
            connection.set_busy_timeout(2000)
            connection.execute("pragma journal_mode = wal; pragma synchronous = full")
            _upgrade(connection, where)
        except apsw.NotADBError as error:
            raise StoreUnusable(f"{where} is not a SQLite database.") from error
        except apsw.Error as error:
            raise StoreUnusable(f"{where} cannot be used: {error}.") from error
        return connection

    def open_reader(self) -> apsw.Connection:
        """One more connection, that can only read and so never checkpoints."""
        assert self._path is not None
        connection = apsw.Connection(self._path, flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(2000)
        return connection

    def describe(self) -> str:
        return "memory" if self._path is None else self._path

    def close(self) -> None:
        self.writer.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _upgrade(connection: apsw.Connection, where: str) -> None:
    """Brings the schema to the newest version, in one transaction."""
    with connection:
        version = connection.pragma("user_version")
        tables = connection.execute("select count(*) from sqlite_schema").get
        if tables and connection.pragma("application_id") != APPLICATION_ID:
            raise StoreUnusable(f"{where} holds the data of another program.")
        for migration in pending(MIGRATIONS, version, where):
            connection.execute(migration.sql)
            connection.execute(f"pragma user_version = {migration.number}")
        connection.execute(f"pragma application_id = {APPLICATION_ID}")


def _lock(path: str) -> int:
    """An advisory lock on a file beside the database; it ends with the process, however that ends."""
    try:
        lock = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be used: {error}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 32).decode("ascii", "replace").strip()
        os.close(lock)
        raise StoreInUse(f"{path} is in use by process {holder or '(unknown)'}.") from error
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock
