"""ListTaskLists and DescribeTaskList: what waits on task lists, and who polls them.

Owns how three sources are put together: the tasks in the store, what this node remembers, and what the other nodes have
reported. The store is read on a reader thread, memory by the writer loop, so both actions go in steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import NamedTuple

from workflowsvc.core.key_layout import moment_of
from workflowsvc.core.outcome import TaskKind
from workflowsvc.engine.list_knowledge import reports_of
from workflowsvc.engine.node_report import ListReport
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.model import own_shapes as shapes
from workflowsvc.model.events import timestamp
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain
from workflowsvc.service.steps import ReadStep, Steps, WriteStep
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import Backlog, DomainRow, ListKey

DEFAULT_PAGE = 100
LISTS_PER_READ = 50  # a backlog of 100,000 tasks is counted in 10 ms
LISTS_PER_WRITE = 200
SEEN_MS = 300_000  # pollers that were not seen for longer are left out

_KINDS: dict[TaskKind, shapes.TaskListKind] = {"decision": "DECISION", "activity": "ACTIVITY"}
_ORDER: tuple[TaskKind, ...] = ("decision", "activity")

Now = Callable[[], int]
Reports = list[tuple[str, ListReport]]
"""What each node knows of a list, with the node's name."""


class _Place(NamedTuple):
    """Where a list stands in the order of ListTaskLists."""

    kind: int  # index in _ORDER
    name: str


def list_task_lists(context: CallContext, request: shapes.ListTaskListsInput, now: Now) -> Steps:
    domain: DomainRow = yield ReadStep(partial(require_domain, context=context, name=request.domain))
    pages = Pages(context, request, domain.id, request.kind or "")
    size = min(pages.size, request.maximum_page_size or DEFAULT_PAGE)
    after = pages.position(tuple[int, str])
    kinds = [number for number, kind in enumerate(_ORDER) if request.kind in (None, _KINDS[kind])]
    behind = _Place(-1, "") if after is None else _Place(*after)
    used: set[_Place] = yield WriteStep(partial(_used_lists, domain=domain.id))
    stored: set[_Place] = yield ReadStep(
        partial(_stored_lists, domain=domain.id, kinds=kinds, behind=behind, limit=size + 1)
    )
    places = sorted(place for place in used | stored if place > behind and place.kind in kinds)
    page = places[:size]
    summaries: list[shapes.TaskListSummary] = []
    for part in _parts([ListKey(domain.id, _ORDER[kind], name) for kind, name in page], LISTS_PER_READ):
        backlogs: list[list[Backlog]] = yield ReadStep(partial(_backlogs, keys=part))
        reports: list[Reports] = yield WriteStep(partial(_reports, keys=part))
        summaries += map(partial(_summary, now=context.now), part, backlogs, reports)
    more = len(places) > size
    return shapes.TaskListSummaries(
        next_page_token=pages.token(tuple(page[-1])) if more else None, task_lists=summaries
    )


def describe_task_list(context: CallContext, request: shapes.DescribeTaskListInput, now: Now) -> Steps:
    domain: DomainRow = yield ReadStep(partial(require_domain, context=context, name=request.domain))
    kind: TaskKind = "decision" if request.kind == "DECISION" else "activity"
    key = ListKey(domain.id, kind, request.task_list.name)
    (backlog,) = yield ReadStep(partial(_backlogs, keys=[key]))
    (reports,) = yield WriteStep(partial(_reports, keys=[key]))
    return shapes.TaskListDetail(
        pollers=_pollers(reports, context.now),
        priorities=[
            shapes.PriorityBacklog(
                backlog=row.tasks,
                oldest_task_timestamp=timestamp(moment_of(row.oldest_position)),
                task_priority=row.priority,
            )
            for row in backlog
        ],
        summary=_summary(key, backlog, reports, now=context.now),
    )


def _parts(keys: list[ListKey], size: int) -> list[list[ListKey]]:
    return [keys[first : first + size] for first in range(0, len(keys), size)]


def _used_lists(work: UnitOfWork, domain: int) -> set[_Place]:
    """Those that a node remembers."""
    keys = [key for key, _ in work.state.traffic.lists() if key.domain == domain]
    keys += [
        ListKey(report.domain, report.kind, report.name)
        for peer in work.state.peers.values()
        for report in peer.lists
        if report.domain == domain
    ]
    return {_Place(_ORDER.index(key.kind), key.name) for key in keys}


def _stored_lists(reader: Reader, domain: int, kinds: list[int], behind: _Place, limit: int) -> set[_Place]:
    """Those with tasks, as far as they can be on this page."""
    found: set[_Place] = set()
    for kind in kinds:
        if kind >= behind.kind:
            after = behind.name if kind == behind.kind else ""
            found |= {_Place(kind, name) for name in reader.task_lists(domain, _ORDER[kind], after, limit)}
    return found


def _backlogs(reader: Reader, keys: list[ListKey]) -> list[list[Backlog]]:
    return [reader.backlog(*key) for key in keys]


def _reports(work: UnitOfWork, keys: list[ListKey]) -> list[Reports]:
    return [list(reports_of(work.state, key, work.now)) for key in keys]


def _summary(key: ListKey, backlog: list[Backlog], reports: Reports, *, now: int) -> shapes.TaskListSummary:
    oldest = min((row.oldest_position for row in backlog), default=None)
    polls = [report.last_poll_at for _, report in reports if report.last_poll_at is not None]
    return shapes.TaskListSummary(
        added_per_minute=round(sum(report.added_per_minute for _, report in reports), 1),
        backlog=sum(row.tasks for row in backlog),
        kind=_KINDS[key.kind],
        last_poll_timestamp=timestamp(max(polls)) if polls else None,
        oldest_task_timestamp=None if oldest is None else timestamp(moment_of(oldest)),
        pollers=len(_pollers(reports, now)),
        started_per_minute=round(sum(report.started_per_minute for _, report in reports), 1),
        task_list=shapes.TaskList(name=key.name),
        waiting_polls=sum(report.waiting_polls for _, report in reports),
    )


def _pollers(reports: Reports, now: int) -> list[shapes.Poller]:
    """The last seen first."""
    seen = [
        (poller.last_seen_at, node, poller)
        for node, report in reports
        for poller in report.pollers
        if now - poller.last_seen_at <= SEEN_MS
    ]
    seen.sort(key=lambda item: (-item[0], item[2].identity, item[1]))
    return [
        shapes.Poller(
            identity=poller.identity or None,
            last_seen_timestamp=timestamp(last_seen_at),
            node=node,
            waiting_polls=poller.waiting_polls,
            waiting_since_timestamp=None if poller.waiting_since is None else timestamp(poller.waiting_since),
        )
        for last_seen_at, node, poller in islice(seen, MAX_POLLERS)
    ]


MAX_POLLERS = 1_000
"""In one answer."""
