"""What a batch will write: gathered command by command, handed to the store in lists, once.

Owns `Writes`. A row that appears and goes within one batch is never written: a task that a waiting poll takes
at once costs the store nothing. Must not know why anything is written.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import (
    EventRow,
    ExecutionChange,
    ExecutionRow,
    HeartbeatRow,
    ListKey,
    MessageRow,
    TaskKey,
    TaskRow,
)

_CONSTANT = ExecutionRow._fields.index("next_event_id")  # the columns before it never change
assert ExecutionRow._fields[_CONSTANT:] == ExecutionChange._fields[1:]


class _Place(NamedTuple):
    """Sorts tasks as a task list gives them out: higher priority first, then the older one."""

    negative_priority: int
    position: int
    key: TaskKey


class Writes:
    """Of one transaction."""

    def __init__(self) -> None:
        self.created: dict[int, ExecutionRow] = {}
        self.changed: dict[int, ExecutionChange] = {}
        self.events: list[EventRow] = []
        self.messages: list[MessageRow] = []
        self._tasks: dict[TaskKey, TaskRow] = {}
        self._ready: list[TaskKey] = []
        self._gone: list[TaskKey] = []
        self._heartbeats: dict[TaskKey, HeartbeatRow] = {}
        self._heartbeats_over: list[TaskKey] = []
        self._fresh: dict[ListKey, list[_Place]] = {}

    def change(self, change: ExecutionChange) -> None:
        """The latest state of a run's row."""
        created = self.created.get(change.run)
        if created is not None:
            self.created[change.run] = ExecutionRow._make((*created[:_CONSTANT], *change[1:]))
        else:
            self.changed[change.run] = change

    def put_task(self, row: TaskRow) -> None:
        key = TaskKey(row.run, row.scheduled_event_id)
        self._tasks[key] = row
        if row.ready:
            place = _Place(-row.priority, row.position, key)
            heappush(self._fresh.setdefault(ListKey(row.domain, row.kind, row.task_list), []), place)

    def ready_task(self, key: TaskKey) -> bool:
        """A task that was put before may now be taken. True when it has to be taken from the store."""
        row = self._tasks.get(key)
        if row is not None:
            self.put_task(row._replace(ready=True))
            return False
        self._ready.append(key)
        return True

    def take_task(self, key: ListKey) -> TaskRow | None:
        """The next task of this batch on a list; it will not be written."""
        places = self._fresh.get(key)
        while places:
            row = self._tasks.pop(heappop(places).key, None)
            if row is not None:
                return row
        return None

    def has_fresh(self, key: ListKey) -> bool:
        """There is something that a look into the store would miss."""
        return bool(self._fresh.get(key) or self._ready)

    def flush_ready(self, tx: Transaction) -> None:
        """What was made ready is written now, so that it can be taken from the store."""
        if self._ready:
            tx.ready_tasks(self._ready)
            self._ready = []

    def delete_task(self, key: TaskKey) -> None:
        if self._tasks.pop(key, None) is None:
            self._gone.append(key)

    def put_heartbeat(self, row: HeartbeatRow) -> None:
        self._heartbeats[TaskKey(row.run, row.scheduled_event_id)] = row

    def delete_heartbeat(self, key: TaskKey) -> None:
        self._heartbeats.pop(key, None)
        self._heartbeats_over.append(key)

    def flush(self, tx: Transaction) -> set[ListKey]:
        """Writes everything that is left; the task lists that may have got a ready task."""
        if self.changed:  # first: a run that closes makes room for the one that continues it
            tx.update_executions(list(self.changed.values()))
        if self.created:
            tx.insert_executions(list(self.created.values()))
        if self.events:
            tx.append_events(self.events)
        if self._tasks:
            tx.put_tasks(list(self._tasks.values()))
        if self._ready:
            tx.ready_tasks(self._ready)
        if self._gone:
            tx.delete_tasks(self._gone)
        if self._heartbeats:
            tx.put_heartbeats(list(self._heartbeats.values()))
        if self._heartbeats_over:
            tx.delete_heartbeats(self._heartbeats_over)
        if self.messages:
            tx.put_messages(self.messages)
        lists = {ListKey(row.domain, row.kind, row.task_list) for row in self._tasks.values() if row.ready}
        self.__init__()
        return lists
