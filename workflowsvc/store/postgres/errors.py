"""What an error of PostgreSQL means to the engine.

Owns the translation of SQLSTATEs into the kinds of interface.py and nothing else.
"""

from __future__ import annotations

from workflowsvc.store.errors import Conflict, OutcomeUnknown, StoreError, Unavailable

_CONFLICTS = (
    "23505",  # unique violation
    "25P02",  # something failed before in this transaction, and was told then
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # a lock was not had in time
    "0A000",  # a migration changed what a prepared statement returns: the connection is made anew
)
_OUTCOME_UNKNOWN = ("08007", "40003")

# Until a person or another program has done something about it, nothing can be answered. Two letters are a class.
_UNAVAILABLE = (
    "08",  # the connection
    "28",  # the password was changed, the user locked out
    "53",  # disk full, memory, too many connections
    "57",  # shutting down, starting up, timed out
    "58",  # the operating system
    "XX",  # damaged pages
    "25006",  # read only: a standby, or a server that was told so
    "25P03",  # idle too long inside a transaction: this process was stopped, or the machine asleep
    "25P04",
    "26000",  # a pooler between us and the server does not keep prepared statements
    "3D000",  # the database was dropped
    "3F000",
    "42501",  # rights were taken away
    "42P01",  # a table was dropped
)


class PostgresError(Exception):
    """An error that only a bug of ours can cause."""


class ConnectionLost(Unavailable):
    """No more answers will come over this connection; nothing was committed, unless a commit was on its way."""


def store_error(state: str, message: str) -> Exception:
    """The exception for an error that the server has told."""
    told = f"{message} ({state})" if state else message
    if state in _OUTCOME_UNKNOWN:
        return OutcomeUnknown(told)
    if state in _CONFLICTS:
        return Conflict(told)
    if state in _UNAVAILABLE or state[:2] in _UNAVAILABLE:
        return Unavailable(told)
    return PostgresError(told)


def is_store_error(error: BaseException) -> bool:
    return isinstance(error, StoreError)
