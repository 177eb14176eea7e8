"""CountExecutions: how many runs meet any mix of conditions, on request by group.

Owns what is counted by the store alone, and what must be gone through. A call ends after about a second; its token goes
on, and the caller adds the counts.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import get_args

from workflowsvc.core.domain_clock import time_in
from workflowsvc.model import own_shapes as shapes
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own.conditions import Conditions
from workflowsvc.service.own.scan import Match, Position, Scan
from workflowsvc.service.own.search import CALL_MS, spelt
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import ReadStep, Steps
from workflowsvc.service.visibility import forgotten
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DomainRow, ExecutionQuery

MAX_GROUPS = 10_000  # of one answer; what is more is counted, and in no group

_COUNTED_BY_THE_STORE = {
    "execution_status",
    "close_statuses",
    "workflow_type",
    "workflow_id",
    "tags_all",
    "started_after",
    "started_before",
}
"""Conditions that a list's statement checks by itself; of close_statuses and tags_all a single one."""


def count_executions(
    context: CallContext, request: shapes.CountExecutionsInput, now: Callable[[], int]
) -> Steps:
    conditions = Conditions(request.filter, context.now)
    group_by = request.group_by
    if group_by == "TASK_LIST":
        conditions.needs_details = True
    domain: DomainRow = yield ReadStep(partial(require_domain, context=context, name=request.domain))
    conditions.now = time_in(domain.clock, context.now)
    pages = Pages(context, request, domain.id, group_by or "", spelt(request.filter), now=conditions.now)
    token: tuple[int, Position] | None = pages.position(tuple[int, Position])
    if token is None and group_by in (None, "STATUS") and _is_counted_by_the_store(conditions.filter):
        return (yield from _count_in_store(context, domain, conditions, by_status=group_by is not None))
    began, position = now(), None
    if token is not None:
        conditions.now, position = token
    scan = Scan(context, domain, conditions, by_close=False, ascending=False, after=position)
    groups: Counter[str] = Counter()
    count = 0
    while not (scan.is_done or (now() - began >= CALL_MS and scan.has_advanced)):
        found: list[Match] = yield from scan.advance()
        count += len(found)
        for match in found:
            key = _group_of(match, group_by)
            if key is not None and (key in groups or len(groups) < MAX_GROUPS):
                groups[key] += 1
    following = None
    if not scan.is_done and scan.position is not None:
        following = pages.token((conditions.now, scan.position))
    return _answer(count, groups, scan.examined, following)


def _group_of(match: Match, group_by: shapes.GroupKey | None) -> str | None:
    row = match.row
    if group_by == "STATUS":
        return row.close_status or "OPEN"
    if group_by == "WORKFLOW_TYPE":
        return f"{row.type_name} {row.type_version}"
    if group_by == "TASK_LIST":
        return None if match.details is None else match.details.task_list
    at = row.started_at if group_by == "START_DAY" else row.closed_at
    return None if group_by is None or at is None else _day(at)


def _day(at_ms: int) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).date().isoformat()


def _is_counted_by_the_store(filter: shapes.ExecutionFilter) -> bool:
    given = {name for name in filter.__struct_fields__ if getattr(filter, name) is not None}
    return (
        given <= _COUNTED_BY_THE_STORE
        and len(filter.close_statuses or ()) <= 1
        and len(filter.tags_all or ()) <= 1
    )


def _count_in_store(
    context: CallContext, domain: DomainRow, conditions: Conditions, *, by_status: bool
) -> Steps:
    scan = Scan(context, domain, conditions, by_close=False, ascending=False, after=None)
    groups: Counter[str] = Counter()
    count = 0
    for query in scan.queries():
        statuses: list[shapes.CloseStatus | None] = [query.close_status]
        if by_status and query.status == "CLOSED" and query.close_status is None:
            statuses = list(get_args(shapes.CloseStatus))
        for status in statuses:
            counted: int = yield ReadStep(
                partial(_count, query=query._replace(close_status=status), context=context, domain=domain)
            )
            count += counted
            if by_status and counted:
                groups[status or "OPEN"] += counted
    return _answer(count, groups, count, None)


def _count(reader: Reader, query: ExecutionQuery, context: CallContext, domain: DomainRow) -> int:
    if query.status == "CLOSED":
        query = query._replace(forgotten=forgotten(reader, context, domain))
    return reader.count_executions(query)


def _answer(count: int, groups: Counter[str], examined: int, token: str | None) -> shapes.ExecutionCounts:
    return shapes.ExecutionCounts(
        count=count,
        examined=examined,
        groups=[shapes.ExecutionGroup(count=groups[key], key=key) for key in sorted(groups)],
        next_page_token=token,
    )
