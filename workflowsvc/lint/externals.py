"""Findings about signals and cancel requests between executions, as one side sees them (rules C5 to C7).

SWF §5.11, §5.12, §6.2, §8.6. What the other side says is compared in related_messages.
"""

from collections.abc import Iterator
from typing import NamedTuple

from workflowsvc.lint.history import Event, Finding, History, as_object

__all__ = ["MESSAGE_KINDS", "MessageKind", "check"]


class MessageKind(NamedTuple):
    """One kind of message between executions: its four event types, and its rule."""

    rule: str
    initiated: str
    delivered: str
    failed: str
    received: str


MESSAGE_KINDS = (
    MessageKind(
        "C5",
        "SignalExternalWorkflowExecutionInitiated",
        "ExternalWorkflowExecutionSignaled",
        "SignalExternalWorkflowExecutionFailed",
        "WorkflowExecutionSignaled",
    ),
    MessageKind(
        "C6",
        "RequestCancelExternalWorkflowExecutionInitiated",
        "ExternalWorkflowExecutionCancelRequested",
        "RequestCancelExternalWorkflowExecutionFailed",
        "WorkflowExecutionCancelRequested",
    ),
)


def check(history: History) -> Iterator[Finding]:
    """All findings about messages sent and received."""
    for kind in MESSAGE_KINDS:
        yield from _check_sent(history, kind)
    yield from _check_received(history)


def _check_sent(history: History, kind: MessageKind) -> Iterator[Finding]:
    opened: dict[int, Event] = {}
    for event in history.events:
        if event.type == kind.initiated:
            opened[event.id] = event
        elif event.type in (kind.delivered, kind.failed):
            named = event.number("initiatedEventId")
            unknown = event.text("cause") == "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"
            if event.type == kind.failed and named == 0 and not unknown:
                continue  # refused within the batch, before anything was initiated
            initiated = opened.pop(named, None)
            if initiated is None:
                yield event.breaks(kind.rule, f"event {named} is no unanswered {kind.initiated}")
            elif event.type == kind.delivered:
                yield from _check_delivered(kind, event, initiated)
            else:
                yield from _check_failed(kind, event, initiated)


def _check_delivered(kind: MessageKind, event: Event, initiated: Event) -> Iterator[Finding]:
    for name in ("workflowId", "runId"):
        own, wanted = event.inner("workflowExecution", name), initiated.text(name)
        if wanted and own != wanted:  # a sender may leave the runId open
            yield event.breaks(kind.rule, f"{name} is {own!r}, {initiated.shown} has {wanted!r}")


def _check_failed(kind: MessageKind, event: Event, initiated: Event) -> Iterator[Finding]:
    for name in ("workflowId", "runId", "control"):
        if event.text(name) != initiated.text(name):
            yield event.breaks(kind.rule, f"{name} is not that of {initiated.shown}")
    named, own = (
        event.number("decisionTaskCompletedEventId"),
        initiated.number("decisionTaskCompletedEventId"),
    )
    if named != own:
        yield event.breaks(kind.rule, f"decisionTaskCompletedEventId is {named}, {initiated.shown} has {own}")


def _check_received(history: History) -> Iterator[Finding]:
    start, applied = history.start, 0
    parent = as_object(start.attributes.get("parentWorkflowExecution"))
    yield from _check_both(start, "parentWorkflowExecution", "parentInitiatedEventId")
    for event in history.events:
        by_policy = event.text("cause") == "CHILD_POLICY_APPLIED"
        received = any(event.type == kind.received for kind in MESSAGE_KINDS)
        if received and not by_policy:
            yield from _check_both(event, "externalWorkflowExecution", "externalInitiatedEventId")
        if not by_policy:
            continue
        if not parent:
            yield event.breaks("C7", "child policy was applied, but the execution has no parent")
        if applied:
            yield event.breaks("C7", f"child policy was applied before, by event {applied}")
        applied = event.id
        sender = as_object(event.attributes.get("externalWorkflowExecution"))
        if sender and sender != parent:
            yield event.breaks("C7", "child policy was applied by an execution that is not the parent")
        if event.number("externalInitiatedEventId"):
            yield event.breaks("C7", "child policy has no Initiated event, so externalInitiatedEventId is 0")


def _check_both(event: Event, execution: str, initiated: str) -> Iterator[Finding]:
    if (execution in event.attributes) != (event.number(initiated) != 0):
        have = "present" if execution in event.attributes else "absent"
        yield event.breaks("C7", f"{execution} is {have}, but {initiated} is {event.number(initiated)}")
