"""Keeps a copy slower than a number of bytes a second, so that it leaves the disk to a server."""

from __future__ import annotations

from collections.abc import Callable

MIB = 1 << 20
LONGEST_DEBT_SECONDS = 0.25  # after a stall of the disk, no more than this is caught up at full speed


class Pace:
    """`mib_per_second`: 0 for no bound. `monotonic` and `sleep` are those of a clock."""

    def __init__(
        self, mib_per_second: float, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._bytes_per_second = mib_per_second * MIB
        self._monotonic = monotonic
        self._sleep = sleep
        self._free_at = monotonic()

    def spend(self, size: int) -> None:
        """Sleeps until `size` more bytes are in time."""
        if not self._bytes_per_second:
            return
        now = self._monotonic()
        self._free_at = max(self._free_at, now - LONGEST_DEBT_SECONDS) + size / self._bytes_per_second
        if self._free_at > now:
            self._sleep(self._free_at - now)
