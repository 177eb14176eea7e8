"""Reading a feed: where a reader begins, what it gets, and what it is told when it comes too late.

Owns the bounds of one read. Used by ReadFeed, by server-sent events and by webhooks. Must not know who waits, nor how a
place is written as a cursor.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from workflowsvc.engine.feed_book import find_deleted, read_generation
from workflowsvc.faults import CursorExpiredFault
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES, FeedPlace, FeedRow

MAX_ENTRIES = 1_000  # read at once, those of other types included
MAX_BYTES = 1 << 20  # of entries in one page, exceeded by one entry at most


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
    reader: Reader, domain: int, after: FeedPlace, types: Collection[str] | None, limit: int
) -> FeedPart:
    """At most `limit` entries behind `after`; CursorExpiredFault when some were deleted that stood there."""
    deleted = find_deleted(reader, domain)
    if deleted is not None and after < deleted.position:
        raise CursorExpiredFault(
            "Entries behind this cursor were deleted, as the feed keeps them no longer: "
            "begin with the oldest that is left"
        )
    most = limit if types is None else MAX_ENTRIES
    found = reader.feed(domain, read_generation(reader), after, most)
    rows: list[FeedRow] = []
    position, size = after, 0
    for row in found:
        if types is None or row.type in types:
            if len(rows) == limit or size >= MAX_BYTES:
                return FeedPart(rows, position, is_whole=False)
            rows.append(row)
            size += len(row.body)
        position = row.position
    return FeedPart(rows, position, is_whole=len(found) < most)
