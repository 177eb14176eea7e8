"""The file of a SQLite store: locked for this process, fit to be used, at the newest schema.

Owns the settings of connections, the refusal of files that are not fit, and the steps around a commit that make sure
that the file can be found again. It must not know what is in the tables.
"""

from __future__ import annotations

import os
from contextlib import suppress

import apsw

from workflowsvc.store.errors import OutcomeUnknown, StoreUnusable, Unavailable
from workflowsvc.store.migrate import Migration, Version, migrations, pending
from workflowsvc.store.sqlite import log_trailer
from workflowsvc.store.sqlite.file_lock import FileLock
from workflowsvc.store.sqlite.file_watch import FileNotInPlace, FileWatch
from workflowsvc.store.sqlite.queries import carry_out

APPLICATION_ID = 0x53574653  # "SWFS" in the header: the file is not the database of another program
MIGRATIONS = migrations("sqlite")

_CREATE_VERSIONS = """create table if not exists schema_versions (
    number integer primary key,
    name text not null,
    oldest integer not null
) strict"""

# The page stays at 4096 bytes: a commit costs a write for each page that it touches and some more for each byte of
# it, and no other size was faster (docs/decisions/0007-sqlite-schema.md). No mmap: an error of the disk would then be
# a signal that ends the process, instead of an error that can be answered with 503.
WRITER_SETTINGS = """
pragma synchronous = full;
pragma cache_size = -65536; -- KiB: the inner pages of all trees at a million executions are about 10 MiB
pragma temp_store = memory;
pragma wal_autocheckpoint = 1000; -- 4 MiB: a longer log saved no CPU and made the longest commit longer
pragma journal_size_limit = 67108864; -- what a burst leaves behind
pragma trusted_schema = off;
"""
READER_SETTINGS = """
pragma query_only = on;
pragma cache_size = -16384;
pragma temp_store = memory;
pragma trusted_schema = off;
"""
BUSY_MS = 2000  # waiting for another program, such as a shell, that has locked the file; then 503
PAGE_BYTES = 4096
WHOLE_FILE = 0  # as posix_fadvise spells it
MAX_STATEMENTS = 200  # kept prepared for each connection: more than there are


class SqliteFile:
    """An open database with the one connection that writes. `accept_missing_log`: a file that was copied without its
    log is taken as it is."""

    def __init__(self, path: str | None, *, accept_missing_log: bool = False) -> None:
        self._path = None if path is None else os.path.realpath(path)
        self._lock = None if self._path is None else FileLock(self._path)
        self._watch: FileWatch | None = None
        self._is_in_place = True
        try:
            if self._path is not None and self._lock is not None:
                _require_log(self._path, self._lock.file, accept_missing=accept_missing_log)
                _read_from_disk(self._path, self._lock.file)
            self.writer = self._open_writer()
            if self._path is not None:
                self._watch = FileWatch(self._path)
        except BaseException:
            if self._lock is not None:
                self._lock.discard()
            raise

    def _open_writer(self) -> apsw.Connection:
        where = self.describe()
        try:
            connection = apsw.Connection(self._path or ":memory:", statementcachesize=MAX_STATEMENTS)
            try:
                _settle_plans(connection)
                connection.set_busy_timeout(BUSY_MS)
                if connection.readonly("main"):
                    raise StoreUnusable(f"{where} cannot be written to by this user.")
                # Before anything is changed: neither the database of another program, nor of a newer release.
                pending(MIGRATIONS, version_of(connection, where), where)
                if connection.pragma("journal_mode", "wal") not in ("wal", "memory"):
                    raise StoreUnusable(f"{where} is on a file system that cannot hold a write-ahead log.")
                carry_out(connection, WRITER_SETTINGS)
                _upgrade(connection, where)
            except BaseException:
                connection.close()
                raise
        except apsw.NotADBError as error:
            raise StoreUnusable(f"{where} is not a SQLite database.") from error
        except apsw.BusyError as error:
            raise StoreUnusable(f"{where} is locked by another program.") from error
        except (apsw.Error, UnicodeError) as error:
            raise StoreUnusable(f"{where} cannot be used: {error}.") from error
        return connection

    @property
    def path(self) -> str | None:
        """Where the file really is; None in memory."""
        return self._path

    def require_in_place(self) -> None:
        """Unavailable while the file is not where it was, once a commit has noticed that."""
        if self._is_in_place or self._watch is None:
            return
        try:
            self._watch.require_in_place()
        except FileNotInPlace as problem:
            raise Unavailable(str(problem)) from problem
        self._is_in_place = True

    def committed(self) -> None:
        """Before a commit is acknowledged: the file says that its log is needed. OutcomeUnknown when the commit went to
        a file that is not in its place any more."""
        if self._watch is None or self._lock is None:
            return
        try:
            self._watch.require_in_place()
        except FileNotInPlace as problem:
            self._is_in_place = False
            raise OutcomeUnknown(str(problem)) from problem
        size = os.fstat(self._lock.file).st_size
        if log_trailer.is_whole_pages(size) and not self._is_complete():
            with suppress(OSError):  # a full disk: the commit itself is on the disk
                log_trailer.append(self._lock.file, size)

    def _is_complete(self) -> bool:
        """Whether the file holds all that its log does."""
        try:
            in_log, in_file = self.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        except apsw.Error:
            return False
        return in_log == in_file

    def open_reader(self) -> apsw.Connection:
        """One more connection; it can only read, and so never checkpoints."""
        assert self._path is not None
        connection = apsw.Connection(
            self._path, flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=MAX_STATEMENTS
        )
        _settle_plans(connection)
        connection.set_busy_timeout(BUSY_MS)
        carry_out(connection, READER_SETTINGS)
        return connection

    def describe(self) -> str:
        return "memory" if self._path is None else self._path

    def close(self) -> None:
        """All data is then in the file itself, unless the disk or another program prevents it."""
        try:
            is_complete = False
            if self._watch is not None and self._watch.has_strangers():
                with suppress(apsw.Error):
                    self.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
                is_complete = self._is_complete()
                self.writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self.writer.close()
            if self._path is not None and self._lock is not None:
                with suppress(OSError):
                    if is_complete or not os.path.exists(f"{self._path}-wal"):
                        log_trailer.remove(self._lock.file)
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _require_log(path: str, file: int, *, accept_missing: bool) -> None:
    """StoreUnusable for a file that is incomplete, unless that is accepted: then it does not say so any more."""
    try:
        if not log_trailer.has_trailer(file) or log_trailer.has_log(path):
            return
        if accept_missing:
            log_trailer.remove(file)
            return
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be used: {error.strerror}.") from error
    raise StoreUnusable(f"{path} {log_trailer.missing_log(path)}. {log_trailer.WHAT_TO_DO}")


