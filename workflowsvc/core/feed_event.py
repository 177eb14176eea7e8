"""How a feed tells of an event of a run: in the form of SWF's events for EventBridge (SWF §16.1).

Owns the form, the events that Amazon sends, and that nulls are written out. What the workflow's code wrote (input,
result, details, reason, context) is not in it, as it is in none of Amazon's samples; names and tags are.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from workflowsvc.core.execution import Execution
from workflowsvc.model.events import Event, date_and_time
from workflowsvc.model.shapes import TaskList, WorkflowExecution, WorkflowType

AMAZONS_TYPES = frozenset(
    (
        "ActivityTaskCanceled",
        "ActivityTaskFailed",
        "ActivityTaskTimedOut",
        "CancelTimerFailed",
        "CancelWorkflowExecutionFailed",
        "ChildWorkflowExecutionFailed",
        "ChildWorkflowExecutionTimedOut",
        "CompleteWorkflowExecutionFailed",
        "ContinueAsNewWorkflowExecutionFailed",
        "DecisionTaskTimedOut",
        "FailWorkflowExecutionFailed",
        "LambdaFunctionFailed",
        "LambdaFunctionTimedOut",
        "RecordMarkerFailed",
        "RequestCancelActivityTaskFailed",
        "RequestCancelExternalWorkflowExecutionFailed",
        "ScheduleActivityTaskFailed",
        "ScheduleLambdaFunctionFailed",
        "SignalExternalWorkflowExecutionFailed",
        "StartChildWorkflowExecutionFailed",
        "StartLambdaFunctionFailed",
        "StartTimerFailed",
        "TimerCanceled",
        "WorkflowExecutionCanceled",
        "WorkflowExecutionCompleted",
        "WorkflowExecutionContinuedAsNew",
        "WorkflowExecutionFailed",
        "WorkflowExecutionStarted",
        "WorkflowExecutionTerminated",
        "WorkflowExecutionTimedOut",
    )
)
"""The types of events that Amazon sends; `StartActivityTaskFailed`, which is in its list too, does not exist."""

_ID_BYTES = 16


class _Info(msgspec.Struct, rename="camel", gc=False):
    execution: WorkflowExecution
    workflow_type: WorkflowType
    start_timestamp: int
    close_timestamp: int | None
    execution_status: str
    close_status: str | None
    parent: WorkflowExecution | None
    parent_execution_arn: None  # null in all samples; its form for a child is not known
    tag_list: list[str | None] | None
    cancel_requested: bool


class _Configuration(msgspec.Struct, rename="camel", gc=False):
    task_start_to_close_timeout: str
    execution_start_to_close_timeout: str
    task_list: TaskList
    task_priority: str | None
    child_policy: str
    lambda_role: str | None


class _OpenCounts(msgspec.Struct, rename="camel", gc=False):
    open_activity_tasks: int
    open_decision_tasks: int
    open_timers: int
    open_child_workflow_executions: int
    open_lambda_functions: int


class _Detail(msgspec.Struct, rename="camel", gc=False):
    execution_info: _Info
    execution_configuration: _Configuration
    open_counts: _OpenCounts
    latest_activity_task_timestamp: int | None


class Origin(NamedTuple):
    """Whose events these are."""

    account: str
    region: str
    domain_arn: str


_encode = msgspec.json.Encoder().encode


def feed_event(origin: Origin, execution: Execution, event: Event, detail: bytes) -> bytes:
    """The event as JSON; `detail` is what `execution_detail` gives of its run."""
    head, middle = _frame(origin)
    return b'%b%b","time":"%b"%b{"eventId":%d,"eventType":"%b","workflowExecutionDetail":%b}}' % (
        head,
        event_key(execution.run_id, event.id),
        date_and_time(event.at_ms // 1000),
        middle,
        event.id,
        event.type.encode(),
        detail,
    )


def event_key(run_id: str, event_id: int) -> bytes:
    """The `id` of an event, always the same for the same event; it has the form of a UUID."""
    digest = blake2b(f"{event_id} {run_id}".encode(), digest_size=_ID_BYTES).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}".encode()


@lru_cache(1_024)
def _frame(origin: Origin) -> tuple[bytes, bytes]:
    """What is the same for all events of a domain: what stands before the id, and between the time and the detail."""
    account, region, arn = map(_encode, origin)
    return (
        b'{"version":"0","detail-type":"Simple Workflow Execution State Change","source":"aws.swf",'
        b'"account":%b,"region":%b,"resources":[%b],"id":"' % (account, region, arn),
        b',"detail":',
    )


def execution_detail(execution: Execution) -> bytes:
    """The run as it is now, as DescribeWorkflowExecution has it."""
    started = execution.started
    return _encode(
        _Detail(
            _Info(
                execution.name,
                started.workflow_type,
                execution.started_at,
                execution.closed_at,
                "OPEN" if execution.is_open else "CLOSED",
                execution.close_status,
                started.parent_workflow_execution,
                None,
                started.tag_list or None,
                execution.cancel_requested,
            ),
            _Configuration(
                started.task_start_to_close_timeout or "NONE",
                started.execution_start_to_close_timeout or "NONE",
                started.task_list,
                started.task_priority,
                started.child_policy,
                started.lambda_role,
            ),
            _OpenCounts(
                len(execution.activities),
                int(execution.scheduled_task is not None),
                len(execution.timers),
                len(execution.children),
                len(execution.lambdas),
            ),
            execution.latest_activity_at,
        )
    )
