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


class _Run(msgspec.Struct, array_like=True, gc=False):
    """What is stored of a run, as the command has left it: the values alone, since names would be most of it."""

    workflow_id: str
    run_id: str
    type_name: str
    type_version: str
    started_at: int
    closed_at: int | None
    close_status: str | None
    parent: tuple[str, str] | None
    tag_list: list[str | None] | None
    cancel_requested: bool
    task_start_to_close_timeout: str
    execution_start_to_close_timeout: str
    task_list: str
    task_priority: str | None
    child_policy: str
    lambda_role: str | None
    open_counts: tuple[int, int, int, int, int]
    latest_activity_at: int | None


class _Stored(msgspec.Struct, array_like=True, gc=False):
    """The body of an entry."""

    event_id: int
    at_ms: int
    run: _Run


class Origin(NamedTuple):
    """Whose events these are."""

    account: str
    region: str
    domain_arn: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stored).decode


def stored_run(execution: Execution) -> bytes:
    """What entries hold of a run, the same for all events of a command."""
    started = execution.started
    parent = started.parent_workflow_execution
    return _encode(
        _Run(
            execution.workflow_id,
            execution.run_id,
            started.workflow_type.name,
            started.workflow_type.version,
            execution.started_at,
            execution.closed_at,
            execution.close_status,
            None if parent is None else (parent.workflow_id, parent.run_id),
            started.tag_list or None,
            execution.cancel_requested,
            started.task_start_to_close_timeout or "NONE",
            started.execution_start_to_close_timeout or "NONE",
            started.task_list.name,
            started.task_priority,
            started.child_policy,
            started.lambda_role,
            (
                len(execution.activities),
                int(execution.scheduled_task is not None),
                len(execution.timers),
                len(execution.children),
                len(execution.lambdas),
            ),
            execution.latest_activity_at,
        )
    )


def stored_event(event: Event, run: bytes) -> bytes:
    """The body of an entry; `run` is what `stored_run` gives. A fifth of the event that is told: what is written takes
    as long as it is large.
    """
    return b"[%d,%d,%b]" % (event.id, event.at_ms, run)


def told_of(body: bytes) -> tuple[int, str]:
    """The event id and the runId of a stored entry. Raises ValueError for what is none."""
    stored = _decode(body)
    return stored.event_id, stored.run.run_id


def told_event(origin: Origin, event_type: str, body: bytes) -> bytes:
    """The event of a stored entry, as JSON."""
    stored = _decode(body)
    head, middle = _frame(origin)
    return b'%b%b","time":"%b"%b{"eventId":%d,"eventType":"%b","workflowExecutionDetail":%b}}' % (
        head,
        event_key(stored.run.run_id, stored.event_id, event_type, stored.at_ms),
        date_and_time(stored.at_ms // 1000),
        middle,
        stored.event_id,
        event_type.encode(),
        _encode(_detail(stored.run)),
    )


def event_key(run_id: str, event_id: int, event_type: str, at_ms: int) -> bytes:
    """The `id` of an event, always the same for the same event; it has the form of a UUID. After a restore, or a
    fail-over that has lost commits, another event may have its number in the run: type and time tell them apart.
    """
    told = f"{event_id} {run_id} {event_type} {at_ms}"
    digest = blake2b(told.encode(), digest_size=_ID_BYTES).hexdigest()
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


def _detail(run: _Run) -> _Detail:
    """The run as DescribeWorkflowExecution had it."""
    return _Detail(
        _Info(
            WorkflowExecution(workflow_id=run.workflow_id, run_id=run.run_id),
            WorkflowType(name=run.type_name, version=run.type_version),
            run.started_at,
            run.closed_at,
            "OPEN" if run.closed_at is None else "CLOSED",
            run.close_status,
            None
            if run.parent is None
            else WorkflowExecution(workflow_id=run.parent[0], run_id=run.parent[1]),
            None,
            run.tag_list,
            run.cancel_requested,
        ),
        _Configuration(
            run.task_start_to_close_timeout,
            run.execution_start_to_close_timeout,
            TaskList(name=run.task_list),
            run.task_priority,
            run.child_policy,
            run.lambda_role,
        ),
        _OpenCounts(*run.open_counts),
        run.latest_activity_at,
    )
