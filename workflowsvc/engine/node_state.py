"""What a node keeps in memory between batches, piece by piece.

Owns nothing but the putting together: each piece says what it holds. All of it is derived from the store and may be
thrown away at any time, but for the polls that wait. Only the writer's thread uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflowsvc.core.execution import Execution
from workflowsvc.engine.agenda import Agenda
from workflowsvc.engine.alarms import Alarms
from workflowsvc.engine.archive_figures import ArchiveFigures
from workflowsvc.engine.catalog_cache import CatalogCache
from workflowsvc.engine.coordination import Coordination
from workflowsvc.engine.execution_cache import ExecutionCache
from workflowsvc.engine.execution_figures import ExecutionFigures
from workflowsvc.engine.ids import Ids
from workflowsvc.engine.list_traffic import ListTraffic
from workflowsvc.engine.node_access import NodeAccess
from workflowsvc.engine.node_report import NodeReport
from workflowsvc.engine.pollers import Pollers
from workflowsvc.engine.quarantine import Quarantine
from workflowsvc.histogram import Count
from workflowsvc.settings import Settings

Invoke = Callable[[Any, Execution, int], None]
"""(unit of work, execution, scheduled event id): starts a Lambda task, or records why it cannot be started."""


def _to_no_reader(_: set[int]) -> None:
    """Until a part above the engine takes an interest."""


def _unnoticed() -> None:
    """Until a part above the engine takes an interest."""


class NodeState:
    """Of one node."""

    def __init__(self, settings: Settings, ids: Ids, coordination: Coordination, invoke: Invoke) -> None:
        self.settings = settings
        self.ids = ids
        self.coordination = coordination
        self.invoke = invoke
        self.cache = ExecutionCache(settings.max_cache_bytes)
        self.catalog = CatalogCache()
        self.pollers = Pollers(settings.quotas.max_pollers_per_list)
        self.agenda = Agenda(polls_store=coordination.poll_store_ms is not None)
        self.quarantine = Quarantine()
        self.traffic = ListTraffic()
        self.alarms = Alarms()
        self.access = NodeAccess()
        self.figures = (
            None if settings.metrics_port == "off" else ExecutionFigures(settings.metrics_max_types)
        )
        self.archives_here = False  # this node archives, whether or not the store says so yet
        self.archive = ArchiveFigures()
        self.purged = Count()
        """Runs that were deleted, as their retention had ended or by a call."""
        self.feed_entries = Count()
        """Entries that were written to feeds."""
        self.tell_feeds: Callable[[set[int]], None] = _to_no_reader
        """Called when the feeds of these domains have grown, here or on another node, on any thread."""
        self.webhooks_changed: Callable[[], None] = _unnoticed
        """Called when a call on this node has changed webhooks, on any thread."""
        self.peers: dict[str, NodeReport] = {}  # other nodes, by name
        self.name = ids.node_name
        self.started_at = coordination.now_ms()

    def trim(self) -> None:
        """What was used least recently leaves memory."""
        self.cache.trim()
        self.coordination.trim()
