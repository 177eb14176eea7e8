"""What time it is, and the only place that asks the machine.

Owns `Clock`, the real one and the one that tests turn by hand. A clock only tells; waiting belongs to whoever
waits (the engine's alarm, the event loop). core and store never see a clock: they are handed moments.

All moments are integer milliseconds since the epoch. They may step when an operator or NTP sets the machine's
clock, so whoever appends events takes `max(now, last event's time)` (QUALITY §2.5.H3), and whoever measures a span
uses `monotonic`.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch; may step in either direction."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never steps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns after this time; only for threads that have nothing else to do meanwhile."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is told to move, for tests and simulation."""

    __slots__ = ("_elapsed_ms", "_now_ms")

    # 2012-01-25T00:00:00Z, the version of the API: far enough from 0 that no subtraction in a test goes below
    # it.
    DEFAULT_START_MS = 1_327_449_600_000

    def __init__(self, now_ms: int = DEFAULT_START_MS) -> None:
        self._now_ms = now_ms
        self._elapsed_ms = 0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._elapsed_ms / 1000

    def sleep(self, seconds: float) -> None:
        """Returns at once: this clock is moved by tests alone."""

    def advance(self, ms: int) -> int:
        """Time passes; the new moment. Both faces of the clock move."""
        if ms < 0:
            raise ValueError("time does not pass backwards; use step for a clock that was set")
        self._now_ms += ms
        self._elapsed_ms += ms
        return self._now_ms

    def advance_to(self, at_ms: int) -> int:
        """Time passes until this moment, if that is still to come; the new moment."""
        return self.advance(max(0, at_ms - self._now_ms))

    def step(self, ms: int) -> int:
        """Somebody sets the clock, forwards or backwards: no time passes, but the moment differs."""
        self._now_ms += ms
        return self._now_ms
