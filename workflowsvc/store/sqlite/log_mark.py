"""The mark in a file that its log is needed: set before anything is acknowledged, removed when the file is closed.

Owns the row of `meta` that is the mark, and what a mark without a log means. The mark is in the main file itself, so a
copy of that file alone has it (docs/decisions/0020-a-file-says-that-its-log-is-needed.md).
"""

from __future__ import annotations

import os
from typing import Any

import apsw

from workflowsvc.store.sqlite.file_lock import find_identity
from workflowsvc.store.sqlite.statements import SQL

KEY = "log-needed"  # `every_meta` leaves it out: it is about the file, not about the installation


def has_log(path: str) -> bool:
    """A server's log is never empty while the mark is in its file."""
    try:
        return os.path.getsize(f"{path}-wal") > 0
    except OSError:
        return False


def put(connection: apsw.Connection, path: str) -> None:
    """In the running transaction."""
    identity = find_identity(path)
    inode = 0 if identity is None else identity[1]
    mark = f"{_schema_version(connection)} {inode} {path}"
    connection.execute(SQL.put_meta, (KEY, mark.encode(errors="surrogateescape")))


def remove(connection: apsw.Connection) -> None:
    """In a transaction of its own; nothing is written when there is no mark."""
    if connection.execute(SQL.meta, (KEY,)).get is not None:
        connection.execute(SQL.delete_meta, (KEY,))


class Missing:
    """A file that needs a log and has none."""

    def __init__(self, path: str, *, moved: bool) -> None:
        self.moved = (
            moved  # False: the file stands where it was served, so another program may have taken the log in
        )
        if moved:
            self.text = (
                f"was copied or moved without its log {os.path.basename(path)}-wal, while a server used it or after "
                "one was killed: what was acknowledged last may be missing"
            )
        else:
            self.text = (
                f"was not closed, and its log {os.path.basename(path)}-wal is not there: if the log was deleted, what "
                "was acknowledged last is missing; if another program, such as sqlite3, has taken it in, nothing is"
            )


def find_missing(connection: apsw.Connection, path: str, *, log: bool) -> Missing | None:
    """What is wrong with a file whose log was there (`log`) or not when it was opened. None when nothing is."""
    if log:
        return None
    row: Any = connection.execute(
        "select exists (select 1 from sqlite_schema where type = 'table' and name = 'meta')"
    ).get
    mark = connection.execute(SQL.meta, (KEY,)).get if row else None
    if not isinstance(mark, bytes):
        return None
    schema_version, _, rest = mark.decode(errors="surrogateescape").partition(" ")
    inode, _, place = rest.partition(" ")
    if schema_version != str(_schema_version(connection)):
        return (
            None  # a complete copy: SQLite's own ways of copying give the copy another version of its schema
        )
    identity = find_identity(path)
    return Missing(path, moved=place != path or identity is None or inode != str(identity[1]))


def _schema_version(connection: apsw.Connection) -> int:
    """Grows with each change of the schema, and with `vacuum`; `vacuum into` and backups give it to a copy anew."""
    version: int = connection.pragma("schema_version")
    return version
