"""What a batch will write: gathered command by command, handed to the store in lists, once.

Owns `Writes`. A row that appears and goes within one batch is never written: a task that a waiting poll takes
at once costs the store nothing. Must not know why anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import (
    EventRow,
    ExecutionChange,
    ExecutionRow,
    FeedRow,
    HeartbeatRow,
    ListKey,
    MessageRow,
    TaskKey,
    TaskRow,
)

_CONSTANT = ExecutionRow._fields.index("next_event_id")  # the columns before it never change
assert ExecutionRow._fields[_CONSTANT:] == ExecutionChange._fields[1:]


_Place = tuple[int, int, TaskKey]
"""(-priority, position, key): sorts tasks as a list gives them out, higher priority first, then the older one."""


class _Rows:
    """What is to be written with the next flush."""

    __slots__ = (
        "changed",
        "created",
        "events",
        "feed",
        "fresh",
        "gone",
        "heartbeats",
        "heartbeats_over",
        "messages",
        "ready",
        "tasks",
    )

    def __init__(self) -> None:
        self.created: dict[int, ExecutionRow] = {}
        self.changed: dict[int, ExecutionChange] = {}
        self.events: list[EventRow] = []
        self.feed: list[FeedRow] = []
        self.messages: list[MessageRow] = []
        self.tasks: dict[TaskKey, TaskRow] = {}
        self.ready: list[TaskKey] = []
        self.gone: list[TaskKey] = []
        self.heartbeats: dict[TaskKey, HeartbeatRow] = {}
        self.heartbeats_over: list[TaskKey] = []
        self.fresh: dict[ListKey, list[_Place]] = {}


class Writes:
    """Of one transaction."""

    def __init__(self) -> None:
        self._rows = _Rows()

    def create(self, row: ExecutionRow) -> None:
        """A new run; `change` completes the row."""
        self._rows.created[row.run] = row

    def change(self, change: ExecutionChange) -> None:
        """The latest state of a run's row."""
        created = self._rows.created.get(change.run)
        if created is not None:
            self._rows.created[change.run] = ExecutionRow._make((*created[:_CONSTANT], *change[1:]))
        else:
            self._rows.changed[change.run] = change

    def append_events(self, run: int, first_id: int, bodies: list[bytes]) -> None:
        """The next events of a run."""
        self._rows.events += [EventRow(run, event_id, body) for event_id, body in enumerate(bodies, first_id)]

    def put_feed(self, rows: list[FeedRow]) -> None:
        self._rows.feed += rows

    def put_messages(self, rows: Iterable[MessageRow]) -> None:
        self._rows.messages.extend(rows)

    def put_task(self, row: TaskRow) -> None:
        key = TaskKey(row.run, row.scheduled_event_id)
        self._rows.tasks[key] = row
        if row.ready:
            place = (-row.priority, row.position, key)
            heappush(self._rows.fresh.setdefault(ListKey(row.domain, row.kind, row.task_list), []), place)

    def ready_task(self, key: TaskKey) -> bool:
        """A task that was put before may now be taken. True when it has to be taken from the store."""
        row = self._rows.tasks.get(key)
        if row is not None:
            self.put_task(row._replace(ready=True))
            return False
        self._rows.ready.append(key)
        return True

    def take_task(self, key: ListKey) -> TaskRow | None:
        """The next task of this batch on a list; it will not be written."""
        places = self._rows.fresh.get(key)
        while places:
            _, _, waiting = heappop(places)
            row = self._rows.tasks.pop(waiting, None)
            if row is not None:
                return row
        return None

    def has_put(self, key: ListKey) -> bool:
        """This batch has put tasks on a list, and they may not all be taken."""
        return bool(self._rows.fresh.get(key))

    def has_fresh(self, key: ListKey) -> bool:
        """There is something that a question to the store would miss."""
        return self.has_put(key) or bool(self._rows.ready)

    def flush_ready(self, tx: Transaction) -> None:
        """What was made ready is written now, so that it can be taken from the store."""
        if self._rows.ready:
            tx.ready_tasks(self._rows.ready)
            self._rows.ready = []

    def delete_task(self, key: TaskKey) -> None:
        if self._rows.tasks.pop(key, None) is None:
            self._rows.gone.append(key)

    def put_heartbeat(self, row: HeartbeatRow) -> None:
        self._rows.heartbeats[TaskKey(row.run, row.scheduled_event_id)] = row

    def delete_heartbeat(self, key: TaskKey) -> None:
        self._rows.heartbeats.pop(key, None)
        self._rows.heartbeats_over.append(key)

    def flush(self, tx: Transaction) -> set[ListKey]:
        """Writes everything that is left; returns the task lists that may have got a ready task."""
        rows = self._rows
        if rows.changed:  # first: a run that closes makes room for the one that continues it
            tx.update_executions(list(rows.changed.values()))
        if rows.created:
            tx.insert_executions(list(rows.created.values()))
        if rows.events:
            tx.append_events(rows.events)
        if rows.tasks:
            tx.put_tasks(list(rows.tasks.values()))
        if rows.ready:
            tx.ready_tasks(rows.ready)
        if rows.gone:
            tx.delete_tasks(rows.gone)
        if rows.heartbeats:
            tx.put_heartbeats(list(rows.heartbeats.values()))
        if rows.heartbeats_over:
            tx.delete_heartbeats(rows.heartbeats_over)
        if rows.feed:
            tx.put_feed(rows.feed)
        if rows.messages:
            tx.put_messages(rows.messages)
        self._rows = _Rows()
        return {ListKey(row.domain, row.kind, row.task_list) for row in rows.tasks.values() if row.ready}
