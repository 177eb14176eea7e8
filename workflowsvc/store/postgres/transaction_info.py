"""What is known of a running transaction: when it began, what time it is, its id, whether it has written.

Owns these facts. The server answers them together with other questions, so they cost no round trip of their own, unless
one of them is needed first. It must not know what the transaction does.
"""

from __future__ import annotations

from workflowsvc.store.postgres.queries import Queries
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.wire import Rows


class TransactionInfo:
    """The transaction begins with the first round trip. Times are milliseconds by the server's clock."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._began_at = self._latest = 0
        self.wrote = False
        self.id: str | None = None  # assigned with the first lock or change; known when it was asked for
        queries.queue(SQL.begin_writing)
        # Every other statement comes behind it, and so sees what a node has committed that had excluded this one.
        moment = SQL.moment_beside_peers if queries.knows_transaction_status else SQL.moment
        queries.queue(moment, then=self._see_begin)

    @property
    def has_begun(self) -> bool:
        """The server knows of this transaction."""
        return self._began_at != 0

    def began_at(self) -> int:
        if not self.has_begun:
            self._queries.exchange()
        return self._began_at

    def database_time(self) -> int:
        """When the transaction began, or later."""
        return max(self.began_at(), self._latest)

    def queue_clock(self) -> None:
        """Moves `database_time` forward: who has read that a run is closed must not act as if it were earlier."""
        self._queries.queue(SQL.moment_now, then=self._see_clock)

    def exclude_peers(self) -> bool:
        """See `PeerTransaction.exclude_peers`. Servers that only speak like PostgreSQL, and those of Citus, know no
        lock for it: what a node has begun just before is then not waited for.
        """
        if not self._queries.knows_transaction_status:
            return True
        if not self._queries.rows(SQL.exclusion_claim)[0][0]:
            return False
        self._queries.rows(SQL.exclusion_begin)
        self.queue_clock()
        return True

    def queue_id(self) -> None:
        """Behind a lock or change. Asked for together with other things, it costs the commit nothing."""
        if self.id is None and self._queries.knows_transaction_status:
            self._queries.queue(SQL.transaction_id, then=self._see_id)

    def _see_begin(self, rows: Rows) -> None:
        self._began_at = self._latest = rows[0][0]

    def _see_clock(self, rows: Rows) -> None:
        self._latest = rows[0][0]

    def _see_id(self, rows: Rows) -> None:
        self.id = rows[0][0]
