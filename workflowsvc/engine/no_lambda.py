"""What becomes of Lambda tasks where no function is mapped.

Owns the answer of a service that invokes no functions; invoker.py is for one that does.
"""

from __future__ import annotations

from workflowsvc.core import lambdas
from workflowsvc.core.execution import Execution
from workflowsvc.engine.unit_of_work import UnitOfWork


def no_lambda(work: UnitOfWork, execution: Execution, scheduled_id: int) -> None:
    """Without a function map no role can be assumed (SWF §9.2)."""
    message = "The IAM role could not be assumed: this service invokes no Lambda functions."
    if execution.started.lambda_role is None:
        message = "No IAM role is attached to the current workflow execution."
    lambdas.start_failed(execution, work.now_in(execution.domain), scheduled_id, message)
    work.changed(execution)
