"""The execution itself: started, signaled, asked to cancel, closed (SWF §2.21 to §2.24, §5.4 to §5.7, §8.3
to §8.11).

Owns event 1, signals and cancel requests from the API, termination, the execution timeout, and the four
closing decisions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from workflowsvc.core.decisions import repeat, success
from workflowsvc.core.durations import milliseconds
from workflowsvc.core.failed_decisions import counts_failures
from workflowsvc.core.rules import Deadline, applies, changes_nothing, decides, expires
from workflowsvc.core.type_defaults import DECISION_ORDER, undefined_cause, workflow_settings
from workflowsvc.model.shapes import (
    CancelWorkflowExecutionDecisionAttributes,
    ChildPolicy,
    CloseStatus,
    CompleteWorkflowExecutionDecisionAttributes,
    ContinueAsNewWorkflowExecutionDecisionAttributes,
    FailWorkflowExecutionDecisionAttributes,
    WorkflowExecutionCanceledEventAttributes,
    WorkflowExecutionCancelRequestedEventAttributes,
    WorkflowExecutionCompletedEventAttributes,
    WorkflowExecutionContinuedAsNewEventAttributes,
    WorkflowExecutionFailedEventAttributes,
    WorkflowExecutionSignaledEventAttributes,
    WorkflowExecutionStartedEventAttributes,
    WorkflowExecutionTerminatedEventAttributes,
    WorkflowExecutionTimedOutEventAttributes,
    WorkflowType,
)

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution

CLOSE_STATUS: dict[str, CloseStatus] = {
    "WorkflowExecutionCompleted": "COMPLETED",
    "WorkflowExecutionFailed": "FAILED",
    "WorkflowExecutionCanceled": "CANCELED",
    "WorkflowExecutionTerminated": "TERMINATED",
    "WorkflowExecutionContinuedAsNew": "CONTINUED_AS_NEW",
    "WorkflowExecutionTimedOut": "TIMED_OUT",
}
assert set(CLOSE_STATUS.values()) == set(get_args(CloseStatus))


def start(execution: Execution, at_ms: int, attributes: WorkflowExecutionStartedEventAttributes) -> None:
    """Event 1. `parent_initiated_event_id` is 0 for a run without parent."""
    execution.record(at_ms, attributes)


def continued(
    old: WorkflowExecutionStartedEventAttributes,
    old_run_id: str,
    closing: WorkflowExecutionContinuedAsNewEventAttributes,
) -> WorkflowExecutionStartedEventAttributes:
    """Event 1 of the next run: the closing event's settings, and the parent of the run before (SWF §8.7)."""
    return repeat(
        WorkflowExecutionStartedEventAttributes,
        closing,
        continued_execution_run_id=old_run_id,
        parent_initiated_event_id=old.parent_initiated_event_id,
        parent_workflow_execution=old.parent_workflow_execution,
    )


def signal(execution: Execution, at_ms: int, *, signal_name: str, input: str | None) -> None:
    """A signal through the API."""
    execution.record(
        at_ms,
        WorkflowExecutionSignaledEventAttributes(
            external_initiated_event_id=0, input=input, signal_name=signal_name
        ),
    )


def request_cancel(execution: Execution, at_ms: int) -> None:
    """A cancel request through the API: every one is recorded, the decider chooses what to do."""
    execution.record(at_ms, WorkflowExecutionCancelRequestedEventAttributes(external_initiated_event_id=0))


def terminate(
    execution: Execution,
    at_ms: int,
    *,
    reason: str | None,
    details: str | None,
    child_policy: ChildPolicy | None,
) -> None:
    """Closes at once; open tasks and timers get no events of their own (SWF §8.9)."""
    execution.record(
        at_ms,
        WorkflowExecutionTerminatedEventAttributes(
            cause="OPERATOR_INITIATED",  # SWF §15.4
            child_policy=child_policy or execution.started.child_policy,
            details=details,
            reason=reason,
        ),
    )


@applies("WorkflowExecutionStarted")
def _started(
    execution: Execution, event_id: int, at_ms: int, attributes: WorkflowExecutionStartedEventAttributes
) -> None:
    assert event_id == 1
    execution.started = attributes
    execution.started_at = at_ms
    timeout = milliseconds(attributes.execution_start_to_close_timeout)
    longest = execution.longest_ms  # 1 year (SWF §12.1), also for NONE (SWF §15.11)
    timeout = longest if timeout is None else min(timeout, longest)
    execution.open_deadline(at_ms + timeout, event_id, Deadline.EXECUTION)


