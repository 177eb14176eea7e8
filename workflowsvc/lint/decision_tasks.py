"""Findings about the life of decision tasks, and the list they are on (rules D1, D2, D3, D10).

Knows neither why a task is scheduled (triggers) nor what its completion decided (batches).
"""

from collections.abc import Iterator
from typing import NamedTuple

from workflowsvc.lint.history import Event, Finding, History

__all__ = ["check"]


def check(history: History) -> Iterator[Finding]:
    """All findings about decision tasks themselves."""
    yield from _check_life(history)
    if history.start.type == "WorkflowExecutionStarted":
        yield from _check_routes(history)


def _check_life(history: History) -> Iterator[Finding]:
    running: Event | None = None
    for index, event in enumerate(history.events):
        waiting = history.waiting_before[index]
        if event.type == "DecisionTaskScheduled":
            if waiting:
                yield event.breaks("D3", f"event {waiting} already waits to be started")
        elif event.type == "DecisionTaskStarted":
            yield from _check_started(event, waiting, running)
            running = event
        elif event.type == "DecisionTaskCompleted":
            yield from _check_pair(event, running)
            running = None
        elif event.type == "DecisionTaskTimedOut":
            if event.text("timeoutType") == "SCHEDULE_TO_START":
                yield from _check_never_started(history, event, waiting)
            else:
                yield from _check_pair(event, running)
                yield from _check_expiry(history, event, running, "startToCloseTimeout")
                running = None


def _check_started(event: Event, waiting: int, running: Event | None) -> Iterator[Finding]:
    if running:
        yield event.breaks("D1", f"{running.shown} is still being worked on")
    if event.number("scheduledEventId") != waiting:
        now = f"event {waiting} waits" if waiting else "none waits"
        yield event.breaks("D1", f"starts the task of event {event.number('scheduledEventId')}, but {now}")


def _check_pair(event: Event, running: Event | None) -> Iterator[Finding]:
    named = (event.number("scheduledEventId"), event.number("startedEventId"))
    if running is None:
        yield event.breaks("D2", f"closes the task of events {named}, but none is being worked on")
    elif named != (running.number("scheduledEventId"), running.id):
        own = (running.number("scheduledEventId"), running.id)
        yield event.breaks("D2", f"names events {named}, but the task being worked on has {own}")


def _check_never_started(history: History, event: Event, waiting: int) -> Iterator[Finding]:
    scheduled = history.find(waiting, "DecisionTaskScheduled")
    if event.number("scheduledEventId") != waiting or scheduled is None:
        yield event.breaks("D2", f"names event {event.number('scheduledEventId')}, which does not wait")
        return
    if event.number("startedEventId") != 0:
        yield event.breaks("D2", "was never started, so startedEventId must be 0")
    yield from _check_expiry(history, event, scheduled, "scheduleToStartTimeout")


def _check_expiry(history: History, event: Event, since: Event | None, timeout: str) -> Iterator[Finding]:
    scheduled = history.find(event.number("scheduledEventId"), "DecisionTaskScheduled")
    if scheduled is None or since is None:
        return
    allowed = scheduled.milliseconds(timeout)
    if allowed is None:
        yield event.breaks("D2", f"{scheduled.shown} has no {timeout}")
    elif event.at_ms - since.at_ms < allowed:
        elapsed = event.at_ms - since.at_ms
        yield event.breaks("D2", f"times out {elapsed} ms after {since.shown}, but {timeout} is {allowed} ms")


class _Route(NamedTuple):
    """Where decision tasks go, how long they may wait there, and whether the next completion ends that."""

    task_list: str
    schedule_to_start: str
    temporary: bool

    def fits(self, event: Event) -> bool:
        """Whether this DecisionTaskScheduled took this way."""
        timeout = event.text("scheduleToStartTimeout") or "NONE"
        return (self.task_list, self.schedule_to_start) == (event.inner("taskList", "name"), timeout)


def _check_routes(history: History) -> Iterator[Finding]:
    start = history.start
    base = _Route(start.inner("taskList", "name"), "NONE", temporary=False)
    # Where SWF §4.8 leaves open what an override does, each reading is accepted.
    possible = {base}
    for event in history.events:
        if event.type == "DecisionTaskScheduled":
            fitting = {route for route in possible if route.fits(event)}
            if not fitting:
                expected = " or ".join(f"{r.task_list} ({r.schedule_to_start})" for r in sorted(possible))
                timeout = event.text("scheduleToStartTimeout") or "NONE"
                found = f"{event.inner('taskList', 'name')} ({timeout})"
                yield event.breaks("D10", f"goes to {found}, in force is {expected}")
            possible = fitting or possible
            yield from _check_settings(start, event)
        elif event.type == "DecisionTaskCompleted":
            possible = _routes_after_completion(event, base, possible)
        elif event.type == "DecisionTaskTimedOut":
            possible = _routes_after_timeout(history, event, base, possible)


def _routes_after_completion(event: Event, base: _Route, possible: set[_Route]) -> set[_Route]:
    task_list, timeout = event.inner("taskList", "name"), event.text("taskListScheduleToStartTimeout")
    if task_list and timeout == "NONE":
        # Permanent as if it had no timeout, or temporary as it has one: the specification leaves it open.
        return {_Route(task_list, "NONE", temporary=False), _Route(task_list, "NONE", temporary=True)}
    if task_list:
        return {_Route(task_list, timeout or "NONE", temporary=bool(timeout))}
    # A completion without a list leaves a permanent override and ends a temporary one (SWF §15.12).
    return {base if route.temporary else route for route in possible}


def _routes_after_timeout(history: History, event: Event, base: _Route, possible: set[_Route]) -> set[_Route]:
    task = history.find(event.number("scheduledEventId"), "DecisionTaskScheduled")
    if task is None or task.text("scheduleToStartTimeout") in ("", "NONE"):
        return possible | {base}  # unknown: whether this ends a permanent override
    # A temporary override ends with its task; one that came after the task was scheduled may outlive it.
    return {base} | {route for route in possible if not route.fits(task)}


def _check_settings(start: Event, event: Event) -> Iterator[Finding]:
    for name, source in (
        ("startToCloseTimeout", "taskStartToCloseTimeout"),
        ("taskPriority", "taskPriority"),
    ):
        if event.text(name) != start.text(source):
            own, right = event.text(name) or "absent", start.text(source) or "absent"
            yield event.breaks("D10", f"{name} is {own}, the execution's {source} is {right}")
