"""What became of a commit whose answer was lost: asked of the server, never guessed.

Owns the question, and when the answer "committed" is believed. The server remembers for a long time whether the
transaction with a given id was committed. Two things limit what that says:

* After a fail-over that lost transactions, the id may belong to another transaction. A fail-over changes the timeline,
  so nothing is concluded on another timeline.
* With synchronous replication, a transaction is committed on the primary before any standby has it. If its session was
  ended while it waited for them, or the primary was restarted, it counts as committed although a fail-over can still
  lose it. So "committed" is believed only when a later commit of our own has returned: standbys take the log in order.
"""

from __future__ import annotations

from typing import Literal

from workflowsvc.store.errors import StoreError
from workflowsvc.store.postgres.errors import PostgresError
from workflowsvc.store.postgres.primary import Lineage
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.wire import Wire

ATTEMPTS = 20  # with the pause between them, a second: a session that has lost its client ends much sooner
# Waiting for the log to be replicated. Shorter than for other answers: the callers have waited before.
REPLICATION_PATIENCE_MS = 5_000

Outcome = Literal["committed", "aborted", "unknown"]


def outcome(dsn: str, transaction_id: str, timeline: str, lineage: Lineage | None = None) -> Outcome:
    """Over a new connection. A transaction that is still open is ended, as its connection is lost, so it cannot commit;
    one that waits for replication is left alone."""
    try:
        wire = Wire(dsn, REPLICATION_PATIENCE_MS, lineage)
    except StoreError:
        return "unknown"
    try:
        return _outcome(wire, transaction_id, timeline)
    except (StoreError, PostgresError):
        return "unknown"
    finally:
        wire.close()


def waits_for_replication(wire: Wire, transaction_id: str, timeline: str) -> bool:
    """Whether the commit of this transaction still waits for a standby. Raises StoreError."""
    if wire.ask(SQL.timeline)[0][0] != timeline:
        return False
    return wire.ask(SQL.waits_for_replication, (transaction_id,))[0][0]


def _outcome(wire: Wire, transaction_id: str, timeline: str) -> Outcome:
    if wire.ask(SQL.timeline)[0][0] != timeline:
        return "unknown"
    for _ in range(ATTEMPTS):
        status = wire.ask(SQL.transaction_status, (transaction_id,))[0][0]
        if status == "committed":
            return "committed" if _log_is_replicated(wire) else "unknown"
        if status == "aborted":
            return "aborted"
        if status is None:
            return "unknown"
        wire.ask(SQL.end_transaction, (transaction_id,))
        wire.ask(SQL.pause)
    return "unknown"


def _log_is_replicated(wire: Wire) -> bool:
    """Whether all that is in the log now is where a commit waits for it to be."""
    wire.queue(SQL.begin_writing)
    wire.queue(SQL.write_to_log)
    wire.queue(SQL.commit)
    wire.exchange()
    return wire.command_tag == "COMMIT" and not wire.warnings
