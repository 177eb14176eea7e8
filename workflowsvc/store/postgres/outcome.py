"""What became of a commit whose answer was lost: asked of the server, never guessed.

Owns the question. A transaction has a number, and the server remembers for a long time whether it was committed. The
number only means something as long as the same line of servers keeps it: after a fail-over that lost transactions it
may belong to another one, so then nothing is concluded.
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
    """Over a new connection. A transaction that is still open is ended: nobody is left who could commit it."""
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
