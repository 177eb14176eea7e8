"""All findings about one run, the most urgent first.

Owns which rules are asked for an open, a closed and a quarantined run. The rules are in the files beside this one.
"""

from __future__ import annotations

from workflowsvc.core.execution import Execution
from workflowsvc.core.findings import closed, decider, limits, nothing, pollers, waits
from workflowsvc.core.findings.finding import Finding, Knowledge, is_at_least, urgency
from workflowsvc.model.own_shapes import Severity
from workflowsvc.model.shapes import Shape


def explain_open(
    execution: Execution, knowledge: Knowledge, now: int, *, least: Severity = "INFO"
) -> list[Finding]:
    """What is at least as urgent as `least`. With INFO never empty: what keeps an open run from going on is a task,
    something else that is open, or nothing at all.
    """
    findings = [
        *pollers.findings(execution, knowledge, now),
        *decider.findings(execution, knowledge, now),
        *limits.findings(execution, knowledge),
        *nothing.findings(execution, knowledge, now),
        *(waits.findings(execution, now) if least == "INFO" else ()),
    ]
    return sorted((finding for finding in findings if is_at_least(finding.severity, least)), key=urgency)


def explain_closed(execution: Execution, closing: Shape) -> list[Finding]:
    """How the run ended, and what went wrong on the way. `closing`: the attributes of its last event."""
    return sorted(
        [
            closed.ending(execution, closing),
            *decider.failed_decisions(execution),
            *decider.timed_out_tasks(execution),
        ],
        key=urgency,
    )


def explain_quarantined() -> list[Finding]:
    """The state of such a run cannot be trusted, so nothing else is said of it."""
    return [
        Finding(
            "RUN_QUARANTINED",
            "CRITICAL",
            "The service has met a bug of its own in this run and leaves it alone until it is started again.",
            "Look for `a bug was met` in the server's log, report it, and start the server again: a newer release may "
            "have mended it.",
        )
    ]
