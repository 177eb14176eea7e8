"""Signals and cancel requests from one execution to another (SWF §5.11, §5.12, §8.3, §8.4).

Owns the two decisions, what the target records, and what the sender records of the outcome. Delivery is by
messages (`messages.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.core.decisions import repeat, success
from workflowsvc.core.failed_decisions import count_failure
from workflowsvc.core.rules import applies, decides
from workflowsvc.core.state import External, ExternalInitiated
from workflowsvc.model.shapes import (
    ExternalWorkflowExecutionCancelRequestedEventAttributes,
    ExternalWorkflowExecutionSignaledEventAttributes,
    RequestCancelExternalWorkflowExecutionDecisionAttributes,
    RequestCancelExternalWorkflowExecutionFailedEventAttributes,
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionDecisionAttributes,
    SignalExternalWorkflowExecutionFailedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    WorkflowExecution,
    WorkflowExecutionCancelRequestedEventAttributes,
    WorkflowExecutionSignaledEventAttributes,
)

if TYPE_CHECKING:
    from workflowsvc.core.decision_context import DecisionContext
    from workflowsvc.core.execution import Execution


def deliver_signal(
    target: Execution,
    at_ms: int,
    *,
    sender: WorkflowExecution,
    initiated_id: int,
    signal_name: str,
    input: str | None,
) -> None:
    target.record(
        at_ms,
        WorkflowExecutionSignaledEventAttributes(
            external_initiated_event_id=initiated_id,
            external_workflow_execution=sender,
            input=input,
            signal_name=signal_name,
        ),
    )


def deliver_cancel_request(
    target: Execution, at_ms: int, *, sender: WorkflowExecution, initiated_id: int
) -> None:
    target.record(
        at_ms,
        WorkflowExecutionCancelRequestedEventAttributes(
            external_initiated_event_id=initiated_id, external_workflow_execution=sender
        ),
    )


def answered(sender: Execution, at_ms: int, initiated_id: int, target: WorkflowExecution | None) -> None:
    """The sender records whether its signal or cancel request found an open run (`target`, always with its
    runId).
    """
    initiated = sender.externals[initiated_id].initiated
    signal = isinstance(initiated, SignalExternalWorkflowExecutionInitiatedEventAttributes)
    if target is not None:
        made = (
            ExternalWorkflowExecutionSignaledEventAttributes
            if signal
            else ExternalWorkflowExecutionCancelRequestedEventAttributes
        )
        sender.record(at_ms, made(initiated_event_id=initiated_id, workflow_execution=target))
        return
    failed = (
        SignalExternalWorkflowExecutionFailedEventAttributes
        if signal
        else RequestCancelExternalWorkflowExecutionFailedEventAttributes
    )
    sender.record(
        at_ms,
        repeat(
            failed, initiated, cause="UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION", initiated_event_id=initiated_id
        ),
    )


@applies("SignalExternalWorkflowExecutionInitiated", "RequestCancelExternalWorkflowExecutionInitiated")
def _initiated(execution: Execution, event_id: int, at_ms: int, attributes: ExternalInitiated) -> None:
    execution.externals[event_id] = External(attributes, at_ms)


@applies("ExternalWorkflowExecutionSignaled", "ExternalWorkflowExecutionCancelRequested")
def _answered(
    execution: Execution,
    _event_id: int,
    _at_ms: int,
    attributes: ExternalWorkflowExecutionSignaledEventAttributes
    | ExternalWorkflowExecutionCancelRequestedEventAttributes,
) -> None:
    del execution.externals[attributes.initiated_event_id]


@applies("SignalExternalWorkflowExecutionFailed", "RequestCancelExternalWorkflowExecutionFailed")
def _failed(
    execution: Execution,
    event_id: int,
    at_ms: int,
    attributes: SignalExternalWorkflowExecutionFailedEventAttributes
    | RequestCancelExternalWorkflowExecutionFailedEventAttributes,
) -> None:
    count_failure(execution, event_id, at_ms, attributes)
    if attributes.initiated_event_id:  # 0 when the decision itself failed
        del execution.externals[attributes.initiated_event_id]


@decides("SignalExternalWorkflowExecution")
def _signal(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: SignalExternalWorkflowExecutionDecisionAttributes,
    decision_context: DecisionContext,
) -> str | None:
    if not decision_context.admits("SignalExternalWorkflowExecution"):
        return "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED"
    execution.record(
        at_ms, success(SignalExternalWorkflowExecutionInitiatedEventAttributes, attributes, completed_id)
    )
    return None


@decides("RequestCancelExternalWorkflowExecution")
def _request_cancel(
    execution: Execution,
    at_ms: int,
    completed_id: int,
    attributes: RequestCancelExternalWorkflowExecutionDecisionAttributes,
    decision_context: DecisionContext,
) -> str | None:
    if not decision_context.admits("RequestCancelExternalWorkflowExecution"):
        return "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED"
    execution.record(
        at_ms,
        success(RequestCancelExternalWorkflowExecutionInitiatedEventAttributes, attributes, completed_id),
    )
    return None
