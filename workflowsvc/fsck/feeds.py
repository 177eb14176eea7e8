"""Judges the feeds of domains: each entry tells of an event that has happened, in a domain that is there.

Owns the walk over the entries. Histories are purged before or after the entries that tell of them, so an entry of a run
that is not there any more is no error; nor is an event without an entry, as feeds are switched on and off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from workflowsvc.core.feed_event import told_of
from workflowsvc.core.run_ids import run_of
from workflowsvc.fsck.net import text_of
from workflowsvc.store import meta
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.row_types import misfit
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES, FeedPlace, FeedRow

PAGE = 500
_BEFORE_ALL = -(1 << 63)


class FeedProblem(NamedTuple):
    """`run`: that of the entry, where it is one."""

    run: int | None
    text: str


class _Happened(msgspec.Struct, rename="camel"):
    event_type: str


_decode_happened = msgspec.json.Decoder(_Happened).decode


def examine(reader: AuditReader) -> Iterator[FeedProblem]:
    """All problems of all feeds. Ends with the first page that cannot be read."""
    generation = _generation(reader)
    after: tuple[int, FeedPlace] = (_BEFORE_ALL, BEFORE_ALL_ENTRIES)
    while True:
        try:
            page = reader.every_feed(after, PAGE)
        except Exception as error:
            yield FeedProblem(None, f"feeds cannot be read behind {after}: {text_of(error)}")
            return
        if not page:
            return
        rows: list[FeedRow] = []
        for row in page:
            if why := misfit(row):
                run = row.run if type(row.run) is int else None
                yield FeedProblem(run, f"an entry of a feed cannot be read: {why}")
            else:
                rows.append(row)
        if len(rows) < len(page) and misfit(page[-1]):
            yield FeedProblem(None, "the entries behind it are not judged")
            return
        try:
            found = list(_page(reader, rows, generation))
        except Exception as error:
            found = [FeedProblem(None, f"entries behind {after} cannot be judged: {text_of(error)}")]
        yield from found
        after = (page[-1].domain, page[-1].position)


def _generation(reader: AuditReader) -> int | None:
    """None when it cannot be read, which is reported with the rows of meta."""
    try:
        return meta.generation_of(reader.meta(meta.FEED_GENERATION))
    except Exception:
        return None


def _page(reader: AuditReader, rows: list[FeedRow], generation: int | None) -> Iterator[FeedProblem]:
    domains = reader.domains_by_id(sorted({row.domain for row in rows}))
    happened = reader.some_events([(row.run, row.event_id) for row in rows])
    for row in rows:
        if row.domain not in domains:
            yield _of(row, f"is in the feed of domain {row.domain}, which there is not")
        if generation is not None and row.generation > generation:
            yield _of(row, f"stands in generation {row.generation}, which has not begun")
        if why := _difference(row, happened):
            yield _of(row, why)


def _difference(row: FeedRow, happened: Mapping[tuple[int, int], bytes]) -> str | None:
    try:
        event_id, run_id = told_of(row.body)
    except (msgspec.MsgspecError, ValueError) as error:
        return f"cannot be read: {error}"
    if (event_id, run_of(run_id)) != (row.event_id, row.run):
        return f"tells of event {event_id} of {run_id}, which is not that of its row"
    body = happened.get((row.run, row.event_id))
    if body is None:
        return None
    try:
        event_type = _decode_happened(body).event_type
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None  # a problem of the history
    return None if event_type == row.type else f"tells of {row.type}, and its run has {event_type}"


def _of(row: FeedRow, text: str) -> FeedProblem:
    return FeedProblem(
        row.run, f"the entry of event {row.event_id} in the feed of domain {row.domain} {text}"
    )
