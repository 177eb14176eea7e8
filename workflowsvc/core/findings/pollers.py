"""Findings about tasks that wait on a task list: no client polls it, or other tasks come first.

Owns when a list counts as polled. A poll that waits is answered at once when there is a task, so a task that waits has
no free poller: either all are at work, or there are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from workflowsvc.core.execution import Execution
from workflowsvc.core.findings.finding import (
    MAX_AHEAD,
    MAX_EVENT_IDS,
    Finding,
    Knowledge,
    ListKnowledge,
    quoted,
    spoken,
)
from workflowsvc.core.outcome import Task, TaskKind, implied_tasks

POLLER_GONE_MS = 120_000
"""A list without a poll for that long counts as not polled. A poller that is free asks again after a minute, the
duration of a long poll; the second minute is for one that is at work."""

_CLIENT = {"decision": "decider", "activity": "worker"}


def is_polled(known: ListKnowledge, now: int) -> bool:
    """Whether clients poll this list, as far as can be known."""
    if known.waiting_polls:
        return True
    return known.last_poll_at is not None and now - known.last_poll_at < POLLER_GONE_MS


def findings(execution: Execution, knowledge: Knowledge, now: int) -> Iterator[Finding]:
    """One finding for each list on which tasks of this run wait."""
    waiting = sorted(
        (task for task in implied_tasks(execution) if task.ready),
        key=lambda task: (task.kind, task.task_list, task.scheduled_id),
    )
    for (kind, name), tasks in groupby(waiting, key=lambda task: (task.kind, task.task_list)):
        yield _of_list(execution, knowledge, now, kind, name, list(tasks))


def _of_list(
    execution: Execution, knowledge: Knowledge, now: int, kind: TaskKind, name: str, tasks: list[Task]
) -> Finding:
    known = knowledge.task_list(kind, name)
    first = tasks[0].scheduled_id
    put_at = _put_at(execution, tasks[0])
    what = _named(kind, len(tasks))
    finding = Finding(
        "TASK_WAITS",
        "INFO",
        f"{what} on the list {quoted(name)} for {spoken(now - put_at)}; {_CLIENT[kind]}s poll it, and no other task "
        "comes first.",
        since=put_at,
        event_ids=[task.scheduled_id for task in tasks[:MAX_EVENT_IDS]],
        number=len(tasks),
        task_list=name,
        kind=kind,
    )
    if not is_polled(known, now):
        return _not_polled(finding, known, knowledge.polled_near(kind, name), now, what)
    ahead = knowledge.tasks_ahead(first)
    if not ahead:
        return finding
    number = f"{ahead} other task comes" if ahead == 1 else f"{ahead} other tasks come"
    if ahead >= MAX_AHEAD:
        number = f"{MAX_AHEAD} other tasks or more come"
    return finding._replace(
        code="TASKS_AHEAD",
        message=f"{what} on the list {quoted(name)} for {spoken(now - put_at)}, and {number} first.",
        action=f"Start more {_CLIENT[kind]}s that poll {quoted(name)}, if this takes too long.",
        number=ahead,
    )


def _not_polled(finding: Finding, known: ListKnowledge, near: Sequence[str], now: int, what: str) -> Finding:
    assert finding.kind is not None
    assert finding.task_list is not None
    client, name = _CLIENT[finding.kind], quoted(finding.task_list)
    start = f"Start a {client} that polls {name} in this domain"
    if near:
        polled = " and ".join(map(quoted, near))
        lists = "Lists of nearly this name are" if len(near) > 1 else "A list of nearly this name is"
        action = (
            f"{lists} polled: {polled}. Mend the name where it is misspelt, or {start[0].lower()}{start[1:]}."
        )
    else:
        action = f"{start}, or look whether the running ones poll another list, domain, account or region."
    return finding._replace(
        code="NO_DECISION_POLLER" if finding.kind == "decision" else "NO_ACTIVITY_POLLER",
        severity="CRITICAL",
        message=f"{what} on the list {name}, and no {client} has polled it {_unpolled_for(known, now)}.",
        action=action,
    )


def _unpolled_for(known: ListKnowledge, now: int) -> str:
    if known.last_poll_at is None:
        return f"since the service was started {spoken(now - known.known_since)} ago"
    return f"for {spoken(now - known.last_poll_at)}"


def unasked(execution: Execution, knowledge: Knowledge, now: int) -> str:
    """That no decider would take the next decision task of the run, as the beginning of an advice; empty when one
    polls the list."""
    override = execution.override
    name = override.task_list if override else execution.started.task_list.name
    known = knowledge.task_list("decision", name)
    if is_polled(known, now):
        return ""
    return (
        f"Start a decider that polls {quoted(name)} first: none has polled it {_unpolled_for(known, now)}. "
    )


def _named(kind: TaskKind, number: int) -> str:
    if number == 1:
        return f"{'A decision' if kind == 'decision' else 'An activity'} task waits"
    return f"{number} {kind} tasks wait"


def _put_at(execution: Execution, task: Task) -> int:
    if task.kind == "activity":
        return execution.activities[task.scheduled_id].scheduled_at
    assert execution.scheduled_task is not None
    return execution.scheduled_task.scheduled_at
