"""Logs the failures of a store once a second, though every call meets them.

Owns when the next one is logged. A full disk must not be filled with lines about it.
"""

from __future__ import annotations

from logging import Logger

from workflowsvc.clock import Clock

PAUSE_MS = 1_000


class ThrottledLog:
    """For one kind of failure."""

    def __init__(self, log: Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._silent_until = 0

    def error(self, text: str, *arguments: object) -> None:
        """Logs an error; dropped when one was logged within the last second."""
        now = self._clock.now_ms()
        if not self._silent_until - PAUSE_MS <= now < self._silent_until:  # a clock may be set back
            self._silent_until = now + PAUSE_MS
            self._log.error(text, *arguments)
