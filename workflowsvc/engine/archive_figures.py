"""How archiving goes on this node: counted and noted by the archiver's thread, read by others.

Must not know who reads it.
"""

from __future__ import annotations

from workflowsvc.histogram import Count


class ArchiveFigures:
    """Of one node, since its start."""

    def __init__(self) -> None:
        self.is_at_work = False  # the node has an archive, and is the one of several that writes to it
        self.fails = False  # what it has tried last has failed
        self.archived = Count()  # runs
        self.written_bytes = Count()
        self.failures = Count()  # runs that could not be archived, each time that it was tried
        self.oldest_due_at: int | None = None
        """When the retention of the oldest run ended that is not archived; None: no run waits."""
