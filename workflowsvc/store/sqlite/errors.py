"""What an error of SQLite means to the engine.

Owns the translation into the kinds of interface.py and nothing else.
"""

from __future__ import annotations

import apsw

from workflowsvc.store.errors import Conflict, Unavailable

# Until a person or another program has done something about it, nothing can be answered: the disk is full or
# broken, the file is locked by a stranger, was taken away or damaged, or this process has closed it.
_UNAVAILABLE = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.ConnectionClosedError,
    apsw.CorruptError,
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


def store_error(error: apsw.Error) -> Exception:
    """The StoreError to raise in its place; an error that only a bug of ours can cause stays what it is."""
    if isinstance(error, apsw.ConstraintError):
        return Conflict(str(error))
    if isinstance(error, _UNAVAILABLE):
        return Unavailable(f"{type(error).__name__}: {error}")
    return error