@applies("WorkflowExecutionCancelRequested")
def _cancel_requested(
    execution: Execution,
    event_id: int,
    at_ms: int,
    _attributes: WorkflowExecutionCancelRequestedEventAttributes,
) -> None:
    execution.cancel_requested = True
    execution.cancel_requested_id = event_id
    execution.cancel_requested_at = at_ms


changes_nothing("WorkflowExecutionSignaled")
counts_failures(
    "CompleteWorkflowExecutionFailed",
    "FailWorkflowExecutionFailed",
    "CancelWorkflowExecutionFailed",
    "ContinueAsNewWorkflowExecutionFailed",
)


def _close(execution: Execution, at_ms: int, status: CloseStatus) -> None:
    """Open things stay in the state: openCounts of a closed run are frozen (SWF §10.4)."""
    execution.close_status = status
    execution.closed_at = at_ms
    execution.cancel_requested = False  # SWF §15.15
    execution.deadlines.clear()


def _closes(event_type: str) -> None:
    status = CLOSE_STATUS[event_type]

    @applies(event_type)
    def close(execution: Execution, _event_id: int, at_ms: int, _attributes: object) -> None:
        _close(execution, at_ms, status)


for _event_type in CLOSE_STATUS:
    _closes(_event_type)


@expires(Deadline.EXECUTION, live=lambda execution, _event_id, _due_at: execution.close_status is None)
def _timed_out(execution: Execution, at_ms: int, _event_id: int) -> None:
    execution.record(
        at_ms,
        WorkflowExecutionTimedOutEventAttributes(
            child_policy=execution.started.child_policy, timeout_type="START_TO_CLOSE"
        ),
    )


def unhandled(execution: Execution) -> bool:
    """Whether something waits for a decision: a task is scheduled behind this one, or this batch itself has recorded
    news for the decider (SWF §4.5 step 6).
    """
    return execution.scheduled_task is not None or execution.needs_decision


@decides("CompleteWorkflowExecution")
def _complete(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: CompleteWorkflowExecutionDecisionAttributes,
    _decision_context: DecisionContext,
) -> str | None:
    if unhandled(execution):
        return "UNHANDLED_DECISION"
    execution.record(at_ms, success(WorkflowExecutionCompletedEventAttributes, attributes, completed_id))
    return None


@decides("FailWorkflowExecution")
def _fail(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: FailWorkflowExecutionDecisionAttributes,
    _decision_context: DecisionContext,
) -> str | None:
    if unhandled(execution):
        return "UNHANDLED_DECISION"
    execution.record(at_ms, success(WorkflowExecutionFailedEventAttributes, attributes, completed_id))
    return None


@decides("CancelWorkflowExecution")
def _cancel(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: CancelWorkflowExecutionDecisionAttributes,
    _decision_context: DecisionContext,
) -> str | None:
    if unhandled(execution):
        return "UNHANDLED_DECISION"
    execution.record(at_ms, success(WorkflowExecutionCanceledEventAttributes, attributes, completed_id))
    return None


@decides("ContinueAsNewWorkflowExecution")
def _continue_as_new(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: ContinueAsNewWorkflowExecutionDecisionAttributes,
    decision_context: DecisionContext,
) -> str | None:
    """The order of causes is that of SWF §5.7: unhandled, type, defaults, rate."""
    if unhandled(execution):
        return "UNHANDLED_DECISION"
    current = execution.started.workflow_type
    workflow_type = WorkflowType(
        name=current.name, version=attributes.workflow_type_version or current.version
    )
    record = decision_context.workflow_type(workflow_type.name, workflow_type.version)
    if record is None:
        return "WORKFLOW_TYPE_DOES_NOT_EXIST"
    if record.deprecated:
        return "WORKFLOW_TYPE_DEPRECATED"
    settings = workflow_settings(attributes, record.defaults, DECISION_ORDER)
    if isinstance(settings, str):
        return undefined_cause(settings)
    if not decision_context.admits("ContinueAsNewWorkflowExecution"):
        return "CONTINUE_AS_NEW_WORKFLOW_EXECUTION_RATE_EXCEEDED"
    execution.record(
        at_ms,
        success(
            WorkflowExecutionContinuedAsNewEventAttributes,
            attributes,
            completed_id,
            new_execution_run_id=decision_context.new_run_id(),
            workflow_type=workflow_type,
            **settings._asdict(),
        ),
    )
    return None
