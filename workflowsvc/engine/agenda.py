"""When the next background work of a node is due.

Owns the moments; they are derived from the store, and too early is always safe. Commands bring them forward, the duties
(duties.py) read them and set them anew. Must not know what is done then.
"""

from __future__ import annotations

from workflowsvc.store.rows import ListKey

RETRY_MS = 1_000  # pause of background work after the store or a rule has failed
RETRY_LOCKED_MS = 10  # pause before what a peer has locked is tried again


class Agenda:
    """Of one node. All moments are milliseconds since the epoch; None: never."""

    def __init__(self, *, polls_store: bool) -> None:
        """`polls_store`: other nodes may have left something in the store."""
        self.poll_store_at: int | None = 0 if polls_store else None
        self.wake_at: int | None = 0  # earliest deadline of an open run; 0: not known yet
        self.purge_at: int | None = 0  # earliest end of a retention; 0: not known yet
        self.retention_walk_at: int | None = 0  # when rows follow changed rules; 0: not known yet
        self.messages_waiting = True  # the outbox may hold messages
        self.relay_at = 0  # not before: a peer has locked a receiver
        self.locked_lists: set[ListKey] = set()  # lists with polls here whose only tasks a peer has locked
        self.locked_lists_at = 0
        self.batches_at: int | None = 0  # when batches have work to do; 0: not known yet
        self.deletion_at: int | None = 0  # when deleted domains are looked for; 0: not known yet
        self.unpolled_at: int | None = (
            0  # when task lists are looked at that no client may poll; 0: not known yet
        )
        self.clock_moments: dict[int, int] = {}  # when domains with clocks of their own are looked at
        self.clocks_at: int | None = 0  # the earliest of these
        self.scan_clocks = True  # these moments are not known, or other nodes may have left something
        self.feeds_at: int | None = 0  # when feeds are looked at that may hold old entries; 0: not known yet
        self.presence_at: int | None = 0 if polls_store else None  # when other nodes are told of this one

    def look_at_clock(self, domain: int, at: int | None) -> None:
        """By its clock, something may be to be done in a domain at this moment of real time."""
        if at is None:
            return
        moment = self.clock_moments.get(domain)
        if moment is None or at < moment:
            self.clock_moments[domain] = at
            if self.clocks_at is None or at < self.clocks_at:
                self.clocks_at = at

    def wake_by(self, at: int | None) -> None:
        """A deadline of a run is at this moment."""
        if at is not None and (self.wake_at is None or at < self.wake_at):
            self.wake_at = at

    def purge_by(self, at: int | None) -> None:
        """A retention ends at this moment."""
        if at is not None and (self.purge_at is None or at < self.purge_at):
            self.purge_at = at

    def walk_by(self, at: int) -> None:
        """Rows are to follow changed rules of retention."""
        if self.retention_walk_at is None or at < self.retention_walk_at:
            self.retention_walk_at = at

    def retry_locked_list(self, key: ListKey, now: int) -> None:
        """The tasks of this list are locked by a peer, which takes a few milliseconds."""
        self.locked_lists.add(key)
        self.locked_lists_at = now + RETRY_LOCKED_MS
