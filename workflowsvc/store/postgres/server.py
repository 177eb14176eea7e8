"""What kind of server stands behind a connection: PostgreSQL, Citus, or one that only speaks like it.

Owns the question, asked once for each connection, and what follows from the answer for how statements are sent and
what a lost commit can be asked about (docs/postgresql.md). It must not know any statement of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import psycopg

_FUNCTIONS = [
    "pg_current_xact_id_if_assigned",
    "pg_xact_status",
    "pg_walfile_name",
    "pg_current_wal_insert_lsn",
]
_QUESTION = (
    "select version(), (select count(*) from pg_extension where extname = 'citus'),"
    " (select count(distinct proname) from pg_proc where proname = any(%s::text[]))"
)
_TIMELINE = (
    "select case when pg_is_in_recovery() then '0'"
    " else substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end"
)
# Whether or not they have functions of these names, these do not say what became of a transaction.
_IN_NAME_ONLY = ("CockroachDB", "-YB-")


class Server(NamedTuple):
    is_distributed: bool
    """Citus: each statement is to name one shard, so rows are inserted one by one, and planned with what it names."""
    knows_transaction_status: bool
    """It can be asked by number what became of a transaction."""
    timeline: int = 0
    """Each promotion of a standby begins a higher one. 0: a standby, or a server that does not say."""


def ask(connection: psycopg.Connection[Any]) -> Server:
    """Raises psycopg.Error."""
    row = connection.execute(_QUESTION, [_FUNCTIONS]).fetchone()
    assert row is not None
    version, citus, functions = row
    found = server_of(version, citus=citus > 0, has_functions=functions == len(_FUNCTIONS))
    if not found.knows_transaction_status:
        return found
    row = connection.execute(_TIMELINE).fetchone()
    assert row is not None
    return found._replace(timeline=int(row[0], 16))


def server_of(version: str, *, citus: bool, has_functions: bool) -> Server:
    """Citus numbers transactions on each of its servers: a number of the one we talk to says nothing about the rest."""
    postgres = not any(name in version for name in _IN_NAME_ONLY)
    return Server(is_distributed=citus, knows_transaction_status=postgres and has_functions and not citus)
