"""Executions as they are now: from memory, brought forward by what other nodes have written, or read whole.

Owns how memory is brought up to date with the store. Must not know what happens to executions, nor what time it is.
"""

from __future__ import annotations

from collections.abc import Callable

from workflowsvc.core import activities
from workflowsvc.core.execution import Execution
from workflowsvc.core.key_layout import due_moment
from workflowsvc.engine.coordination import Coordination
from workflowsvc.engine.execution_cache import ExecutionCache
from workflowsvc.model.events import decode_event
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import LockedRow


class Executions:
    """Of one batch."""

    def __init__(
        self, tx: Transaction, cache: ExecutionCache, coordination: Coordination, longest_ms: int
    ) -> None:
        """`longest_ms`: how long a run may be open."""
        self._tx = tx
        self._cache = cache
        self._coordination = coordination
        self._longest_ms = longest_ms

    def find(self, run: int, now: int, now_in: Callable[[int], int]) -> Execution | None:
        """None when the run is unknown, or being purged: the newest events of such a one are already gone. Raises
        LockedByPeer when another node has locked it. `now` is real time, `now_in` that of a domain.
        """
        cache = self._cache
        execution = cache.get(run)
        if execution is not None and self._coordination.is_current(run):
            cache.put(run, execution)
            return execution
        row = self._coordination.lock(run)
        if row is None or (row.purge_at is not None and due_moment(row.purge_at) <= now_in(row.domain)):
            cache.forget(run)
            return None
        if execution is None or row.next_event_id < execution.next_event_id:
            # Fewer events than we know: another database server has taken over and has lost some.
            execution = self._new(run, row.run_id, row.domain, row.workflow_id)
            cache.histories.begin(run)
        if row.next_event_id != execution.next_event_id:
            self._coordination.saw_peer_events(now)
            if not self._read_on(execution, row):
                cache.forget(run)
                return None
        self._restore_heartbeats(execution)
        cache.put(run, execution)
        return execution

    def next_event_of(self, run: int) -> int:
        """The first event that this node has not seen."""
        execution = self._cache.get(run)
        return 1 if execution is None else execution.next_event_id

    def make(self, run: int, run_id: str, domain: int, workflow_id: str) -> Execution:
        """One that does not exist yet."""
        execution = self._new(run, run_id, domain, workflow_id)
        self._coordination.made(run)
        self._cache.put(run, execution)
        self._cache.histories.begin(run)
        return execution

    def _new(self, run: int, run_id: str, domain: int, workflow_id: str) -> Execution:
        return Execution(
            run=run, run_id=run_id, domain=domain, workflow_id=workflow_id, longest_ms=self._longest_ms
        )

    def _read_on(self, execution: Execution, row: LockedRow) -> bool:
        """False when the run is being purged after all: a clock was set back, or another node's is a little ahead."""
        first, unseen = execution.next_event_id, row.next_event_id - execution.next_event_id
        bodies = self._tx.events(row.run, first, row.next_event_id - 1, unseen)
        if len(bodies) < unseen:
            return False
        execution.replay([decode_event(body) for body in bodies])
        self._cache.add_events(execution, bodies)
        return True

    def _restore_heartbeats(self, execution: Execution) -> None:
        for _, scheduled_id, at, details in self._tx.heartbeats(execution.run):
            activity = execution.activities[scheduled_id]
            if (activity.heartbeat_at, activity.heartbeat_details) != (at, details):
                activities.restore_heartbeat(execution, at, scheduled_id, details)
                self._cache.add_heartbeat(execution, details)
