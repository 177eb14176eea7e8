"""Messages between executions: one structure per kind, and which events send which.

Owns the message types and `messages_of`. A message is committed with the event that causes it (the outbox) and applied
later, in one transaction with its removal. The engine relays it; the rules of the other modules say what the receiver
records. Names of the types are stored as the kinds of messages, so they must not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from workflowsvc.core.children import CLOSED_AS
from workflowsvc.core.workflow import CLOSE_STATUS
from workflowsvc.model.events import Event
from workflowsvc.model.shapes import (
    ChildPolicy,
    LambdaFunctionScheduledEventAttributes,
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    Shape,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
    WorkflowExecution,
    WorkflowExecutionStartedEventAttributes,
    WorkflowExecutionTerminatedEventAttributes,
    WorkflowType,
)

if TYPE_CHECKING:
    from workflowsvc.core.execution import Execution

PolicyScope = Literal["any-close", "documented"]
"""When a parent's child policy applies: on any close but continue-as-new, or on termination and timeout only
(SWF §15.1).
"""


class Message(Struct, tag_field="kind", omit_defaults=True, kw_only=True):
    """`sender` is the run that sent it."""

    sender: WorkflowExecution


class StartChild(Message, kw_only=True):
    initiated_id: int
    initiated: StartChildWorkflowExecutionInitiatedEventAttributes


class ChildStarted(Message, kw_only=True):
    to: WorkflowExecution
    initiated_id: int


class ChildNotStarted(Message, kw_only=True):
    """The workflowId was in use. `sender` is the parent itself, since there is no child."""

    initiated_id: int


class ChildClosed(Message, kw_only=True):
    to: WorkflowExecution
    initiated_id: int
    workflow_type: WorkflowType
    closing_type: str
    result: str | None = None
    reason: str | None = None
    details: str | None = None


class Signal(Message, kw_only=True):
    initiated_id: int
    workflow_id: str
    run_id: str | None = None
    signal_name: str
    input: str | None = None


class CancelRequest(Message, kw_only=True):
    initiated_id: int
    workflow_id: str
    run_id: str | None = None


class Answer(Message, kw_only=True):
    """To the run that sent a signal or a cancel request; `sender` is the target, or that run itself when no target was
    found.
    """

    to: WorkflowExecution
    initiated_id: int
    found: bool


class ApplyPolicy(Message, kw_only=True):
    """The parent has closed: the policy is applied to the child that this event initiated."""

    workflow_id: str
    initiated_id: int
    policy: ChildPolicy


class InvokeLambda(Message, kw_only=True):
    """To the service itself: a Lambda task waits for its start."""

    scheduled_id: int


AnyMessage = (
    InvokeLambda
    | StartChild
    | ChildStarted
    | ChildNotStarted
    | ChildClosed
    | Signal
    | CancelRequest
    | Answer
    | ApplyPolicy
)


def messages_of(execution: Execution, events: list[Event], policy_scope: PolicyScope) -> Iterator[AnyMessage]:
    """The messages that these new events of an execution send, in order."""
    for event in events:
        if event.type in _SENDERS:
            yield from _SENDERS[event.type](execution, event.id, event.attributes)
        elif event.type in CLOSE_STATUS:
            yield from _to_parent(execution, event.type, event.attributes)
            policy = _policy(execution, event.type, event.attributes, policy_scope)
            if policy != "ABANDON":
                yield from _to_children(execution, policy)


def _invoke_lambda(
    execution: Execution, event_id: int, _scheduled: LambdaFunctionScheduledEventAttributes
) -> Iterator[AnyMessage]:
    yield InvokeLambda(sender=execution.name, scheduled_id=event_id)


def _start_child(
    execution: Execution, event_id: int, initiated: StartChildWorkflowExecutionInitiatedEventAttributes
) -> Iterator[AnyMessage]:
    yield StartChild(sender=execution.name, initiated_id=event_id, initiated=initiated)


def _signal(
    execution: Execution, event_id: int, initiated: SignalExternalWorkflowExecutionInitiatedEventAttributes
) -> Iterator[AnyMessage]:
    yield Signal(
        sender=execution.name,
        initiated_id=event_id,
        workflow_id=initiated.workflow_id,
        run_id=initiated.run_id,
        signal_name=initiated.signal_name,
        input=initiated.input,
    )


def _request_cancel(
    execution: Execution,
    event_id: int,
    initiated: RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
) -> Iterator[AnyMessage]:
    yield CancelRequest(
        sender=execution.name,
        initiated_id=event_id,
        workflow_id=initiated.workflow_id,
        run_id=initiated.run_id,
    )


def _started(
    execution: Execution, _event_id: int, started: WorkflowExecutionStartedEventAttributes
) -> Iterator[AnyMessage]:
    """The first run of a child notifies its parent; later runs of its chain do not (SWF §8.7)."""
    if started.parent_workflow_execution is not None and started.continued_execution_run_id is None:
        yield ChildStarted(
            sender=execution.name,
            to=started.parent_workflow_execution,
            initiated_id=started.parent_initiated_event_id or 0,
        )


_SENDERS: dict[str, Callable[[Execution, int, Any], Iterator[AnyMessage]]] = {
    "LambdaFunctionScheduled": _invoke_lambda,
    "StartChildWorkflowExecutionInitiated": _start_child,
    "SignalExternalWorkflowExecutionInitiated": _signal,
    "RequestCancelExternalWorkflowExecutionInitiated": _request_cancel,
    "WorkflowExecutionStarted": _started,
}


def _to_parent(execution: Execution, closing_type: str, closing: Shape) -> Iterator[AnyMessage]:
    """How a child ended. Continue-as-new sends no message (SWF §8.7)."""
    started = execution.started
    if started.parent_workflow_execution is None or closing_type not in CLOSED_AS:
        return
    yield ChildClosed(
        sender=execution.name,
        to=started.parent_workflow_execution,
        initiated_id=started.parent_initiated_event_id or 0,
        workflow_type=started.workflow_type,
        closing_type=closing_type,
        result=getattr(closing, "result", None),
        reason=getattr(closing, "reason", None),
        details=getattr(closing, "details", None),
    )


def _policy(
    execution: Execution, closing_type: str, closing: Shape, policy_scope: PolicyScope
) -> ChildPolicy:
    """The policy for the open children (SWF §8.6). A call to TerminateWorkflowExecution may have named another one."""
    if isinstance(closing, WorkflowExecutionTerminatedEventAttributes):
        return closing.child_policy
    if closing_type == "WorkflowExecutionContinuedAsNew":
        return "ABANDON"
    if closing_type == "WorkflowExecutionTimedOut" or policy_scope == "any-close":
        return execution.started.child_policy
    return "ABANDON"


def _to_children(execution: Execution, policy: ChildPolicy) -> Iterator[AnyMessage]:
    for initiated_id, child in execution.children.items():
        yield ApplyPolicy(
            sender=execution.name,
            workflow_id=child.initiated.workflow_id,
            initiated_id=initiated_id,
            policy=policy,
        )
