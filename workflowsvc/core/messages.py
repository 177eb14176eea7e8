"""What executions tell each other: one structure per message, and which events send which (design, section 3).

Owns the message types and `messages_of`. A message is committed with the event that causes it and applied later, in one
transaction with its removal; the engine carries it, the rules of the other modules say what the receiver records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from workflowsvc.core.children import CLOSED_AS
from workflowsvc.model.events import Event
from workflowsvc.model.shapes import (
    ChildPolicy,
    StartChildWorkflowExecutionInitiatedEventAttributes,
    WorkflowExecution,
    WorkflowType,
)

if TYPE_CHECKING:
    from workflowsvc.core.execution import Execution

PolicyScope = Literal["any-close", "documented"]
"""When a parent's child policy applies: on any close but continue-as-new, or on termination and timeout only (15.1)."""


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
    """Sent in the name of the parent itself: the workflowId was in use."""

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
    """To the run that signaled or asked to cancel; `sender` is the target, or the asking run itself when none was found."""

    to: WorkflowExecution
    initiated_id: int
    found: bool


class ApplyPolicy(Message, kw_only=True):
    """The parent has closed: the child that it initiated by this event is treated by the policy."""

    workflow_id: str
    initiated_id: int
    policy: ChildPolicy


class InvokeLambda(Message, kw_only=True):
    """To the service itself: a Lambda task waits to be started."""

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
            yield from _SENDERS[event.type](execution, event, policy_scope)


def _start_child(execution: Execution, event: Event, _: PolicyScope) -> Iterator[AnyMessage]:
    yield StartChild(sender=execution.name, initiated_id=event.id, initiated=event.attributes)


def _invoke_lambda(execution: Execution, event: Event, _: PolicyScope) -> Iterator[AnyMessage]:
    yield InvokeLambda(sender=execution.name, scheduled_id=event.id)


def _signal(execution: Execution, event: Event, _: PolicyScope) -> Iterator[AnyMessage]:
    given = event.attributes
    yield Signal(
        sender=execution.name,
        initiated_id=event.id,
        workflow_id=given.workflow_id,
        run_id=given.run_id,
        signal_name=given.signal_name,
        input=given.input,
    )


def _request_cancel(execution: Execution, event: Event, _: PolicyScope) -> Iterator[AnyMessage]:
    given = event.attributes
    yield CancelRequest(
        sender=execution.name, initiated_id=event.id, workflow_id=given.workflow_id, run_id=given.run_id
    )


def _started(execution: Execution, event: Event, _: PolicyScope) -> Iterator[AnyMessage]:
    given = event.attributes
    if given.parent_workflow_execution is not None and given.continued_execution_run_id is None:
        yield ChildStarted(
            sender=execution.name,
            to=given.parent_workflow_execution,
            initiated_id=given.parent_initiated_event_id,
        )


def _closed(execution: Execution, event: Event, policy_scope: PolicyScope) -> Iterator[AnyMessage]:
    started = execution.started
    if started.parent_workflow_execution is not None and event.type in CLOSED_AS:
        ending = {
            name: getattr(event.attributes, name)
            for name in CLOSED_AS[event.type].__struct_fields__
            if name in ("result", "reason", "details")
        }
        yield ChildClosed(
            sender=execution.name,
            to=started.parent_workflow_execution,
            initiated_id=started.parent_initiated_event_id or 0,
            workflow_type=started.workflow_type,
            closing_type=event.type,
            **ending,
        )
    if event.type == "WorkflowExecutionContinuedAsNew":
        return
    by_force = event.type in ("WorkflowExecutionTerminated", "WorkflowExecutionTimedOut")
    policy: ChildPolicy = event.attributes.child_policy if by_force else started.child_policy
    if policy == "ABANDON" or not (by_force or policy_scope == "any-close"):
        return
    for initiated_id, child in execution.children.items():
        yield ApplyPolicy(
            sender=execution.name,
            workflow_id=child.initiated.workflow_id,
            initiated_id=initiated_id,
            policy=policy,
        )


_SENDERS = {
    "LambdaFunctionScheduled": _invoke_lambda,
    "StartChildWorkflowExecutionInitiated": _start_child,
    "SignalExternalWorkflowExecutionInitiated": _signal,
    "RequestCancelExternalWorkflowExecutionInitiated": _request_cancel,
    "WorkflowExecutionStarted": _started,
    "WorkflowExecutionCompleted": _closed,
    "WorkflowExecutionFailed": _closed,
    "WorkflowExecutionCanceled": _closed,
    "WorkflowExecutionTerminated": _closed,
    "WorkflowExecutionContinuedAsNew": _closed,
    "WorkflowExecutionTimedOut": _closed,
}
