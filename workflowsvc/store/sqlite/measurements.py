"""How large the files of a SQLite store are, and how much of the log is not in the file yet.

Owns what is measured, and that no file is opened for it: closing a file would drop the locks that SQLite holds on it
in this process.
"""

from __future__ import annotations

import os

import apsw

from workflowsvc.store.rows import DiskSpace, Measurement


def measurements(path: str, connection: apsw.Connection) -> list[Measurement]:
    """`connection` reads this file, and is not within a transaction."""
    page_bytes = connection.pragma("page_size")
    in_log, in_file = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    return [
        Measurement("database_bytes", connection.pragma("page_count") * page_bytes),
        Measurement("database_free_bytes", connection.pragma("freelist_count") * page_bytes),
        Measurement("wal_bytes", _size(f"{path}-wal")),
        Measurement("wal_unsaved_bytes", max(in_log - in_file, 0) * page_bytes),
    ]


def disk_space(path: str) -> DiskSpace | None:
    """None when the file system does not say."""
    try:
        found = os.statvfs(os.path.dirname(path) or ".")
    except OSError:
        return None
    return DiskSpace(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
