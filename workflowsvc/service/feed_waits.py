"""Readers of feeds that wait for an entry: woken when a feed grows, when their time is over, when the service stops.

Owns who waits for which domain. While a reader waits it holds no thread and no connection of the database. Belongs to
the event loop, but for `grew`. Must not know what is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, Protocol

from workflowsvc.faults import LimitExceededFault

MAX_WAITING = 1_000  # readers of one node
SOON_SECONDS = 0.01  # the first look for an entry that is committed, and may not be read yet
RESTLESS_SECONDS = 1.0  # as long after a feed has grown such an entry is looked for

Woken = Literal["grown", "time", "end"]
"""An entry may be there; the time is over; no reader waits any more, as the service stops or the client has left."""
Wake = Callable[[Woken], None]


class Waiting(Protocol):
    """A reader that waits."""

    def cancel(self) -> None:
        """Wakes it with `end`; without effect when it was woken."""
        ...


class FeedWaits(Protocol):
    """Where readers wait."""

    def mark(self) -> int:
        """The moment of a look at a feed: `wait` then knows what has come since."""
        ...

    def wait(self, domain: int, mark: int, seconds: float, wake: Wake) -> Waiting | None:
        """Calls `wake` once, later or at once (None); LimitExceededFault when too many wait."""
        ...


class NoWaits:
    """A `FeedWaits` of a service whose clock stands still: the time of a reader is over at once."""

    def mark(self) -> int:
        return 0

    def wait(self, domain: int, mark: int, seconds: float, wake: Wake) -> Waiting | None:
        wake("time")
        return None


class LoopWaits:
    """A `FeedWaits` on an event loop."""

    def __init__(self, look_seconds: float | None) -> None:
        """`look_seconds`: how often a reader looks by itself, where other nodes write as well; None: never."""
        self._look_seconds = look_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[int, set[_Reader]] = {}
        self._count = 0
        self._grown: dict[int, tuple[int, float]] = {}  # by domain: the mark, and the time of the loop
        self._mark = 0
        self._has_ended = False

    def start(self) -> None:
        """Uses the running event loop from now on."""
        self._loop = asyncio.get_running_loop()

    @property
    def waiting(self) -> int:
        """The number of readers that wait."""
        return self._count

    def grew(self, domains: set[int]) -> None:
        """The feeds of these domains have got entries. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, domains)

    def end(self) -> None:
        """Wakes all, and lets no reader wait from now on."""
        self._has_ended = True
        for readers in list(self._waiting.values()):
            for reader in list(readers):
                reader.wake("end")

    def mark(self) -> int:
        return self._mark

    def wait(self, domain: int, mark: int, seconds: float, wake: Wake) -> Waiting | None:
        assert self._loop is not None, "start() comes first"
        grown_mark, grown_at = self._grown.get(domain, (0, 0.0))
        if self._has_ended or grown_mark > mark:
            wake("end" if self._has_ended else "grown")
            return None
        if self._count >= MAX_WAITING:
            raise LimitExceededFault(f"The limit of {MAX_WAITING} waiting readers of feeds is reached")
        reader = _Reader(self, domain, wake)
        self._waiting.setdefault(domain, set()).add(reader)
        self._count += 1
        look = self._look_in(grown_at)
        is_look = look is not None and look < seconds
        woken: Woken = "grown" if is_look else "time"
        reader.timer = self._loop.call_later(look if is_look else seconds, reader.wake, woken)  # type: ignore[arg-type]
        return reader

    def _look_in(self, grown_at: float) -> float | None:
        """What a peer has committed may not be read before an older transaction has ended, which takes milliseconds: it
        is looked for at once, and then ever less often.
        """
        if self._look_seconds is None:
            return None
        assert self._loop is not None
        since = self._loop.time() - grown_at
        return self._look_seconds if since > RESTLESS_SECONDS else max(since, SOON_SECONDS)

    def _wake(self, domains: set[int]) -> None:
        assert self._loop is not None
        self._mark += 1
        for domain in domains:
            self._grown[domain] = (self._mark, self._loop.time())
            for reader in list(self._waiting.get(domain, ())):
                reader.wake("grown")

    def leave(self, reader: _Reader) -> None:
        """It waits no more."""
        readers = self._waiting[reader.domain]
        readers.discard(reader)
        if not readers:
            del self._waiting[reader.domain]
        self._count -= 1


class _Reader:
    __slots__ = ("_waits", "_wake", "domain", "timer")

    def __init__(self, waits: LoopWaits, domain: int, wake: Wake) -> None:
        self.domain = domain
        self.timer: asyncio.TimerHandle | None = None
        self._waits = waits
        self._wake: Wake | None = wake

    def wake(self, woken: Woken) -> None:
        """Once."""
        wake, self._wake = self._wake, None
        if wake is None:
            return
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self._waits.leave(self)
        wake(woken)

    def cancel(self) -> None:
        self.wake("end")
