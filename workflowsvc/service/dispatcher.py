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
from workflowsvc.engine.unit_of_work import ExecutionReference, UnitOfWork
from workflowsvc.faults import Fault, InternalFailure
from workflowsvc.service.action import Action
from workflowsvc.service.authorization import Authorization, CallAccess
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.feed_waits import FeedWaits, NoWaits
from workflowsvc.service.own.actions import OWN
from workflowsvc.service.own.batch_record import BatchRecord
from workflowsvc.service.own.batch_work import BatchWork
from workflowsvc.service.polls import Poll
from workflowsvc.service.steps import Means, StepRunner
from workflowsvc.service.tokens import TaskToken, Tokens
from workflowsvc.service.webhook_sending import Send, send_nothing
from workflowsvc.store.interface import Reader

Run = Callable[[UnitOfWork], Any]
ReadFunction = Callable[..., Any]
"""(reader, context, request) -> the output."""


class Dispatcher:
    """Of one node."""

    def __init__(
        self,
        engine: Engine,
        read: Callable[[ReadFunction, CallContext, Any, Reply], None],
        read_step: Callable[[ReadFunction, CallContext, Any, Reply], None] | None = None,
        waits: FeedWaits | None = None,
        send: Send = send_nothing,
        authorization: Authorization | None = None,
    ) -> None:
        """`read` carries a read out with `read_now`, wherever reads run, and gives the output to the reply; `read_step`
        does so for the steps of long work, so that it need not share threads and sessions with short reads. `waits`:
        where readers of feeds wait; without it their time is over at once. `send`: what sends to webhooks.
        Without `authorization` every call is permitted.
        """
        self.tokens = Tokens(engine.secret)
        self.buckets = Buckets(enforced=engine.settings.limits == "aws")
        self._engine = engine
        self._authorization = authorization
        self._writer = engine.writer
        self._read = read
        self._means = Means(engine.writer, read_step or read, read, waits or NoWaits(), send)
        engine.writer.add_duty(BatchWork(engine.state, self._context_of_batch))

    def context(self, action: Action, caller: Caller, request_id: str = "") -> CallContext:
        """The context of a call that arrives now."""
        engine, authorization = self._engine, self._authorization
        access = None if authorization is None else authorization.of_call(action, caller, request_id)
        return CallContext(
            action, caller, engine.now_ms(), self.tokens, engine.settings, self.buckets, request_id, access
        )

    def _context_of_batch(self, record: BatchRecord) -> CallContext:
        """That of a call by who started the batch; all is permitted to one that was started without access control."""
        starter, tenant = record.starter, record.tenant
        caller = Caller(tenant, is_server=True) if starter is None else starter.caller(tenant)
        return self.context(OWN.actions["StartBatch"], caller)

    def dispatch(self, context: CallContext, request: Any, reply: Reply) -> Poll | StepRunner | None:
        """Begins the action that the context names; `reply` gets the output or the fault, once. Raises a Fault when the
        call is refused before it is begun. Returns what may wait: a poll, which the caller withdraws when its time is
        over, or long work, which ends by itself.
        """
        action = context.action
        if self.buckets.enforced:
            self.buckets.require_call(context.tenant, action, context.now)
        if context.access is not None:
            context.access.begin(request)
        if action.kind == "write":
            self._writer.submit(_command(context, request, reply))
        elif action.kind == "read":
            self._read(_permitted(action.run, context), context, request, reply)
        elif action.kind == "steps":
            steps = action.run(context, request, self._engine.now_ms)
            runner = StepRunner(steps, self._means, context, request, reply)
            runner.begin()
            return runner if action.waits else None
        elif action.next_page is not None and request.next_page_token:
            self._read(_permitted(action.next_page, context), context, request, reply)
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
        run: Run = partial(action.run, context=context, request=request, token=token)
        execution_ref = ExecutionReference(token.run)
        reply = partial(_name_execution, reply, token)
    else:
        token = None
        run = partial(action.run, context=context, request=request)
        find = action.execution_ref
        execution_ref = None if find is None else find(context.tenant, request)
    if context.access is not None:
        run = partial(_run_permitted, context.access, request, token, run)
    return Command(run, reply, None, execution_ref, action.name, context.request_id)


def _run_permitted(
    access: CallAccess, request: Any, token: TaskToken | None, run: Run, work: UnitOfWork
) -> Any:
    access.in_work(work, request, token)
    return run(work)


def _permitted(read: ReadFunction, context: CallContext) -> ReadFunction:
    return read if context.access is None else partial(_read_permitted, read)


def _read_permitted(read: ReadFunction, reader: Reader, context: CallContext, request: Any) -> Any:
    assert context.access is not None
    context.access.in_read(reader, request)
    return read(reader, context, request)


def _name_execution(reply: Reply, token: TaskToken, answer: Any) -> None:
    """Adds to a refusal which execution it is about. A fault of the service may be shared by a whole batch."""
    if isinstance(answer, Fault) and answer.status < InternalFailure.status:
        answer.workflow_id, answer.run_id = token.workflow_id, token.run_id
    reply(answer)
