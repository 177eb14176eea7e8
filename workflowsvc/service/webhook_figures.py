"""How pushing to webhooks goes on this node: counted on its event loop, read by others.

Must not know who reads it.
"""

from __future__ import annotations

from workflowsvc.histogram import Count, Histogram

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)  # seconds


class WebhookFigures:
    """Of one node, since its start."""

    def __init__(self) -> None:
        self.is_at_work = False  # it pushes, and is the one of several that does
        self.delivered = Count()  # messages
        self.refused = Count()  # messages that were answered, but not 2xx
        self.unanswered = Count()  # messages without an answer
        self.given_up = Count()  # entries
        self.missed = Count()  # how often entries were too old before they could be sent
        self.seconds = Histogram(BOUNDS)  # of messages
