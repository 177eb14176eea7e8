"""Why a run does not go on: findings from its state, from what is known of task lists and types, and from the time.

`explain_open` and `explain_closed` are the way in. Pure, as all of `core`: the console, the command line, the API and
the server's log say the same of a run because all of them ask here.
"""

from workflowsvc.core.findings.explain import explain_closed, explain_open, explain_quarantined
from workflowsvc.core.findings.finding import Finding, Knowledge, ListKnowledge, is_at_least, spoken, urgency

__all__ = [
    "Finding",
    "Knowledge",
    "ListKnowledge",
    "explain_closed",
    "explain_open",
    "explain_quarantined",
    "is_at_least",
    "spoken",
    "urgency",
]
