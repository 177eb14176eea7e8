"""What this node remembers of its task lists: who polls them, and how many tasks come and go.

Owns `ListTraffic`. It costs a poll less than a microsecond, is kept in memory alone, and is bounded: what was used
least recently is forgotten. Only the writer's thread uses it. What nodes tell each other of it is in presence.py.
"""

from __future__ import annotations

from workflowsvc.store.rows import ListKey

MAX_LISTS = 10_000  # callers make task lists by naming them
MAX_POLLERS = 1_000  # of one list; as many polls may wait on it
MINUTE_MS = 60_000


class Meter:
    """Counts by the minute, so that a rate of late can be told."""

    __slots__ = ("_before", "_minute", "_now")

    def __init__(self) -> None:
        self._minute = 0
        self._now = 0  # in the minute at hand
        self._before = 0  # in the minute before it

    def count(self, at_ms: int, number: int = 1) -> None:
        minute = at_ms // MINUTE_MS
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else 0
            self._minute, self._now = minute, 0
        self._now += number

    def per_minute(self, at_ms: int) -> float:
        """The minute at hand, and of the minute before it the part that makes both a whole one."""
        minute = at_ms // MINUTE_MS
        if minute == self._minute:
            return self._now + self._before * (1 - at_ms % MINUTE_MS / MINUTE_MS)
        if minute == self._minute + 1:
            return self._now * (1 - at_ms % MINUTE_MS / MINUTE_MS)
        return 0.0


class OneList:
    """Of one task list."""

    __slots__ = ("added", "last_poll_at", "pollers", "started")

    def __init__(self) -> None:
        self.last_poll_at: int | None = None
        self.pollers: dict[str, int] = {}  # identity, empty if none is given -> when it was last seen, ms
        self.added = Meter()
        self.started = Meter()

    def trim(self) -> None:
        """Those who were seen last stay."""
        newest = sorted(self.pollers.items(), key=lambda poller: poller[1])[-MAX_POLLERS // 2 :]
        self.pollers = dict(newest)


class ListTraffic:
    """Of one node."""

    def __init__(self) -> None:
        self._lists: dict[ListKey, OneList] = {}

    def polled(self, key: ListKey, identity: str | None, at_ms: int) -> None:
        """A poll has come, or has left after it waited."""
        one = self._lists.get(key) or self._new(key)
        one.last_poll_at = at_ms
        one.pollers[identity or ""] = at_ms
        if len(one.pollers) > MAX_POLLERS:
            one.trim()

    def added(self, key: ListKey, at_ms: int) -> None:
        """A task was put on the list."""
        one = self._lists.get(key) or self._new(key)
        one.added.count(at_ms)

    def started(self, key: ListKey, at_ms: int) -> None:
        """A poll got a task."""
        one = self._lists.get(key)
        if one is not None:
            one.started.count(at_ms)

    def find(self, key: ListKey) -> OneList | None:
        return self._lists.get(key)

    def lists(self) -> list[tuple[ListKey, OneList]]:
        """A copy, which other threads may ask for as well."""
        return list(self._lists.items())

    def _new(self, key: ListKey) -> OneList:
        """Half of the lists leave when there are too many: those that were polled longest ago, or never."""
        if len(self._lists) >= MAX_LISTS:
            newest = sorted(self._lists.items(), key=lambda item: item[1].last_poll_at or 0)
            self._lists = dict(newest[-MAX_LISTS // 2 :])
        one = self._lists[key] = OneList()
        return one
