"""Lambda functions that answer when a scenario says so: `function w f returns 42`."""

from __future__ import annotations

from collections.abc import Callable

from workflowsvc.core import lambdas
from workflowsvc.core.execution import Execution
from workflowsvc.engine.session import Session
from workflowsvc.tenant import Tenant


def invoke(session: Session, execution: Execution, scheduled_id: int) -> None:
    """The function was called, and has not answered yet."""
    lambdas.start(execution, session.now, scheduled_id)
    session.changed(execution)


def ends(workflow_id: str, id: str, ending: str, word: str, details: str | None) -> Callable[[Session], None]:
    """The function of this id comes to its end; nobody hears of it when its run is closed."""

    def end(session: Session) -> None:
        domain = session.names.require_domain(Tenant(), "d")
        execution = session.open_execution(domain.id, workflow_id, None)
        if execution is None:
            return
        for scheduled_id, task in list(execution.lambdas.items()):
            if task.scheduled.id == id:
                if ending == "returns":
                    lambdas.complete(execution, session.now, scheduled_id, word)
                else:
                    lambdas.fail(execution, session.now, scheduled_id, reason=word, details=details)
                session.changed(execution)

    return end
