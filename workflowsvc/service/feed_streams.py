"""How many streams of server-sent events a node has open, and how many events it has sent in them.

Must not know how a stream is sent, nor who reads the figures.
"""

from __future__ import annotations

from workflowsvc.histogram import Count


class FeedStreams:
    """Of one node."""

    def __init__(self) -> None:
        self.open = 0
        self.events = Count()


OPEN = FeedStreams()
"""Of this process, which is one node: the console that sends them, and what reads the figures, know nothing else of
each other."""
