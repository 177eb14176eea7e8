"""Which execution a call is about, told before it is carried out: so all of a batch are fetched at once.

Owns how the operations name executions. What is told is no more than a hint: a call that says nothing, or names what is
not there, is carried out all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.unit_of_work import ExecutionReference
from workflowsvc.faults import ValidationException
from workflowsvc.service.call_context import CallContext


def execution_reference_of(operation: str, context: CallContext, request: Any) -> ExecutionReference | None:
    """None for calls that are about no execution, or about one that cannot be known yet."""
    find = _REFERENCES.get(operation)
    return None if find is None else find(context, request)


def _of_token(
    kind: Literal["decision", "activity"],
) -> Callable[[CallContext, Any], ExecutionReference | None]:
    def find(context: CallContext, request: Any) -> ExecutionReference | None:
        try:
            return ExecutionReference(
                run=context.tokens.read_task(context.tenant, request.task_token, kind).run
            )
        except ValidationException:
            return None  # as the call itself will be told

    return find


def _of_workflow(context: CallContext, request: Any) -> ExecutionReference | None:
    """A new run of a workflowId, or its open one."""
    return ExecutionReference(domain=(context.tenant, request.domain), workflow_id=request.workflow_id)


def _of_run(context: CallContext, request: Any) -> ExecutionReference | None:
    if not request.run_id:
        return _of_workflow(context, request)
    run = run_of(request.run_id)
    return None if run is None else ExecutionReference(run=run)


def _of_execution(context: CallContext, request: Any) -> ExecutionReference | None:
    return _of_run(context, request.execution) if request.execution.run_id else None


_REFERENCES: dict[str, Callable[[CallContext, Any], ExecutionReference | None]] = {
    "StartWorkflowExecution": _of_workflow,
    "SignalWorkflowExecution": _of_run,
    "RequestCancelWorkflowExecution": _of_run,
    "TerminateWorkflowExecution": _of_run,
    "DescribeWorkflowExecution": _of_execution,
    "RespondDecisionTaskCompleted": _of_token("decision"),
    "RecordActivityTaskHeartbeat": _of_token("activity"),
    "RespondActivityTaskCompleted": _of_token("activity"),
    "RespondActivityTaskFailed": _of_token("activity"),
    "RespondActivityTaskCanceled": _of_token("activity"),
}
