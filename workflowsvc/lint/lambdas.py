"""Findings about Lambda tasks (rules L1 to L3, SWF §9).

Owns the life of a Lambda task: scheduled, started or not startable, closed once. Two open tasks may share an
id: the real service was seen to accept that (SWF §15.13).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from workflowsvc.lint.history import Event, Finding, History

__all__ = ["check"]

_DEFAULT_TIMEOUT_MS = 900_000  # SWF §9.1
_CLOSES = frozenset({"LambdaFunctionCompleted", "LambdaFunctionFailed", "LambdaFunctionTimedOut"})


@dataclass(slots=True)
class _Task:
    scheduled: Event
    started: Event | None = None


def check(history: History) -> Iterator[Finding]:
    """All findings about Lambda tasks."""
    opened: dict[int, _Task] = {}
    for event in history.events:
        if event.type == "LambdaFunctionScheduled":
            if len(opened) >= history.limits.open_lambdas:
                yield event.breaks("L3", f"{len(opened)} Lambda tasks are open already")
            opened[event.id] = _Task(event)
        elif event.type == "LambdaFunctionStarted":
            yield from _check_started(event, opened.get(event.number("scheduledEventId")))
        elif event.type == "StartLambdaFunctionFailed":
            yield from _check_start_failed(event, opened.pop(event.number("scheduledEventId"), None))
        elif event.type in _CLOSES:
            yield from _check_closed(event, opened.pop(event.number("scheduledEventId"), None))
        elif event.type == "ScheduleLambdaFunctionFailed":
            yield from _check_failed_decision(history, event, opened)


def _check_started(event: Event, task: _Task | None) -> Iterator[Finding]:
    if task is None:
        yield event.breaks("L1", f"event {event.number('scheduledEventId')} is no open Lambda task")
    elif task.started:
        yield event.breaks("L1", f"{task.scheduled.shown} was started by event {task.started.id}")
    else:
        task.started = event


def _check_start_failed(event: Event, task: _Task | None) -> Iterator[Finding]:
    if task is None:
        yield event.breaks("L1", f"event {event.number('scheduledEventId')} is no open Lambda task")
    elif task.started:
        yield event.breaks("L1", f"could not start, but event {task.started.id} started it")


def _check_closed(event: Event, task: _Task | None) -> Iterator[Finding]:
    if task is None:
        yield event.breaks("L1", f"event {event.number('scheduledEventId')} is no open Lambda task")
        return
    if task.started is None:
        yield event.breaks("L1", f"{task.scheduled.shown} was never started")
        return
    if event.number("startedEventId") != task.started.id:
        named, own = event.number("startedEventId"), task.started.id
        yield event.breaks("L1", f"startedEventId is {named}, but its start is event {own}")
    if event.type == "LambdaFunctionTimedOut":
        yield from _check_timed_out(event, task.scheduled, task.started)


def _check_timed_out(event: Event, scheduled: Event, started: Event) -> Iterator[Finding]:
    allowed = scheduled.milliseconds("startToCloseTimeout")
    if allowed is None:
        if scheduled.text("startToCloseTimeout") == "NONE":
            yield event.breaks("L2", f"{scheduled.shown} has no startToCloseTimeout")
            return
        allowed = _DEFAULT_TIMEOUT_MS
    if event.at_ms - started.at_ms < allowed:
        elapsed = event.at_ms - started.at_ms
        yield event.breaks("L2", f"times out {elapsed} ms after {started.shown}, allowed are {allowed} ms")


def _check_failed_decision(history: History, event: Event, opened: dict[int, _Task]) -> Iterator[Finding]:
    cause, own_id = event.text("cause"), event.text("id")
    if cause == "ID_ALREADY_IN_USE" and all(task.scheduled.text("id") != own_id for task in opened.values()):
        yield event.breaks("L3", f"{cause}, but no Lambda task {own_id!r} is open")
    if cause == "OPEN_LAMBDA_FUNCTIONS_LIMIT_EXCEEDED" and len(opened) < history.limits.open_lambdas:
        yield event.breaks("L3", f"{cause}, but only {len(opened)} are open")
