"""What became of a commit whose answer was lost: asked of the server, never guessed.

Owns the question. The server remembers for a long time whether the transaction with a given id was committed. After a
fail-over that lost transactions, the id may belong to another transaction. A fail-over changes the timeline, so
nothing is concluded on another timeline.
"""

from __future__ import annotations

from typing import Literal

from workflowsvc.store.errors import StoreError
from workflowsvc.store.postgres.errors import PostgresError
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.wire import Wire

ATTEMPTS = 5

Outcome = Literal["committed", "aborted", "unknown"]


def outcome(wire: Wire, transaction_id: str, timeline: str) -> Outcome:
    """Over a new connection. A transaction that is still open is ended: its connection is lost, so it cannot commit."""
    try:
        if wire.ask(SQL.timeline)[0][0] != timeline:
            return "unknown"
        for _ in range(ATTEMPTS):
            status = wire.ask(SQL.transaction_status, (transaction_id,))[0][0]
            if status in ("committed", "aborted"):
                return status
            if status is None:
                return "unknown"
            wire.ask(SQL.end_transaction, (transaction_id,))
    except (StoreError, PostgresError):
        pass
    return "unknown"
