"""What an error of PostgreSQL means to the engine.

Owns the translation of SQLSTATEs into the kinds of store/errors.py and nothing else.
"""

from __future__ import annotations

from workflowsvc.store.errors import Conflict, OutcomeUnknown, StatementRefused, Unavailable

_CONFLICTS = (
    "23505",  # unique violation
    "25P02",  # an earlier statement of this transaction failed, and its error was raised then
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # lock time-out
    "0A000",  # a migration has changed what a prepared statement returns
)
_OUTCOME_UNKNOWN = ("08007", "40003")

# Nothing can be answered until an operator or another program has removed the cause. Two characters are a class.
_UNAVAILABLE = (
    "08",  # the connection
    "28",  # the password was changed, the user locked out
    "53",  # disk full, memory, too many connections
    "57",  # shutting down, starting up, timed out
    "58",  # the operating system
    "XX",  # damaged pages
    "25006",  # read only: a standby, or a server configured so
    "25P03",  # idle too long inside a transaction: this process was stopped, or the machine asleep
    "25P04",
    "26000",  # a pooler between us and the server does not keep prepared statements
    "3D000",  # the database was dropped
    "3F000",
    "42501",  # rights were taken away
    "42P01",  # a table was dropped
    "42703",  # a column was dropped or renamed
    "42P10",  # a primary key was dropped
)

# Some table, column, index, row or page is not as it must be, or not there. Two characters are a class.
_DAMAGE = (
    "22",  # a value that cannot be what it is taken for
    "42",  # what is named is not there, or of another type
    "XX",  # damaged pages and indexes
    "58P01",  # a file of the database is missing
)
_RIGHTS = "42501"


class PostgresError(StatementRefused):
    """An error that only a bug in this package can cause."""


class ConnectionLost(Unavailable):
    """No more answers will come over this connection; nothing was committed, unless a commit was on its way."""


def is_damage(state: str) -> bool:
    """Whether an error in a statement of an audit says that the rest of the database can still be read."""
    return state != _RIGHTS and (state in _DAMAGE or state[:2] in _DAMAGE)


def store_error(state: str, message: str) -> Exception:
    """The exception for an error that the server has reported."""
    text = f"{message} ({state})" if state else message
    if state in _OUTCOME_UNKNOWN:
        return OutcomeUnknown(text)
    if state in _CONFLICTS:
        return Conflict(text)
    if state in _UNAVAILABLE or state[:2] in _UNAVAILABLE:
        return Unavailable(text)
    return PostgresError(text)
