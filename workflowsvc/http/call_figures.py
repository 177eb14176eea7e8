"""How calls are answered: how many, with what result, and how long each took.

Owns `CallFigures`. Bounded by the tables of actions and faults: what a client sends names no series. Belongs to the
event loop; what reads it from elsewhere must copy. Must not know who reads it.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from workflowsvc.histogram import Histogram

# Half of all calls take a few milliseconds, a long poll a minute.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 60.0)

NO_ACTION = "-"
"""The action of a call that names none."""


class ActionFigures:
    """Of one action."""

    __slots__ = ("faults", "latency", "without_wait")

    def __init__(self) -> None:
        self.latency = Histogram(SECONDS)
        self.without_wait = Histogram(SECONDS)
        """Without the time that a poll waited for a task. Of polls alone: other calls do not wait."""
        self.faults: Counter[str] = Counter()  # by code


class CallFigures:
    """Of one server, by action."""

    def __init__(self) -> None:
        self.actions: defaultdict[str, ActionFigures] = defaultdict(ActionFigures)
        """By the name of a row in a table of actions, or NO_ACTION; asked for, they are there."""
