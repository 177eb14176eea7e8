"""What becomes of closed runs whose retention has ended: deleted, archived, or left as the archive fails.

Owns the names of these metrics. Without an archive, those about it are 0.
"""

from __future__ import annotations

from workflowsvc.engine.engine import Engine
from workflowsvc.metrics.families import Families, counter, gauge


def retention_families(engine: Engine) -> Families:
    state, figures = engine.state, engine.state.archive
    yield counter(
        "workflowsvc_deleted_executions",
        "Closed runs that were deleted, as their retention had ended or by a call.",
        state.purged.value,
    )
    yield gauge("workflowsvc_archive_at_work", "1 on the node of several that archives.", figures.is_at_work)
    yield gauge("workflowsvc_archive_fails", "1 while the archive takes nothing.", figures.fails)
    yield counter("workflowsvc_archived_executions", "Runs that were archived.", figures.archived.value)
    yield counter(
        "workflowsvc_archived_bytes", "Bytes that were written to the archive.", figures.written_bytes.value
    )
    yield counter(
        "workflowsvc_archive_failures",
        "Runs that could not be archived, each time that it was tried.",
        figures.failures.value,
    )
    due_at = figures.oldest_due_at
    yield gauge(
        "workflowsvc_archive_oldest_waiting_seconds",
        "Since when the retention of the oldest run is over that is not archived; 0 if none waits.",
        0 if due_at is None else max(engine.now_ms() - due_at, 0) / 1000,
    )
