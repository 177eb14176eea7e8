"""The statements of one transaction or snapshot: asked for one key, or for several keys in one round trip.

Owns the choice between a statement for each key and one statement for all keys, and the end: after `end` every use is
an error. It must not know what a statement means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from workflowsvc.core.key_layout import shard_of
from workflowsvc.store.postgres.statements import OF_MANY, Statement
from workflowsvc.store.postgres.surviving_wire import SurvivingWire
from workflowsvc.store.postgres.values import ContainsNul
from workflowsvc.store.postgres.wire import Row, Rows, Wire


class Queries:
    """On a connection on which the store begins and ends transactions."""

    def __init__(self, wire: Wire) -> None:
        self._wire: Wire | SurvivingWire = wire
        self.is_distributed = wire.server.is_distributed
        self.knows_transaction_status = wire.server.knows_transaction_status
        self.queue = wire.queue
        self.exchange = wire.exchange

    def survive_errors(self) -> None:
        """From now on a statement that fails does not end the transaction: the next ones see the same snapshot."""
        if isinstance(self._wire, Wire):
            self._wire = SurvivingWire(self._wire)
            self.exchange = self._wire.exchange

    def end(self) -> None:
        """After this every use raises AttributeError: nothing is read or written outside a transaction by accident."""
        del self._wire, self.queue, self.exchange

    @property
    def has_queued(self) -> bool:
        """Something waits for the next round trip."""
        return self._wire.has_queued

    @property
    def progress(self) -> tuple[int, int]:
        """Round trips made and statements queued: equal as long as nothing was asked in between."""
        return self._wire.progress

    def rows(self, statement: Statement, *values: object) -> Rows:
        """One round trip. No rows for text that contains NUL, which no row can hold."""
        try:
            return self._wire.ask(statement, values)
        except ContainsNul:
            return []

    def row(self, statement: Statement, *values: object) -> Row | None:
        rows = self.rows(statement, *values)
        return rows[0] if rows else None

    def count(self, statement: Statement, *values: object) -> int:
        row = self.row(statement, *values)
        return 0 if row is None else row[0]

    def rows_each(self, statement: Statement, keys: Iterable[Sequence[object]]) -> Iterator[Rows]:
        """The answer for each key, all in one round trip; nothing when a key contains NUL."""
        keys = list(keys)
        answers: list[Rows] = []
        try:
            self.queue_each(statement, keys, [answers.append] * len(keys))
        except ContainsNul:
            return iter(())
        self.exchange()
        return iter(answers)

    def rows_of_each(self, statement: Statement, runs: list[int]) -> list[Rows]:
        return list(self.rows_each(statement, ((shard_of(run), run) for run in runs))) if runs else []

    def rows_of(self, statement: Statement, runs: list[int]) -> Rows:
        """In order of the runs."""
        return list(chain.from_iterable(self.rows_of_each(statement, sorted(runs))))

    def queue_each(
        self, statement: Statement, keys: Sequence[Sequence[object]], thens: Sequence[Callable[[Rows], None]]
    ) -> None:
        """Sent with the next round trip: a statement for each key, or one for all of them where all shards are on one
        server. Each of `thens` gets the rows of the key at its place, in the order of the keys.
        """
        of_many = None if self.is_distributed or len(keys) < 2 else OF_MANY.get(statement.name)
        if of_many is None:
            for key, then in zip(keys, thens, strict=True):
                self.queue(statement, key, then)
            return

        def see(rows: Rows) -> None:
            found: list[Rows] = [[] for _ in thens]
            for row in rows:
                place: int = row[0]
                found[place - 1].append(row[1:])
            for then, of_one in zip(thens, found, strict=True):
                then(of_one)

        self.queue(of_many, list(zip(*keys, strict=True)), see)
