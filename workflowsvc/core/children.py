"""Child workflows, seen from both sides (SWF §5.13, §8.5, §8.6).

Owns the decision StartChildWorkflowExecution, what a parent records of its children, and what the child policy
records in a child. The two sides exchange messages (`messages.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workflowsvc.core.decisions import repeat, success
from workflowsvc.core.failed_decisions import count_failure
from workflowsvc.core.rules import applies, decides
from workflowsvc.core.state import Child
from workflowsvc.core.type_defaults import DECISION_ORDER, undefined_cause, workflow_settings
from workflowsvc.model.shapes import (
    ChildWorkflowExecutionCanceledEventAttributes,
    ChildWorkflowExecutionCompletedEventAttributes,
    ChildWorkflowExecutionFailedEventAttributes,
    ChildWorkflowExecutionStartedEventAttributes,
    ChildWorkflowExecutionTerminatedEventAttributes,
    ChildWorkflowExecutionTimedOutEventAttributes,
    Shape,
    StartChildWorkflowExecutionDecisionAttributes,
    StartChildWorkflowExecutionFailedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
    WorkflowExecution,
    WorkflowExecutionCancelRequestedEventAttributes,
    WorkflowExecutionStartedEventAttributes,
    WorkflowExecutionTerminatedEventAttributes,
    WorkflowType,
)

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution


def first_event(
    initiated: StartChildWorkflowExecutionInitiatedEventAttributes,
    parent: WorkflowExecution,
    initiated_id: int,
) -> WorkflowExecutionStartedEventAttributes:
    """Event 1 of the child: the settings that the parent's Initiated event resolved."""
    return repeat(
        WorkflowExecutionStartedEventAttributes,
        initiated,
        parent_initiated_event_id=initiated_id,
        parent_workflow_execution=parent,
    )


def awaits_start(parent: Execution, initiated_id: int) -> bool:
    child = parent.children.get(initiated_id)
    return child is not None and child.started_id == 0


def started(parent: Execution, at_ms: int, initiated_id: int, child: WorkflowExecution) -> None:
    """The parent records that the child runs."""
    parent.record(
        at_ms,
        ChildWorkflowExecutionStartedEventAttributes(
            initiated_event_id=initiated_id,
            workflow_execution=child,
            workflow_type=parent.children[initiated_id].initiated.workflow_type,
        ),
    )


def already_running(parent: Execution, at_ms: int, initiated_id: int) -> None:
    """The workflowId was taken: the only failure with the real initiatedEventId."""
    initiated = parent.children[initiated_id].initiated
    parent.record(
        at_ms,
        repeat(
            StartChildWorkflowExecutionFailedEventAttributes,
            initiated,
            cause="WORKFLOW_ALREADY_RUNNING",
            initiated_event_id=initiated_id,
        ),
    )


CLOSED_AS: dict[str, Callable[..., Shape]] = {
    "WorkflowExecutionCompleted": ChildWorkflowExecutionCompletedEventAttributes,
    "WorkflowExecutionFailed": ChildWorkflowExecutionFailedEventAttributes,
    "WorkflowExecutionCanceled": ChildWorkflowExecutionCanceledEventAttributes,
    "WorkflowExecutionTimedOut": ChildWorkflowExecutionTimedOutEventAttributes,
    "WorkflowExecutionTerminated": ChildWorkflowExecutionTerminatedEventAttributes,
}
"""The child's closing event -> what the parent records. A parent does not see continue-as-new (SWF §8.7)."""


def closed(
    parent: Execution,
    at_ms: int,
    initiated_id: int,
    *,
    child: WorkflowExecution,
    workflow_type: WorkflowType,
    closing_type: str,
    result: str | None,
    reason: str | None,
    details: str | None,
) -> None:
    """The parent records how the child ended."""
    made = CLOSED_AS[closing_type]
    ending: dict[str, dict[str, str | None]] = {
        "WorkflowExecutionCompleted": {"result": result},
        "WorkflowExecutionFailed": {"reason": reason, "details": details},
        "WorkflowExecutionCanceled": {"details": details},
        "WorkflowExecutionTimedOut": {"timeout_type": "START_TO_CLOSE"},
        "WorkflowExecutionTerminated": {},
    }
    parent.record(
        at_ms,
        made(
            initiated_event_id=initiated_id,
            started_event_id=parent.children[initiated_id].started_id,
            workflow_execution=child,
            workflow_type=workflow_type,
            **ending[closing_type],
        ),
    )


