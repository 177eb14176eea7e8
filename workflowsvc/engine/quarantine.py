"""What becomes of bugs: the run, message or call that meets one is set aside, and everybody else goes on.

Owns `Bug`, how a session tells where it was met, and `Quarantined`, what whoever asks for such a run afterwards
gets. It lasts until the process ends: the next one may be a release in which the bug is gone. What was set aside
in the store, too, is given back by `give_back` when a process begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.store.interface import Store, Transaction
from workflowsvc.store.rows import TaskKey, TaskRow

if TYPE_CHECKING:
    from workflowsvc.engine.unit_of_work import UnitOfWork

_TASKS = "tasks-set-aside"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[TaskKey]).decode


class Quarantined(Exception):
    """A bug in the rules was met in this run; it is left alone until the server starts again."""

    def __init__(self, run: int) -> None:
        super().__init__(f"run {run} is quarantined")
        self.run = run


class Bug(Exception):
    """A rule has met what it calls impossible. `run`: in this execution; without it, in this message or this call."""

    def __init__(self, told: str, *, run: int | None, message: int | None, command: Any) -> None:
        super().__init__(told)
        self.run = run
        self.message = message
        self.command = command

    @classmethod
    def met(cls, work: UnitOfWork, *, message: int | None = None, command: Any = None) -> Bug:
        """By the session at hand. An execution it has just made cannot be set aside, as it will be undone: then
        it is the message or the call that made it. Nor can one that is set aside already.
        """
        run = work.last_run
        if run is None or run in work.made or run in work.state.quarantined_runs:
            told = "background work" if command is None else "a call"
            told = told if message is None else f"message {message}"
            return cls(told, run=None, message=message, command=command)
        execution = work.state.executions.get(run)
        name = f" ({execution.workflow_id}/{execution.run_id})" if execution is not None else ""
        return cls(f"run {run}{name}", run=run, message=None, command=None)


def quarantine_task(tx: Transaction, row: TaskRow) -> TaskRow:
    """The task of a quarantined run as it is to be kept: no poll is given it."""
    acquire_meta_lock(tx, _TASKS)
    kept = tx.meta(_TASKS)
    keys = _decode(kept) if kept else []
    tx.put_meta(_TASKS, _encode([*keys, TaskKey(row.run, row.scheduled_event_id)]))
    return row._replace(ready=False)


def release_quarantined_tasks(store: Store) -> None:
    """Tasks that an earlier process set aside may be taken again. Another node that runs sets its own aside anew."""
    with store.transaction() as tx:
        if not tx.meta(_TASKS):
            return
        acquire_meta_lock(tx, _TASKS)
        kept = tx.meta(_TASKS)
        if kept and (keys := _decode(kept)):
            tx.ready_tasks(keys)
            tx.put_meta(_TASKS, _encode([]))
