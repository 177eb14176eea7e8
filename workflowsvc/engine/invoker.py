"""Starts Lambda tasks and records how their functions ended (SWF §9.2).

Owns `Invoker`, the engine's hook for them: LambdaFunctionStarted is committed before a function is called, and a
function is called at most once. If the process dies in between, it is unknown whether the function ran, and the task
times out: SWF does not retry either, the decider decides. Must not know how a function is reached, nor where it runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from workflowsvc.clock import Clock
from workflowsvc.core import lambdas
from workflowsvc.core.execution import Execution
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.no_lambda import no_lambda
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.writer_loop import WriterLoop
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.model.explain import MAX_DATA_CHARACTERS

NO_INPUT = "{}"  # the payload when the decision has no input (SWF §9.1)
MAX_REASON_CHARACTERS = 256
RETRY_SECONDS = 1.0  # until an ending is submitted again to a store that could not take it

log = logging.getLogger("workflowsvc.lambda")


class Invocation(NamedTuple):
    """One call of a function, for one Lambda task of one run."""

    run: int
    scheduled_id: int
    name: str
    payload: str
    tenant: str
    """Of the run, as `Tenant.key`: tenants share the places in which functions run."""
    deadline: float
    """By `Clock.monotonic`: from then on the task has timed out, and an ending is dropped."""


class Returned(NamedTuple):
    """The function's answer as text; None when it was empty."""

    result: str | None


class Failed(NamedTuple):
    """`reason` is Handled, Unhandled or the error code of the invocation."""

    reason: str
    details: str | None = None


Ending = Returned | Failed

Begin = Callable[[Invocation, "Invoker"], None]
"""Has the function called beside the writer, and its ending given to `Invoker.ended`. Returns at once. When it raises,
the function was not called and never will be.
"""

Later = Callable[[float, Callable[[], None]], None]
"""(delay in seconds, work): does the work after the delay. Never raises, may be called from any thread."""


class Invoker:
    """A `workflowsvc.engine.node_state.Invoke`."""

    def __init__(self, writer: WriterLoop, clock: Clock, begin: Begin, later: Later) -> None:
        self._writer = writer
        self._clock = clock
        self._begin = begin
        self._later = later

    def __call__(self, work: UnitOfWork, execution: Execution, scheduled_id: int) -> None:
        """The task is started; its function is called when that is committed."""
        if execution.started.lambda_role is None:
            no_lambda(work, execution, scheduled_id)
            return
        task = lambdas.start(execution, work.now_in(execution.domain), scheduled_id)
        work.changed(execution)
        invocation = Invocation(
            run=execution.run,
            scheduled_id=scheduled_id,
            name=task.scheduled.name,
            payload=task.scheduled.input or NO_INPUT,
            tenant=work.catalog.domain_by_id(execution.domain).tenant,
            deadline=self._clock.monotonic() + lambdas.timeout_seconds(task.scheduled),
        )
        work.after_commit.append(partial(self._call, invocation))

    def _call(self, invocation: Invocation) -> None:
        """The start is committed, so a call that cannot be begun is an ending of the task."""
        try:
            self._begin(invocation, self)
        except Exception as error:
            self.could_not_call(invocation, error)

    def ended(self, invocation: Invocation, ending: Ending) -> None:
        """The function has answered; from any thread. Dropped when the task or its run has closed since."""
        self._writer.submit(
            Command(
                partial(_record, invocation=invocation, ending=ending),
                partial(self._recorded, invocation, ending),
            )
        )

    def is_in_time(self, invocation: Invocation) -> bool:
        """Whether the function may still be called; false, and logged, once its task has timed out."""
        if self._clock.monotonic() < invocation.deadline:
            return True
        log.warning("Lambda function %r was not called in time: too many others run", invocation.name)
        return False

    def could_not_call(self, invocation: Invocation, error: Exception) -> None:
        """A bug of ours kept the function from being called, or its answer from being read."""
        log.error("Lambda function %r could not be called", invocation.name, exc_info=error)
        self.ended(invocation, Failed("InternalFailure"))

    def _recorded(self, invocation: Invocation, ending: Ending, answer: Any) -> None:
        """An ending is kept while the store cannot be reached."""
        if isinstance(answer, ServiceUnavailable) and self._clock.monotonic() < invocation.deadline:
            self._later(RETRY_SECONDS, partial(self.ended, invocation, ending))


def _record(work: UnitOfWork, invocation: Invocation, ending: Ending) -> None:
    execution = work.load_execution(invocation.run)
    if execution is None or not execution.is_open or invocation.scheduled_id not in execution.lambdas:
        return
    ending = _within_limits(ending, min(MAX_DATA_CHARACTERS, work.quotas.max_data_characters))
    if isinstance(ending, Returned):
        lambdas.complete(execution, work.now_in(execution.domain), invocation.scheduled_id, ending.result)
    else:
        lambdas.fail(
            execution,
            work.now_in(execution.domain),
            invocation.scheduled_id,
            reason=ending.reason,
            details=ending.details,
        )
    work.changed(execution)


def _within_limits(ending: Ending, most: int) -> Ending:
    """The ending as an event can hold it. Details are cut; a result never, as half of it would pass for the whole."""
    if isinstance(ending, Failed):
        details = None if ending.details is None else ending.details[:most]
        return Failed(ending.reason[:MAX_REASON_CHARACTERS], details)
    if ending.result is not None and len(ending.result) > most:
        return too_large(most)
    return ending


def too_large(most: int = MAX_DATA_CHARACTERS) -> Failed:
    """The function did its work, but its answer fits into no event (SWF §12.1)."""
    return Failed("ResponseTooLarge", f"The function answered with more than {most} characters")
