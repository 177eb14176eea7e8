"""What an error of SQLite means to the engine, or to the owner of the file.

Owns the translation and nothing else.
"""

from __future__ import annotations

import apsw

from workflowsvc.store.interface import Conflict, Unavailable

# Everything here can pass: the disk is full or refuses, the file is locked by a stranger or was taken away.
_UNAVAILABLE = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.FullError,
    apsw.IOError,
    apsw.InterruptError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
    apsw.CorruptError,  # passes only by restoring a backup, but until then nothing can be answered
    apsw.NotADBError,
)


def store_error(error: apsw.Error) -> Exception:
    """The StoreError to raise in its place; an error that only a bug can cause stays what it is."""
    if isinstance(error, apsw.ConstraintError):
        return Conflict(str(error))
    if isinstance(error, _UNAVAILABLE):
        return Unavailable(f"{type(error).__name__}: {error}")
    return error
