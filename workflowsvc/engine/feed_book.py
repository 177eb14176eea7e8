"""The settings of all feeds, the generation of their places, and up to where each was deleted: facts in `meta`.

Owns their form, and when a new generation begins. Must not know who writes entries.
"""

from __future__ import annotations

import logging

import msgspec

from workflowsvc.core.feed_event import AMAZONS_TYPES
from workflowsvc.store.interface import Reader, Store, Transaction
from workflowsvc.store.meta import (
    FEED_GENERATION,
    FEEDS_FIRST,
    FEEDS_LAST,
    feed_key,
    feeds_domain,
    generation_of,
    next_generation,
)
from workflowsvc.store.rows import FeedPlace

log = logging.getLogger("workflowsvc.writer")

MAX_FEEDS = 10_000  # of all tenants; every node keeps their settings in memory
DEFAULT_RETENTION_HOURS = 7 * 24


class FeedSettings(msgspec.Struct, omit_defaults=True, frozen=True):
    """Of the feed of a domain. `event_types`: None for those that Amazon sends."""

    is_on: bool = True
    event_types: tuple[str, ...] | None = None
    retention_hours: int = DEFAULT_RETENTION_HOURS

    @property
    def types(self) -> frozenset[str]:
        return AMAZONS_TYPES if self.event_types is None else frozenset(self.event_types)


class FeedBook:
    """All feeds of an installation, at one moment."""

    def __init__(self, generation: int, feeds: dict[int, FeedSettings]) -> None:
        self.generation = generation
        self.feeds = feeds
        self.on = {domain: feed.types for domain, feed in feeds.items() if feed.is_on}


class Deleted(msgspec.Struct, frozen=True, array_like=True):
    """The last entry of a feed that was deleted because of its age, and when it was written."""

    position: FeedPlace
    at: int


_encode = msgspec.json.Encoder().encode
_decode_settings = msgspec.json.Decoder(FeedSettings).decode
_decode_deleted = msgspec.json.Decoder(Deleted).decode


def read_book(reader: Reader) -> FeedBook:
    """As it is stored. A feed whose settings are damaged is left alone, and all others go on."""
    generation, feeds = 0, dict[int, FeedSettings]()
    for key, value in reader.metas(FEEDS_FIRST, FEEDS_LAST, MAX_FEEDS + 1):
        try:
            if key == FEED_GENERATION:
                generation = generation_of(value)
            else:
                feeds[feeds_domain(key)] = _decode_settings(value)
        except (msgspec.MsgspecError, ValueError, TypeError) as error:  # a database may hold any value
            log.error("%s cannot be read: nothing is written to it (%s)", key, error)
    return FeedBook(generation, feeds)


def read_generation(reader: Reader) -> int:
    """That which is written to now."""
    return generation_of(reader.meta(FEED_GENERATION))


def find_settings(reader: Reader, domain: int) -> FeedSettings | None:
    """None when the domain never had a feed."""
    value = reader.meta(feed_key(domain, "settings"))
    return None if value is None else _decode_settings(value)


def find_deleted(reader: Reader, domain: int) -> Deleted | None:
    """Up to where the feed was deleted."""
    value = reader.meta(feed_key(domain, "deleted"))
    return None if value is None else _decode_deleted(value)


def put_deleted(tx: Transaction, domain: int, deleted: Deleted) -> None:
    """To be written together with the deletion."""
    tx.put_meta(feed_key(domain, "deleted"), _encode(deleted))


def begin_generation_if_needed(store: Store, place: int) -> None:
    """When the database would give places that stand before those of stored entries: they come from another database,
    or from another time of this one. `place`: where this node would write now.
    """
    with store.transaction() as tx:
        book = read_book(tx)
        free = tx.first_free_place(place)
        for domain in book.feeds:
            last = tx.last_of_feed(domain)
            if last is None or type(last.place) is not int:  # a damaged database may hold any value
                continue
            if last.generation == book.generation and last.place > free:
                log.info(
                    "the places of feeds begin anew: the store was copied, restored, or its clock set back"
                )
                tx.put_meta(FEED_GENERATION, next_generation(tx.meta(FEED_GENERATION)))
                return


def put_settings(tx: Transaction, domain: int, settings: FeedSettings) -> None:
    """Every node reads them anew once it sees that the catalog has changed."""
    tx.put_meta(feed_key(domain, "settings"), _encode(settings))
