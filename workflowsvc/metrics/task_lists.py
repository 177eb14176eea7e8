"""What waits on task lists, and who waits for it: counted in the store, no more often than that is cheap.

Owns which lists are looked at and how long a count is kept: at least twenty times as long as it took, so that counting
takes a twentieth of one thread at most, however many tasks wait. Belongs to the thread that collects.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from workflowsvc.clock import Clock
from workflowsvc.core.key_layout import moment_of
from workflowsvc.engine.engine import Engine
from workflowsvc.metrics.executions import TENANT, tenant_of
from workflowsvc.metrics.families import Families, gauge, gauges
from workflowsvc.store.errors import StoreError
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import DELETED_TENANT, ListKey

KEPT_TIMES = 20  # times as long as counting took
LABELS = (*TENANT, "domain", "task_list_name", "task_list_kind")
BEFORE_ALL = ListKey(-1, "activity", "")


class _List(NamedTuple):
    """A list with its labels. `oldest_at`: of its oldest task, in milliseconds; None without any."""

    key: ListKey
    labels: tuple[str, ...]
    tasks: int
    oldest_at: int | None


class TaskLists:
    """Of the whole store, and the polls of this node."""

    def __init__(self, clock: Clock, max_lists: int) -> None:
        self._clock = clock
        self._max_lists = max_lists
        self._counted: list[_List] = []
        self._keep_until = 0.0  # by the monotonic clock
        self._readable = True

    def families(self, engine: Engine) -> Families:
        began = self._clock.monotonic()
        if began >= self._keep_until:
            try:
                with engine.store.reader() as reader:
                    self._counted = self._count(engine, reader)
                self._readable = True
            except StoreError:
                self._counted, self._readable = [], False
            ended = self._clock.monotonic()
            self._keep_until = ended + KEPT_TIMES * (ended - began)
        return self._families(engine)

    def _count(self, engine: Engine, reader: Reader) -> list[_List]:
        keys = self._keys(engine, reader)
        domains = reader.domains_by_id(list({key.domain for key in keys}))
        counted: list[_List] = []
        for key in keys:
            domain = domains.get(key.domain)
            if domain is not None and domain.tenant != DELETED_TENANT:
                backlog = reader.backlog(*key)
                oldest = min((row.oldest_position for row in backlog), default=None)
                counted.append(
                    _List(
                        key,
                        (*tenant_of(domain.tenant), domain.name, key.name, key.kind),
                        sum(row.tasks for row in backlog),
                        None if oldest is None else moment_of(oldest),
                    )
                )
        return counted

    def _keys(self, engine: Engine, reader: Reader) -> list[ListKey]:
        """The lists on which tasks wait, then those that were polled last."""
        found: dict[ListKey, None] = {}
        after = BEFORE_ALL
        while len(found) < self._max_lists and (row := reader.first_task_behind(after)) is not None:
            after = ListKey(row.domain, row.kind, row.task_list)
            found[after] = None
        used = heapq.nlargest(
            self._max_lists, list(engine.state.traffic.lists()), key=lambda item: item[1].last_poll_at or 0
        )
        for key, _ in used:
            if len(found) >= self._max_lists:
                break
            found[key] = None
        return list(found)

    def _families(self, engine: Engine) -> Families:
        lists, now, state = self._counted, engine.now_ms(), engine.state
        yield gauge(
            "workflowsvc_store_readable", "1 if the store could be read for these metrics.", self._readable
        )
        yield gauges(
            "swf_pending_tasks",
            "Tasks that wait on a list. Each node reports those of the whole store.",
            LABELS,
            [(one.labels, one.tasks) for one in lists],
        )
        yield gauges(
            "workflowsvc_task_list_oldest_task_age_seconds",
            "How long the oldest task of a list has waited; 0 without any. Each node reports the same.",
            LABELS,
            [
                (one.labels, 0 if one.oldest_at is None else max(now - one.oldest_at, 0) / 1000)
                for one in lists
            ],
        )
        yield gauges(
            "workflowsvc_task_list_polls_waiting",
            "Polls that wait on a list at this node.",
            LABELS,
            [(one.labels, state.pollers.waiting(one.key)) for one in lists],
        )
        traffic = [(one.labels, state.traffic.find(one.key)) for one in lists]
        yield gauges(
            "workflowsvc_task_list_added_per_minute",
            "Tasks that this node has put on a list, in the last minute.",
            LABELS,
            [(labels, 0 if one is None else one.added.per_minute(now)) for labels, one in traffic],
        )
        yield gauges(
            "workflowsvc_task_list_started_per_minute",
            "Tasks of a list that this node has handed to polls, in the last minute.",
            LABELS,
            [(labels, 0 if one is None else one.started.per_minute(now)) for labels, one in traffic],
        )