def terminate_by_policy(child: Execution, at_ms: int) -> None:
    """The child applies its own policy to its own children, so the event shows that one (SWF §8.6)."""
    child.record(
        at_ms,
        WorkflowExecutionTerminatedEventAttributes(
            cause="CHILD_POLICY_APPLIED", child_policy=child.started.child_policy
        ),
    )


def request_cancel_by_policy(child: Execution, at_ms: int, parent: WorkflowExecution) -> None:
    child.record(
        at_ms,
        WorkflowExecutionCancelRequestedEventAttributes(
            cause="CHILD_POLICY_APPLIED",
            external_initiated_event_id=0,
            external_workflow_execution=parent,  # SWF §15.24
        ),
    )


@applies("StartChildWorkflowExecutionInitiated")
def _initiated(
    execution: Execution,
    event_id: int,
    at_ms: int,
    attributes: StartChildWorkflowExecutionInitiatedEventAttributes,
) -> None:
    execution.children[event_id] = Child(attributes, at_ms)


@applies("StartChildWorkflowExecutionFailed")
def _failed(
    execution: Execution,
    event_id: int,
    at_ms: int,
    attributes: StartChildWorkflowExecutionFailedEventAttributes,
) -> None:
    count_failure(execution, event_id, at_ms, attributes)
    if attributes.initiated_event_id:
        del execution.children[attributes.initiated_event_id]


@applies("ChildWorkflowExecutionStarted")
def _started(
    execution: Execution,
    event_id: int,
    _at_ms: int,
    attributes: ChildWorkflowExecutionStartedEventAttributes,
) -> None:
    child = execution.children[attributes.initiated_event_id]
    child.started_id = event_id
    child.run_id = attributes.workflow_execution.run_id


@applies(
    "ChildWorkflowExecutionCompleted",
    "ChildWorkflowExecutionFailed",
    "ChildWorkflowExecutionCanceled",
    "ChildWorkflowExecutionTimedOut",
    "ChildWorkflowExecutionTerminated",
)
def _closed(
    execution: Execution,
    _event_id: int,
    _at_ms: int,
    attributes: ChildWorkflowExecutionTerminatedEventAttributes,
) -> None:
    del execution.children[attributes.initiated_event_id]


def _under_way(parent: Execution) -> int:
    """The number of children that are not yet known to run: they will need room too."""
    return sum(child.started_id == 0 for child in parent.children.values())


@decides("StartChildWorkflowExecution")
def _start(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: StartChildWorkflowExecutionDecisionAttributes,
    decision_context: DecisionContext,
) -> str | None:
    """The synchronous checks; whether the workflowId is free turns out when the message arrives."""
    record = decision_context.workflow_type(attributes.workflow_type.name, attributes.workflow_type.version)
    if record is None:
        return "WORKFLOW_TYPE_DOES_NOT_EXIST"
    if record.deprecated:
        return "WORKFLOW_TYPE_DEPRECATED"
    settings = workflow_settings(attributes, record.defaults, DECISION_ORDER)
    if isinstance(settings, str):
        return undefined_cause(settings)
    if len(execution.children) >= decision_context.limits.max_open_children:
        return "OPEN_CHILDREN_LIMIT_EXCEEDED"
    room = decision_context.limits.max_open_executions - decision_context.open_executions()
    if room <= len(execution.children) and room <= _under_way(execution):
        return "OPEN_WORKFLOWS_LIMIT_EXCEEDED"
    if not decision_context.admits("StartChildWorkflowExecution"):
        return "CHILD_CREATION_RATE_EXCEEDED"
    execution.record(
        at_ms,
        success(
            StartChildWorkflowExecutionInitiatedEventAttributes,
            attributes,
            completed_id,
            **settings._asdict(),
        ),
    )
    return None
