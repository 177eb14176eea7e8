"""What decisions may ask of everything outside their execution: answered from the unit of work of the batch at hand."""

from __future__ import annotations

from workflowsvc.core.decision_context import ActivityTypeRecord, WorkflowTypeRecord
from workflowsvc.core.execution import Execution
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.types import activity_defaults, workflow_defaults
from workflowsvc.settings import Limits


class UnitOfWorkDecisionContext:
    """For one execution whose decisions are carried out."""

    def __init__(self, work: UnitOfWork, context: CallContext, execution: Execution) -> None:
        self._work = work
        self._context = context
        self._execution = execution
        access = context.access
        self._access = None if access is None else access.decisions(work, execution)

    @property
    def limits(self) -> Limits:
        return self._work.quotas

    def workflow_type(self, name: str, version: str) -> WorkflowTypeRecord | None:
        row = self._work.catalog.type(self._execution.domain, "workflow", name, version)
        return row and WorkflowTypeRecord(row.status == "DEPRECATED", workflow_defaults(row.defaults))

    def activity_type(self, name: str, version: str) -> ActivityTypeRecord | None:
        row = self._work.catalog.type(self._execution.domain, "activity", name, version)
        return row and ActivityTypeRecord(row.status == "DEPRECATED", activity_defaults(row.defaults))

    def open_executions(self) -> int:
        return self._work.open_count(self._execution.domain)

    def new_run_id(self) -> str:
        return self._work.new_run_id(self._execution.domain, self._execution.workflow_id)

    def permits(self, decision_type: str, attributes: object) -> bool:
        """Without access control every decision is (SWF §13.4)."""
        return self._access is None or self._access.permits(decision_type, attributes)

    def admits(self, decision_type: str, task_list: str | None = None) -> bool:
        """Always, unless the limits profile has request buckets (SWF §12.1, §12.3)."""
        buckets, now = self._context.buckets, self._work.now
        return buckets.admits_decision(self._context.tenant, decision_type, now) and (
            task_list is None or buckets.admits_activity(self._execution.domain, task_list, now)
        )
