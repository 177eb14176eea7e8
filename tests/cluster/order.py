"""Rule R6 among several nodes: tasks leave a list by priority, then by age, from the moment when nodes can see them.

An event has the time at which its transaction began, and other nodes see it only after the commit. So a task counts as
waiting from SEEN_AFTER_MS after its time, and not before its decider got the reply. When the reply was later than the
time that nodes allow a commit (COMMIT_MS in `workflowsvc/store/postgres/low_watermarks.py`), it counts from the next
time that each node reads the whole list (FULL_LOOK_MS). On one node the next batch begins after the commit, so
`tests/crash/audit.py` judges without these allowances.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.crash.audit import ENDED_TASK
from tests.crash.findings import EventOfRun, Found, Run
from tests.support.journal import Journal
from tests.support.names import LONE
from workflowsvc.store.postgres.low_watermarks import COMMIT_MS, FULL_LOOK_MS

SEEN_AFTER_MS = 250  # a commit on an overloaded machine
# A node does not wait for another one: it skips tasks of executions that another node has locked. That was 0 to 1 % of
# all tasks here, and 2 % at a load average of 18 on two cores. When positions depended on the nodes' clocks it was 8 %.
MAX_OVERTAKEN = 0.05


class Task(NamedTuple):
    priority: int
    scheduled: int
    waiting: float  # from this time on
    started: float
    gone: float


def tasks_of(journal: Journal, found: Found) -> list[Task]:
    """The activity tasks of the list that a single worker polls."""
    tasks: list[Task] = []
    replied = _replies(journal, found)
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
            waiting = _waiting(place.at_ms, replied.get((run, place.said["decisionTaskCompletedEventId"])))
            tasks.append(Task(priority, place.at_ms, waiting, start, min(start, ended.get(event_id, closed))))
    return tasks


def _replies(journal: Journal, found: Found) -> dict[tuple[Run, int], int]:
    """When deciders got the reply to their completions, by run and event id of the completion."""
    return {
        (place.run, place.event_id): call.answered_ms
        for call in journal.of("RespondDecisionTaskCompleted")
        if call.acknowledged
        for place in found.carrying(call.action, call.marker)
    }


def _waiting(scheduled: int, replied: int | None) -> float:
    if replied is None:
        return float("inf")  # without a reply, the time of the commit is unknown
    prompt = replied <= scheduled + COMMIT_MS
    return max(scheduled + SEEN_AFTER_MS, replied if prompt else replied + FULL_LOOK_MS)


def overtaken(tasks: list[Task]) -> list[tuple[Task, Task]]:
    """Each task that waited while a later one was started, together with one of those."""
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
    """SWF promises best effort, so MAX_OVERTAKEN of them may be overtaken."""
    tasks = tasks_of(journal, found)
    wrong = overtaken(tasks)
    if len(wrong) <= max(2, MAX_OVERTAKEN * len(tasks)):
        return []
    return [f"r6_tasks_leave_in_order: {len(wrong)} of {len(tasks)} tasks were overtaken: {wrong[:5]}"]
