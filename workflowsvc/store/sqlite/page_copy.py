"""Copies all pages of an open database to a new file, as they are at one moment, while others write to it.

Owns the two files as SQLite sees them: one snapshot of the source for the whole copy, and a target that needs no log.
How fast it goes is the caller's. It must not know what is in the tables.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing

import apsw

from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.sqlite.queries import carry_out

PAGES_PER_STEP = 64  # 256 KiB: the pause between two steps stays short at any speed
SYNC_BYTES = 8 << 20  # written between two syncs: commits of a server never wait for a long queue of the disk
PAGE_CACHE_KIB = 2_048  # of the target: pages go to the file as they are copied, not all at the end

Progress = Callable[[int, int], None]
"""Called after each step with the bytes that are copied and those of the whole database."""


def copy_pages(source: apsw.Connection, target: str, progress: Progress) -> None:
    """Makes the file `target`. While it runs, the source's log grows by all that is written to it. StoreUnusable when
    the target cannot be written; apsw.Error of the source."""
    descriptor = _make(target)
    try:
        with closing(_open(target)) as copy:
            carry_out(
                copy,
                "pragma journal_mode = off; pragma synchronous = off; "
                f"pragma cache_size = -{PAGE_CACHE_KIB}; pragma locking_mode = exclusive",
            )
            _copy(source, copy, descriptor, progress)
        os.fsync(descriptor)
    except (apsw.FullError, apsw.CantOpenError, apsw.ReadOnlyError, OSError) as error:
        raise StoreUnusable(f"{target} cannot be written: {error}.") from error
    finally:
        os.close(descriptor)


def put_meta(target: str, key: str, value: bytes) -> None:
    """Stores one row of `meta` in a copy that no server uses, and syncs it. The copy stays in the mode of the source:
    a server that opens it by mistake, and refuses it, then leaves it as it is."""
    try:
        with closing(_open(target)) as copy:  # its end takes the log in
            copy.execute("pragma synchronous = full")
            copy.execute("insert or replace into meta (key, value) values (?, ?)", (key, value))
    except apsw.Error as error:
        raise StoreUnusable(f"{target} cannot be written: {error}.") from error


def _make(target: str) -> int:
    try:
        return os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(f"{target} cannot be made: {error.strerror}.") from error


def _open(target: str) -> apsw.Connection:
    return apsw.Connection(target, flags=apsw.SQLITE_OPEN_READWRITE)


def _copy(source: apsw.Connection, copy: apsw.Connection, descriptor: int, progress: Progress) -> None:
    source.execute("begin")
    try:
        page_bytes: int = source.pragma("page_size")  # with this question the snapshot begins
        source.execute("select count(*) from sqlite_schema").get  # noqa: B018 - of the file itself, for sure
        unsynced = 0
        with copy.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(PAGES_PER_STEP)
                unsynced += PAGES_PER_STEP * page_bytes
                if unsynced >= SYNC_BYTES:
                    unsynced = 0
                    _sync(descriptor)
                progress((backup.page_count - backup.remaining) * page_bytes, backup.page_count * page_bytes)
    finally:
        source.execute("rollback")


def _sync(descriptor: int) -> None:
    """What was copied is on the disk, and leaves the cache of the machine to the server."""
    os.fdatasync(descriptor)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
