"""SetFeed, DescribeFeed, ReadFeed: the event feed of a domain.

Owns what may be set, and how a call waits for an entry. What is written is in engine/feeds.py, how a part is read in
service/feed_reads.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workflowsvc.engine.feed_book import DEFAULT_RETENTION_HOURS, FeedSettings, find_settings
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import CursorExpiredFault, OperationNotPermittedFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service import feed_reads
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.feed_reads import FeedPart
from workflowsvc.service.feed_waits import Woken
from workflowsvc.service.own.feed_cursor import cursor_of, place_of
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import GatherStep, ReadStep, Steps, WaitStep
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import IMPORTED_TAGS, DomainRow, FeedPlace

DEFAULT_PAGE = 100
CALL_MS = 1_000  # in which entries of other types are passed over before an answer without entries is given


def set_feed(work: UnitOfWork, context: CallContext, request: shapes.SetFeedInput) -> shapes.FeedDetail:
    row = work.catalog.require_domain(context.tenant, request.domain)
    if request.status == "ON":
        _require_feedable(work, row)
    hours = request.retention_hours
    settings = FeedSettings(
        is_on=request.status == "ON",
        event_types=None if request.event_types is None else tuple(dict.fromkeys(request.event_types)),
        retention_hours=DEFAULT_RETENTION_HOURS if hours is None else hours,
    )
    work.feeds.put(row.id, settings)
    return _detail(work.tx, row, settings)


def _require_feedable(work: UnitOfWork, row: DomainRow) -> None:
    if not work.tx.can_feed:
        raise OperationNotPermittedFault(
            "The database of this service cannot say which transactions have ended, which a feed needs: "
            "it is no PostgreSQL, or one that spreads its tables by Citus"
        )
    if row.tags == IMPORTED_TAGS:
        raise OperationNotPermittedFault(
            f"Domain {row.name} holds imported histories, in which nothing happens"
        )


def describe_feed(
    reader: Reader, context: CallContext, request: shapes.DescribeFeedInput
) -> shapes.FeedDetail:
    row = require_domain(reader, context, request.domain)
    return _detail(reader, row, find_settings(reader, row.id) or FeedSettings(is_on=False))


def _detail(reader: Reader, row: DomainRow, settings: FeedSettings) -> shapes.FeedDetail:
    oldest = reader.oldest_of_feed(row.id, 1)
    return shapes.FeedDetail(
        domain=row.name,
        event_types=sorted(settings.types),  # type: ignore[arg-type]
        oldest_entry_timestamp=timestamp(oldest[0][1]) if oldest else None,
        retention_hours=settings.retention_hours,
        status="ON" if settings.is_on else "OFF",
    )


def read_feed(context: CallContext, request: shapes.ReadFeedInput, now: Callable[[], int]) -> Steps:
    """A reader that waits is woken by what is committed, not by the time; so it learns of an entry at once."""
    began = now()
    wait_ms = 1_000 * min(request.wait_seconds or 0, context.settings.long_poll_seconds)
    domain, position = yield ReadStep(partial(_begin, context=context, request=request), quick=True)
    read = partial(_read, context=context, request=request, domain=domain)
    is_last_look = wait_ms == 0
    if wait_ms:
        yield GatherStep(domain)
    while True:
        part: FeedPart = yield ReadStep(partial(read, after=position), quick=True)
        position = part.position
        passed_ms = now() - began
        if part.rows or (not part.is_whole and passed_ms >= CALL_MS):
            break
        if part.is_whole:
            if is_last_look or passed_ms >= wait_ms:
                break
            woken: Woken = yield WaitStep(domain, (wait_ms - passed_ms) / 1_000)
            if woken == "end":
                break
            is_last_look = woken == "time"
    return shapes.FeedPage(
        cursor=cursor_of(domain, position),
        entries=[
            shapes.FeedEntry(cursor=cursor_of(domain, row.position), event=row.body.decode())
            for row in part.rows
        ],
    )


def _begin(reader: Reader, context: CallContext, request: shapes.ReadFeedInput) -> tuple[int, FeedPlace]:
    domain = require_domain(reader, context, request.domain).id
    if request.cursor is not None:
        return domain, place_of(domain, request.cursor)
    where = feed_reads.end if request.begin == "LATEST" else feed_reads.beginning
    return domain, where(reader, domain)


def _read(
    reader: Reader, context: CallContext, request: shapes.ReadFeedInput, domain: int, after: FeedPlace
) -> FeedPart:
    row = require_domain(reader, context, request.domain)
    if row.id != domain:
        raise OperationNotPermittedFault(f"Domain {request.domain} was deleted meanwhile")
    types = None if request.event_types is None else frozenset[str](request.event_types)
    limit = min(request.maximum_page_size or DEFAULT_PAGE, feed_reads.MAX_ENTRIES)
    try:
        return feed_reads.read_part(reader, row, after, types, limit)
    except CursorExpiredFault as fault:
        oldest = cursor_of(domain, feed_reads.beginning(reader, domain))
        raise CursorExpiredFault(f"{fault.message}, behind the cursor {oldest}", oldest) from None
