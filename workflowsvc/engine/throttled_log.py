"""What is said about a store that cannot be used: once a second, though every call finds it out.

Owns when it is said again. A full disk must not be filled with words about it.
"""

from __future__ import annotations

from logging import Logger

from workflowsvc.clock import Clock

PAUSE_MS = 1_000


class ThrottledLog:
    """Of one kind."""

    def __init__(self, log: Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._silent_until = 0

    def error(self, text: str, *arguments: object) -> None:
        """As an error; forgotten if one was said just now."""
        now = self._clock.now_ms()
        if not self._silent_until - PAUSE_MS <= now < self._silent_until:  # a clock may be set back
            self._silent_until = now + PAUSE_MS
            self._log.error(text, *arguments)
