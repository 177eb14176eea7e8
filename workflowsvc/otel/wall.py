"""The times of spans: nanoseconds since the epoch, made of a monotonic clock.

Owns how far the two clocks are apart. Within a trace spans must stand exactly as they were, which a clock of whole
milliseconds does not give.
"""

from __future__ import annotations

from workflowsvc.clock import Clock

MAX_APART_NS = 20_000_000  # more, and the wall clock was set, or has drifted from the monotonic one


class Wall:
    """Belongs to one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._apart()

    def now(self) -> int:
        """What time it is."""
        apart = self._apart()
        if abs(apart - self._offset) > MAX_APART_NS:
            self._offset = apart
        return self.at(self._clock.monotonic())

    def at(self, monotonic: float) -> int:
        """The time of a moment of the monotonic clock, in seconds."""
        return int(monotonic * 1e9) + self._offset

    def _apart(self) -> int:
        return self._clock.now_ms() * 1_000_000 - int(self._clock.monotonic() * 1e9)
