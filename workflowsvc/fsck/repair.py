"""Rebuilds what follows from histories: rows of executions, tasks, tags, heartbeats of no activity, messages.

Owns what is written. Never touches an event, nor anything that histories do not hold: names, the heartbeats of
activities at work, domains and types. Each run is put right from its own history alone; one whose history cannot
be replayed to its end is left as it is.
"""

from __future__ import annotations

import msgspec

from workflowsvc.core.execution import Execution
from workflowsvc.core.messages import Answer, AnyMessage, ApplyPolicy, ChildClosed
from workflowsvc.core.run_ids import run_of
from workflowsvc.fsck import outbox
from workflowsvc.fsck.audit import Options, Problem
from workflowsvc.fsck.stored import Implied, Stored, Unreadable, events_of, implied, read, replay
from workflowsvc.model.events import Event
from workflowsvc.store.interface import RepairStore, RepairTransaction
from workflowsvc.store.rows import ExecutionRow, HeartbeatRow, MessageRow, TaskKey

RUNS_AT_ONCE = 100

_encode = msgspec.json.Encoder().encode


def repair(store: RepairStore, problems: list[Problem], options: Options) -> None:
    """All of these problems that can be repaired; an audit afterwards tells whether they are gone."""
    runs = sorted({p.run for p in problems if p.repairable and p.run is not None and p.kind != "stray"})
    for first in range(0, len(runs), RUNS_AT_ONCE):
        with store.transaction() as tx:
            rebuild(tx, runs[first : first + RUNS_AT_ONCE], options)
    with store.transaction() as tx:
        _clear_strays(tx, [p for p in problems if p.repairable and p.kind == "stray"])
    with store.transaction() as tx:
        _settle_messages(tx, options)


def rebuild(tx: RepairTransaction, runs: list[int], options: Options) -> None:
    """The derived rows of these runs."""
    found = read(tx, runs)
    domains = tx.domains_by_id(sorted({stored.row.domain for stored in found}))
    for stored in found:
        domain = domains.get(stored.row.domain)
        whole = _whole(stored, options)
        if domain is not None and whole is not None:
            events, execution = whole
            _write(tx, stored, implied(stored, events, execution, domain.retention))


def _whole(stored: Stored, options: Options) -> tuple[list[Event], Execution] | None:
    """None when the history cannot be trusted to imply anything."""
    try:
        events = events_of(stored)
        execution = replay(stored, events, options.longest_ms)
    except Unreadable:
        return None
    return None if len(events) < stored.row.next_event_id - 1 else (events, execution)


def _write(tx: RepairTransaction, stored: Stored, wanted: Implied) -> None:
    if wanted.row != stored.row or sorted(wanted.tags) != sorted(stored.tags):
        tx.replace_executions([wanted.row])
    if wanted.tasks != sorted(stored.tasks):
        tx.delete_tasks_of([stored.row.run])
        tx.put_tasks(wanted.tasks)
    needless = [beat for beat in stored.heartbeats if beat not in wanted.heartbeats]
    tx.delete_heartbeats([_key(heartbeat) for heartbeat in needless])


def _key(heartbeat: HeartbeatRow) -> TaskKey:
    return TaskKey(heartbeat.run, heartbeat.scheduled_event_id)


def _clear_strays(tx: RepairTransaction, problems: list[Problem]) -> None:
    """Rows of runs that there are not. The table is in `where`."""
    delete = {
        "tasks": tx.delete_tasks_of,
        "heartbeats": tx.delete_heartbeats_of,
        "execution_tags": tx.delete_tags_of,
    }
    for problem in problems:
        if problem.run is not None:
            delete[problem.where]([problem.run])


def _settle_messages(tx: RepairTransaction, options: Options) -> None:
    """Takes away what nobody waits for, then sends again what is lost. Of two messages about one child the one
    about its end comes last, whichever of them was lost.
    """
    unreadable = outbox.read(tx).findings
    tx.delete_messages([finding.delete for finding in unreadable if finding.delete is not None])
    box = outbox.read(tx)
    in_front: list[tuple[ExecutionRow, AnyMessage]] = []
    behind: list[tuple[ExecutionRow, AnyMessage]] = []
    after = -1
    while runs := tx.runs(after, RUNS_AT_ONCE):
        after = runs[-1]
        for stored in read(tx, runs):
            for finding in _about_messages(tx, stored, box, options):
                if finding.delete is not None:
                    tx.delete_messages([finding.delete])
                if finding.put is not None:
                    last = isinstance(finding.put, ChildClosed | ApplyPolicy)
                    (behind if last else in_front).append((stored.row, finding.put))
    ids = [row.id for row in outbox.read(tx).rows]
    first = min(ids, default=len(in_front) + 1) - len(in_front)
    tx.put_messages([_message_row(first + place, *lost) for place, lost in enumerate(in_front)])
    first = max(ids, default=first + len(in_front)) + 1
    tx.put_messages([_message_row(first + place, *lost) for place, lost in enumerate(behind)])


def _about_messages(
    tx: RepairTransaction, stored: Stored, box: outbox.Outbox, options: Options
) -> list[outbox.Finding]:
    whole = _whole(stored, options)
    if whole is None:
        return []
    events, execution = whole
    closing = None if execution.is_open else events[-1]
    return [finding for finding in outbox.examine(tx, execution, closing, box) if finding.repairable]


def _message_row(identity: int, row: ExecutionRow, message: AnyMessage) -> MessageRow:
    """Kept under the run that sent it, as the service does; an answer under the run that has asked."""
    run = run_of((message.to if isinstance(message, Answer) else message.sender).run_id)
    assert run is not None
    return MessageRow(identity, run, type(message).__name__, row.domain, _encode(message))
