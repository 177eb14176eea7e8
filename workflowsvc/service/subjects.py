"""Which execution a call is about, told before it is carried out: so all of a batch are fetched at once.

Owns how the operations name executions. What is told is no more than a hint: a call that says nothing, or names what is
not there, is carried out all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.session import Subject
from workflowsvc.faults import ValidationException
from workflowsvc.service.caller import Caller


def subject_of(operation: str, caller: Caller, request: Any) -> Subject | None:
    """None for calls that are about no execution, or about one that cannot be known yet."""
    find = _SUBJECTS.get(operation)
    return None if find is None else find(caller, request)


def _of_token(kind: Literal["decision", "activity"]) -> Callable[[Caller, Any], Subject | None]:
    def find(caller: Caller, request: Any) -> Subject | None:
        try:
            return Subject(run=caller.tokens.read_task(caller.tenant, request.task_token, kind).run)
        except ValidationException:
            return None  # as the call itself will be told

    return find


def _of_workflow(caller: Caller, request: Any) -> Subject | None:
    """A new run of a workflowId, or its open one."""
    return Subject(domain=(caller.tenant, request.domain), workflow_id=request.workflow_id)


def _of_run(caller: Caller, request: Any) -> Subject | None:
    if not request.run_id:
        return _of_workflow(caller, request)
    run = run_of(request.run_id)
    return None if run is None else Subject(run=run)


def _of_execution(caller: Caller, request: Any) -> Subject | None:
    return _of_run(caller, request.execution) if request.execution.run_id else None


_SUBJECTS: dict[str, Callable[[Caller, Any], Subject | None]] = {
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
