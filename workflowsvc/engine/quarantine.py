"""What becomes of bugs: the run, message or command that meets one is set aside, and all others go on.

Owns `Bug`, which says where one was met, `Quarantine`, which remembers it, and `Quarantined`, which is raised when such
a run is asked for afterwards. A quarantine lasts until the process ends: the next one may be a release in which the bug
is gone. Tasks that were set aside in the store as well are released when a process begins.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workflowsvc.engine.meta_lock import acquire_meta_lock
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.interface import Store, Transaction
from workflowsvc.store.rows import TaskKey, TaskRow

_TASKS = "tasks-set-aside"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[TaskKey]).decode


class Quarantined(Exception):
    """A bug in the rules was met in this run; it is left alone until the server starts again."""

    def __init__(self, run: int) -> None:
        super().__init__(f"run {run} is quarantined")
        self.run = run


class Bug(Exception):
    """A rule has met what it calls impossible. `run`: in this execution; without it, in this message or command."""

    def __init__(
        self, set_aside: str, *, met_in: str, run: int | None, message: int | None, command: Any
    ) -> None:
        """`set_aside` and `met_in` are for people; `command` is a Command, which this file need not know."""
        super().__init__(set_aside)
        self.met_in = met_in
        self.run = run
        self.message = message
        self.command = command


class Quarantine:
    """What this process leaves alone because a rule has met a bug there."""

    def __init__(self) -> None:
        self.runs: set[int] = set()
        self.messages: set[int] = set()  # those of such runs included, and those left to the next process
        self.isolate_failures = False  # after a failed write: background work one piece at a time


def quarantine_task(tx: Transaction, row: TaskRow) -> TaskRow:
    """The row of a quarantined run's task as it is to be kept, so that no poll is given it."""
    acquire_meta_lock(tx, _TASKS)
    kept = tx.meta(_TASKS)
    keys = _decode(kept) if kept else []
    tx.put_meta(_TASKS, _encode([*keys, TaskKey(row.run, row.scheduled_event_id)]))
    return row._replace(ready=False)


def release_quarantined_tasks(store: Store) -> None:
    """Tasks that an earlier process set aside may be taken again. Nodes that are running set their own aside anew."""
    try:
        with store.transaction() as tx:
            if not tx.meta(_TASKS):
                return
            acquire_meta_lock(tx, _TASKS)
            kept = tx.meta(_TASKS)
            if kept and (keys := _decode(kept)):
                tx.ready_tasks(keys)
                tx.put_meta(_TASKS, _encode([]))
    except msgspec.MsgspecError as error:
        raise StoreUnusable(
            f"{store.describe()} is damaged: {_TASKS} cannot be read ({error}). `workflowsvc fsck --repair` mends it."
        ) from error
