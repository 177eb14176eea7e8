"""Child workflows, seen from both sides (reference 5.13, 8.5, 8.6).

Owns `Child`, the decision StartChildWorkflowExecution, what a parent records of its children, and what the
child policy records in a child. The two sides hear of each other by messages (`messages.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from workflowsvc.core.decisions import repeat
from workflowsvc.core.rules import applies, decides
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


class Child(Struct):
    """A child that the parent has initiated and not yet seen close."""

    initiated: StartChildWorkflowExecutionInitiatedEventAttributes
    started_id: int = 0


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
    """The parent hears that the child runs."""
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
"""The child's closing event -> what the parent records. Continue-as-new is nothing a parent sees (8.7)."""


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
    """The parent hears how the child ended."""
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
    """The child applies its own policy to its own children, so the event shows that one (8.6)."""
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
            external_workflow_execution=parent,  # 15.24
        ),
    )


@applies("StartChildWorkflowExecutionInitiated")
def _initiated(
    execution: Execution,
    event_id: int,
    _: int,
    attributes: StartChildWorkflowExecutionInitiatedEventAttributes,
) -> None:
    execution.children[event_id] = Child(attributes)


@applies("StartChildWorkflowExecutionFailed")
def _failed(
    execution: Execution, _: int, __: int, attributes: StartChildWorkflowExecutionFailedEventAttributes
) -> None:
    if attributes.initiated_event_id:
        del execution.children[attributes.initiated_event_id]


@applies("ChildWorkflowExecutionStarted")
def _started(
    execution: Execution, event_id: int, _: int, attributes: ChildWorkflowExecutionStartedEventAttributes
) -> None:
    execution.children[attributes.initiated_event_id].started_id = event_id


@applies(
    "ChildWorkflowExecutionCompleted",
    "ChildWorkflowExecutionFailed",
    "ChildWorkflowExecutionCanceled",
    "ChildWorkflowExecutionTimedOut",
    "ChildWorkflowExecutionTerminated",
)
def _closed(
    execution: Execution, _: int, __: int, attributes: ChildWorkflowExecutionTerminatedEventAttributes
) -> None:
    del execution.children[attributes.initiated_event_id]


def _under_way(parent: Execution) -> int:
    """Children that are not yet known to run: they will need room too."""
    return sum(child.started_id == 0 for child in parent.children.values())


@decides("StartChildWorkflowExecution")
def _start(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: StartChildWorkflowExecutionDecisionAttributes,
    decision_context: DecisionContext,
) -> str | None:
    """The synchronous checks; whether the workflowId is free is found out when the message arrives."""
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
        StartChildWorkflowExecutionInitiatedEventAttributes(
            control=attributes.control,
            decision_task_completed_event_id=completed_id,
            input=attributes.input,
            tag_list=attributes.tag_list,
            workflow_id=attributes.workflow_id,
            workflow_type=attributes.workflow_type,
            **settings._asdict(),
        ),
    )
    return None
