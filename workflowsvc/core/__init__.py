"""The rules of SWF: pure and synchronous; no clock, no store, no randomness, no logging."""

from workflowsvc.core import (
    activities as activities,
)
from workflowsvc.core import (
    children as children,
)
from workflowsvc.core import (
    decision_tasks as decision_tasks,
)
from workflowsvc.core import (
    external as external,
)
from workflowsvc.core import (
    lambdas as lambdas,
)
from workflowsvc.core import (
    markers as markers,
)
from workflowsvc.core import (
    rules as rules,
)
from workflowsvc.core import (
    timers as timers,
)
from workflowsvc.core import (
    workflow as workflow,
)

rules.require_complete()
