"""Deletes entries of feeds that are older than their feed keeps them, in bounded pieces.

Owns how often it looks and how much it deletes at once. Where a feed was deleted up to is written in the same
transaction, so that a reader that stood before is told that it has missed something.
"""

from __future__ import annotations

from workflowsvc.engine.agenda import Agenda
from workflowsvc.engine.feed_book import Deleted, put_deleted
from workflowsvc.engine.unit_of_work import UnitOfWork

ENTRIES_PER_RUN = 500
FEEDS_PER_RUN = 20  # looked at; each costs a question
LOOK_MS = (
    60_000  # between two looks at the same feed, at least; the next one is when an entry will be too old
)
GO_ON_MS = 50  # between two pieces: 10,000 entries a second are deleted at most
HOUR_MS = 3_600_000


class FeedPurge:
    """A `Duty`."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._left: list[int] = []  # domains of this round
        self._due_at: int | None = None  # when the first entry will be too old, as far as this round has seen

    def next_at(self) -> int | None:
        return self._agenda.feeds_at

    def run(self, work: UnitOfWork) -> None:
        feeds = work.feeds.book.feeds
        if not self._left:
            self._left, self._due_at = sorted(feeds, reverse=True), None
        for _ in range(FEEDS_PER_RUN):
            domain = self._left.pop() if self._left else None
            settings = None if domain is None else feeds.get(domain)
            if domain is None or settings is None:
                continue
            if self._purge(work, domain, settings.retention_hours * HOUR_MS):
                self._left.append(domain)
                break
        if self._left:
            self._agenda.feeds_at = work.now + GO_ON_MS
        else:
            self._agenda.feeds_at = None if self._due_at is None else max(self._due_at, work.now + LOOK_MS)

    def _purge(self, work: UnitOfWork, domain: int, kept_ms: int) -> bool:
        """Whether there may be more."""
        before = work.now - kept_ms
        oldest = work.tx.oldest_of_feed(domain, 1)
        if not oldest or oldest[0][1] >= before:
            # What is written from now on is kept for as long; a clock that is set back makes no pause longer.
            self._look_by(min(oldest[0][1] if oldest else work.now, work.now) + kept_ms + 1)
            return False
        outdated: list[Deleted] = []
        for position, at in work.tx.oldest_of_feed(domain, ENTRIES_PER_RUN):
            if at >= before:
                break
            outdated.append(Deleted(position, at))
        work.tx.delete_feed(domain, outdated[-1].position)
        put_deleted(work.tx, domain, outdated[-1])
        self._look_by(work.now + LOOK_MS)
        return len(outdated) == ENTRIES_PER_RUN

    def _look_by(self, at: int) -> None:
        self._due_at = at if self._due_at is None else min(self._due_at, at)

    def roll_back(self, *, ran: bool) -> None:
        if ran:
            self._left, self._due_at = [], None
            self._agenda.feeds_at = 0
