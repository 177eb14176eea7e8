"""The table of SWF's actions: one row for each, with everything that the service knows of it.

Owns which function carries an action out, how, how often it may be called (SWF §12.2, §12.4), and how its request
names an execution. What a request must satisfy is the model's: the generated shapes, and `model/input_rules.py` for
what they cannot say. Importing fails when an operation of the model has no row.
"""

from __future__ import annotations

from typing import Any

from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.unit_of_work import ExecutionReference
from workflowsvc.model.shapes import OPERATIONS
from workflowsvc.service import executions, registration, tasks, visibility
from workflowsvc.service.action import Action, Rate
from workflowsvc.service.service_model import ServiceModel
from workflowsvc.tenant import Tenant

# --- how a request names an execution ---


def _workflow(tenant: Tenant, request: Any) -> ExecutionReference:
    """The open run of a workflowId, or the run that is about to be started with it."""
    return ExecutionReference(None, (tenant, request.domain), request.workflow_id)


def _run(tenant: Tenant, request: Any) -> ExecutionReference | None:
    """The run with a runId, or the open one."""
    return _of_run_id(request.run_id) if request.run_id else _workflow(tenant, request)


def _named_run(tenant: Tenant, request: Any) -> ExecutionReference | None:
    """The run that the member `execution` names."""
    return _of_run_id(request.execution.run_id)


def _of_run_id(run_id: str) -> ExecutionReference | None:
    run = run_of(run_id)
    return None if run is None else ExecutionReference(run)


# --- the table ---

