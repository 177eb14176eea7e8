"""Going through the runs of a domain in the order of an index, slice by slice, and keeping those that match.

Owns where a search begins, which index it follows, and how two lists, of open and of closed runs, become one order. A
slice is bounded by the rows that it looks at, not by those that match, so that no step takes long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from workflowsvc.model import own_shapes as shapes
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own.conditions import Conditions, Details, details_of, event_keys
from workflowsvc.service.steps import ReadStep, Steps
from workflowsvc.service.visibility import forgotten
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DomainRow, ExecutionQuery, ExecutionRow

ROWS_PER_SLICE = 500  # read as a whole and tested one by one: 3 ms
ROWS_PER_FILTERED_SLICE = 2_000  # where the statement leaves out most rows

Position = tuple[int, int]
"""(time, run) of the row that was looked at last."""


class Match(NamedTuple):
    """A run that matches. `details` are there when the conditions needed them."""

    row: ExecutionRow
    details: Details | None


class _Slice(NamedTuple):
    matches: list[Match]
    end: Position | None  # None: nothing is behind it
    examined: int


class _Source:
    """One list of the store, and how far it has been gone through."""

    def __init__(self, query: ExecutionQuery) -> None:
        self.query = query
        self.is_begun = False
        self.is_done = False


class Scan:
    """Of one call."""

    def __init__(
        self,
        context: CallContext,
        domain: DomainRow,
        conditions: Conditions,
        *,
        by_close: bool,
        ascending: bool,
        after: Position | None,
        rows_per_slice: int | None = None,
        first_slice: int | None = None,
    ) -> None:
        """`after`: where an earlier call of the same search has stopped. `first_slice`: the rows of a list that are
        looked at first, where the whole of a small page may be among them."""
        self._rows_per_slice = rows_per_slice
        self._first_slice = first_slice and min(first_slice, ROWS_PER_SLICE)
        self.examined = 0
        self.position = after
        self._after = after
        self.has_advanced = False  # a call that ends before that would begin where it has begun
        self._context = context
        self._domain = domain
        self._conditions = conditions
        self._by_close = by_close
        self._ascending = ascending
        self._buffer: list[Match] = []
        self._sources = [_Source(query) for query in self.queries(after)]

    @property
    def is_done(self) -> bool:
        """Nothing is left behind `position`."""
        return all(source.is_done for source in self._sources)

    def queries(self, after: Position | None = None) -> list[ExecutionQuery]:
        """The lists that are gone through, as the store is asked for them."""
        wanted, conditions = self._conditions.filter, self._conditions
        workflow_type = wanted.workflow_type
        statuses = wanted.close_statuses or []
        latest = conditions.started_before
        if conditions.closed_before is not None:  # what closed before that was started before that
            latest = min(conditions.closed_before, conditions.closed_before if latest is None else latest)
        query = ExecutionQuery(
            domain=self._domain.id,
            status="OPEN",
            order_by="started_at",
            oldest=conditions.started_after or 0,
            latest=latest,
            type_name=workflow_type and workflow_type.name,
            type_version=workflow_type and workflow_type.version,
            tag=_one_tag(wanted),
            workflow_id=wanted.workflow_id,
            ascending=self._ascending,
            after=after,
        )
        queries: list[ExecutionQuery] = []
        if conditions.is_open_possible and not self._by_close:
            queries.append(query)
        if conditions.is_closed_possible:
            query = query._replace(
                status="CLOSED", close_status=statuses[0] if len(set(statuses)) == 1 else None
            )
            if self._by_close:
                query = query._replace(
                    order_by="closed_at", oldest=conditions.closed_after or 0, latest=conditions.closed_before
                )
            queries.append(query)
        return queries

    def advance(self) -> Steps:
        """One slice of the list that is behind the other one; returns the matches that are in order from here on."""
        sources = [source for source in self._sources if not source.is_done]
        source = min(sources, key=lambda source: self._place(source.query.after))
        found: _Slice = yield ReadStep(
            partial(
                _read_slice,
                query=source.query,
                context=self._context,
                domain=self._domain,
                conditions=self._conditions,
                rows_per_slice=self._rows_per_slice
                if source.is_begun
                else self._first_slice or self._rows_per_slice,
            )
        )
        source.is_begun = True
        self.examined += found.examined
        self._buffer += found.matches
        source.is_done = found.end is None
        source.query = source.query._replace(after=found.end)
        places = [self._place(source.query.after) for source in self._sources if not source.is_done]
        self._buffer.sort(key=self._place_of)
        if not places:
            ready, self._buffer = self._buffer, []
            return ready
        reached = min(places)
        ready = [match for match in self._buffer if self._place_of(match) <= reached]
        self._buffer = self._buffer[len(ready) :]
        if reached > _BEGINNING:
            self.position = (abs(reached[0]), abs(reached[1]))
            self.has_advanced = self.position != self._after
        return ready

    def advance_now(self, reader: Reader) -> list[Match]:
        """`advance` for a caller that has a reader at hand."""
        steps = self.advance()
        try:
            step = next(steps)
            while True:
                assert isinstance(step, ReadStep)
                step = steps.send(step.run(reader))
        except StopIteration as end:
            return end.value

    def position_of(self, match: Match) -> Position:
        at = match.row.closed_at if self._by_close else match.row.started_at
        assert at is not None
        return at, match.row.run

    def _place_of(self, match: Match) -> Position:
        return self._place(self.position_of(match))

    def _place(self, position: Position | None) -> Position:
        """Grows in the direction of the search."""
        if position is None:
            return _BEGINNING
        return position if self._ascending else (-position[0], -position[1])


def _one_tag(wanted: shapes.ExecutionFilter) -> str | None:
    """A tag that each matching run has: runs are then found by it."""
    if wanted.tags_all:
        return wanted.tags_all[0]
    return wanted.tags_any[0] if wanted.tags_any and len(wanted.tags_any) == 1 else None


_BEGINNING = (-(1 << 63), 0)


def _read_slice(
    reader: Reader,
    query: ExecutionQuery,
    context: CallContext,
    domain: DomainRow,
    conditions: Conditions,
    rows_per_slice: int | None,
) -> _Slice:
    if query.status == "CLOSED":
        query = query._replace(forgotten=forgotten(reader, context, domain))
    if query.tag is not None or query.workflow_id is not None:
        rows, end = _indexed(reader, query, rows_per_slice or ROWS_PER_SLICE)
        examined = len(rows)
    else:
        filtered = query.type_name is not None or query.close_status is not None
        size = rows_per_slice or (ROWS_PER_FILTERED_SLICE if filtered else ROWS_PER_SLICE)
        end = reader.slice_end(query, size)
        rows = reader.list_executions(query._replace(until=end, limit=size))
        examined = len(rows) if end is None else size
    matching = [row for row in rows if conditions.matches(row)]
    if not conditions.needs_details:
        return _Slice([Match(row, None) for row in matching], end, examined)
    return _Slice(with_details(reader, matching, conditions.matches_details), end, examined)


def _indexed(reader: Reader, query: ExecutionQuery, size: int) -> tuple[list[ExecutionRow], Position | None]:
    """Of a tag or a workflowId: the index has these rows only."""
    rows = reader.list_executions(query._replace(limit=size))
    if len(rows) < size:
        return rows, None
    at = rows[-1].started_at if query.order_by == "started_at" else rows[-1].closed_at
    assert at is not None
    return rows, (at, rows[-1].run)


def with_details(reader: Reader, rows: list[ExecutionRow], wanted: Callable[[Details], bool]) -> list[Match]:
    """Those whose events are still stored and say what is wanted."""
    bodies = reader.some_events([key for row in rows for key in event_keys(row)])
    found: list[Match] = []
    for row in rows:
        details = details_of(row, bodies)
        if details is not None and wanted(details):
            found.append(Match(row, details))
    return found
