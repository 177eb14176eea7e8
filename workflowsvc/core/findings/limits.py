"""Findings about quotas: a history that is nearly full, as many open things as a run may have.

Owns what counts as nearly.
"""

from __future__ import annotations

from collections.abc import Iterator

from workflowsvc.core.execution import Execution
from workflowsvc.core.findings.finding import Finding, Knowledge

NEARLY_FULL = 0.8  # share of the events that a history may have
ALMOST_FULL = 0.95


def findings(execution: Execution, knowledge: Knowledge) -> Iterator[Finding]:
    """Of an open run."""
    quotas = knowledge.quotas
    events, most = execution.next_event_id - 1, quotas.max_events
    if events >= NEARLY_FULL * most:
        yield Finding(
            "HISTORY_NEARLY_FULL",
            "CRITICAL" if events >= ALMOST_FULL * most else "WARNING",
            f"The history has {events} of at most {most} events; with the last one the run is terminated.",
            "Let the decider continue as new: ContinueAsNewWorkflowExecution begins a new history.",
            number=events,
        )
    for what, number, quota, cause in (
        (
            "activities",
            len(execution.activities),
            quotas.max_open_activities,
            "OPEN_ACTIVITIES_LIMIT_EXCEEDED",
        ),
        ("timers", len(execution.timers), quotas.max_open_timers, "OPEN_TIMERS_LIMIT_EXCEEDED"),
        ("children", len(execution.children), quotas.max_open_children, "OPEN_CHILDREN_LIMIT_EXCEEDED"),
        (
            "Lambda tasks",
            len(execution.lambdas),
            quotas.max_open_lambdas,
            "OPEN_LAMBDA_FUNCTIONS_LIMIT_EXCEEDED",
        ),
    ):
        if number >= quota:
            yield Finding(
                "LIMIT_REACHED",
                "WARNING",
                f"The run has {number} open {what}, as many as it may have: one more fails with {cause}.",
                f"Let the decider wait until some of its {what} are closed.",
                number=number,
                cause=cause,
            )
