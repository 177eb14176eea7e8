"""Findings between executions of one workflowId (rules C13, W8; SWF §8.7, §8.12)."""

from collections.abc import Iterator
from itertools import pairwise

from workflowsvc.lint.history import Event, Finding
from workflowsvc.lint.recorded_runs import SETTINGS, RecordedRuns, Run

__all__ = ["check"]


def check(recorded: RecordedRuns) -> Iterator[Finding]:
    """All findings about executions that share a workflowId."""
    yield from _check_one_open(recorded)
    successors: dict[Run, Run] = {}
    for run, history in recorded.runs.items():
        closing = history.closing
        if closing and closing.type == "WorkflowExecutionContinuedAsNew":
            yield from _check_successor(recorded, run, closing)
        before = history.start.text("continuedExecutionRunId")
        if before:
            old = (run[0], before)
            if old in successors:
                yield Finding("C13", 1, f"continues run {before}, as does run {successors[old][1]}", run)
            successors[old] = run
            yield from _check_predecessor(recorded, run, old)


def _check_one_open(recorded: RecordedRuns) -> Iterator[Finding]:
    by_workflow: dict[str, list[tuple[int, int, str]]] = {}
    for (workflow_id, run_id), history in recorded.runs.items():
        # Of two executions that start in the same millisecond the one that ends first was first.
        span = (history.start.at_ms, history.events[-1].at_ms, run_id)
        by_workflow.setdefault(workflow_id, []).append(span)
    for workflow_id, spans in by_workflow.items():
        ordered = [(workflow_id, run_id) for _, _, run_id in sorted(spans)]
        still_open = [run for run in ordered if recorded.runs[run].closing is None]
        for run in still_open[1:]:
            yield Finding("W8", 1, f"is open, and so is run {still_open[0][1]}", run)
        for run, following in pairwise(ordered):
            closing = recorded.runs[run].closing
            if closing and recorded.is_before(recorded.runs[following].start, closing):
                yield Finding("W8", 1, f"starts before run {run[1]} is closed", following)


def _check_successor(recorded: RecordedRuns, run: Run, closing: Event) -> Iterator[Finding]:
    new = (run[0], closing.text("newExecutionRunId"))
    history = recorded.runs.get(new)
    if history is None:
        return
    start, old_start = history.start, recorded.runs[run].start
    if start.text("continuedExecutionRunId") != run[1]:
        own = start.text("continuedExecutionRunId") or "no run"
        yield closing.breaks("C13", f"continues as run {new[1]}, which says that it continues {own}", run)
    for name in SETTINGS:
        if start.attributes.get(name) != closing.attributes.get(name):
            yield Finding("C13", 1, f"{name} is not the one that run {run[1]} decided", new)
    for name in ("parentWorkflowExecution", "parentInitiatedEventId"):
        if start.attributes.get(name) != old_start.attributes.get(name):
            yield Finding("C13", 1, f"{name} is not that of run {run[1]}, which it continues", new)
    if recorded.is_before(start, closing):
        yield Finding("C13", 1, f"starts before run {run[1]} continues as it", new)


def _check_predecessor(recorded: RecordedRuns, run: Run, old: Run) -> Iterator[Finding]:
    history = recorded.runs.get(old)
    if history is None:
        return
    closing = history.closing
    if closing is None or closing.text("newExecutionRunId") != run[1]:
        yield Finding("C13", 1, f"continues run {old[1]}, which did not continue as this one", run)
