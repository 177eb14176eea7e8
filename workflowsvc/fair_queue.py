"""A queue whose users take turns: one that puts many items waits behind its own, and keeps no other user waiting.

Owns the order, and how many of the places one user may take. A leaf: it must not know who the users are (tenants, in
this service), nor what waits. Not for two threads at once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

User = TypeVar("User", bound=Hashable)
Item = TypeVar("Item")

# An item of a user may run while fewer of them run than this times the free places. So one user alone takes 3 of 4
# places, or 38 of 50, the next one three quarters of those that are left, and so on; of fewer than four, one takes all.
SHARE = 3


class FairQueue(Generic[User, Item]):
    """For a number of places in which items run."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._running: dict[User, int] = {}  # how many items, of those that have any
        self._waiting: OrderedDict[User, deque[Item]] = OrderedDict()  # whose turn it is first

    def __bool__(self) -> bool:
        """Items run or wait."""
        return bool(self._running or self._waiting)

    def put(self, user: User, item: Item) -> None:
        """Waits behind what this user has put before."""
        queue = self._waiting.get(user)
        if queue is None:
            queue = self._waiting[user] = deque()
        queue.append(item)

    def take(self) -> tuple[User, Item] | None:
        """The next item, which runs from now on, with its user; None when none may now run. Users take turns, and one
        that has its share is passed over.
        """
        if self._free:
            for user, queue in self._waiting.items():
                running = self._running.get(user, 0)
                if running < SHARE * self._free:
                    return user, self._take_from(user, queue, running)
        return None

    def _take_from(self, user: User, queue: deque[Item], running: int) -> Item:
        item = queue.popleft()
        if queue:
            self._waiting.move_to_end(user)
        else:
            del self._waiting[user]
        self._running[user] = running + 1
        self._free -= 1
        return item

    def done(self, user: User) -> None:
        """An item of this user has run. It is the turn of the others; `take` may find an item now."""
        self._free += 1
        if user in self._waiting:
            self._waiting.move_to_end(user)
        running = self._running[user]
        if running > 1:
            self._running[user] = running - 1
        else:
            del self._running[user]
