"""Findings about a parent's view of its children (rules C1 to C4, SWF §5.13 and §8.5).

Owns the life of a child as its parent sees it: initiated, started or not, closed once. What the child's own
history says is compared in related_children.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from workflowsvc.lint.history import Event, Finding, History

__all__ = ["CLOSES", "check"]

CLOSES = {  # the parent's event -> the child's own closing event
    "ChildWorkflowExecutionCompleted": "WorkflowExecutionCompleted",
    "ChildWorkflowExecutionFailed": "WorkflowExecutionFailed",
    "ChildWorkflowExecutionTimedOut": "WorkflowExecutionTimedOut",
    "ChildWorkflowExecutionCanceled": "WorkflowExecutionCanceled",
    "ChildWorkflowExecutionTerminated": "WorkflowExecutionTerminated",
}


@dataclass(slots=True)
class _Child:
    initiated: Event
    started: Event | None = None


def check(history: History) -> Iterator[Finding]:
    """All findings about children."""
    opened: dict[int, _Child] = {}
    for event in history.events:
        if event.type == "StartChildWorkflowExecutionInitiated":
            if len(opened) >= history.limits.open_children:
                yield event.breaks("C4", f"{len(opened)} children are open already")
            opened[event.id] = _Child(event)
        elif event.type == "ChildWorkflowExecutionStarted":
            yield from _check_started(event, opened.get(event.number("initiatedEventId")))
        elif event.type == "StartChildWorkflowExecutionFailed":
            yield from _check_failed(history, event, opened)
        elif event.type in CLOSES:
            yield from _check_closed(event, opened.pop(event.number("initiatedEventId"), None))


def _check_started(event: Event, child: _Child | None) -> Iterator[Finding]:
    if child is None:
        yield event.breaks("C1", f"event {event.number('initiatedEventId')} is no open child")
        return
    if child.started:
        yield event.breaks("C1", f"{child.initiated.shown} was answered by event {child.started.id}")
        return
    child.started = event
    yield from _check_workflow_id(
        "C1", event, child.initiated, event.inner("workflowExecution", "workflowId")
    )
    for member in ("name", "version"):
        own, wanted = event.inner("workflowType", member), child.initiated.inner("workflowType", member)
        if own != wanted:
            yield event.breaks(
                "C1", f"workflowType {member} is {own!r}, {child.initiated.shown} has {wanted!r}"
            )


def _check_workflow_id(rule: str, event: Event, initiated: Event, workflow_id: str) -> Iterator[Finding]:
    if workflow_id != initiated.text("workflowId"):
        wanted = initiated.text("workflowId")
        yield event.breaks(rule, f"workflowId is {workflow_id!r}, {initiated.shown} has {wanted!r}")


def _check_failed(history: History, event: Event, opened: dict[int, _Child]) -> Iterator[Finding]:
    cause, named = event.text("cause"), event.number("initiatedEventId")
    if cause == "OPEN_CHILDREN_LIMIT_EXCEEDED" and len(opened) < history.limits.open_children:
        yield event.breaks("C3", f"{cause}, but only {len(opened)} are open")
    if (cause == "WORKFLOW_ALREADY_RUNNING") != (named != 0):
        wanted = "must name its Initiated event" if named == 0 else "must be 0"
        yield event.breaks("C3", f"initiatedEventId is {named}; with cause {cause} it {wanted}")
    if named == 0:
        return
    child = opened.pop(named, None)
    if child is None:
        yield event.breaks("C1", f"event {named} is no open child")
        return
    if child.started:
        yield event.breaks("C1", f"{child.initiated.shown} was answered by event {child.started.id}")
    yield from _check_workflow_id("C1", event, child.initiated, event.text("workflowId"))
    for name in ("control", "workflowType", "decisionTaskCompletedEventId"):
        if event.attributes.get(name) != child.initiated.attributes.get(name):
            yield event.breaks("C1", f"{name} is not that of {child.initiated.shown}")


def _check_closed(event: Event, child: _Child | None) -> Iterator[Finding]:
    if child is None:
        yield event.breaks("C2", f"event {event.number('initiatedEventId')} is no open child")
        return
    started = child.started.id if child.started else 0
    if event.number("startedEventId") != started or not started:
        own = f"is event {started}" if started else "never was"
        yield event.breaks("C2", f"startedEventId is {event.number('startedEventId')}, but its start {own}")
    yield from _check_workflow_id(
        "C2", event, child.initiated, event.inner("workflowExecution", "workflowId")
    )
    # The version may be another one: the child may have continued as new (SWF §8.5).
    if event.inner("workflowType", "name") != child.initiated.inner("workflowType", "name"):
        own, wanted = event.inner("workflowType", "name"), child.initiated.inner("workflowType", "name")
        yield event.breaks("C2", f"workflowType name is {own!r}, {child.initiated.shown} has {wanted!r}")
