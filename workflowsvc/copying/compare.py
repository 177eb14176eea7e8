"""Compares two stores row by row, in the order in which rows are copied.

Owns the proof that a copy equals its source. Rows of tags are left to the audit, which derives them from these rows.
Reads page by page, so memory does not grow with the stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

from workflowsvc.copying.transfer import (
    BEFORE_ALL,
    ENTRIES_BATCH_SIZE,
    MESSAGES_BATCH_SIZE,
    RUNS_BATCH_SIZE,
    ReadableStore,
    own_meta,
    pages_of_domains,
    pages_of_events,
    pages_of_types,
)
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES

Row = TypeVar("Row")


@dataclass
class Same:
    """The number of rows that are equal on both sides."""

    domains: int = 0
    types: int = 0
    runs: int = 0
    events: int = 0
    tasks: int = 0
    heartbeats: int = 0
    messages: int = 0
    entries: int = 0


class Different(Exception):
    """The first difference; the message is for operators."""


def compare(left: ReadableStore, right: ReadableStore, progress: Callable[[int], None]) -> Same:
    """The number of rows that are equal; raises Different at the first that is not."""
    same = Same()
    with left.reader() as one, right.reader() as other:
        _require_equal("keys and versions (meta)", [own_meta(one)], [own_meta(other)])
        same.domains = _require_equal("domains", pages_of_domains(one), pages_of_domains(other))
        same.types = _require_equal("types", pages_of_types(one), pages_of_types(other))
        same.messages = _require_equal("messages", _messages(one), _messages(other))
        same.entries = _require_equal("entries of feeds", _entries(one), _entries(other))
    after = BEFORE_ALL
    while True:  # one snapshot per page, so that none is held for hours
        with left.reader() as one, right.reader() as other:
            runs = one.runs(after, RUNS_BATCH_SIZE)
            _require_equal(f"the runs behind {after}", [runs], [other.runs(after, RUNS_BATCH_SIZE)])
            if not runs:
                return same
            _compare_runs(one, other, runs, same)
        after = runs[-1]
        progress(same.runs)


def _compare_runs(one: AuditReader, other: AuditReader, runs: list[int], same: Same) -> None:
    rows, copies = one.executions(runs), other.executions(runs)
    for run in runs:
        if run not in rows or run not in copies:  # the table is damaged
            raise Different(f"run {run} is not found by its key")
        name = f"{rows[run].workflow_id}/{rows[run].run_id}"
        _require_equal(f"the row of {name}", [[rows[run]]], [[copies[run]]])
        events = _require_equal(
            f"the history of {name}", pages_of_events(one, run), pages_of_events(other, run)
        )
        same.runs += 1
        same.events += events
    same.tasks += _require_equal(
        f"tasks of {len(runs)} runs up to {runs[-1]}", [one.tasks_of(runs)], [other.tasks_of(runs)]
    )
    same.heartbeats += _require_equal(
        f"heartbeats of {len(runs)} runs up to {runs[-1]}",
        [one.heartbeats_of(runs)],
        [other.heartbeats_of(runs)],
    )


def _messages(reader: AuditReader) -> Iterator[list[object]]:
    after = BEFORE_ALL
    while page := reader.waiting_messages(after, MESSAGES_BATCH_SIZE):
        yield [*page]
        after = page[-1].id


def _entries(reader: AuditReader) -> Iterator[list[object]]:
    after = (BEFORE_ALL, BEFORE_ALL_ENTRIES)
    while page := reader.every_feed(after, ENTRIES_BATCH_SIZE):
        yield [*page]
        after = (page[-1].domain, page[-1].position)


def _require_equal(what: str, left: Iterable[list[Row]], right: Iterable[list[Row]]) -> int:
    """The number of rows on each side; raises Different."""
    count = 0
    none: list[Row] = []
    for one, other in zip_longest(left, right, fillvalue=none):
        if one != other:
            raise Different(f"{what} are not the same on both sides")
        count += len(one)
    return count
