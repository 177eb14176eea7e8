"""Lists and counts of executions (SWF §2.27 to §2.30, §10, §10.5).

Owns the translation of filters into a query and of rows into answers. That filters do not exclude each other
was checked with the request (SWF §10.2). Answers are consistent at once: rows are written in the transaction of the
events that they derive from.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workflowsvc.core.domain_clock import time_in
from workflowsvc.core.retention import readable_rules, shortest_ms
from workflowsvc.model import shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import retention_key
from workflowsvc.store.rows import DomainRow, ExecutionQuery, ExecutionRow, Forgotten

decode_tags = msgspec.json.Decoder(list[str | None]).decode


def list_open_workflow_executions(
    reader: Reader, context: CallContext, request: shapes.ListOpenWorkflowExecutionsInput
) -> shapes.WorkflowExecutionInfos:
    domain = require_domain(reader, context, request.domain)
    return _list(reader, context, request, _open_query(domain, request), domain)


def list_closed_workflow_executions(
    reader: Reader, context: CallContext, request: shapes.ListClosedWorkflowExecutionsInput
) -> shapes.WorkflowExecutionInfos:
    domain = require_domain(reader, context, request.domain)
    return _list(reader, context, request, _closed_query(reader, context, request, domain), domain)


def count_open_workflow_executions(
    reader: Reader, context: CallContext, request: shapes.CountOpenWorkflowExecutionsInput
) -> shapes.WorkflowExecutionCount:
    domain = require_domain(reader, context, request.domain)
    return _count(reader, _open_query(domain, request))


def count_closed_workflow_executions(
    reader: Reader, context: CallContext, request: shapes.CountClosedWorkflowExecutionsInput
) -> shapes.WorkflowExecutionCount:
    domain = require_domain(reader, context, request.domain)
    return _count(reader, _closed_query(reader, context, request, domain))


def _open_query(
    domain: DomainRow,
    request: shapes.ListOpenWorkflowExecutionsInput | shapes.CountOpenWorkflowExecutionsInput,
) -> ExecutionQuery:
    return _filtered(domain.id, "OPEN", "started_at", request.start_time_filter, request)


def _closed_query(
    reader: Reader,
    context: CallContext,
    request: shapes.ListClosedWorkflowExecutionsInput | shapes.CountClosedWorkflowExecutionsInput,
    domain: DomainRow,
) -> ExecutionQuery:
    """Ordered by the time that is filtered, start or close (SWF §10.1)."""
    status = request.close_status_filter and request.close_status_filter.status
    if request.start_time_filter is not None:
        query = _filtered(domain.id, "CLOSED", "started_at", request.start_time_filter, request)
    else:
        assert request.close_time_filter is not None
        query = _filtered(domain.id, "CLOSED", "closed_at", request.close_time_filter, request)
    return query._replace(close_status=status, forgotten=forgotten(reader, context, domain))


def forgotten(reader: Reader, context: CallContext, domain: DomainRow) -> Forgotten | None:
    """Which closed runs are past their retention period, though stored; None when none is to be purged.

    All other calls answer that such a run is unknown, whether or not it is purged yet (SWF §8.12).
    """
    if domain.clock is None:
        purge_at = reader.next_purge_at()
        if purge_at is None or purge_at > context.now:
            return None
    now = time_in(domain.clock, context.now)
    rules = readable_rules(reader.meta(retention_key(domain.id)))
    return Forgotten(now, now - shortest_ms(rules, domain.retention, context.settings.min_retention_ms))


def _filtered(
    domain: int, status: Any, order_by: Any, times: shapes.ExecutionTimeFilter, request: Any
) -> ExecutionQuery:
    """Bounds are inclusive and in milliseconds."""
    type_filter: shapes.WorkflowTypeFilter | None = request.type_filter
    return ExecutionQuery(
        domain=domain,
        status=status,
        order_by=order_by,
        oldest=milliseconds(times.oldest_date),
        latest=None if times.latest_date is None else milliseconds(times.latest_date),
        type_name=type_filter and type_filter.name,
        type_version=(type_filter and type_filter.version) or None,
        tag=request.tag_filter and request.tag_filter.tag,
        workflow_id=request.execution_filter and request.execution_filter.workflow_id,
    )


_MAX_MILLISECONDS = 1 << 62


def milliseconds(seconds: float) -> int:
    """Rounded to the nearest millisecond; a time that no history can hold becomes the nearest bound."""
    return int(max(-_MAX_MILLISECONDS, min(_MAX_MILLISECONDS, round(seconds * 1000))))


def _list(
    reader: Reader, context: CallContext, request: Any, query: ExecutionQuery, domain: DomainRow
) -> shapes.WorkflowExecutionInfos:
    now = time_in(domain.clock, context.now)
    pages = Pages(context, request, query.domain, query.order_by, now=now)
    rows = reader.list_executions(
        query._replace(
            ascending=bool(request.reverse_order),
            after=pages.position(tuple[int, int]),
            limit=pages.size + 1,
        )
    )
    more = len(rows) > pages.size
    rows = rows[: pages.size]
    token = None
    if more:
        last = rows[-1]
        at = last.started_at if query.order_by == "started_at" else last.closed_at
        token = pages.token((at, last.run))
    return shapes.WorkflowExecutionInfos(execution_infos=[_info(row) for row in rows], next_page_token=token)


def _count(reader: Reader, query: ExecutionQuery) -> shapes.WorkflowExecutionCount:
    return shapes.WorkflowExecutionCount(count=reader.count_executions(query), truncated=False)


def _info(row: ExecutionRow) -> shapes.WorkflowExecutionInfo:
    parent = None
    if row.parent_workflow_id is not None and row.parent_run_id is not None:
        parent = shapes.WorkflowExecution(run_id=row.parent_run_id, workflow_id=row.parent_workflow_id)
    return shapes.WorkflowExecutionInfo(
        cancel_requested=row.cancel_requested,
        close_status=row.close_status,
        close_timestamp=None if row.closed_at is None else timestamp(row.closed_at),
        execution=shapes.WorkflowExecution(run_id=row.run_id, workflow_id=row.workflow_id),
        execution_status="OPEN" if row.closed_at is None else "CLOSED",
        parent=parent,
        start_timestamp=timestamp(row.started_at),
        tag_list=(decode_tags(row.tags) or None) if row.tags is not None else None,
        workflow_type=shapes.WorkflowType(name=row.type_name, version=row.type_version),
    )
