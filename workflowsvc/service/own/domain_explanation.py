"""ExplainDomain: what is wrong with the open runs of a domain, grouped.

Owns how the runs are gone through: rows are read in pages, the state of most runs is in memory and is explained on the
writer's thread, a few runs at a time; a run that is not there is replayed on a reader thread. A call ends after about
two seconds, and its page token goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from workflowsvc.core import activities
from workflowsvc.core.execution import Execution
from workflowsvc.core.findings import (
    Finding,
    ListKnowledge,
    explain_open,
    explain_quarantined,
    urgency,
)
from workflowsvc.core.outcome import TaskKind
from workflowsvc.engine.list_knowledge import known_of, polled_near
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import decode_event
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own.explanations import as_shape
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import ReadStep, Steps, WriteStep
from workflowsvc.settings import Limits, Settings
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DomainRow, ExecutionQuery, ExecutionRow, ListKey

CALL_MS = 1_500  # of a call; what is begun then is finished, which takes less than another half second
ROWS_PER_READ = 500
RUNS_PER_PIECE = 50  # explained at once on the writer's thread
EVENTS_PER_REPLAY = 5_000  # on a reader thread; a longer history is replayed alone
MAX_GROUPS = 1_000  # of one answer; the keys of groups are names that callers choose
DEFAULT_EXAMPLES = 3

Run = tuple[ExecutionRow, Execution]
Found = list[tuple[ExecutionRow, list[Finding]]]


def explain_domain(context: CallContext, request: shapes.ExplainDomainInput, now: Callable[[], int]) -> Steps:
    least: shapes.Severity = request.minimum_severity or "WARNING"
    most = DEFAULT_EXAMPLES if request.maximum_examples is None else request.maximum_examples
    domain: DomainRow = yield ReadStep(partial(require_domain, context=context, name=request.domain))
    pages = Pages(context, request, domain.id, least)
    after: tuple[int, int] | None = pages.position(tuple[int, int])
    groups, began = _Groups(most), now()
    while True:
        query = ExecutionQuery(
            domain.id, "OPEN", "started_at", 0, None, ascending=True, after=after, limit=ROWS_PER_READ
        )
        rows: list[ExecutionRow] = yield ReadStep(partial(_rows, query=query))
        for first in range(0, len(rows), RUNS_PER_PIECE):
            piece = rows[first : first + RUNS_PER_PIECE]
            yield from _explain(groups, piece, least, context.settings)
            after = (piece[-1].started_at, piece[-1].run)
            is_last = len(rows) < ROWS_PER_READ and piece[-1] is rows[-1]
            if not is_last and now() - began >= CALL_MS:
                return groups.answer(pages.token(after))
        if len(rows) < ROWS_PER_READ:
            return groups.answer(None)


def _rows(reader: Reader, query: ExecutionQuery) -> list[ExecutionRow]:
    return reader.list_executions(query)


def _explain(groups: _Groups, piece: list[ExecutionRow], least: shapes.Severity, settings: Settings) -> Steps:
    found, missing = yield WriteStep(partial(_explain_cached, rows=piece, least=least))
    groups.add(found)
    while missing:
        replayed, missing = yield ReadStep(partial(_replay, rows=missing, settings=settings))
        found = yield WriteStep(partial(_explain_replayed, runs=replayed, least=least))
        groups.add(found)
    groups.examined += len(piece)


def _explain_cached(
    work: UnitOfWork, rows: list[ExecutionRow], least: shapes.Severity
) -> tuple[Found, list[ExecutionRow]]:
    """Findings about the runs whose state is in memory as it is stored, and the others."""
    state, found, runs = work.state, Found(), list[Run]()
    missing: list[ExecutionRow] = []
    for row in rows:
        execution = state.cache.get(row.run)
        if row.run in state.quarantine.runs:
            found.append((row, explain_quarantined()))
        elif execution is None or execution.next_event_id < row.next_event_id:
            missing.append(row)
        else:
            runs.append((row, execution))
    return found + _explain_replayed(work, runs, least), missing


def _explain_replayed(work: UnitOfWork, runs: list[Run], least: shapes.Severity) -> Found:
    knowledge = _DomainKnowledge(work)
    found: Found = []
    for row, execution in runs:
        if execution.is_open:  # it may have closed since the row was read
            knowledge.domain = execution.domain
            findings = explain_open(execution, knowledge, work.now_in(execution.domain), least=least)
            if findings:
                found.append((row, findings))
    return found


def _replay(
    reader: Reader, rows: list[ExecutionRow], settings: Settings
) -> tuple[list[Run], list[ExecutionRow]]:
    """As many of the runs as one step may read, and the others."""
    runs: list[Run] = []
    events = 0
    for number, row in enumerate(rows):
        if runs and events + row.next_event_id > EVENTS_PER_REPLAY:
            return runs, rows[number:]
        events += row.next_event_id
        execution = Execution(
            run=row.run,
            run_id=row.run_id,
            domain=row.domain,
            workflow_id=row.workflow_id,
            longest_ms=settings.quotas.max_execution_seconds * 1000,
        )
        last = row.next_event_id - 1
        bodies = reader.events(row.run, 1, last, last)
        if len(bodies) < last:
            continue  # it was purged meanwhile
        execution.replay([decode_event(body) for body in bodies])
        for heartbeat in reader.heartbeats(row.run):
            if heartbeat.scheduled_event_id in execution.activities:
                activities.restore_heartbeat(
                    execution, heartbeat.at, heartbeat.scheduled_event_id, heartbeat.details
                )
        runs.append((row, execution))
    return runs, []


class _DomainKnowledge:
    """Of one piece: each list and type is looked up once; a `Knowledge`."""

    def __init__(self, work: UnitOfWork) -> None:
        self.domain = 0
        self._work = work
        self._lists: dict[ListKey, ListKnowledge] = {}
        self._near: dict[ListKey, list[str]] = {}

    @property
    def quotas(self) -> Limits:
        return self._work.quotas

    def task_list(self, kind: TaskKind, name: str) -> ListKnowledge:
        key = ListKey(self.domain, kind, name)
        known = self._lists.get(key)
        if known is None:
            here = self._work.now_in(self.domain)
            known = self._lists[key] = known_of(self._work.state, key, self._work.now, here)
        return known

    def tasks_ahead(self, scheduled_id: int) -> int | None:
        """Not looked up: it would be a question to the store for each run."""
        return None

    def polled_near(self, kind: TaskKind, name: str) -> list[str]:
        key = ListKey(self.domain, kind, name)
        near = self._near.get(key)
        if near is None:
            near = self._near[key] = polled_near(self._work.state, key, self._work.now)
        return near

    def workflow_type_is_deprecated(self, name: str, version: str) -> bool:
        row = self._work.catalog.type(self.domain, "workflow", name, version)
        return row is not None and row.status == "DEPRECATED"

    def event(self, event_id: int) -> None:
        """Not looked up, for the same reason."""

    def reason_of(self, run_id: str) -> None:
        """Not looked up."""


# What these say is caused by the decider, which most often serves one type.
_OF_THE_DECIDER: frozenset[shapes.FindingCode] = frozenset(
    (
        "DECISION_TASK_TIMEOUTS",
        "DECISION_FAILS",
        "LIMIT_REACHED",
        "ACTIVITY_TYPE_DEPRECATED",
        "WORKFLOW_TYPE_DEPRECATED",
        "HISTORY_NEARLY_FULL",
        "CANCEL_NOT_ACTED_ON",
        "NOTHING_PENDING",
    )
)

_GroupKey = tuple[str, str | None, str | None, str | None, str | None, tuple[str, str] | None]


@dataclass
class _Group:
    finding: Finding
    type: tuple[str, str] | None
    executions: int = 0
    examples: list[shapes.WorkflowExecution] = field(default_factory=list[shapes.WorkflowExecution])


class _Groups:
    """What was found so far."""

    def __init__(self, max_examples: int) -> None:
        self.examined = 0
        self._max_examples = max_examples
        self._groups: dict[_GroupKey, _Group] = {}

    def add(self, found: Found) -> None:
        for row, findings in found:
            seen: set[_GroupKey] = set()
            for finding in findings:
                key = _key(row, finding)
                if key not in seen:
                    seen.add(key)
                    self._add_one(key, row, finding)

    def _add_one(self, key: _GroupKey, row: ExecutionRow, finding: Finding) -> None:
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                return
            group = self._groups[key] = _Group(finding, _type_of(row, finding))
        is_first = group.executions == 0 or urgency(finding) < urgency(group.finding)
        if is_first:
            group.finding = finding
        group.executions += 1
        if is_first or len(group.examples) < self._max_examples:
            named = shapes.WorkflowExecution(run_id=row.run_id, workflow_id=row.workflow_id)
            group.examples.insert(0 if is_first else len(group.examples), named)
            del group.examples[self._max_examples :]

    def answer(self, token: str | None) -> shapes.DomainExplanation:
        groups = sorted(self._groups.values(), key=_group_urgency)
        return shapes.DomainExplanation(
            examined=self.examined, groups=[_as_shape(group) for group in groups], next_page_token=token
        )


def _type_of(row: ExecutionRow, finding: Finding) -> tuple[str, str] | None:
    return (row.type_name, row.type_version) if finding.code in _OF_THE_DECIDER else None


def _key(row: ExecutionRow, finding: Finding) -> _GroupKey:
    """What a deprecated type is called matters; which timer or activity it is does not."""
    is_type = finding.code.endswith("_TYPE_DEPRECATED")
    return (
        finding.code,
        finding.task_list,
        finding.kind,
        finding.cause,
        finding.subject if is_type else None,
        _type_of(row, finding),
    )


def _group_urgency(group: _Group) -> tuple[tuple[int, int], int]:
    """By severity and code; among those the groups of most runs first."""
    return urgency(group.finding)[:2], -group.executions


def _as_shape(group: _Group) -> shapes.FindingGroup:
    finding = as_shape(group.finding)
    return shapes.FindingGroup(
        action=finding.action,
        cause=finding.cause,
        code=finding.code,
        examples=group.examples,
        executions=group.executions,
        message=finding.message,
        severity=finding.severity,
        since_timestamp=finding.since_timestamp,
        task_list=finding.task_list,
        task_list_kind=finding.task_list_kind,
        workflow_type=None
        if group.type is None
        else shapes.WorkflowType(name=group.type[0], version=group.type[1]),
    )
