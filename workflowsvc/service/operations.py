"""The 39 operations by name: which function answers each, and what it needs.

Importing fails when an operation of the model is missing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflowsvc.model.shapes import OPERATIONS
from workflowsvc.service import executions, registration, tasks, visibility

WRITES: dict[str, Callable[..., Any]] = {
    "RegisterDomain": registration.register_domain,
    "DeprecateDomain": registration.deprecate_domain,
    "UndeprecateDomain": registration.undeprecate_domain,
    "TagResource": registration.tag_resource,
    "UntagResource": registration.untag_resource,
    "RegisterWorkflowType": registration.register_workflow_type,
    "DeprecateWorkflowType": registration.deprecate_workflow_type,
    "UndeprecateWorkflowType": registration.undeprecate_workflow_type,
    "DeleteWorkflowType": registration.delete_workflow_type,
    "RegisterActivityType": registration.register_activity_type,
    "DeprecateActivityType": registration.deprecate_activity_type,
    "UndeprecateActivityType": registration.undeprecate_activity_type,
    "DeleteActivityType": registration.delete_activity_type,
    "StartWorkflowExecution": executions.start_workflow_execution,
    "SignalWorkflowExecution": executions.signal_workflow_execution,
    "RequestCancelWorkflowExecution": executions.request_cancel_workflow_execution,
    "TerminateWorkflowExecution": executions.terminate_workflow_execution,
    "DescribeWorkflowExecution": executions.describe_workflow_execution,  # from the state in memory
    "RespondDecisionTaskCompleted": tasks.respond_decision_task_completed,
    "RecordActivityTaskHeartbeat": tasks.record_activity_task_heartbeat,
    "RespondActivityTaskCompleted": tasks.respond_activity_task_completed,
    "RespondActivityTaskFailed": tasks.respond_activity_task_failed,
    "RespondActivityTaskCanceled": tasks.respond_activity_task_canceled,
}
"""(session, caller, request): run on the lane, answered after the commit."""

READS: dict[str, Callable[..., Any]] = {
    "DescribeDomain": registration.describe_domain,
    "ListDomains": registration.list_domains,
    "ListTagsForResource": registration.list_tags_for_resource,
    "DescribeWorkflowType": registration.describe_workflow_type,
    "ListWorkflowTypes": registration.list_workflow_types,
    "DescribeActivityType": registration.describe_activity_type,
    "ListActivityTypes": registration.list_activity_types,
    "GetWorkflowExecutionHistory": executions.get_workflow_execution_history,
    "ListOpenWorkflowExecutions": visibility.list_open_workflow_executions,
    "ListClosedWorkflowExecutions": visibility.list_closed_workflow_executions,
    "CountOpenWorkflowExecutions": visibility.count_open_workflow_executions,
    "CountClosedWorkflowExecutions": visibility.count_closed_workflow_executions,
    "CountPendingDecisionTasks": tasks.count_pending_decision_tasks,
    "CountPendingActivityTasks": tasks.count_pending_activity_tasks,
}
"""(reader, caller, request): run beside the lane, on a snapshot of what is committed."""

POLLS: dict[str, tuple[Callable[..., Any], bytes]] = {
    "PollForDecisionTask": (tasks.poll_for_decision_task, tasks.NO_DECISION_TASK),
    "PollForActivityTask": (tasks.poll_for_activity_task, tasks.NO_ACTIVITY_TASK),
}
"""(session, caller, request, reply): run on the lane, answered when there is a task; and the answer when
there is none.
"""

assert WRITES.keys() | READS.keys() | POLLS.keys() == OPERATIONS.keys()