_ROWS = (
    # --- domains and their tags ---
    Action(OPERATIONS["RegisterDomain"], "write", registration.register_domain, Rate(100, 6)),
    Action(OPERATIONS["DescribeDomain"], "read", registration.describe_domain, Rate(200, 6)),
    Action(OPERATIONS["ListDomains"], "read", registration.list_domains, Rate(100, 6)),
    Action(OPERATIONS["DeprecateDomain"], "write", registration.deprecate_domain, Rate(100, 6)),
    Action(OPERATIONS["UndeprecateDomain"], "write", registration.undeprecate_domain, Rate(100, 6)),
    Action(OPERATIONS["TagResource"], "write", registration.tag_resource, Rate(50, 30)),
    Action(OPERATIONS["UntagResource"], "write", registration.untag_resource, Rate(50, 30)),
    Action(OPERATIONS["ListTagsForResource"], "read", registration.list_tags_for_resource, Rate(50, 30)),
    # --- types ---
    Action(OPERATIONS["RegisterWorkflowType"], "write", registration.register_workflow_type, Rate(200, 60)),
    Action(OPERATIONS["DescribeWorkflowType"], "read", registration.describe_workflow_type, Rate(2000, 6)),
    Action(OPERATIONS["ListWorkflowTypes"], "read", registration.list_workflow_types, Rate(200, 6)),
    Action(
        OPERATIONS["DeprecateWorkflowType"],
        "write",
        registration.deprecate_workflow_type,
        Rate(200, 6),
    ),
    Action(
        OPERATIONS["UndeprecateWorkflowType"],
        "write",
        registration.undeprecate_workflow_type,
        Rate(200, 6),
    ),
    Action(OPERATIONS["DeleteWorkflowType"], "write", registration.delete_workflow_type, Rate(200, 6)),
    Action(OPERATIONS["RegisterActivityType"], "write", registration.register_activity_type, Rate(200, 60)),
    Action(OPERATIONS["DescribeActivityType"], "read", registration.describe_activity_type, Rate(2000, 6)),
    Action(OPERATIONS["ListActivityTypes"], "read", registration.list_activity_types, Rate(200, 6)),
    Action(
        OPERATIONS["DeprecateActivityType"],
        "write",
        registration.deprecate_activity_type,
        Rate(200, 6),
    ),
    Action(
        OPERATIONS["UndeprecateActivityType"],
        "write",
        registration.undeprecate_activity_type,
        Rate(200, 6),
    ),
    Action(OPERATIONS["DeleteActivityType"], "write", registration.delete_activity_type, Rate(200, 6)),
    # --- executions ---
    Action(
        OPERATIONS["StartWorkflowExecution"],
        "write",
        executions.start_workflow_execution,
        Rate(2000, 200),
        execution_ref=_workflow,
    ),
    Action(
        OPERATIONS["SignalWorkflowExecution"],
        "write",
        executions.signal_workflow_execution,
        Rate(2000, 30),
        run_rate=Rate(1000, 1000),
        execution_ref=_run,
    ),
    Action(
        OPERATIONS["RequestCancelWorkflowExecution"],
        "write",
        executions.request_cancel_workflow_execution,
        Rate(2000, 30),
        run_rate=Rate(200, 200),
        execution_ref=_run,
    ),
    Action(
        OPERATIONS["TerminateWorkflowExecution"],
        "write",
        executions.terminate_workflow_execution,
        Rate(2000, 60),
        execution_ref=_run,
    ),
    # A write although it changes nothing: the state in memory is the writer thread's.
    Action(
        OPERATIONS["DescribeWorkflowExecution"],
        "write",
        executions.describe_workflow_execution,
        Rate(2000, 6),
        execution_ref=_named_run,
    ),
    Action(
        OPERATIONS["GetWorkflowExecutionHistory"],
        "read",
        executions.get_workflow_execution_history,
        Rate(2000, 60),
        run_rate=Rate(400, 200),
    ),
    Action(
        OPERATIONS["ListOpenWorkflowExecutions"],
        "read",
        visibility.list_open_workflow_executions,
        Rate(200, 48),
    ),
    Action(
        OPERATIONS["ListClosedWorkflowExecutions"],
        "read",
        visibility.list_closed_workflow_executions,
        Rate(200, 6),
    ),
    Action(
        OPERATIONS["CountOpenWorkflowExecutions"],
        "read",
        visibility.count_open_workflow_executions,
        Rate(2000, 6),
    ),
    Action(
        OPERATIONS["CountClosedWorkflowExecutions"],
        "read",
        visibility.count_closed_workflow_executions,
        Rate(2000, 6),
    ),
    # --- tasks ---
    Action(
        OPERATIONS["PollForDecisionTask"],
        "poll",
        tasks.poll_for_decision_task,
        Rate(2000, 200),
        empty_answer=tasks.no_decision_task,
        next_page=tasks.next_page_of_decision_task,
    ),
    Action(
        OPERATIONS["RespondDecisionTaskCompleted"],
        "write",
        tasks.respond_decision_task_completed,
        Rate(2000, 200),
        task_token="decision",
    ),
    Action(
        OPERATIONS["PollForActivityTask"],
        "poll",
        tasks.poll_for_activity_task,
        Rate(2000, 200),
        empty_answer=tasks.no_activity_task,
    ),
    Action(
        OPERATIONS["RecordActivityTaskHeartbeat"],
        "write",
        tasks.record_activity_task_heartbeat,
        Rate(2000, 160),
        run_rate=Rate(1000, 1000),
        task_token="activity",
    ),
    Action(
        OPERATIONS["RespondActivityTaskCompleted"],
        "write",
        tasks.respond_activity_task_completed,
        Rate(2000, 200),
        task_token="activity",
    ),
    Action(
        OPERATIONS["RespondActivityTaskFailed"],
        "write",
        tasks.respond_activity_task_failed,
        Rate(2000, 200),
        task_token="activity",
    ),
    Action(
        OPERATIONS["RespondActivityTaskCanceled"],
        "write",
        tasks.respond_activity_task_canceled,
        Rate(2000, 200),
        task_token="activity",
    ),
    Action(
        OPERATIONS["CountPendingDecisionTasks"],
        "read",
        tasks.count_pending_decision_tasks,
        Rate(200, 6),
    ),
    Action(
        OPERATIONS["CountPendingActivityTasks"],
        "read",
        tasks.count_pending_activity_tasks,
        Rate(200, 6),
    ),
)

SWF = ServiceModel(
    # as today's SDKs send it; as boto2 sent it and the guide has it (SWF §1.1.2)
    ("SimpleWorkflowService", "com.amazonaws.swf.service.model.SimpleWorkflowService"),
    _ROWS,
)

assert SWF.actions.keys() == OPERATIONS.keys()
