"""The connections of a node that read: opened when they are needed, used by one thread at a time.

Owns how many there are, and that a caller waits for one of those when the server refuses another one. It must not know
what is read.
"""

from __future__ import annotations

from threading import Condition

from workflowsvc.store.errors import Unavailable
from workflowsvc.store.postgres.primary import Lineage
from workflowsvc.store.postgres.wire import Wire

PATIENCE_SECONDS = 10.0  # waiting for one that is in use; a page of a list takes milliseconds


class ReaderPool:
    """At most `limit` connections."""

    def __init__(self, dsn: str, limit: int, lineage: Lineage | None = None) -> None:
        self._dsn = dsn
        self._lineage = lineage or Lineage()
        self._limit = limit
        self._idle: list[Wire] = []
        self._open = 0  # idle, in use, or just being made
        self._changed = Condition()

    def take(self) -> Wire:
        """An idle connection, else a new one; when the server refuses one, the next that is given back. Raises
        Unavailable."""
        refusal: Unavailable | None = None
        while True:
            wire = self._idle_one(refusal)
            if wire is not None:
                return wire
            try:
                return Wire(self._dsn, lineage=self._lineage)
            except Unavailable as error:
                refusal = error
                self._lost_one()
            except BaseException:
                self._lost_one()
                raise

    def _idle_one(self, refusal: Unavailable | None) -> Wire | None:
        """None when the caller is to open one. After a refusal it may not, as long as any other is open."""
        limit = self._limit if refusal is None else 1
        with self._changed:
            while self._changed.wait_for(lambda: self._idle or self._open < limit, PATIENCE_SECONDS):
                if not self._idle:
                    if refusal is not None:
                        raise refusal  # no connection is open that could be given back
                    self._open += 1
                    return None
                wire = self._idle.pop()
                if wire.is_alive():
                    return wire
                self._open -= 1
        raise Unavailable("all connections for reading are busy") from refusal

    def _lost_one(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def give_back(self, wire: Wire) -> None:
        with self._changed:
            self._idle.append(wire)
            self._changed.notify_all()

    def close(self) -> None:
        """Waits for those in use, PATIENCE_SECONDS at most."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._idle) == self._open, PATIENCE_SECONDS)
            for wire in self._idle:
                wire.close()
            self._open -= len(self._idle)
            self._idle.clear()
