"""What an error of SQLite means to the engine.

Owns the translation into the kinds of store/errors.py and nothing else.
"""

from __future__ import annotations

import re

import apsw

from workflowsvc.store.errors import Conflict, Damaged, Unavailable

# Nothing can be answered until an operator or another program has removed the cause: the disk is full or broken,
# another program has locked, moved or damaged the file, or this process has closed it.
_UNAVAILABLE = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.ConnectionClosedError,
    apsw.FullError,
    apsw.IOError,
    apsw.InterruptError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)

# Another program has changed the schema.
_NOT_THERE = re.compile(
    r"no such (?:table|index|column)|table \S+ has no column named "
    r"|ON CONFLICT clause does not match|cannot modify \S+ because it is a view"
)


def store_error(error: apsw.Error) -> Exception:
    """The StoreError to raise in its place; an error that only a bug in this package can cause stays what it is."""
    if isinstance(error, apsw.ConstraintError):
        return Conflict(str(error))
    if isinstance(error, apsw.CorruptError) or _NOT_THERE.match(str(error)):
        return Damaged(f"{type(error).__name__}: {error}")
    if isinstance(error, _UNAVAILABLE):
        return Unavailable(f"{type(error).__name__}: {error}")
    return error
