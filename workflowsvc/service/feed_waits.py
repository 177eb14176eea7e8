"""Readers of feeds that wait for an entry: woken when a feed grows, when their time is over, when the service stops.

Owns who waits for which domain. While a reader waits it holds no thread and no connection of the database. Belongs to
the event loop, but for `grew`. Must not know what is read.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from workflowsvc.faults import LimitExceededFault

# A feed that has grown just before is about to grow again: its readers wait this long for more of it, so that each
# reads twenty-five times a second at most. A read costs as much as twenty entries in it, and more on a busy node.
GATHER_SECONDS = 0.04
BUSY_SECONDS = 0.05  # between two growths of a busy feed, at most
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

    def gather(self, domain: int, go_on: Callable[[], None]) -> None:
        """Calls `go_on`, at once unless the feed has grown just now, and shortly before: it is about to grow again."""
        ...

    def wait(self, domain: int, mark: int, seconds: float, wake: Wake) -> Waiting | None:
        """Calls `wake` once, later or at once (None); LimitExceededFault when too many wait."""
        ...


class NoWaits:
    """A `FeedWaits` of a service whose clock stands still: the time of a reader is over at once."""

    def mark(self) -> int:
        return 0

    def gather(self, domain: int, go_on: Callable[[], None]) -> None:
        go_on()

    def wait(self, domain: int, mark: int, seconds: float, wake: Wake) -> Waiting | None:
        wake("time")
        return None


class _Growth(NamedTuple):
    """The last growth of a feed."""

    mark: int
    at: float
    before: float  # when it had grown before


_NEVER = _Growth(0, float("-inf"), float("-inf"))


class LoopWaits:
    """A `FeedWaits` on an event loop."""

    def __init__(self, look_seconds: float | None, monotonic: Callable[[], float]) -> None:
        """`look_seconds`: how often a reader looks by itself, where other nodes write as well; None: never."""
        self._look_seconds = look_seconds
        self._monotonic = monotonic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[int, set[_Reader]] = {}
        self._count = 0
        self._growths: dict[int, _Growth] = {}  # by domain; written by any thread
        self._marks = itertools.count(1)
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
        """The feeds of these domains have got entries. From any thread. Costs the loop nothing where no reader waits:
        one that begins to wait meanwhile is there before it looks at growths, and these are set before it is found.
        """
        self._mark = mark = next(self._marks)
        now = self._monotonic()
        for domain in domains:
            self._growths[domain] = _Growth(mark, now, self._growths.get(domain, _NEVER).at)
        waited_for = [domain for domain in domains if domain in self._waiting]
        if waited_for and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, waited_for)

    def end(self) -> None:
        """Wakes all, and lets no reader wait from now on."""
        self._has_ended = True
        for readers in list(self._waiting.values()):
            for reader in list(readers):
                reader.wake("end")

    def mark(self) -> int:
        return self._mark

    def gather(self, domain: int, go_on: Callable[[], None]) -> None:
        assert self._loop is not None
        if self._is_busy(domain) and not self._has_ended:
            self._loop.call_later(GATHER_SECONDS, go_on)
        else:
            go_on()

    def _is_busy(self, domain: int) -> bool:
        growth = self._growths.get(domain, _NEVER)
        return growth.at - growth.before < BUSY_SECONDS and self._monotonic() - growth.at < BUSY_SECONDS

    def wait(
        self, domain: int, mark: int, seconds: float, wake: Wake, gather_seconds: float = GATHER_SECONDS
    ) -> Waiting | None:
        """`gather_seconds`: for more of a feed that is about to grow again."""
        assert self._loop is not None, "start() comes first"
        if self._has_ended:
            wake("end")
            return None
        if self._count >= MAX_WAITING:
            raise LimitExceededFault(f"The limit of {MAX_WAITING} waiting readers of feeds is reached")
        reader = _Reader(self, domain, wake, gather_seconds)
        self._waiting.setdefault(domain, set()).add(reader)
        self._count += 1
        growth = self._growths.get(domain, _NEVER)
        if growth.mark > mark:
            self._let_gather(reader)
            return None if reader.has_woken else reader
        look = self._look_in(growth.at)
        woken: Woken = "time" if look is None or seconds <= look else "grown"
        reader.timer = self._loop.call_later(
            seconds if look is None else min(look, seconds), reader.wake, woken
        )
        return reader

    def _look_in(self, grown_at: float) -> float | None:
        """What a peer has committed may not be read before an older transaction has ended, which takes milliseconds: it
        is looked for at once, and then ever less often.
        """
        if self._look_seconds is None:
            return None
        since = self._monotonic() - grown_at
        return self._look_seconds if since > RESTLESS_SECONDS else max(since, SOON_SECONDS)

    def _wake(self, domains: list[int]) -> None:
        for domain in domains:
            for reader in list(self._waiting.get(domain, ())):
                self._let_gather(reader)

    def _let_gather(self, reader: _Reader) -> None:
        """Wakes a reader whose feed has grown; a little later where it is about to grow again."""
        assert self._loop is not None
        if not self._is_busy(reader.domain):
            reader.wake("grown")
        elif not reader.gathers:
            reader.gathers = True
            if reader.timer is not None:
                reader.timer.cancel()
            reader.timer = self._loop.call_later(reader.gather_seconds, reader.wake, "grown")

    def leave(self, reader: _Reader) -> None:
        """It waits no more."""
        readers = self._waiting[reader.domain]
        readers.discard(reader)
        if not readers:
            del self._waiting[reader.domain]
        self._count -= 1


class _Reader:
    __slots__ = ("_waits", "_wake", "domain", "gather_seconds", "gathers", "timer")

    def __init__(self, waits: LoopWaits, domain: int, wake: Wake, gather_seconds: float) -> None:
        self.domain = domain
        self.gather_seconds = gather_seconds
        self.gathers = False
        self.timer: asyncio.TimerHandle | None = None
        self._waits = waits
        self._wake: Wake | None = wake

    @property
    def has_woken(self) -> bool:
        return self._wake is None

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
