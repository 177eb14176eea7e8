"""Executions as they are now: from memory, brought forward by what other nodes have written, or read whole.

Owns which executions this batch holds against other nodes; it never waits for one. Must not know what happens to
them, nor what time it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.core import activities
from workflowsvc.core.execution import Execution
from workflowsvc.model.events import decode_event
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import EventRow, LockedRow

if TYPE_CHECKING:
    from workflowsvc.engine.state import EngineState


class Executions:
    """Of one batch."""

    def __init__(self, tx: Transaction, state: EngineState) -> None:
        self._tx = tx
        self._state = state
        self._mine: set[int] = set()  # no other node can change these before this is committed

    def find(self, run: int, now: int) -> Execution | None:
        """None when the run is unknown, or being purged: the newest events of such a one are already gone. Raises Held
        when another node is at work on it.
        """
        state = self._state
        execution = state.executions.get(run)
        if execution is not None and (not state.shared or run in self._mine):
            state.executions.move_to_end(run)
            return execution
        row = self._tx.lock([run]).get(run)
        self._mine.add(run)
        if row is None or (row.purge_at is not None and row.purge_at <= now):
            state.forget(run)
            return None
        if execution is None or row.next_event_id < execution.next_event_id:
            # Fewer events than we know: another database server has taken over and has lost some.
            execution = self._new(run, row.run_id, row.domain, row.workflow_id)
            state.histories.begin(run)
        if row.next_event_id != execution.next_event_id:
            state.others_at = now
            if not self._read_on(execution, row):
                state.forget(run)
                return None
        self._restore_heartbeats(execution)
        state.executions[run] = execution
        state.executions.move_to_end(run)
        return execution

    def is_mine(self, run: int) -> bool:
        """It was asked for already: it is held, or there is none."""
        return run in self._mine

    def next_event_of(self, run: int) -> int:
        """The first event that this node has not seen."""
        execution = self._state.executions.get(run)
        return 1 if execution is None else execution.next_event_id

    def make(self, run: int, run_id: str, domain: int, workflow_id: str) -> Execution:
        """One that does not exist yet."""
        execution = self._new(run, run_id, domain, workflow_id)
        self._mine.add(run)
        self._state.executions[run] = execution
        self._state.histories.begin(run)
        return execution

    def _new(self, run: int, run_id: str, domain: int, workflow_id: str) -> Execution:
        longest_ms = self._state.settings.quotas.max_execution_seconds * 1000
        return Execution(
            run=run, run_id=run_id, domain=domain, workflow_id=workflow_id, longest_ms=longest_ms
        )

    def _read_on(self, execution: Execution, row: LockedRow) -> bool:
        """False when another node, whose clock is a little ahead, has begun to purge this run."""
        first, news = execution.next_event_id, row.next_event_id - execution.next_event_id
        bodies = self._tx.events(row.run, first, row.next_event_id - 1, news)
        if self._state.shared and len(bodies) < news:
            return False
        execution.replay([decode_event(body) for body in bodies])
        self._state.histories.add(
            row.run, [EventRow(row.run, place, body) for place, body in enumerate(bodies, first)]
        )
        return True

    def _restore_heartbeats(self, execution: Execution) -> None:
        for _, scheduled_id, at, details in self._tx.heartbeats(execution.run):
            activity = execution.activities[scheduled_id]
            if (activity.heartbeat_at, activity.heartbeat_details) != (at, details):
                activities.restore_heartbeat(execution, at, scheduled_id, details)
