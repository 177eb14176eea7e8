"""Compares every derived row of a database with what the histories imply (QUALITY §2.5.Q), and judges the histories.

Owns the walk over a database and the list of problems. Changes nothing. All reads are of one snapshot, so a database
can be audited while a server uses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from workflowsvc import settings
from workflowsvc.core.key_layout import shard_for, shard_of
from workflowsvc.core.run_ids import run_of
from workflowsvc.fsck import outbox
from workflowsvc.fsck.stored import Implied, Stored, Unreadable, events_of, implied, read, replay
from workflowsvc.lint import Limits, lint_history
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.rows import DELETED_TENANT, DomainRow, ExecutionRow

RUNS_BATCH_SIZE = 200
MAX_ORPHANS = 10_000  # reported rows
MAX_INTEGRITY_ERRORS = 100  # reported lines of the database's own check

Kind = Literal[
    "files", "history", "rule", "name", "row", "task", "tag", "heartbeat", "message", "stray", "open"
]
"""files: the database's own integrity check · history: it cannot be read or replayed · rule: a finding of
`workflowsvc lint` · name: run, runId, workflowId and domain do not fit each other · row: columns of the execution ·
task, tag, heartbeat, message: rows too many, too few or different · `stray`: orphans, rows of a run that has no row ·
open: two open runs of one workflowId.

