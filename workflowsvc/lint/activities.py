"""Findings about activity tasks (rules A1 to A6, SWF §5.2, §5.3 and §7).

Owns the life of an activity: scheduled, maybe started, asked to cancel any number of times, closed once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from workflowsvc.lint.history import Event, Finding, History

__all__ = ["check"]

_CLOSES = frozenset({
    "ActivityTaskCompleted",
    "ActivityTaskFailed",
    "ActivityTaskTimedOut",
    "ActivityTaskCanceled",
})  # fmt: skip

_TIMEOUTS = {  # timeoutType -> the setting, and whether its clock needs a start (SWF §7.2)
    "SCHEDULE_TO_START": ("scheduleToStartTimeout", False),
    "SCHEDULE_TO_CLOSE": ("scheduleToCloseTimeout", False),
    "START_TO_CLOSE": ("startToCloseTimeout", True),
    "HEARTBEAT": ("heartbeatTimeout", True),
}


@dataclass(slots=True)
class _Activity:
    scheduled: Event
    started: Event | None = None
    cancel_requested: int = 0


def check(history: History) -> Iterator[Finding]:
    """All findings about activities."""
    opened: dict[int, _Activity] = {}
    for event in history.events:
        if event.type == "ActivityTaskScheduled":
            yield from _check_scheduled(history, event, opened)
            opened[event.id] = _Activity(event)
        elif event.type == "ActivityTaskStarted":
            yield from _check_started(event, opened.get(event.number("scheduledEventId")))
        elif event.type in _CLOSES:
            yield from _check_closed(history, event, opened.pop(event.number("scheduledEventId"), None))
        elif event.type == "ActivityTaskCancelRequested":
            yield from _check_cancel_requested(history, event, _find(opened, event.text("activityId")))
        elif event.type in ("ScheduleActivityTaskFailed", "RequestCancelActivityTaskFailed"):
            yield from _check_failed_decision(history, event, opened)


def _find(opened: dict[int, _Activity], activity_id: str) -> _Activity | None:
    return next((a for a in opened.values() if a.scheduled.text("activityId") == activity_id), None)


def _check_scheduled(history: History, event: Event, opened: dict[int, _Activity]) -> Iterator[Finding]:
    other = _find(opened, event.text("activityId"))
    if other:
        yield event.breaks(
            "A1", f"activityId {event.text('activityId')!r} is open since {other.scheduled.shown}"
        )
    if len(opened) >= history.limits.open_activities:
        yield event.breaks("A6", f"{len(opened)} activities are open already")


def _check_started(event: Event, activity: _Activity | None) -> Iterator[Finding]:
    if activity is None:
        yield event.breaks("A2", f"event {event.number('scheduledEventId')} is no open activity")
    elif activity.started:
        yield event.breaks("A2", f"{activity.scheduled.shown} was started by event {activity.started.id}")
    else:
        activity.started = event


def _check_closed(history: History, event: Event, activity: _Activity | None) -> Iterator[Finding]:
    if activity is None:
        yield event.breaks("A2", f"event {event.number('scheduledEventId')} is no open activity")
        return
    started = activity.started.id if activity.started else 0
    if event.number("startedEventId") != started:
        own = f"is event {started}" if started else "never was"
        yield event.breaks("A2", f"startedEventId is {event.number('startedEventId')}, but its start {own}")
    if event.type == "ActivityTaskTimedOut":
        yield from _check_timed_out(event, activity)
    elif event.type == "ActivityTaskCanceled":
        yield from _check_canceled(history, event, activity)
    elif not started:
        yield event.breaks("A2", f"{activity.scheduled.shown} was never started")


def _check_timed_out(event: Event, activity: _Activity) -> Iterator[Finding]:
    setting, needs_start = _TIMEOUTS.get(event.text("timeoutType"), ("", False))
    if not setting:
        return
    if needs_start and not activity.started:
        yield event.breaks("A4", f"{event.text('timeoutType')} of an activity that was never started")
    if event.text("timeoutType") == "SCHEDULE_TO_START" and activity.started:
        yield event.breaks("A4", f"SCHEDULE_TO_START, but it was started by event {activity.started.id}")
    if "details" in event.attributes and not activity.started:
        yield event.breaks("A4", "has details of a heartbeat, but was never started")
    since = activity.started if needs_start and activity.started else activity.scheduled
    allowed, elapsed = activity.scheduled.milliseconds(setting), event.at_ms - since.at_ms
    if allowed is None:
        yield event.breaks("A4", f"{activity.scheduled.shown} has no {setting}")
    elif elapsed < allowed:
        yield event.breaks("A4", f"times out {elapsed} ms after {since.shown}, but {setting} is {allowed} ms")


def _check_canceled(history: History, event: Event, activity: _Activity) -> Iterator[Finding]:
    latest = event.number("latestCancelRequestedEventId")
    unasked = not activity.cancel_requested and "latestCancelRequestedEventId" in event.attributes
    if latest != activity.cancel_requested or unasked:
        own = f"is event {activity.cancel_requested}" if activity.cancel_requested else "was never made"
        yield event.breaks("A3", f"latestCancelRequestedEventId is {latest}, but the last request {own}")
    # A worker may cancel unasked (SWF §15.19), but a task without worker is canceled only within the asking batch.
    if not activity.started and event.id not in history.batch_of:
        yield event.breaks(
            "A3", f"{activity.scheduled.shown} was never started, and no request stands before"
        )


def _check_cancel_requested(history: History, event: Event, activity: _Activity | None) -> Iterator[Finding]:
    if activity is None:
        yield event.breaks("A3", f"no activity {event.text('activityId')!r} is open")
        return
    activity.cancel_requested = event.id
    follower = history.after(event)
    if activity.started or (follower is None and not history.complete):
        return
    ends_it = (
        follower is not None
        and follower.type == "ActivityTaskCanceled"
        and follower.number("scheduledEventId") == activity.scheduled.id
    )
    if not ends_it:
        unstarted = activity.scheduled.shown
        yield event.breaks("A3", f"{unstarted} was not started, so ActivityTaskCanceled must follow at once")


def _check_failed_decision(history: History, event: Event, opened: dict[int, _Activity]) -> Iterator[Finding]:
    cause, activity_id = event.text("cause"), event.text("activityId")
    other = _find(opened, activity_id)
    if cause == "ACTIVITY_ID_ALREADY_IN_USE" and other is None:
        yield event.breaks("A5", f"{cause}, but no activity {activity_id!r} is open")
    if cause == "ACTIVITY_ID_UNKNOWN" and other is not None:
        yield event.breaks("A5", f"{cause}, but {other.scheduled.shown} is open as {activity_id!r}")
    if cause == "OPEN_ACTIVITIES_LIMIT_EXCEEDED" and len(opened) < history.limits.open_activities:
        yield event.breaks("A5", f"{cause}, but only {len(opened)} are open")
