"""Runs together: the children of a run stand in its trace where both are known.

Owns who stands below whom. A run whose parent is among the given ones is below the parent's child span, and so are the
runs that it continued as; all others are the roots of traces of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workflowsvc.display.history import attributes_of
from workflowsvc.traces import context
from workflowsvc.traces.context import SpanContext
from workflowsvc.traces.run_spans import Place, RunHistory, spans_of
from workflowsvc.traces.span import Span


class _Above(NamedTuple):
    """The run that another one stands below, and the event that its span begins with."""

    run_id: str
    event_id: int


def spans_of_runs(runs: Sequence[RunHistory], below: SpanContext | None = None) -> list[Span]:
    """The spans of all runs, each run after what it stands below. `below`: the span that roots get as their parent."""
    known = {run.run_id: run for run in runs}
    above = {run_id: found for run_id, run in known.items() if (found := _above(run, known)) is not None}
    tops = {run_id: _top(run_id, above) for run_id in known}
    families: dict[str, dict[str, None]] = {}
    for run_id, top in tops.items():
        families.setdefault(top, {})[run_id] = None
    spans: list[Span] = []
    for top, members in families.items():
        trace_id = below.trace_id if below is not None else context.trace_of_run(top)
        for run_id in members:
            over = above.get(run_id)
            if over is not None and run_id != top and over.run_id in members:
                parent = context.span_of_event(over.run_id, over.event_id)
            else:
                parent = below.span_id if below is not None else ""
            spans += spans_of(known[run_id], Place(trace_id, parent), members)
    return spans


def _above(run: RunHistory, known: Mapping[str, RunHistory]) -> _Above | None:
    """What a run stands below; None for one that is the first, or whose parent is not known."""
    started = attributes_of(run.events[0])
    parent = started.get("parentWorkflowExecution")
    initiated = started.get("parentInitiatedEventId")
    if isinstance(parent, dict) and isinstance(initiated, int) and initiated > 0:
        parent_id = parent.get("runId")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if isinstance(parent_id, str) and parent_id in known:
            return _Above(parent_id, initiated)
    return None


def _top(run_id: str, above: Mapping[str, _Above]) -> str:
    """The first of its family. Files may say anything, even that two runs are each other's parents."""
    seen = {run_id}
    while (found := above.get(run_id)) is not None and found.run_id not in seen:
        run_id = found.run_id
        seen.add(run_id)
    return run_id
