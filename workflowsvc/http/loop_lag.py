"""How late the event loop does what is due: all calls of a server wait while it is held.

Owns the measurements that are kept. Must not know what held the loop.
"""

from __future__ import annotations

from workflowsvc.histogram import Histogram

SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0)


class LoopLag:
    """Of one event loop, in seconds."""

    def __init__(self) -> None:
        self.latest = 0.0
        self.all = Histogram(SECONDS)

    def woke(self, late: float) -> None:
        """Something happened this much later than it was due."""
        self.latest = late
        self.all.add(late)
