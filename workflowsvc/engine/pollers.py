"""Long polls that wait for a task: one queue per task list, the oldest first (SWF §1.5).

Owns `PendingPoll` and `Pollers`. Only the writer's thread uses the queues. From any thread `gone` notes that a
connection was lost, so that no task is handed to it; the queue forgets it when a command removes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from workflowsvc.faults import Fault, LimitExceededFault
from workflowsvc.store.rows import ListKey, TaskRow

Start = Callable[[Any, TaskRow], Any]
"""(unit of work, task): records that the task is started; returns the poll's answer, None when the task is stale."""


class PendingPoll:
    """One poll; `start` hands it a task."""

    __slots__ = ("gone", "identity", "key", "refusal", "reply", "since", "start")

    def __init__(
        self,
        key: ListKey,
        start: Start,
        reply: Callable[[Any], None],
        identity: str | None = None,
        refusal: Callable[[Any], Fault | None] | None = None,
    ) -> None:
        """`refusal`, of a unit of work: why the poll must not be handed a task any more, asked before it is."""
        self.key = key
        self.start = start
        self.reply = reply
        self.identity = identity
        self.refusal = refusal
        self.since = 0  # when it came, ms
        self.gone = False


class Pollers:
    """The waiting polls of this node."""

    def __init__(self, most_per_list: int) -> None:
        self._most = most_per_list
        self.draining = False  # polls are no longer held
        self._queues: dict[ListKey, deque[PendingPoll]] = {}

    def __len__(self) -> int:
        return sum(map(len, list(self._queues.values())))

    def waiting(self, key: ListKey) -> int:
        """How many polls wait on this list."""
        return len(self._queues.get(key, ()))

    def of_list(self, key: ListKey) -> list[PendingPoll]:
        """The polls that wait on this list, the oldest first."""
        return [pending for pending in self._queues.get(key, ()) if not pending.gone]

    def add(self, pending: PendingPoll) -> None:
        """LimitExceededFault when too many wait on this list already (SWF §1.4.10)."""
        queue = self._queues.setdefault(pending.key, deque())
        if len(queue) >= self._most:
            raise LimitExceededFault("Limit on maximum concurrent poll requests per task list reached")
        queue.append(pending)

    def first(self, key: ListKey) -> PendingPoll | None:
        """The oldest waiting poll whose connection is still there; it leaves the queue."""
        queue = self._queues.get(key)
        while queue:
            pending = queue.popleft()
            if not queue:
                del self._queues[key]
            if not pending.gone:
                return pending
        return None

    def lists(self) -> list[ListKey]:
        """The lists on which polls wait."""
        return list(self._queues)

    def put_back(self, pending: PendingPoll) -> None:
        """In front: the task it was handed is not committed."""
        self._queues.setdefault(pending.key, deque()).appendleft(pending)

    def remove(self, pending: PendingPoll) -> bool:
        """False when it waits no more."""
        queue = self._queues.get(pending.key)
        if queue is None or pending not in queue:
            return False
        queue.remove(pending)
        if not queue:
            del self._queues[pending.key]
        return True

    def take_all(self) -> list[PendingPoll]:
        """Every waiting poll; none waits any more."""
        pending_polls = [pending for queue in self._queues.values() for pending in queue]
        self._queues.clear()
        return pending_polls
