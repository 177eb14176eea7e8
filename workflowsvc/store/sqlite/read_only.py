"""Reads the file of a SQLite store that a server may be using, and never writes to it.

Owns which files are accepted (existing ones, made by workflowsvc, at the newest schema), and how they are opened:
beside a server as one more reader of SQLite; without one so that nothing is made or written, on a read-only file
system too. It takes no lock unless it is opened as exclusive, so a server may run beside it. A connection that only
reads never checkpoints either (docs/decisions/0003). It must not know what is asked.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple
from urllib.parse import quote

import apsw

from workflowsvc.store.errors import StoreInUse, StoreUnusable
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.migrate import Version, pending
from workflowsvc.store.sqlite import database_file as schema
from workflowsvc.store.sqlite import log_trailer
from workflowsvc.store.sqlite.audit_reads import SqliteAuditReader
from workflowsvc.store.sqlite.errors import store_error
from workflowsvc.store.sqlite.file_lock import (
    FileLock,
    holder_of,
    is_locked,
    is_served_by_this_name,
    require_regular_file,
)
from workflowsvc.store.sqlite.page_copy import Progress, copy_pages
from workflowsvc.store.sqlite.queries import Queries, carry_out


class _State(NamedTuple):
    """Of a file and its log: what differs once another program has written to them. None: it is not there."""

    file: tuple[int, int, int] | None
    log: tuple[int, int, int] | None


class SqliteReadOnlyStore:
    """StoreUnusable when the file does not exist, was not made by workflowsvc, or has another schema. With `exclusive`:
    StoreInUse when a server has it open, and no server can open it until this is closed."""

    def __init__(self, path: str, *, exclusive: bool = False) -> None:
        self._path = path
        self._real_path = os.path.realpath(path)
        self._lock: FileLock | None = None
        require_regular_file(path)
        if exclusive:
            if not os.path.isfile(path):
                raise StoreUnusable(f"{path} is not there or cannot be read.")
            self._lock = FileLock(self._real_path, shared=True)
        try:
            self._beside_server = self._lock is None and _is_beside_server(self._real_path, path)
            self._state = _state_of(self._real_path)
            self._has_log = log_trailer.has_log(self._real_path)
            self._missing_log = (
                None if self._beside_server or self._has_log else _find_missing_log(self._real_path)
            )
            self._open(path)
        except BaseException:
            self._unlock()
            raise

    def _open(self, path: str) -> None:
        try:
            self._connection = _connect(self._real_path, self._beside_server, self._has_log)
            try:
                self._connection.set_busy_timeout(schema.BUSY_MS)
                carry_out(self._connection, schema.READER_SETTINGS)
                self._require_ours()
            except BaseException:
                self._connection.close()
                raise
        except apsw.CantOpenError as error:
            raise StoreUnusable(f"{path} is not there or cannot be read.") from error
        except apsw.NotADBError as error:
            raise StoreUnusable(f"{path} is not a SQLite database.") from error
        except (apsw.Error, UnicodeError) as error:
            raise StoreUnusable(f"{path} cannot be used: {error}.") from error

    def _require_ours(self) -> None:
        if self._connection.pragma("application_id") != schema.APPLICATION_ID:
            if self._missing_log is not None:
                raise StoreUnusable(f"{self._path} {self._missing_log}.")
            raise StoreUnusable(f"{self._path} is not a database of workflowsvc.")
        version = schema.version_of(self._connection, self._path)
        self.schema_number = version.number
        if missing := pending(schema.MIGRATIONS, version, self._path):
            raise StoreUnusable(
                f"{self._path} has schema {version.number}, and this release needs {missing[-1].number}; "
                "it is upgraded when `workflowsvc serve` or `workflowsvc migrate` opens it."
            )

    @contextmanager
    def reader(self) -> Generator[AuditReader]:
        """One snapshot. While it is open the log of a running server grows."""
        reader = SqliteAuditReader(Queries(self._connection), self._missing_log)
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

    def copy_to(self, target: str, progress: Progress) -> None:
        """Makes a file of all pages as they are at one moment. Raises StoreUnusable, StoreError."""
        try:
            copy_pages(self._connection, target, progress)
        except apsw.Error as error:
            raise store_error(error) from error

    def unused_bytes(self) -> int:
        """What the file has room for before it grows. Raises StoreError."""
        try:
            return int(self._connection.pragma("freelist_count")) * int(self._connection.pragma("page_size"))
        except apsw.Error as error:
            raise store_error(error) from error

    def was_overtaken(self) -> bool:
        """Whether another program has begun to write since this was opened without a server beside it: what was read
        may then be of several moments, and must be read again from a new store of this class."""
        if self._beside_server:
            return False
        return _state_of(self._real_path) != self._state or (
            self._lock is None and is_locked(self._real_path)
        )

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
            self._lock.close()
            self._lock = None


def version_of_file(path: str) -> Version:
    """The version of an existing file, which may be the empty one. StoreUnusable when it is no database of ours."""
    require_regular_file(path)
    path = os.path.realpath(path)
    beside_server = _is_beside_server(path, path)
    try:
        with closing(_connect(path, beside_server, log_trailer.has_log(path))) as connection:
            return schema.version_of(connection, path)
    except (apsw.Error, UnicodeError) as error:
        raise StoreUnusable(f"{path} cannot be read: {error}.") from error


def require_complete(path: str) -> None:
    """StoreUnusable for a file that says that its log is missing: what it holds is not all that was acknowledged."""
    real_path = os.path.realpath(path)
    if not os.path.isfile(real_path) or log_trailer.has_log(real_path) or is_locked(real_path):
        return
    if (missing := _find_missing_log(real_path)) is not None:
        raise StoreUnusable(f"{path} {missing}. {log_trailer.WHAT_TO_DO}")


def _is_beside_server(path: str, name: str) -> bool:
    """Whether a server has the file. StoreInUse when it has the file by another name: this one has no log then, and a
    connection would make an empty one. `name`: the path as it was given."""
    if not is_locked(path):
        return False
    if is_served_by_this_name(path) or not is_locked(path):
        return is_locked(path)
    raise StoreInUse(
        f"{name} is incomplete: {holder_of(path)} serves it by another name, such as a hard link or a second mount, "
        "and what was committed last is in a log beside that name. Give that name."
    )


def _connect(path: str, beside_server: bool, has_log: bool) -> apsw.Connection:
    """A connection that makes no file and writes to none but, beside a server, to the index of the server's log."""
    if beside_server:
        return apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    where = f"file:{quote(os.fsencode(path))}?mode=ro"
    if not has_log:
        return apsw.Connection(f"{where}&immutable=1", flags=flags)
    # The index of the log is then made in memory; SQLite would make a file of it. Locks are of no use here: there is no
    # server, and of other programs `was_overtaken` knows.
    connection = apsw.Connection(where, flags=flags, vfs="unix-none")
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.pragma("locking_mode", "exclusive")
    return connection


def _find_missing_log(path: str) -> str | None:
    """What is wrong with a file that has no log. No server has it, so it may be opened and closed."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return log_trailer.missing_log(path) if log_trailer.has_trailer(file) else None
    except OSError:
        return None
    finally:
        os.close(file)


def _state_of(path: str) -> _State:
    return _State(_signature(path), _signature(f"{path}-wal"))


def _signature(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
