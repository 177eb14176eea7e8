"""Reads a PostgreSQL store that nodes may be using, and never writes to it, nor makes its tables.

Owns which databases are accepted (made by workflowsvc, with a schema that this release can read), and which other
sessions are connected. It must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from workflowsvc.store.errors import StoreInUse, StoreUnusable
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.postgres import schema
from workflowsvc.store.postgres.audit_reads import PostgresAuditReader
from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.reads import DomainNames
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.wire import Wire, shown_address

_SESSIONS = (
    "select pid, coalesce(host(client_addr), 'this machine') from pg_stat_activity"
    " where datname = current_database() and application_name = 'workflowsvc' and pid <> %s order by pid"
)


class PostgresReadOnlyStore:
    """StoreUnusable when the database is empty, not made by workflowsvc, or of another schema. With `exclusive`:
    StoreInUse when nodes are connected to the database, in whatever schema, as far as this user may see their
    sessions."""

    def __init__(self, dsn: str, *, exclusive: bool = False) -> None:
        self._dsn = dsn
        self._where = shown_address(dsn)
        self._exclusive = exclusive
        self._names: DomainNames = {}
        with schema.opened(dsn, self._where) as connection:
            version = schema.version_of(connection, self._where)
        if version.number == 0:
            raise StoreUnusable(f"{self._where} is empty.")
        if missing := schema.missing_from(version, self._where):
            raise StoreUnusable(schema.too_old(self._where, version, missing))
        self._wire = Wire(dsn)
        try:
            self.require_alone()
        except BaseException:
            self._wire.close()
            raise

    @contextmanager
    def reader(self) -> Generator[AuditReader]:
        """One snapshot. While it is open the server keeps all dead rows."""
        self._wire.queue(SQL.begin_reading)
        queries = Queries(self._wire)
        queries.survive_errors()
        reader = PostgresAuditReader(queries, self._names)
        try:
            yield reader
        finally:
            reader.end()
            self._wire.drop_queue()
            if self._wire.is_alive():
                self._wire.queue(SQL.rollback)
                self._wire.exchange()

    def require_alone(self) -> None:
        """Raises StoreInUse if this was opened as exclusive and other sessions of workflowsvc are connected."""
        if not self._exclusive:
            return
        with schema.opened(self._dsn, self._where) as connection, schema.failing_for(self._where):
            sessions = connection.execute(_SESSIONS, [self._wire.pid]).fetchall()
        if sessions:
            others = ", ".join(f"{pid} from {address}" for pid, address in sessions)
            raise StoreInUse(
                f"{self._where} is in use: sessions of workflowsvc are connected to it ({others})."
            )

    def was_overtaken(self) -> bool:
        """A transaction reads one snapshot, whatever nodes write meanwhile."""
        return False

    def describe(self) -> str:
        return self._where

    def close(self) -> None:
        self._wire.close()