def _read_from_disk(path: str, file: int) -> None:
    """Drops cached pages, so that what is read from now on is what a power cut would leave.

    When Linux cannot write a page, it reports that once, to fsync, and then treats the page as written: readers see
    the new content in the cache. The process that got the error answers 503 and overwrites that place. But if it ends
    before that, the next process finds a whole commit in the log, builds upon it, and loses all of it with the next
    power cut (docs/reliability.md, "Disk"). So the log is read from the disk. Of the file itself only the first page
    is ever written without the log, when the file is made; everything else that was not saved is in the log and will
    be copied again.
    """
    _drop_cache(path, file, PAGE_BYTES)
    log_path = f"{path}-wal"
    if not os.path.isfile(log_path):
        return
    try:
        log_file = os.open(log_path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreUnusable(f"{log_path} cannot be used: {error.strerror}.") from error
    try:
        _drop_cache(log_path, log_file, WHOLE_FILE)
    finally:
        os.close(log_file)


def _drop_cache(path: str, file: int, length: int) -> None:
    try:
        os.fsync(file)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file, 0, length, os.POSIX_FADV_DONTNEED)
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be used: {error.strerror}.") from error


def _settle_plans(connection: apsw.Connection) -> None:
    """Plans that ignore parameters. Otherwise a statement with `limit ?` is compiled anew at each use, 8 us."""
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)


def version_of(connection: apsw.Connection, where: str) -> Version:
    """Raises StoreUnusable for the database of another program, which is left as it is."""
    if not connection.execute("select exists (select 1 from sqlite_schema)").get:
        return Version(0, 0)
    if connection.pragma("application_id") != APPLICATION_ID:
        raise StoreUnusable(f"{where} is the database of another program.")
    number: int = connection.pragma("user_version")
    has_versions = connection.execute(
        "select exists (select 1 from sqlite_schema where name = 'schema_versions')"
    ).get
    known = """select iif(typeof(max(oldest)) = 'integer', max(oldest), null) from schema_versions
        having max(number) = ?"""
    oldest = connection.execute(known, (number,)).get if has_versions else None
    return Version(number, number if oldest is None else oldest)


def script(todo: list[Migration]) -> list[str]:
    """The SQL of these migrations, to be carried out in one transaction."""
    statements: list[str] = []
    for migration in todo:
        statements += [_CREATE_VERSIONS, migration.sql.strip(), migration.record]
        statements.append(f"pragma user_version = {migration.number}")
        statements.append(f"pragma application_id = {APPLICATION_ID}")
    return statements


def _upgrade(connection: apsw.Connection, where: str) -> None:
    """Brings the schema to the newest version, in one transaction."""
    connection.execute("begin immediate")
    try:
        todo = pending(MIGRATIONS, version_of(connection, where), where)
        for statement in script(todo):
            connection.execute(statement)
        connection.execute("commit")
    except BaseException:
        with suppress(apsw.Error):
            connection.execute("rollback")
        raise
    if todo:
        with suppress(apsw.Error):  # so that a file that is copied without its log is known as ours
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
