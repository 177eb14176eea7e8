"""Lambda functions that answer when a scenario says so: `function w f returns 42`."""

from __future__ import annotations

from collections.abc import Callable

from workflowsvc.core import lambdas
from workflowsvc.core.execution import Execution
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.tenant import Tenant


def invoke(work: UnitOfWork, execution: Execution, scheduled_id: int) -> None:
    """The function was called, and has not answered yet."""
    lambdas.start(execution, work.now_in(execution.domain), scheduled_id)
    work.changed(execution)


def ends(
    workflow_id: str, id: str, ending: str, word: str, details: str | None
) -> Callable[[UnitOfWork], None]:
    """The function with this id ends; without effect when its run is closed."""

    def end(work: UnitOfWork) -> None:
        domain = work.catalog.require_domain(Tenant(), "d")
        execution = work.load_open_execution(domain.id, workflow_id, None)
        if execution is None:
            return
        for scheduled_id, task in list(execution.lambdas.items()):
            if task.scheduled.id == id:
                if ending == "returns":
                    lambdas.complete(execution, work.now_in(execution.domain), scheduled_id, word)
                else:
                    lambdas.fail(
                        execution, work.now_in(execution.domain), scheduled_id, reason=word, details=details
                    )
                work.changed(execution)

    return end
