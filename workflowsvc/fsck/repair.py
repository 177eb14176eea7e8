"""Rebuilds what follows from histories: rows of executions, tasks, tags, heartbeats of no activity, messages.

Owns all that is written. Never changes an event, nor anything that histories do not hold: names, the heartbeats of
started activities, domains and types. Of `meta` it deletes what a server then makes anew. Each run is repaired from its
own history alone; one whose history cannot be replayed to its end is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workflowsvc.core.execution import Execution
from workflowsvc.core.messages import Answer, AnyMessage, ApplyPolicy, ChildClosed
from workflowsvc.core.run_ids import run_of
from workflowsvc.fsck import outbox
from workflowsvc.fsck.audit import Options
from workflowsvc.fsck.catalog import is_retention
from workflowsvc.fsck.net import text_of
from workflowsvc.fsck.problem import Problem
from workflowsvc.fsck.retention import read_kept
from workflowsvc.fsck.stored import Implied, Stored, Unreadable, events_of, implied, read_what_can_be, replay
from workflowsvc.model.events import Event
from workflowsvc.store.interface import RepairStore, RepairTransaction
from workflowsvc.store.row_types import misfit
from workflowsvc.store.rows import ExecutionRow, HeartbeatRow, MessageRow, TaskKey

RUNS_BATCH_SIZE = 100

_encode = msgspec.json.Encoder().encode


def repair(store: RepairStore, problems: list[Problem], options: Options) -> list[Problem]:
    """Repairs those of the problems that are repairable; audit again to see whether they are gone. Nothing where the
    schema is not that of this release: what is read then cannot be relied on. A problem for each part of the work that
    ended with an error: the database is then as it was before that part."""
    if any(problem.kind == "schema" for problem in problems):
        return []
    failed: list[Problem] = []

    def attempt(what: str, work: Callable[[RepairTransaction], None], run: int | None = None) -> bool:
        try:
            with store.transaction() as tx:
                work(tx)
        except Exception as error:
            text = f"the repair of {what} ended with {text_of(error)}"
            failed.append(Problem("check", run, "database", text, repairable=False))
            return False
        return True

    runs = sorted({p.run for p in problems if p.repairable and p.run is not None and p.kind != "stray"})
    for first in range(0, len(runs), RUNS_BATCH_SIZE):
        batch = runs[first : first + RUNS_BATCH_SIZE]
        if not attempt("runs", lambda tx, batch=batch: rebuild(tx, batch, options)):
            failed.pop()
            for run in batch:
                attempt(f"run {run}", lambda tx, run=run: rebuild(tx, [run], options), run)
    stray = [problem for problem in problems if problem.repairable and problem.kind == "stray"]
    if any(problem.kind == "files" for problem in problems):
        stray = []  # in a damaged table, a row that is not found may be there
    attempt("rows without a run", lambda tx: _delete_orphans(tx, stray))
    keys = [problem.where for problem in problems if problem.repairable and problem.kind == "catalog"]
    attempt("meta", lambda tx: _delete_meta(tx, keys))
    attempt("messages", lambda tx: _settle_messages(tx, options))
    return failed


def rebuild(tx: RepairTransaction, runs: list[int], options: Options) -> None:
    """Writes the derived rows of these runs anew, where they differ."""
    found, _ = read_what_can_be(tx, runs)
    domains = tx.domains_by_id(sorted({stored.row.domain for stored in found}))
    kept = read_kept(tx)
    for stored in found:
        domain = domains.get(stored.row.domain)
        if domain is not None and misfit(domain):
            continue
        whole = _whole(stored, options)
        if domain is not None and whole is not None and is_retention(domain.retention):
            events, execution = whole
            _write(tx, stored, implied(stored, events, execution, domain, kept))


def _whole(stored: Stored, options: Options) -> tuple[list[Event], Execution] | None:
    """The events and their replay; None when the history is damaged and so implies nothing."""
    try:
        events = events_of(stored)
        execution = replay(stored, events, options.longest_ms)
    except Unreadable:
        return None
    return None if len(events) < stored.row.next_event_id - 1 else (events, execution)


def _write(tx: RepairTransaction, stored: Stored, wanted: Implied) -> None:
    if wanted.row != stored.row or sorted(wanted.tags) != sorted(stored.tags) or stored.unreadable:
        tx.replace_executions([wanted.row])
    if wanted.tasks != sorted(stored.tasks) or stored.unreadable:
        tx.delete_tasks_of([stored.row.run])
        tx.put_tasks(wanted.tasks)
    needless = [beat for beat in stored.heartbeats if beat not in wanted.heartbeats]
    tx.delete_heartbeats([_key(heartbeat) for heartbeat in needless])


def _key(heartbeat: HeartbeatRow) -> TaskKey:
    return TaskKey(heartbeat.run, heartbeat.scheduled_event_id)


def _delete_meta(tx: RepairTransaction, keys: list[str]) -> None:
    for key in keys:
        tx.delete_meta(key)


def _delete_orphans(tx: RepairTransaction, problems: list[Problem]) -> None:
    """Deletes rows of runs that have no row. The table is in `Problem.where`."""
    delete = {
        "tasks": tx.delete_tasks_of,
        "heartbeats": tx.delete_heartbeats_of,
        "execution_tags": tx.delete_tags_of,
    }
    for problem in problems:
        if problem.run is not None:
            delete[problem.where]([problem.run])


def _settle_messages(tx: RepairTransaction, options: Options) -> None:
    """Deletes messages that no run awaits, then sends lost ones again. Of two messages about one child the one about
    its end comes last, whichever of them was lost.
    """
    unreadable = outbox.read(tx)
    if not unreadable.is_whole:
        return
    tx.delete_messages([problem.delete for problem in unreadable.problems if problem.delete is not None])
    box = outbox.read(tx)
    in_front: list[tuple[ExecutionRow, AnyMessage]] = []
    behind: list[tuple[ExecutionRow, AnyMessage]] = []
    after = outbox.BEFORE_ALL
    while runs := tx.runs(after, RUNS_BATCH_SIZE):
        after = runs[-1]
        for stored in read_what_can_be(tx, runs)[0]:
            for problem in _about_messages(tx, stored, box, options):
                if problem.delete is not None:
                    tx.delete_messages([problem.delete])
                if problem.put is not None:
                    last = isinstance(problem.put, ChildClosed | ApplyPolicy)
                    (behind if last else in_front).append((stored.row, problem.put))
    ids = [row.id for row in outbox.read(tx).rows]
    first = min(ids, default=len(in_front) + 1) - len(in_front)
    tx.put_messages([_message_row(first + place, *lost) for place, lost in enumerate(in_front)])
    first = max(ids, default=first + len(in_front)) + 1
    tx.put_messages([_message_row(first + place, *lost) for place, lost in enumerate(behind)])


def _about_messages(
    tx: RepairTransaction, stored: Stored, box: outbox.Outbox, options: Options
) -> list[outbox.MessageProblem]:
    whole = _whole(stored, options)
    if whole is None:
        return []
    events, execution = whole
    closing = None if execution.is_open else events[-1]
    return [problem for problem in outbox.examine(tx, execution, closing, box) if problem.repairable]


def _message_row(identity: int, row: ExecutionRow, message: AnyMessage) -> MessageRow:
    """The row is kept under the sender's run, as the service does; an Answer under the run that it answers."""
    run = run_of((message.to if isinstance(message, Answer) else message.sender).run_id)
    assert run is not None
    return MessageRow(identity, run, type(message).__name__, row.domain, _encode(message))
