"""How many spans of calls were made, and what became of them.

Owns the counting. Must not know how spans are sent.
"""

from __future__ import annotations

from workflowsvc.histogram import Count


class SpanFigures:
    """Of one process. `may_wait`: spans that may be on their way at once."""

    def __init__(self, may_wait: int) -> None:
        self.made = Count()
        self.sent = Count()
        self.refused = Count()  # by the collector, or it was not reached
        self._may_wait = may_wait
        self._no_room = 0

    def lost(self) -> int:
        """Those refused and those for which the queue had no room. Of the latter at most `may_wait` are not known yet:
        they could be on their way."""
        missing = self.made.value - self.sent.value - self.refused.value
        self._no_room = max(self._no_room, missing - self._may_wait)
        return self.refused.value + self._no_room
