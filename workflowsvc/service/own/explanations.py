"""ExplainExecution: why a run does not go on, or how it ended.

Owns where the rules of `core/findings` get their knowledge from, and how a finding becomes an answer. Of many runs at
once see domain_explanation.py.
"""

from __future__ import annotations

from workflowsvc.core.execution import Execution
from workflowsvc.core.findings import (
    Finding,
    ListKnowledge,
    explain_closed,
    explain_open,
    explain_quarantined,
)
from workflowsvc.core.findings.finding import MAX_AHEAD
from workflowsvc.core.outcome import TaskKind
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.list_knowledge import known_of, polled_near
from workflowsvc.engine.quarantine import Quarantined
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import Event, decode_event, timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own.runs import quarantined_row, require_run
from workflowsvc.settings import Limits
from workflowsvc.store.rows import ListKey

_KINDS: dict[TaskKind, shapes.TaskListKind] = {"decision": "DECISION", "activity": "ACTIVITY"}


def explain_execution(
    work: UnitOfWork, context: CallContext, request: shapes.ExplainExecutionInput
) -> shapes.ExecutionExplanation:
    domain = work.catalog.require_domain(context.tenant, request.domain)
    try:
        execution = require_run(work, domain, request.execution)
    except Quarantined as quarantined:
        row = quarantined_row(work, quarantined)
        return _explanation(row.workflow_id, row.run_id, row.close_status, explain_quarantined())
    if execution.is_open:
        findings = explain_open(execution, WorkKnowledge(work, execution), work.now_in(domain.id))
    else:
        last = execution.next_event_id - 1
        closing = decode_event(work.events(execution.run, last, last, 1, False)[0])
        findings = explain_closed(execution, closing.attributes)
    return _explanation(execution.workflow_id, execution.run_id, execution.close_status, findings)


class WorkKnowledge:
    """What a unit of work knows beside the state of one run; a `Knowledge`."""

    def __init__(self, work: UnitOfWork, execution: Execution) -> None:
        self._work = work
        self._execution = execution

    @property
    def quotas(self) -> Limits:
        return self._work.quotas

    def task_list(self, kind: TaskKind, name: str) -> ListKnowledge:
        work, domain = self._work, self._execution.domain
        return known_of(work.state, ListKey(domain, kind, name), work.now, work.now_in(domain))

    def tasks_ahead(self, scheduled_id: int) -> int | None:
        self._work.flush()  # what this batch has put is counted, too
        return self._work.tx.tasks_ahead(self._execution.run, scheduled_id, MAX_AHEAD)

    def polled_near(self, kind: TaskKind, name: str) -> list[str]:
        return polled_near(self._work.state, ListKey(self._execution.domain, kind, name), self._work.now)

    def workflow_type_is_deprecated(self, name: str, version: str) -> bool:
        row = self._work.catalog.type(self._execution.domain, "workflow", name, version)
        return row is not None and row.status == "DEPRECATED"

    def event(self, event_id: int) -> Event | None:
        return _event(self._work, self._execution.run, event_id)

    def reason_of(self, run_id: str) -> str | None:
        work, run = self._work, run_of(run_id)
        if run is None:
            return None
        work.flush()  # it may have closed in this batch
        row = work.tx.executions([run]).get(run)
        if row is None or row.domain != self._execution.domain or row.closed_at is None:
            return None
        closing = _event(work, run, row.next_event_id - 1)
        return None if closing is None else getattr(closing.attributes, "reason", None)


def _event(work: UnitOfWork, run: int, event_id: int) -> Event | None:
    bodies = work.events(run, event_id, event_id, 1, False)
    return decode_event(bodies[0]) if bodies else None


def _explanation(
    workflow_id: str, run_id: str, close_status: shapes.CloseStatus | None, findings: list[Finding]
) -> shapes.ExecutionExplanation:
    return shapes.ExecutionExplanation(
        close_status=close_status,
        execution=shapes.WorkflowExecution(run_id=run_id, workflow_id=workflow_id),
        execution_status="OPEN" if close_status is None else "CLOSED",
        findings=[as_shape(finding) for finding in findings],
    )


def as_shape(finding: Finding) -> shapes.Finding:
    return shapes.Finding(
        action=finding.action,
        cause=finding.cause,
        code=finding.code,
        count=finding.number,
        event_ids=list(finding.event_ids) or None,
        message=finding.message,
        severity=finding.severity,
        since_timestamp=None if finding.since is None else timestamp(finding.since),
        subject=finding.subject,
        task_list=None if finding.task_list is None else shapes.TaskList(name=finding.task_list),
        task_list_kind=None if finding.kind is None else _KINDS[finding.kind],
        until_timestamp=None if finding.until is None else timestamp(finding.until),
    )
