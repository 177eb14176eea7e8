"""Long polls that wait for a task: one queue per task list, the oldest first (SWF §1.5).

Owns `Waiter` and `Pollers`. Only the lane touches the queues; a connection that goes away is noted by `gone`
from any thread, so that no task is handed to it, and the queue forgets it when the lane is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workflowsvc.faults import LimitExceededFault
from workflowsvc.store.interface import ListKey, TaskRow

if TYPE_CHECKING:
    from workflowsvc.engine.session import Session


class Waiter:
    """One poll. `start` hands it a task: it records the start and returns the answer, or None if the task is
    stale.
    """

    __slots__ = ("gone", "key", "reply", "start")

    def __init__(
        self, key: ListKey, start: Callable[[Session, TaskRow], Any], reply: Callable[[Any], None]
    ) -> None:
        self.key = key
        self.start = start
        self.reply = reply
        self.gone = False


class Pollers:
    """The waiting polls of this node."""

    def __init__(self, most_per_list: int) -> None:
        self._most = most_per_list
        self._queues: dict[ListKey, deque[Waiter]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def waiting(self, key: ListKey) -> int:
        return len(self._queues.get(key, ()))

    def add(self, waiter: Waiter) -> None:
        """LimitExceededFault when too many wait on this list already (SWF §1.4.10)."""
        queue = self._queues.setdefault(waiter.key, deque())
        if len(queue) >= self._most:
            raise LimitExceededFault("Limit on maximum concurrent poll requests per task list reached")
        queue.append(waiter)

    def first(self, key: ListKey) -> Waiter | None:
        """The oldest waiting poll whose connection is still there; it leaves the queue."""
        queue = self._queues.get(key)
        while queue:
            waiter = queue.popleft()
            if not queue:
                del self._queues[key]
            if not waiter.gone:
                return waiter
        return None

    def lists(self) -> list[ListKey]:
        """The lists that somebody waits on."""
        return list(self._queues)

    def put_back(self, waiter: Waiter) -> None:
        """In front: the task it was handed is not committed."""
        self._queues.setdefault(waiter.key, deque()).appendleft(waiter)

    def remove(self, waiter: Waiter) -> bool:
        """False when it waits no more."""
        queue = self._queues.get(waiter.key)
        if queue is None or waiter not in queue:
            return False
        queue.remove(waiter)
        if not queue:
            del self._queues[waiter.key]
        return True

    def take_all(self) -> list[Waiter]:
        """Every waiting poll; none waits any more."""
        waiters = [waiter for queue in self._queues.values() for waiter in queue]
        self._queues.clear()
        return waiters
