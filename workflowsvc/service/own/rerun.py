"""RerunExecution: a new run, started as a closed one was.

Owns what is taken from the closed run: all that its first event says, but for its parent. Everything else is the
business of StartWorkflowExecution, whose checks and faults hold here too.
"""

from __future__ import annotations

from typing import Any

from workflowsvc.core.execution import Execution
from workflowsvc.engine.quarantine import Quarantined
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import OperationNotPermittedFault
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model import shapes as swf
from workflowsvc.model.constraints import member_checks
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.executions import start_workflow_execution
from workflowsvc.service.own.runs import refuse_quarantined, require_run

_CHECKS = member_checks(swf.StartWorkflowExecutionInput)
_OVERRIDES = (
    "child_policy",
    "execution_start_to_close_timeout",
    "input",
    "lambda_role",
    "tag_list",
    "task_priority",
    "task_start_to_close_timeout",
)
"""Members that stand in both requests and mean the same."""


def rerun_execution(
    work: UnitOfWork, context: CallContext, request: shapes.RerunExecutionInput
) -> shapes.Rerun:
    domain = work.catalog.require_domain(context.tenant, request.domain)
    try:
        execution = require_run(work, domain, request.execution)
    except Quarantined:
        raise refuse_quarantined() from None
    overrides: dict[str, Any] = {name: getattr(request, name) for name in _OVERRIDES}
    if request.workflow_type is not None:
        overrides["workflow_type"] = swf.WorkflowType(
            name=request.workflow_type.name, version=request.workflow_type.version
        )
    if request.task_list is not None:
        overrides["task_list"] = swf.TaskList(name=request.task_list.name)
    overrides["workflow_id"] = request.workflow_id
    run_id = start_again(work, context, request.domain, execution, overrides)
    return shapes.Rerun(
        execution=shapes.WorkflowExecution(
            run_id=run_id, workflow_id=request.workflow_id or execution.workflow_id
        )
    )


def start_again(
    work: UnitOfWork,
    context: CallContext,
    domain: str,
    execution: Execution,
    overrides: dict[str, Any] | None = None,
) -> str:
    """The runId of the new run; the faults of StartWorkflowExecution. An override that is None is none."""
    if execution.is_open:
        raise OperationNotPermittedFault("The execution is open")
    started = execution.started
    members: dict[str, Any] = {
        "child_policy": started.child_policy,
        "execution_start_to_close_timeout": started.execution_start_to_close_timeout,
        "input": started.input,
        "lambda_role": started.lambda_role,
        "tag_list": started.tag_list,
        "task_list": started.task_list,
        "task_priority": started.task_priority,
        "task_start_to_close_timeout": started.task_start_to_close_timeout,
        "workflow_id": execution.workflow_id,
        "workflow_type": started.workflow_type,
    }
    members |= {name: value for name, value in (overrides or {}).items() if value is not None}
    start = swf.StartWorkflowExecutionInput(domain=domain, **members)
    for check in _CHECKS:
        check(start)
    if context.access is not None:
        context.access.require_start(work, start)
    return start_workflow_execution(work, context, start).run_id or ""
