"""The rules of SWF: pure and synchronous; no clock, no store, no randomness, no logging."""

from workflowsvc.core import (
    activities as activities,
    children as children,
    decision_tasks as decision_tasks,
    external as external,
    lambdas as lambdas,
    markers as markers,
    rules as rules,
    timers as timers,
    workflow as workflow,
)

rules.require_complete()
