"""Findings about when decision tasks are scheduled: the trigger rule, the heart of the service (rule D6).

Both directions: each event that needs the decider brings a task at once, and no other event does. Knows which
events need the decider (tables) and which task waits (history), nothing of what the tasks do.
"""

from collections.abc import Iterator

from workflowsvc.lint.history import Event, Finding, History
from workflowsvc.lint.tables import CLOSING, EVENTS

__all__ = ["check"]


def check(history: History) -> Iterator[Finding]:
    """Each event that needs a decision task and has none behind it, each task without such an event."""
    owed = _find_owed(history)
    for event in history.events:
        cause = owed.get(event.id)
        if cause is not None:
            yield from _check_scheduled(history, event, cause)
        if event.type == "DecisionTaskScheduled" and not history.waiting_before[event.id - 1]:
            before = owed.get(event.id - 1)
            if before is None:
                yield event.breaks("D6", "nothing directly before it needs a decision task")
            elif event.at_ms != before.at_ms:
                late = event.at_ms - before.at_ms
                yield event.breaks("D6", f"is {late} ms after {before.shown}, which it answers; must be 0")


def _find_owed(history: History) -> dict[int, Event]:
    """Id of each event that DecisionTaskScheduled must follow -> the event that needs it."""
    owed: dict[int, Event] = {}
    for event in history.events:
        shape = EVENTS.get(event.type)
        # A waiting task that times out no longer waits after this event, hence the state behind the event.
        if (
            shape
            and shape.wakes
            and event.id not in history.batch_of
            and not history.waiting_before[event.id]
        ):
            owed[event.id] = event
    for batch in history.batches:
        needs = next((member for member in batch.members if EVENTS[member.type].wakes), None)
        if needs and batch.last.type not in CLOSING and not history.waiting_before[batch.completed.id - 1]:
            owed[batch.last.id] = needs
    return owed


def _check_scheduled(history: History, event: Event, cause: Event) -> Iterator[Finding]:
    follower = history.after(event)
    if follower is None:
        if history.complete:
            yield cause.breaks("D6", "needs a decision task, but the history ends without one")
    elif follower.type != "DecisionTaskScheduled" and follower.text("cause") != "EVENT_LIMIT_EXCEEDED":
        where = "" if event is cause else f" behind the batch, after event {event.id}"
        yield cause.breaks("D6", f"needs DecisionTaskScheduled directly{where}, but {follower.shown} follows")
