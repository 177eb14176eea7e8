"""The feeds of domains as a batch sees them: which are switched on, and what they tell of the events of a run.

Owns how a change of settings reaches memory and store; they are kept with the catalog, so every node knows of a change
with the next batch that it begins. An entry is written in the transaction of the event that it tells
of. How it is read is not its business. A domain without a feed costs a look into a dict.
"""

from __future__ import annotations

from workflowsvc.core.execution import Execution
from workflowsvc.core.feed_event import stored_event, stored_run
from workflowsvc.engine.agenda import Agenda
from workflowsvc.engine.catalog_cache import CatalogCache
from workflowsvc.engine.coordination import Coordination
from workflowsvc.engine.feed_book import MAX_FEEDS, FeedBook, FeedSettings, put_settings, read_book
from workflowsvc.engine.ids import Ids
from workflowsvc.faults import LimitExceededFault
from workflowsvc.model.events import Event
from workflowsvc.store.interface import Transaction
from workflowsvc.store.rows import FeedRow, ListKey


class Feeds:
    """Of one batch."""

    def __init__(
        self, tx: Transaction, cache: CatalogCache, coordination: Coordination, ids: Ids, agenda: Agenda
    ) -> None:
        if cache.feeds is None:
            cache.feeds = read_book(tx)
            if cache.feeds.feeds:
                agenda.feeds_at = 0
        self._tx = tx
        self._cache = cache
        self._coordination = coordination
        self._ids = ids
        self._agenda = agenda
        self.book: FeedBook = cache.feeds
        self.grown: set[int] = set()
        """Domains to whose feeds this batch has written."""
        self.written = 0

    def entries(self, execution: Execution, told: list[Event], now: int) -> list[FeedRow]:
        """What the feed of its domain tells of these events, which are of its types (`book.on`). The run is described
        as the command has left it.
        """
        domain, run = execution.domain, execution.run
        self.grown.add(domain)
        self.written += len(told)
        generation, position, body = self.book.generation, self._ids.position, stored_run(execution)
        return [
            FeedRow(
                domain, generation, position(now), run, event.id, now, event.type, stored_event(event, body)
            )
            for event in told
        ]

    def hints(self) -> set[ListKey]:
        """By which other nodes hear that these feeds have grown."""
        return {ListKey(domain, "decision", NO_LIST) for domain in self.grown}

    def put(self, domain: int, settings: FeedSettings) -> None:
        """Conflict when another node was faster: the batch is then run again."""
        self._coordination.begin_catalog_change(self._cache, self._ids.random_bytes)
        feeds = {**self.book.feeds, domain: settings}
        if len(feeds) > MAX_FEEDS:
            raise LimitExceededFault(f"The limit of {MAX_FEEDS} feeds in one installation is reached")
        put_settings(self._tx, domain, settings)
        self._cache.feeds = self.book = FeedBook(self.book.generation, feeds)
        self._agenda.feeds_at = 0

    def forget(self, domain: int) -> None:
        """Its domain is deleted; its facts in `meta` are deleted with those of the domain."""
        if domain in self.book.feeds:
            self._coordination.begin_catalog_change(self._cache, self._ids.random_bytes)
            feeds = {other: settings for other, settings in self.book.feeds.items() if other != domain}
            self._cache.feeds = self.book = FeedBook(self.book.generation, feeds)


NO_LIST = ""
"""The name in a hint that is about a feed: no task list has it."""


def fed_domains(hints: list[ListKey]) -> set[int]:
    """The domains whose feeds have grown on another node."""
    return {key.domain for key in hints if key.name == NO_LIST}
