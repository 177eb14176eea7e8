"""What a store raises.

Owns the kinds of failure that callers treat differently. It must not know which database failed.
"""

from __future__ import annotations

# An index may hold a package of any owner under the name workflowsvc, so the message does not name that.
PSYCOPG_IS_MISSING = (
    "PostgreSQL needs the package psycopg: pip install '.[postgres]' in a checkout of workflowsvc, "
    "or pip install 'psycopg[binary]' beside an installed wheel."
)


class StoreError(Exception):
    """The transaction was not committed; nothing of it is remembered."""


class Conflict(StoreError):
    """Another transaction was faster (unique key, serialization failure, deadlock): run the batch again."""


class LockedByPeer(Exception):
    """Another node has locked an execution. The transaction may go on; try the execution again soon."""


class Unavailable(StoreError):
    """The database cannot be reached or cannot write now: answer 503 and try again later."""


class Damaged(Unavailable):
    """A page, row, table or index cannot be read. What does not need it still can, in the same transaction too."""


class OutcomeUnknown(StoreError):
    """The connection was lost while committing: read before believing either way."""


class StatementRefused(Exception):
    """The database cannot carry out what it was asked, which only a bug in this package can cause. The transaction was
    not committed.
    """


class StoreUnusable(Exception):
    """The store cannot be opened; the message says what is wrong and what its operator can do."""


class StoreInUse(StoreUnusable):
    """Another process works with this store, and it admits only one."""
