"""A store that fails when it is told to, and remembers by itself what was committed.

Owns the faults and the log of commits: the log is written from what goes through the interface, so it is independent
of the rules and of the database. Knows no rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from workflowsvc.store.errors import Conflict, OutcomeUnknown, Unavailable
from workflowsvc.store.interface import Reader, Store, Transaction
from workflowsvc.store.rows import EventRow, ExecutionRow

Kind = Literal[
    "conflict",  # at some call of a transaction
    "unavailable",
    "crash",
    "unknown",  # at some call: the connection is lost in the middle
    "unavailable at commit",
    "conflict at commit",
    "unknown, not kept",
    "unknown, kept",  # committed, but reported as lost
    "crash before commit",
    "crash after commit",
    "no reading",
]
AT_COMMIT = {"unavailable at commit", "conflict at commit", "unknown, not kept", "crash before commit"}
AFTER_COMMIT = {"unknown, kept", "crash after commit"}


class Crash(BaseException):
    """The process is killed here. Nobody may catch it."""


class Fault(NamedTuple):
    """Strikes at call `at` of the transactions to come (or at commit `at`), and `times` times from then on."""

    kind: Kind
    at: int
    times: int


@dataclass
class Log:
    """What is committed, in order; nothing is ever taken away."""

    events: dict[int, list[bytes]] = field(default_factory=dict[int, list[bytes]])
    decoded: dict[int, list[dict[str, Any]]] = field(default_factory=dict[int, list[dict[str, Any]]])
    runs: dict[int, ExecutionRow] = field(default_factory=dict[int, ExecutionRow])  # as inserted
    commits: int = 0
    committed_at: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    """(run, event id) -> the number of its commit."""
    unreported: set[int] = field(default_factory=set[int])
    """Commits that were reported as lost."""
    on_event: Callable[[int, dict[str, Any]], None] = lambda run, event: None

    def commit(self, rows: list[ExecutionRow], events: list[EventRow]) -> None:
        self.commits += 1
        for row in rows:
            self.runs[row.run] = row
        for run, event_id, body in events:
            bodies = self.events.setdefault(run, [])
            assert event_id == len(bodies) + 1, (
                f"H8: event {event_id} of run {run} behind {len(bodies)} events"
            )
            bodies.append(body)
            event = json.loads(body)
            self.decoded.setdefault(run, []).append(event)
            self.committed_at[run, event_id] = self.commits
            self.on_event(run, event)


class FaultyStore:
    """A `workflowsvc.store.interface.Store` that is no `PeerStore`: a single node works on it."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.log = Log()
        self.fault: Fault | None = None
        self.struck: dict[str, int] = {}
        self.calls = 0
        self._countdown = 0
        self._left = 0

    # --- faults ---

    def arm(self, fault: Fault) -> None:
        self.fault, self._countdown, self._left = fault, fault.at, fault.times

    def disarm(self) -> None:
        self.fault = None

    def _strikes(self, here: bool) -> bool:
        """The fault that is armed happens at this place."""
        if self.fault is None or not here:
            return False
        if self._countdown > 0:
            self._countdown -= 1
            return False
        kind = self.fault.kind
        self.struck[kind] = self.struck.get(kind, 0) + 1
        self._left -= 1
        if self._left <= 0:
            self.fault = None
        return True

    def at_call(self) -> None:
        self.calls += 1
        kind = self.fault.kind if self.fault else ""
        if self._strikes(kind in ("conflict", "unavailable", "crash", "unknown")):
            raise _ERRORS[kind]()

    def _at_commit(self, kinds: set[str]) -> None:
        kind = self.fault.kind if self.fault else ""
        if self._strikes(kind in kinds):
            raise _ERRORS[kind]()

    # --- Store ---

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.inner.transaction() as tx:
            watched = _Watched(self, tx)
            yield watched  # pyright: ignore
            self._at_commit(AT_COMMIT)
        self.log.commit(watched.new_rows, watched.new_events)
        try:
            self._at_commit(AFTER_COMMIT)
        except OutcomeUnknown:
            self.log.unreported.add(self.log.commits)
            raise

    def reader(self) -> AbstractContextManager[Reader]:
        if self._strikes(self.fault is not None and self.fault.kind == "no reading"):
            raise Unavailable("not now")
        return self.inner.reader()

    def describe(self) -> str:
        return self.inner.describe()

    def close(self) -> None:
        self.inner.close()


_ERRORS: dict[str, Callable[[], BaseException]] = {
    "conflict": lambda: Conflict("somebody was faster"),
    "conflict at commit": lambda: Conflict("somebody was faster"),
    "unavailable": lambda: Unavailable("not now"),
    "unavailable at commit": lambda: Unavailable("the disk is full"),
    "unknown": lambda: OutcomeUnknown("the connection was lost"),
    "unknown, kept": lambda: OutcomeUnknown("the connection was lost"),
    "unknown, not kept": lambda: OutcomeUnknown("the connection was lost"),
    "crash": Crash,
    "crash before commit": Crash,
    "crash after commit": Crash,
}


class _Watched:
    """A transaction whose every call may fail, and whose writes of history are noted."""

    def __init__(self, store: FaultyStore, tx: Transaction) -> None:
        self._store = store
        self._tx = tx
        self.new_rows: list[ExecutionRow] = []
        self.new_events: list[EventRow] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._tx, name)

        def call(*args: Any, **named: Any) -> Any:
            self._store.at_call()
            return method(*args, **named)

        self.__dict__[name] = call  # found directly from now on
        return call

    def insert_executions(self, rows: list[ExecutionRow]) -> None:
        self._store.at_call()
        self._tx.insert_executions(rows)
        self.new_rows += rows

    def append_events(self, rows: list[EventRow]) -> None:
        self._store.at_call()
        self._tx.append_events(rows)
        self.new_events += rows
