"""How the batches of the writer loop go, and when the parts of one were over.

Owns `BatchFigures`, of all batches since the start, and `AnswerTimes`, of one. Only the writer's thread changes the
figures; what reads them must copy. Must not know who reads them.
"""

from __future__ import annotations

from typing import NamedTuple

from workflowsvc.histogram import Count, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
COMMANDS = (1, 2, 4, 8, 16, 32, 64, 128)


class AnswerTimes(NamedTuple):
    """When that was done which gave a call its answer, in seconds of the monotonic clock."""

    began: float  # the batch, or the read
    ran: float  # its commands have run, or the read is over; the commit begins
    ended: float  # it is committed
    commands: int = 1  # in the batch


class BatchFigures:
    """Of one node."""

    def __init__(self) -> None:
        self.commands = Histogram(COMMANDS)
        self.run = Histogram(SECONDS)
        self.commit = Histogram(SECONDS)
        self.conflicts = Count()
        self.locked_by_peer = Count()
        self.store_failures = Count()
        self.unknown_outcomes = Count()
        self.bugs = Count()
        self.began_at: float | None = None
        """When the batch at hand began, by the monotonic clock; None between two batches."""

    def committed(self, times: AnswerTimes) -> None:
        self.commands.add(times.commands)
        self.run.add(times.ran - times.began)
        self.commit.add(times.ended - times.ran)
