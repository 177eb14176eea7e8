"""All metrics of a server, collected when a reader asks.

Owns the order, and that one part which fails does not take the others with it. Belongs to one thread at a time; what it
reads is changed by others meanwhile, so each part copies first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from workflowsvc import __version__
from workflowsvc.backups.schedule import ScheduledBackups
from workflowsvc.clock import Clock
from workflowsvc.engine.engine import Engine
from workflowsvc.http.server_figures import ServerFigures
from workflowsvc.metrics.backups import backup_families
from workflowsvc.metrics.executions import execution_families
from workflowsvc.metrics.families import Families, counters, gauge, gauges
from workflowsvc.metrics.feeds import feed_families
from workflowsvc.metrics.nodes import node_families
from workflowsvc.metrics.retention import retention_families
from workflowsvc.metrics.servers import server_families
from workflowsvc.metrics.stores import StoreMetrics
from workflowsvc.metrics.task_lists import TaskLists
from workflowsvc.metrics.throttling import throttling_families
from workflowsvc.metrics.traces import trace_families
from workflowsvc.service.api import FeedFigures
from workflowsvc.service.audit_trail import Mode
from workflowsvc.service.buckets import Buckets
from workflowsvc.settings import Settings
from workflowsvc.traces.span_figures import SpanFigures

log = logging.getLogger(__name__)


class MeasuredService(Protocol):
    """What is measured (`workflowsvc.service.api.Api`, or what waits for its store)."""

    @property
    def engine(self) -> Engine | None:
        """None until the store could be used."""
        ...

    @property
    def buckets(self) -> Buckets | None: ...
    @property
    def feed_figures(self) -> FeedFigures | None: ...
    @property
    def access_refusals(self) -> dict[tuple[Mode, str], int]:
        """What access control has refused, or would have, by mode and reason."""
        ...


class Collection(Collector):
    """Of one server."""

    def __init__(
        self,
        service: MeasuredService,
        figures: ServerFigures,
        settings: Settings,
        clock: Clock,
        backups: ScheduledBackups | None = None,
        spans: SpanFigures | None = None,
    ) -> None:
        """`backups`, `spans`: of a server that makes backups, and that sends spans."""
        self._service = service
        self._figures = figures
        self._clock = clock
        self._backups = backups
        self._spans = spans
        self._store = StoreMetrics(clock)
        self._lists = TaskLists(clock, settings.metrics_max_types)

    def collect(self) -> Iterator[Metric]:
        began = self._clock.monotonic()
        failed = 0
        for part in self._parts():
            try:
                # As a list: a part that fails half way leaves nothing of itself.
                found = list(part())
            except Exception:
                log.exception("a part of the metrics could not be collected")
                failed += 1
            else:
                yield from found
        yield gauge("workflowsvc_metrics_parts_failed", "Parts of these metrics that are missing.", failed)
        yield gauge(
            "workflowsvc_metrics_collection_seconds",
            "How long collecting these took.",
            self._clock.monotonic() - began,
        )

    def _parts(self) -> list[Callable[[], Families]]:
        engine, buckets = self._service.engine, self._service.buckets
        parts: list[Callable[[], Families]] = [
            partial(_build, engine),
            partial(server_families, self._figures),
            partial(_access, self._service.access_refusals),
        ]
        if engine is not None:
            if engine.state.figures is not None:
                parts.append(partial(execution_families, engine.state.figures))
            parts += [
                partial(node_families, engine, self._clock),
                partial(retention_families, engine),
                partial(feed_families, engine, self._service.feed_figures),
                partial(self._lists.families, engine),
                partial(self._store.families, engine.store),
            ]
        if buckets is not None:
            parts.append(partial(throttling_families, buckets))
        if self._backups is not None:
            parts.append(partial(backup_families, self._backups))
        if self._spans is not None:
            parts.append(partial(trace_families, self._spans))
        return parts


def _build(engine: Engine | None) -> Families:
    yield gauges("workflowsvc_build_info", "The release.", ("version",), [((__version__,), 1)])
    yield gauge("workflowsvc_store_open", "1 once the store could be used.", engine is not None)


def _access(refusals: dict[tuple[Mode, str], int]) -> Families:
    yield counters(
        "workflowsvc_access_refusals",
        "Requests and calls that access control has refused, or with --auth log would have.",
        ("mode", "reason"),
        sorted(refusals.items()),
    )


def registry_of(collection: Collection) -> CollectorRegistry:
    """The service's metrics and those of its process, which Prometheus has standard names for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collection)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
