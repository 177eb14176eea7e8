"""How a call is carried out: as a command for the writer thread, as a read of the store, as a poll that waits, or in
steps.

Owns the checks that come before any action (its rate, its task token) and the choice among the four. Used by the
server (`api.py`) and by `testing.World` alike. Synchronous; must not know threads, event loops or HTTP, nor how long a
poll may wait: `read` says where reads run, and who dispatches a poll ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from workflowsvc.access.caller import Caller
from workflowsvc.engine.command_queue import Command, Reply
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.unit_of_work import ExecutionReference
from workflowsvc.faults import Fault, InternalFailure
from workflowsvc.service.action import Action
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.own.actions import OWN
from workflowsvc.service.own.batch_work import BatchWork
from workflowsvc.service.polls import Poll
from workflowsvc.service.steps import StepRunner
from workflowsvc.service.tokens import TaskToken, Tokens

ReadFunction = Callable[..., Any]
"""(reader, context, request) -> the output."""


class Dispatcher:
    """Of one node."""

    def __init__(
        self,
        engine: Engine,
        read: Callable[[ReadFunction, CallContext, Any, Reply], None],
        read_step: Callable[[ReadFunction, CallContext, Any, Reply], None] | None = None,
    ) -> None:
        """`read` carries a read out with `read_now`, wherever reads run, and gives the output to the reply; `read_step`
        does so for the steps of long work, so that it need not share threads and sessions with short reads.
        """
        self.tokens = Tokens(engine.secret)
        self.buckets = Buckets(enforced=engine.settings.limits == "aws")
        self._engine = engine
        self._writer = engine.writer
        self._read = read
        self._read_step = read_step or read
        batch = OWN.actions["StartBatch"]
        engine.writer.add_duty(BatchWork(engine.state, lambda tenant: self.context(batch, Caller(tenant))))

    def context(self, action: Action, caller: Caller, request_id: str = "") -> CallContext:
        """The context of a call that arrives now."""
        engine = self._engine
        return CallContext(
            action, caller, engine.now_ms(), self.tokens, engine.settings, self.buckets, request_id
        )

    def dispatch(self, context: CallContext, request: Any, reply: Reply) -> Poll | None:
        """Begins the action that the context names; `reply` gets the output or the fault, once. Raises a Fault when the
        call is refused before it is begun. Returns a poll that waits: the caller withdraws it when its time is over.
        """
        action = context.action
        if self.buckets.enforced:
            self.buckets.require_call(context.tenant, action, context.now)
        if action.kind == "write":
            self._writer.submit(_command(context, request, reply))
        elif action.kind == "read":
            self._read(action.run, context, request, reply)
        elif action.kind == "steps":
            steps = action.run(context, request, self._engine.now_ms)
            StepRunner(steps, self._writer, self._read_step, context, reply).begin()
        elif action.next_page is not None and request.next_page_token:
            self._read(action.next_page, context, request, reply)
        else:
            return Poll(self._writer, context, request, reply)
        return None

    def read_now(self, function: ReadFunction, context: CallContext, request: Any) -> Any:
        """The output of a read, on a snapshot of what is committed; raises Fault or StoreError. From any thread."""
        with self._engine.store.reader() as reader:
            return function(reader, context, request)


def _command(context: CallContext, request: Any, reply: Reply) -> Command:
    """A task token is opened here, once: the function and the execution's reference both need what is in it."""
    action = context.action
    if action.task_token is not None:
        token = context.tokens.read_task(context.tenant, request.task_token, action.task_token)
        run = partial(action.run, context=context, request=request, token=token)
        execution_ref = ExecutionReference(token.run)
        reply = partial(_name_execution, reply, token)
    else:
        run = partial(action.run, context=context, request=request)
        find = action.execution_ref
        execution_ref = None if find is None else find(context.tenant, request)
    return Command(run, reply, None, execution_ref, action.name, context.request_id)


def _name_execution(reply: Reply, token: TaskToken, answer: Any) -> None:
    """Adds to a refusal which execution it is about. A fault of the service may be shared by a whole batch."""
    if isinstance(answer, Fault) and answer.status < InternalFailure.status:
        answer.workflow_id, answer.run_id = token.workflow_id, token.run_id
    reply(answer)
