"""What time it is, and sleep. The only module that asks the machine for the time.

Owns `Clock`, the system's clock and the one that tests set by hand. `core` and `store` never see a clock: they get
times as arguments. Waiting for something to happen is not here: a thread waits on its event or queue, the server on its
event loop.

All times are integer milliseconds since the epoch. They may step when an operator or NTP sets the machine's clock: the
time of a new event is therefore `max(now, time of the last event)` (QUALITY §2.5.H3), and spans are measured with
`monotonic`.
"""

from __future__ import annotations

import time  # noqa: TID251 - the one module that asks the machine
from typing import Protocol


class Clock(Protocol):
    """A source of the time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch; may step in either direction."""
        ...

    def monotonic(self) -> float:
        """Seconds since a fixed but unknown time; never steps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread until that much time has passed."""
        ...


class SystemClock:
    """The clock of this machine."""

    __slots__ = ()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    monotonic = staticmethod(time.monotonic)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is moved, for tests and simulation."""

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
        """Lets time pass on both clocks; the new time."""
        if ms < 0:
            raise ValueError("time does not pass backwards; use step for a clock that was set")
        self._now_ms += ms
        self._elapsed_ms += ms
        return self._now_ms

    def advance_to(self, at_ms: int) -> int:
        """Lets time pass until `at_ms`, unless that is in the past; the new time."""
        return self.advance(max(0, at_ms - self._now_ms))

    def step(self, ms: int) -> int:
        """Sets the clock forwards or backwards, as an operator would: `monotonic` stays; the new time."""
        self._now_ms += ms
        return self._now_ms
