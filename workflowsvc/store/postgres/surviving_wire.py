"""A connection whose transaction survives statements that fail, so that an audit of a damaged database goes on.

Owns the savepoint to which an audit goes back, and which errors say that something in the database is damaged. It must
not know what is asked. Nodes have no need of it: their transactions end with the first error.
"""

from __future__ import annotations

from collections.abc import Sequence

from workflowsvc.store.errors import Damaged, StatementRefused, StoreError
from workflowsvc.store.postgres.errors import ConnectionLost, is_damage
from workflowsvc.store.postgres.statements import SQL, Statement
from workflowsvc.store.postgres.wire import Rows, Wire


class SurvivingWire:
    """In place of a Wire on which a transaction has been begun, or is queued to be. A transaction that only reads gets
    no id for its savepoint, so nothing is written; and it keeps its snapshot."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.server = wire.server
        self.queue = wire.queue
        wire.queue(SQL.savepoint)

    @property
    def has_queued(self) -> bool:
        return self._wire.has_queued

    @property
    def progress(self) -> tuple[int, int]:
        return self._wire.progress

    def exchange(self) -> None:
        """Raises Damaged in place of an error of the server that concerns some table, row or page only."""
        try:
            self._wire.exchange()
        except (StoreError, StatementRefused) as error:
            if isinstance(error, ConnectionLost):
                raise
            is_of_damage = is_damage(self._wire.failed_with)
            self._wire.drop_queue()
            self._wire.queue(SQL.rollback_to_savepoint)
            self._wire.exchange()
            if is_of_damage and not isinstance(error, Damaged):
                raise Damaged(str(error)) from error
            raise

    def ask(self, statement: Statement, values: Sequence[object] = ()) -> Rows:
        answer: list[Rows] = []
        self.queue(statement, values, answer.append)
        self.exchange()
        return answer[0]
