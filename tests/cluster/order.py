"""Rule R6 among several nodes: tasks leave a list by priority, then by age, as soon as they can be seen.

An event has the time at which its transaction began, and other nodes see it when that is committed. So a task
counts as waiting from a little after its time on; on one node, where the next batch begins after the commit, that makes
no difference, and `tests/crash/audit.py` judges without it.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.crash.audit import ENDED_TASK, MOST_INVERSIONS
from tests.crash.findings import Found, Place
from tests.crash.names import LONE

SEEN_AFTER_MS = 250  # a commit on an overloaded machine


class Task(NamedTuple):
    priority: int
    scheduled: int
    started: float
    gone: float


def tasks_of(found: Found) -> list[Task]:
    """Of the list that one worker alone polls."""
    tasks: list[Task] = []
    for run, events in found.histories.items():
        closed = found.descriptions[run]["executionInfo"].get("closeTimestamp", float("inf")) * 1000
        scheduled: dict[int, Place] = {}
        started: dict[int, int] = {}
        ended: dict[int, int] = {}
        for event in events:
            place = Place(run, event)
            if event["eventType"] == "ActivityTaskScheduled" and place.said["taskList"]["name"] == LONE:
                scheduled[place.event_id] = place
            elif event["eventType"] == "ActivityTaskStarted":
                started[place.said["scheduledEventId"]] = place.at_ms
            elif event["eventType"] in ENDED_TASK["RespondActivityTaskCompleted"]:
                ended[place.said["scheduledEventId"]] = place.at_ms
        for event_id, place in scheduled.items():
            start = started.get(event_id, float("inf"))
            priority = int(place.said["taskPriority"])
            tasks.append(Task(priority, place.at_ms, start, min(start, ended.get(event_id, closed))))
    return tasks


def overtaken(tasks: list[Task]) -> list[tuple[Task, Task]]:
    """Each task that waited while one that should have gone after it was started, with one of those."""
    found: list[tuple[Task, Task]] = []
    for task in tasks:
        for other in tasks:
            waited = task.scheduled + SEEN_AFTER_MS < other.started < task.gone
            first = (-task.priority, task.scheduled) < (-other.priority, other.scheduled)
            if waited and first:
                found.append((task, other))
                break
    return found


def tasks_leave_in_order(found: Found) -> list[str]:
    """Best effort, so one in a hundred may differ."""
    tasks = tasks_of(found)
    wrong = overtaken(tasks)
    if len(wrong) <= max(1, MOST_INVERSIONS * len(tasks)):
        return []
    return [f"r6_tasks_leave_in_order: {len(wrong)} of {len(tasks)} tasks were overtaken: {wrong[:5]}"]