Of these, row, task, tag, heartbeat, message and `stray` follow from histories and can be repaired, except orphaned
events and some messages; `Problem.repairable` says which.
"""


class Problem(NamedTuple):
    """One difference between the database and its histories, or within them."""

    kind: Kind
    run: int | None
    where: str  # workflowId/runId, or a table
    text: str
    repairable: bool


@dataclass
class Options:
    """`now` (ms): runs whose retention ended before it may be half purged. `quotas`: those of the service that wrote
    the database.
    """

    now: int
    lint: bool = True
    quotas: settings.Limits = field(default_factory=settings.Limits)
    progress: Callable[[int], None] = lambda runs: None

    @property
    def longest_ms(self) -> int:
        return self.quotas.max_execution_seconds * 1000

    @property
    def limits(self) -> Limits:
        return Limits(
            events=self.quotas.max_events,
            open_activities=self.quotas.max_open_activities,
            open_timers=self.quotas.max_open_timers,
            open_children=self.quotas.max_open_children,
            open_lambdas=self.quotas.max_open_lambdas,
            execution_seconds=self.quotas.max_execution_seconds,
        )


@dataclass
class Counts:
    """The number of rows that an audit has read."""

    runs: int = 0
    events: int = 0
    tasks: int = 0
    messages: int = 0


def audit(reader: AuditReader, options: Options, counts: Counts | None = None) -> Iterator[Problem]:
    """All problems of a database."""
    counts = counts or Counts()
    yield from _check_files(reader)
    box = outbox.read(reader)
    counts.messages = len(box.rows)
    open_runs: dict[tuple[int, str], ExecutionRow] = {}
    after = -1
    while runs := reader.runs(after, RUNS_BATCH_SIZE):
        after = runs[-1]
        yield from examine(reader, runs, options, box, counts)
        for row in reader.executions(runs).values():
            yield from _check_only_open(row, open_runs)
        options.progress(counts.runs)
    yield from _check_messages(box)
    yield from _check_orphans(reader)


def examine(
    reader: AuditReader,
    runs: list[int],
    options: Options,
    box: outbox.Outbox | None = None,
    counts: Counts | None = None,
) -> Iterator[Problem]:
    """All problems of these runs."""
    box = box or outbox.read(reader)
    counts = counts or Counts()
    found = read(reader, runs)
    domains = reader.domains_by_id(sorted({stored.row.domain for stored in found}))
    for stored in found:
        counts.runs += 1
        counts.events += len(stored.bodies)
        counts.tasks += len(stored.tasks)
        yield from _check_run(reader, stored, domains.get(stored.row.domain), options, box)


def _check_run(
    reader: AuditReader, stored: Stored, domain: DomainRow | None, options: Options, box: outbox.Outbox
) -> Iterator[Problem]:
    row = stored.row
    if stored.is_being_purged(options.now) and len(stored.bodies) < row.next_event_id - 1:
        return
    yield from _check_names(stored, domain)
    try:
        events = events_of(stored)
        execution = replay(stored, events, options.longest_ms)
    except Unreadable as error:
        yield Problem("history", row.run, stored.name, str(error), repairable=False)
        return
    if options.lint:
        yield from _check_rules(stored, options.limits)
    if len(events) < row.next_event_id - 1:
        # The row was written in the transaction of its newest event, so events are missing at the end.
        yield Problem(
            "history",
            row.run,
            stored.name,
            f"ends with event {len(events)}, but the row was written with event {row.next_event_id - 1}",
            repairable=False,
        )
        return
    if domain is not None:
        yield from compare(stored, implied(stored, events, execution, domain.retention))
        closing = None if execution.is_open else events[-1]
        for problem in outbox.examine(reader, execution, closing, box):
            yield Problem("message", row.run, stored.name, problem.text, problem.repairable)


def _check_names(stored: Stored, domain: DomainRow | None) -> Iterator[Problem]:
    """Histories do not hold these, so they cannot be repaired."""
    row = stored.row

    def problem(text: str) -> Problem:
        return Problem("name", row.run, stored.name, text, repairable=False)

    if domain is None:
        yield problem(f"belongs to domain {row.domain}, which there is not")
    elif domain.tenant == DELETED_TENANT:
        pass  # its name was another one when its runs were made; they are being deleted
    elif shard_for(domain.tenant, domain.name, row.workflow_id) != shard_of(row.run):
        yield problem(f"is not in the shard of its workflowId in domain {domain.name}")
    if run_of(row.run_id) != row.run:
        yield problem(f"its runId does not hold its key {row.run}")


def _check_rules(stored: Stored, limits: Limits) -> Iterator[Problem]:
    decoded = [json.loads(body) for body in stored.bodies]
    for finding in lint_history(decoded, limits=limits):
        text = f"event {finding.event_id}: {finding.rule} {finding.message}"
        yield Problem("rule", stored.row.run, stored.name, text, repairable=False)


def compare(stored: Stored, wanted: Implied) -> Iterator[Problem]:
    """Each derived row that differs from what the history implies."""

    def problem(kind: Kind, text: str) -> Problem:
        return Problem(kind, stored.row.run, stored.name, text, repairable=True)

    for name, found, right in zip(ExecutionRow._fields, stored.row, wanted.row, strict=True):
        if found != right:
            yield problem("row", f"{name} is {_shown(found)}, the history says {_shown(right)}")
    tasks = {task.scheduled_event_id: task for task in wanted.tasks}
    for task in stored.tasks:
        right = tasks.pop(task.scheduled_event_id, None)
        which = f"the {task.kind} task of event {task.scheduled_event_id}"
        if right is None:
            yield problem("task", f"{which} is on a list, but waits no more")
        elif task != right:
            differing = [name for name in task._fields if getattr(task, name) != getattr(right, name)]
            yield problem("task", f"{which} is on a list with a wrong {', '.join(differing)}")
    for task in tasks.values():
        yield problem("task", f"the {task.kind} task of event {task.scheduled_event_id} is on no list")
    for tag in sorted({*wanted.tags} - {*stored.tags}):
        yield problem("tag", f"is not listed under {tag.tag!r} ({tag.list}, {tag.at})")
    for tag in sorted({*stored.tags} - {*wanted.tags}):
        yield problem("tag", f"is listed under {tag.tag!r} ({tag.list}, {tag.at})")
    for heartbeat in stored.heartbeats:
        if heartbeat not in wanted.heartbeats:
            which = f"event {heartbeat.scheduled_event_id}"
            yield problem("heartbeat", f"has a heartbeat for {which}, which is no activity at work")


def _shown(value: object) -> str:
    return repr(value) if not isinstance(value, bytes) else value.decode(errors="replace")


# --- problems between runs, and of the database as a whole ---


def _check_files(reader: AuditReader) -> Iterator[Problem]:
    for text in reader.integrity_errors(MAX_INTEGRITY_ERRORS):
        yield Problem("files", None, "database", text, repairable=False)


def _check_only_open(row: ExecutionRow, open_runs: dict[tuple[int, str], ExecutionRow]) -> Iterator[Problem]:
    if row.closed_at is not None:
        return
    other = open_runs.setdefault((row.domain, row.workflow_id), row)
    if other is not row:
        name = f"{row.workflow_id}/{row.run_id}"
        yield Problem("open", row.run, name, f"is open, and so is run {other.run_id}", repairable=False)


def _check_messages(box: outbox.Outbox) -> Iterator[Problem]:
    for problem in box.problems:
        yield Problem("message", problem.run, "outbox", problem.text, problem.repairable)


def _check_orphans(reader: AuditReader) -> Iterator[Problem]:
    for table, run in reader.orphans(MAX_ORPHANS):
        text = f"{table} of run {run}, which there is not"
        yield Problem("stray", run, table, text, repairable=table != "events")
