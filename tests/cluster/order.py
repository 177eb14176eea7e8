"""Rule R6 among several nodes: tasks leave a list by priority, then by age, as soon as they can be seen.

An event has the time at which its transaction began, and other nodes see it when that is committed. So a task counts as
waiting from a little after its time on, and not before its decider was told; when that was later than nodes allow a
commit (`workflowsvc/store/postgres/low_watermarks.py`), not before each has looked at the whole list. On one node,
where the next batch begins after the commit, that makes no difference, and `tests/crash/audit.py` judges without it.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.crash.audit import ENDED_TASK
from tests.crash.findings import EventOfRun, Found, Run
from tests.support.journal import Journal
from tests.support.names import LONE
from workflowsvc.store.postgres.low_watermarks import COMMIT_MS, FULL_LOOK_MS

SEEN_AFTER_MS = 250  # a commit on an overloaded machine
# A node does not wait for another one: tasks of an execution that somebody else is writing to are passed over. That was
# 0 to 1 % here, and 2 % at a load of 18 on two cores; with positions by the clocks of nodes that differed it was 8 %.
MAX_OVERTAKEN = 0.05


class Task(NamedTuple):
    priority: int
    scheduled: int
    waiting: float  # from then on
    started: float
    gone: float


def tasks_of(journal: Journal, found: Found) -> list[Task]:
    """Of the list that one worker alone polls."""
    tasks: list[Task] = []
    told = _told(journal, found)
    for run, events in found.histories.items():
        closed = found.descriptions[run]["executionInfo"].get("closeTimestamp", float("inf")) * 1000
        scheduled: dict[int, EventOfRun] = {}
        started: dict[int, int] = {}
        ended: dict[int, int] = {}
        for event in events:
            place = EventOfRun(run, event)
            if event["eventType"] == "ActivityTaskScheduled" and place.said["taskList"]["name"] == LONE:
                scheduled[place.event_id] = place
            elif event["eventType"] == "ActivityTaskStarted":
                started[place.said["scheduledEventId"]] = place.at_ms
            elif event["eventType"] in ENDED_TASK["RespondActivityTaskCompleted"]:
                ended[place.said["scheduledEventId"]] = place.at_ms
        for event_id, place in scheduled.items():
            start = started.get(event_id, float("inf"))
            priority = int(place.said["taskPriority"])
            waiting = _waiting(place.at_ms, told.get((run, place.said["decisionTaskCompletedEventId"])))
            tasks.append(Task(priority, place.at_ms, waiting, start, min(start, ended.get(event_id, closed))))
    return tasks


def _told(journal: Journal, found: Found) -> dict[tuple[Run, int], int]:
    """When deciders were told of the completions of their tasks."""
    return {
        (place.run, place.event_id): call.answered_ms
        for call in journal.of("RespondDecisionTaskCompleted")
        if call.acknowledged
        for place in found.carrying(call.action, call.marker)
    }


def _waiting(scheduled: int, told: int | None) -> float:
    if told is None:
        return float("inf")  # nobody knows when it was committed
    prompt = told <= scheduled + COMMIT_MS
    return max(scheduled + SEEN_AFTER_MS, told if prompt else told + FULL_LOOK_MS)


def overtaken(tasks: list[Task]) -> list[tuple[Task, Task]]:
    """Each task that waited while one that should have gone after it was started, with one of those."""
    found: list[tuple[Task, Task]] = []
    for task in tasks:
        for other in tasks:
            waited = task.waiting < other.started < task.gone
            first = (-task.priority, task.scheduled) < (-other.priority, other.scheduled)
            if waited and first:
                found.append((task, other))
                break
    return found


def tasks_leave_in_order(journal: Journal, found: Found) -> list[str]:
    """Best effort, so a few may differ."""
    tasks = tasks_of(journal, found)
    wrong = overtaken(tasks)
    if len(wrong) <= max(2, MAX_OVERTAKEN * len(tasks)):
        return []
    return [f"r6_tasks_leave_in_order: {len(wrong)} of {len(tasks)} tasks were overtaken: {wrong[:5]}"]
