"""The rows that follow from the events that an execution has just recorded
(docs/decisions/0001-history-is-the-state.md).

Owns `outcome_of`: tasks that are put on task lists, become ready or leave them; heartbeats that are over. Messages
have a file of their own. Nothing here is a source of truth: `implied_tasks` derives the same tasks from the state
alone, and audits compare the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import Struct

from workflowsvc.model.events import Event

if TYPE_CHECKING:
    from workflowsvc.core.execution import Execution

TaskKind = Literal["decision", "activity"]
"""The kind of a task list. Lists of one name and different kinds are different lists (SWF §7.6)."""

CLOSES_ACTIVITY = frozenset(
    {"ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskCanceled", "ActivityTaskTimedOut"}
)


class Task(NamedTuple):
    """A task for a poller. Not `ready`: a decision task behind one that is still at work."""

    scheduled_id: int
    kind: TaskKind
    task_list: str
    priority: int
    ready: bool


class Outcome(Struct, frozen=True):
    """Changes to the task lists and heartbeats. Tasks are named by their Scheduled event's id."""

    tasks: list[Task]  # new tasks
    ready: list[int]  # decision tasks put earlier that pollers may now get
    gone: list[int]  # tasks put earlier that are obsolete
    heartbeats_over: list[int]  # activities whose heartbeat row is obsolete


def outcome_of(execution: Execution, events: list[Event]) -> Outcome:
    """The difference between each task before these events and after them."""
    outcome = Outcome([], [], [], [])
    if not events:
        return outcome
    first_id = events[0].id
    started_ended = False
    for event in events:
        kind = event.type
        attributes: Any = event.attributes
        if kind == "ActivityTaskScheduled":
            task = _waiting(execution, event.id)
            if task is not None and execution.close_status is None:
                outcome.tasks.append(task)
        elif kind == "DecisionTaskCompleted":
            started_ended = True
        elif kind == "DecisionTaskTimedOut":
            if attributes.started_event_id:
                started_ended = True
            elif attributes.scheduled_event_id < first_id:
                outcome.gone.append(attributes.scheduled_event_id)
        elif kind in CLOSES_ACTIVITY:
            scheduled_id = attributes.scheduled_event_id
            if scheduled_id < first_id:
                (outcome.heartbeats_over if attributes.started_event_id else outcome.gone).append(
                    scheduled_id
                )
    if execution.close_status is None:
        _decision_task(execution, first_id, outcome, started_ended=started_ended)
    else:
        outcome.gone.extend(
            task.scheduled_id for task in _all_waiting(execution) if task.scheduled_id < first_id
        )
        outcome.heartbeats_over.extend(
            scheduled_id
            for scheduled_id, activity in execution.activities.items()
            if activity.heartbeat_at is not None
        )
    return outcome


def _decision_task(execution: Execution, first_id: int, outcome: Outcome, *, started_ended: bool) -> None:
    task = execution.scheduled_task
    if task is None:
        return
    ready = execution.started_task is None
    if task.scheduled_id >= first_id:
        outcome.tasks.append(Task(task.scheduled_id, "decision", task.task_list, task.priority, ready))
    elif ready and started_ended:
        outcome.ready.append(task.scheduled_id)


def _waiting(execution: Execution, scheduled_id: int) -> Task | None:
    activity = execution.activities.get(scheduled_id)
    if activity is None or activity.started_id:
        return None
    scheduled = activity.scheduled
    priority = int(scheduled.task_priority or 0)
    return Task(scheduled_id, "activity", scheduled.task_list.name, priority, ready=True)


def _all_waiting(execution: Execution) -> list[Task]:
    found = [_waiting(execution, scheduled_id) for scheduled_id in execution.activities]
    tasks = [task for task in found if task is not None]
    decision = execution.scheduled_task
    if decision is not None:
        ready = execution.started_task is None
        tasks.append(Task(decision.scheduled_id, "decision", decision.task_list, decision.priority, ready))
    return tasks


def implied_tasks(execution: Execution) -> list[Task]:
    """Every task that must be on a list now, from the state of the execution alone."""
    return _all_waiting(execution) if execution.is_open else []
