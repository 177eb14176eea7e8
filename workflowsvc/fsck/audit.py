"""Compares every derived row of a database with what the histories imply (QUALITY §2.5.Q), and judges the histories.

Owns the walk over a database and the list of problems. Changes nothing. All reads are of one snapshot, so a database
can be audited while a server uses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from workflowsvc import settings
from workflowsvc.core.key_layout import shard_for, shard_of
from workflowsvc.core.run_ids import run_of
from workflowsvc.fsck import catalog, feeds, outbox
from workflowsvc.fsck.catalog import TypeKey, is_retention, is_text
from workflowsvc.fsck.net import finish, require_connection, text_of
from workflowsvc.fsck.problem import Kind, Problem
from workflowsvc.fsck.retention import Kept, read_kept
from workflowsvc.fsck.stored import (
    Implied,
    Stored,
    Unreadable,
    events_of,
    implied,
    now_in,
    read_what_can_be,
    replay,
)
from workflowsvc.lint import Limits, lint_history
from workflowsvc.model.events import Event
from workflowsvc.model.shapes import (
    ActivityTaskScheduledEventAttributes,
    WorkflowExecutionStartedEventAttributes,
)
from workflowsvc.store.errors import Damaged
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.row_types import misfit
from workflowsvc.store.rows import DELETED_TENANT, IMPORTED_TAGS, DomainRow, ExecutionRow, SchemaErrors

RUNS_BATCH_SIZE = 200
MAX_ORPHANS = 10_000  # reported rows
MAX_INTEGRITY_ERRORS = 100  # reported lines of the database's own check


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
    """All problems of a database. A check that ends with an error is one of them, and the others go on."""
    counts = counts or Counts()
    yield from _guarded("of the files", _check_files(reader))
    schema = SchemaErrors([], frozenset())
    try:
        schema = reader.schema_errors()
    except Exception as error:
        yield _ended("of the schema", text_of(error))
    for text in schema.texts:
        yield Problem("schema", None, "database", text, repairable=False)
    missing = schema.missing_tables
    box = outbox.Outbox(is_whole=False)
    if "messages" not in missing and "domains" not in missing:
        box = outbox.read(reader)
    counts.messages = len(box.rows)
    used: set[TypeKey] = set()
    if "executions" not in missing and "events" not in missing:
        whole = _Audit(box, counts, missing, kept=read_kept(reader, missing), used=used)
        runs = _check_runs(reader, options, whole)
        yield from _guarded("of the executions", runs)
    yield from _check_messages(box)
    for found in catalog.examine(reader, used, missing):
        kind = "check" if found.is_of_check else "catalog"
        if found.delete_meta is None:
            yield Problem(kind, None, found.where, found.text, repairable=False)
        else:
            yield Problem(kind, None, found.delete_meta, found.text, repairable=True)
    yield from _guarded("of rows without a run", _check_orphans(reader))
    if "feed" not in missing:
        told = (
            Problem("feed", found.run, "feed", found.text, repairable=False)
            for found in feeds.examine(reader)
        )
        yield from _guarded("of the feeds", told)


def _guarded(check: str, found: Iterator[Problem]) -> Iterator[Problem]:
    return finish(found, lambda text: _ended(check, text))


def _ended(check: str, text: str) -> Problem:
    return Problem("check", None, "database", f"the check {check} ended with {text}", repairable=False)


@dataclass
class _Audit:
    """What the checks of single runs share."""

    box: outbox.Outbox
    counts: Counts = field(default_factory=Counts)
    missing: frozenset[str] = frozenset()  # tables
    kept: Kept = field(default_factory=Kept)
    unreadable_domains: set[int] = field(default_factory=set[int])
    used: set[TypeKey] = field(default_factory=set[TypeKey])  # types that histories name
    reported: set[str] = field(default_factory=set[str])  # reasons that concern many runs, each reported once


def _check_runs(reader: AuditReader, options: Options, whole: _Audit) -> Iterator[Problem]:
    open_runs: dict[tuple[int, str], ExecutionRow] = {}
    after = outbox.BEFORE_ALL
    while True:
        try:
            runs = reader.runs(after, RUNS_BATCH_SIZE)
        except Exception as error:
            text = f"runs behind {after} cannot be read: {text_of(error)}"
            yield Problem("files", None, "executions", text, repairable=False)
            return
        if not runs:
            return
        after = runs[-1]
        for row, problems in _examine(reader, runs, options, whole):
            yield from problems
            if row is not None:
                yield from _check_only_open(row, open_runs)
        options.progress(whole.counts.runs)


def examine(
    reader: AuditReader,
    runs: list[int],
    options: Options,
    box: outbox.Outbox | None = None,
    counts: Counts | None = None,
) -> Iterator[Problem]:
    """All problems of these runs."""
    whole = _Audit(box or outbox.read(reader), counts or Counts(), kept=read_kept(reader))
    for _, problems in _examine(reader, runs, options, whole):
        yield from problems


def _examine(
    reader: AuditReader, runs: list[int], options: Options, whole: _Audit
) -> Iterator[tuple[ExecutionRow | None, Iterator[Problem]]]:
    """Each of these runs with its problems; without its row when that cannot be read."""
    found, lost = read_what_can_be(reader, runs, whole.missing)
    for run, why in lost:
        whole.counts.runs += 1
        problem = Problem("history", run, f"run {run}", f"cannot be read: {why}", repairable=False)
        yield None, iter([problem])
    domains: dict[int, DomainRow] = {}
    for domain in sorted({stored.row.domain for stored in found}):
        try:
            read = {} if "domains" in whole.missing else reader.domains_by_id([domain])
        except Exception as error:  # reported with the domains
            require_connection(error)
            whole.unreadable_domains.add(domain)
            continue
        if domain in read and misfit(read[domain]) is None:
            domains |= read
        elif domain in read:
            whole.unreadable_domains.add(domain)
    for stored in found:
        whole.counts.runs += 1
        whole.counts.events += len(stored.events)
        whole.counts.tasks += len(stored.tasks)
        yield stored.row, _check_run_to_its_end(reader, stored, domains, options, whole)


def _check_run_to_its_end(
    reader: AuditReader, stored: Stored, domains: dict[int, DomainRow], options: Options, whole: _Audit
) -> Iterator[Problem]:
    for kind, why in stored.unreadable:
        yield Problem(kind, stored.row.run, stored.name, why, repairable=kind != "heartbeat")
    yield from finish(
        _check_run(reader, stored, domains.get(stored.row.domain), options, whole),
        lambda text: Problem(
            "check",
            stored.row.run,
            stored.name,
            f"the check of this run ended with {text}",
            repairable=False,
        ),
    )


def _check_run(
    reader: AuditReader, stored: Stored, domain: DomainRow | None, options: Options, whole: _Audit
) -> Iterator[Problem]:
    row = stored.row
    if stored.is_being_purged(now_in(domain, options.now)) and len(stored.events) < row.next_event_id - 1:
        return
    yield from _check_names(stored, domain, whole)
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
    if domain is None or domain.tags != IMPORTED_TAGS:
        whole.used.update(_types_of(row.domain, events))
    if domain is None:
        return
    if is_retention(domain.retention):  # else reported with the domains
        yield from compare(stored, implied(stored, events, execution, domain, whole.kept), whole.missing)
    closing = None if execution.is_open else events[-1]
    if whole.box.is_whole:
        try:
            for problem in outbox.examine(reader, execution, closing, whole.box):
                yield Problem("message", row.run, stored.name, problem.text, problem.repairable)
        except Damaged as error:
            if str(error) not in whole.reported:
                whole.reported.add(str(error))
                text = f"what the messages of this run and others are about cannot be read: {error}"
                yield Problem("message", row.run, stored.name, text, repairable=False)


def _types_of(domain: int, events: list[Event]) -> Iterator[TypeKey]:
    """The types that this history names, all of which were registered then."""
    for event in events:
        attributes = event.attributes
        if isinstance(attributes, WorkflowExecutionStartedEventAttributes):
            yield domain, "workflow", attributes.workflow_type.name, attributes.workflow_type.version
        elif isinstance(attributes, ActivityTaskScheduledEventAttributes):
            yield domain, "activity", attributes.activity_type.name, attributes.activity_type.version


def _check_names(stored: Stored, domain: DomainRow | None, whole: _Audit) -> Iterator[Problem]:
    """Histories do not hold these, so they cannot be repaired."""
    row = stored.row

    def problem(text: str) -> Problem:
        return Problem("name", row.run, stored.name, text, repairable=False)

    texts = [("workflowId", row.workflow_id), ("runId", row.run_id)]
    if damaged := [name for name, text in texts if not is_text(text)]:
        yield problem(f"its {' and its '.join(damaged)} is not UTF-8")
        return
    if domain is None:
        if "domains" not in whole.missing and row.domain not in whole.unreadable_domains:
            yield problem(f"belongs to domain {row.domain}, which there is not")
    elif not is_text(domain.tenant) or not is_text(domain.name):
        return  # reported with the domains
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


def compare(stored: Stored, wanted: Implied, missing: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """Each derived row that differs from what the history implies, but for rows of tables that are `missing`."""

    def problem(kind: Kind, text: str) -> Problem:
        return Problem(kind, stored.row.run, stored.name, text, repairable=True)

    for name, found, right in zip(ExecutionRow._fields, stored.row, wanted.row, strict=True):
        if found != right:
            yield problem("row", f"{name} is {_shown(found)}, the history says {_shown(right)}")
    tasks = {} if "tasks" in missing else {task.scheduled_event_id: task for task in wanted.tasks}
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
    for tag in [] if "execution_tags" in missing else sorted({*wanted.tags} - {*stored.tags}):
        yield problem("tag", f"is not listed under {tag.tag!r} ({tag.list}, {tag.at})")
    for tag in sorted({*stored.tags} - {*wanted.tags}):
        yield problem("tag", f"is listed under {tag.tag!r} ({tag.list}, {tag.at})")
    for heartbeat in stored.heartbeats:
        if heartbeat not in wanted.heartbeats:
            which = f"event {heartbeat.scheduled_event_id}"
            yield problem("heartbeat", f"has a heartbeat for {which}, which is no activity at work")
        elif not is_text(heartbeat.details):
            text = f"the details of the heartbeat of event {heartbeat.scheduled_event_id} are not UTF-8"
            yield Problem("heartbeat", stored.row.run, stored.name, text, repairable=False)


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
        if type(run) is not int:
            yield Problem("stray", None, table, f"{table} of run {run!r}, which is no key", repairable=False)
            continue
        text = f"{table} of run {run}, which there is not"
        yield Problem("stray", run, table, text, repairable=table != "events")
