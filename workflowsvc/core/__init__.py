"""The rules of SWF: pure and synchronous; no clock, no store, no randomness, no logging.

Importing the package imports every file of rules, which fills the registries (`rules.py`), and checks that they are
complete.
"""

from workflowsvc.core import (
    activities,
    children,
    decision_tasks,
    external,
    lambdas,
    markers,
    rules,
    timers,
    workflow,
)

__all__ = [
    "activities",
    "children",
    "decision_tasks",
    "external",
    "lambdas",
    "markers",
    "rules",
    "timers",
    "workflow",
]

rules.require_complete()
