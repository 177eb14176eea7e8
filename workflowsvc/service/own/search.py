"""SearchExecutions: the runs of a domain that meet any mix of conditions, in any order, page by page.

Owns the two ways of a search. In the order of an index (start, close), a page ends when it is full. In any other order
all runs must have been looked at before the first one is known: until then pages are empty, and their token holds the
best runs so far. Either way a call ends after about a second, and its token goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from workflowsvc.core.domain_clock import time_in
from workflowsvc.core.run_ids import run_of
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model import validation_text
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.executions import is_forgotten
from workflowsvc.service.own.conditions import Conditions, Details
from workflowsvc.service.own.scan import Match, Position, Scan, with_details
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import ReadStep, Steps
from workflowsvc.service.visibility import decode_tags
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DomainRow, ExecutionRow

CALL_MS = 1_000  # of a call that no index serves
MAX_RANKED_PAGE = 100  # runs; the token of a ranked search holds this many
DEFAULT_PAGE = 100

Now = Callable[[], int]
Rank = int | str


class _Token(msgspec.Struct, array_like=True):
    """Where a search goes on."""

    now: int  # of the first call: durations of open runs do not change from page to page
    position: Position | None  # of the scan
    behind: tuple[Rank, int] | None = None  # ranked: the last run of the page before
    best: list[int] = []  # ranked: the best runs so far


def search_executions(context: CallContext, request: shapes.SearchExecutionsInput, now: Now) -> Steps:
    sort_by = request.sort_by or "START_TIME"
    conditions = Conditions(request.filter, context.now)
    if sort_by == "CLOSE_TIME" and conditions.filter.execution_status == "OPEN":
        raise validation_text.one_refusal(
            sort_by, "sortBy", "Member must not be CLOSE_TIME when filter.executionStatus is OPEN"
        )
    ascending = request.sort_order == "ASCENDING"
    domain: DomainRow = yield ReadStep(partial(require_domain, context=context, name=request.domain))
    here = time_in(domain.clock, context.now)
    pages = Pages(context, request, domain.id, sort_by, ascending, spelt(request.filter), now=here)
    token: _Token = pages.position(_Token) or _Token(here, None)
    conditions.now = token.now
    search = _Search(context, domain, conditions, pages, token, now)
    search.size = min(request.maximum_page_size or DEFAULT_PAGE, pages.size)
    if conditions.filter.run_id is not None:
        return (yield from search.one_run(conditions.filter.run_id))
    if sort_by in ("START_TIME", "CLOSE_TIME"):
        return (yield from search.in_order(by_close=sort_by == "CLOSE_TIME", ascending=ascending))
    search.size = min(search.size, MAX_RANKED_PAGE)
    return (yield from search.ranked(_RANKS[sort_by], ascending=ascending))


def spelt(filter: shapes.ExecutionFilter | None) -> str:
    """The filter as a text that a page token is bound to."""
    return msgspec.json.encode(filter or shapes.ExecutionFilter()).decode()


def _duration(conditions: Conditions, row: ExecutionRow) -> Rank:
    return conditions.duration_ms(row)


def _events(_: Conditions, row: ExecutionRow) -> Rank:
    return row.next_event_id - 1


def _workflow_id(_: Conditions, row: ExecutionRow) -> Rank:
    return row.workflow_id


_RANKS: dict[str, Callable[[Conditions, ExecutionRow], Rank]] = {
    "DURATION": _duration,
    "EVENTS": _events,
    "WORKFLOW_ID": _workflow_id,
}


class _Search:
    """One call."""

    def __init__(
        self,
        context: CallContext,
        domain: DomainRow,
        conditions: Conditions,
        pages: Pages,
        token: _Token,
        now: Now,
    ) -> None:
        self.size = DEFAULT_PAGE
        self._context = context
        self._domain = domain
        self._conditions = conditions
        self._pages = pages
        self._token = token
        self._now = now
        self._began = now()

    def _is_over(self) -> bool:
        return self._now() - self._began >= CALL_MS

    def _scan(self, *, by_close: bool, ascending: bool, first_slice: int | None = None) -> Scan:
        return Scan(
            self._context,
            self._domain,
            self._conditions,
            by_close=by_close,
            ascending=ascending,
            after=self._token.position,
            first_slice=first_slice,
        )

    def one_run(self, run_id: str) -> Steps:
        """Without a search: the key of the run is in its runId."""
        matches: list[Match] = yield ReadStep(
            partial(
                _read_one,
                run_id=run_id,
                context=self._context,
                domain=self._domain,
                conditions=self._conditions,
            )
        )
        return (yield from self._answer(matches, examined=len(matches)))

    def in_order(self, *, by_close: bool, ascending: bool) -> Steps:
        # Without conditions that the store cannot check, one more than the page holds is enough.
        first = self.size + 1
        scan = self._scan(by_close=by_close, ascending=ascending, first_slice=first)
        found: list[Match] = []
        while not scan.is_done and len(found) <= self.size:
            found += yield from scan.advance()
            if self._is_over() and scan.has_advanced:
                break
        page, token, limited = found[: self.size], None, False
        if len(found) > self.size:
            token = _Token(self._token.now, scan.position_of(page[-1]))
        elif not scan.is_done:
            token, limited = _Token(self._token.now, scan.position), True
        return (yield from self._answer(page, examined=scan.examined, token=token, limited=limited))

    def ranked(self, rank: Callable[[Conditions, ExecutionRow], Rank], *, ascending: bool) -> Steps:
        def key(match: Match) -> tuple[Rank, int]:
            return rank(self._conditions, match.row), match.row.run

        behind = self._token.behind
        best: list[Match] = yield ReadStep(
            partial(_read_again, runs=self._token.best, conditions=self._conditions)
        )
        scan = self._scan(by_close=False, ascending=False)
        while not (scan.is_done or (self._is_over() and scan.has_advanced)):
            found: list[Match] = yield from scan.advance()
            if behind is not None:
                found = [
                    match for match in found if (key(match) > behind) == ascending and key(match) != behind
                ]
            best = sorted(best + found, key=key, reverse=not ascending)[: self.size + 1]
        if not scan.is_done:
            token = _Token(self._token.now, scan.position, behind, [match.row.run for match in best])
            return (yield from self._answer([], examined=scan.examined, token=token, limited=True))
        page = best[: self.size]
        token = _Token(self._token.now, None, key(page[-1])) if len(best) > self.size else None
        return (yield from self._answer(page, examined=scan.examined, token=token))

    def _answer(
        self, page: list[Match], *, examined: int, token: _Token | None = None, limited: bool = False
    ) -> Steps:
        executions: list[shapes.ExecutionSummary] = []
        if page:
            executions = yield ReadStep(partial(_summaries, page=page, conditions=self._conditions))
        reached = token.position[0] if limited and token is not None and token.position else None
        return shapes.ExecutionSummaries(
            examined=examined,
            executions=executions,
            next_page_token=None if token is None else self._pages.token(token),
            reached_timestamp=None if reached is None else timestamp(reached),
            time_limit_reached=limited,
        )


def _summaries(reader: Reader, page: list[Match], conditions: Conditions) -> list[shapes.ExecutionSummary]:
    """On a reader thread, as a page may have a thousand runs; without those that were purged meanwhile."""
    bare = [match.row for match in page if match.details is None]
    read = with_details(reader, bare, _any)
    details = {match.row.run: match.details for match in (*page, *read) if match.details is not None}
    return [
        _summary(match.row, details[match.row.run], conditions) for match in page if match.row.run in details
    ]


def _any(_: Details) -> bool:
    return True


def _read_one(
    reader: Reader, run_id: str, context: CallContext, domain: DomainRow, conditions: Conditions
) -> list[Match]:
    run = run_of(run_id)
    row = None if run is None else reader.executions([run]).get(run)
    if row is None or row.domain != domain.id or not conditions.matches(row):
        return []
    if is_forgotten(row, time_in(domain.clock, context.now)):
        return []
    return with_details(reader, [row], conditions.matches_details)


def _read_again(reader: Reader, runs: list[int], conditions: Conditions) -> list[Match]:
    """What an earlier call has found, as it is now."""
    rows = reader.executions(runs)
    return [Match(rows[run], None) for run in runs if run in rows and conditions.matches(rows[run])]


def _summary(row: ExecutionRow, details: Details, conditions: Conditions) -> shapes.ExecutionSummary:
    parent = None
    if row.parent_workflow_id is not None and row.parent_run_id is not None:
        parent = shapes.WorkflowExecution(run_id=row.parent_run_id, workflow_id=row.parent_workflow_id)
    tags = [tag for tag in decode_tags(row.tags) if tag is not None] if row.tags is not None else None
    return shapes.ExecutionSummary(
        cancel_requested=row.closed_at is None and row.cancel_requested,
        close_status=row.close_status,
        close_timestamp=None if row.closed_at is None else timestamp(row.closed_at),
        continued_execution_run_id=details.continued_run_id,
        duration_in_seconds=conditions.duration_ms(row) / 1000,
        events=row.next_event_id - 1,
        execution=shapes.WorkflowExecution(run_id=row.run_id, workflow_id=row.workflow_id),
        execution_status="OPEN" if row.closed_at is None else "CLOSED",
        failure_reason=details.failure_reason,
        parent=parent,
        start_timestamp=timestamp(row.started_at),
        tag_list=tags or None,
        task_list=shapes.TaskList(name=details.task_list),
        workflow_type=shapes.WorkflowType(name=row.type_name, version=row.type_version),
    )
