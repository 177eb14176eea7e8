"""Findings about timers (rules T1 to T5, SWF §5.9, §5.10 and §8.1).

Owns the life of a timer: started, then fired or canceled, or forgotten with its execution.
"""

from collections.abc import Iterator

from workflowsvc.lint.history import Event, Finding, History

__all__ = ["check"]


def check(history: History) -> Iterator[Finding]:
    """All findings about timers."""
    opened: dict[int, Event] = {}
    for event in history.events:
        if event.type == "TimerStarted":
            yield from _check_started(history, event, opened)
            opened[event.id] = event
        elif event.type in ("TimerFired", "TimerCanceled"):
            yield from _check_ended(event, opened.pop(event.number("startedEventId"), None))
        elif event.type in ("StartTimerFailed", "CancelTimerFailed"):
            yield from _check_failed_decision(history, event, opened)


def _find(opened: dict[int, Event], timer_id: str) -> Event | None:
    return next((timer for timer in opened.values() if timer.text("timerId") == timer_id), None)


def _check_started(history: History, event: Event, opened: dict[int, Event]) -> Iterator[Finding]:
    other = _find(opened, event.text("timerId"))
    if other:
        yield event.breaks("T1", f"timerId {event.text('timerId')!r} is open since {other.shown}")
    if len(opened) >= history.limits.open_timers:
        yield event.breaks("T5", f"{len(opened)} timers are open already")


def _check_ended(event: Event, timer: Event | None) -> Iterator[Finding]:
    if timer is None:
        yield event.breaks("T2", f"event {event.number('startedEventId')} is no open timer")
        return
    if event.text("timerId") != timer.text("timerId"):
        own = timer.text("timerId")
        yield event.breaks("T2", f"timerId is {event.text('timerId')!r}, but {timer.shown} has {own!r}")
    allowed, elapsed = timer.milliseconds("startToFireTimeout"), event.at_ms - timer.at_ms
    if event.type == "TimerFired" and allowed is not None and elapsed < allowed:
        yield event.breaks(
            "T3", f"fires {elapsed} ms after {timer.shown}, but startToFireTimeout is {allowed} ms"
        )


def _check_failed_decision(history: History, event: Event, opened: dict[int, Event]) -> Iterator[Finding]:
    cause, timer_id = event.text("cause"), event.text("timerId")
    other = _find(opened, timer_id)
    if cause == "TIMER_ID_ALREADY_IN_USE" and other is None:
        yield event.breaks("T4", f"{cause}, but no timer {timer_id!r} is open")
    if cause == "TIMER_ID_UNKNOWN" and other is not None:
        yield event.breaks("T4", f"{cause}, but {other.shown} is open as {timer_id!r}")
    if cause == "OPEN_TIMERS_LIMIT_EXCEEDED" and len(opened) < history.limits.open_timers:
        yield event.breaks("T4", f"{cause}, but only {len(opened)} are open")
