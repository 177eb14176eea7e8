"""Reading a feed: where a reader begins, what it gets, and what it is told when it comes too late.

Owns the bounds of one read, and what becomes of a damaged entry. Used by ReadFeed, by server-sent events and by
webhooks. Must not know who waits, nor how a place is written as a cursor.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from workflowsvc.core.feed_event import Origin, told_event
from workflowsvc.engine.feed_book import find_deleted, read_generation
from workflowsvc.faults import CursorExpiredFault
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES, DomainRow, FeedPlace, FeedRow
from workflowsvc.tenant import Tenant

log = logging.getLogger("workflowsvc.api")

MAX_ENTRIES = 1_000  # read at once, those of other types included
MAX_BYTES = (
    1 << 18
)  # of stored entries in one page, exceeded by one entry at most; told they are three times as large


class FeedPart(NamedTuple):
    """`position`: where the next read goes on. `is_whole`: no entry stands behind it that may be read now."""

    rows: list[FeedRow]
    position: FeedPlace
    is_whole: bool


def beginning(reader: Reader, domain: int) -> FeedPlace:
    """Before the oldest entry that is kept."""
    deleted = find_deleted(reader, domain)
    return BEFORE_ALL_ENTRIES if deleted is None else deleted.position


def end(reader: Reader, domain: int) -> FeedPlace:
    """Before what is written from now on."""
    return max(reader.feed_end(domain, read_generation(reader)), beginning(reader, domain))


def read_part(
    reader: Reader, domain: DomainRow, after: FeedPlace, types: Collection[str] | None, limit: int
) -> FeedPart:
    """At most `limit` entries behind `after`; CursorExpiredFault when some were deleted that stood there. Their bodies
    are the events as they are told.
    """
    deleted = find_deleted(reader, domain.id)
    if deleted is not None and after < deleted.position:
        raise CursorExpiredFault(
            "Entries behind this cursor were deleted, as the feed keeps them no longer: "
            "begin with the oldest that is left"
        )
    most = limit if types is None else MAX_ENTRIES
    found = reader.feed(domain.id, read_generation(reader), after, most)
    account, _, region = domain.tenant.partition("/")
    origin = Origin(account, region, Tenant(account, region).domain_arn(domain.name))
    rows: list[FeedRow] = []
    last, size, is_whole = None, 0, len(found) < most
    for row in found:
        if types is None or row.type in types:
            if len(rows) == limit or size >= MAX_BYTES:
                is_whole = False
                break
            told = _told(origin, row)
            if told is not None:
                rows.append(FeedRow(*row[:-1], told))
                size += len(told)
        last = row
    return FeedPart(rows, after if last is None else last.position, is_whole)


def _told(origin: Origin, row: FeedRow) -> bytes | None:
    """None for an entry that is damaged: readers go on behind it."""
    try:
        return told_event(origin, row.type, row.body)
    except (
        msgspec.MsgspecError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # a database may hold any value
        log.error(
            "the entry of event %s of run %s in the feed of domain %s cannot be read, and is left out: %s; "
            "`workflowsvc fsck` says more",
            row.event_id,
            row.run,
            row.domain,
            error,
        )
        return None
