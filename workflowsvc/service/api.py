"""The service as one object: an operation, a tenant and a typed input become an answer.

Owns the crossing between the event loop, the lane and the reader threads, and how long a poll is held. Must
not know HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

from workflowsvc.engine.command_queue import Command, Reply, deliver_here
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.throttled_log import ThrottledLog
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.model.shapes import PollForDecisionTaskInput
from workflowsvc.service import tasks
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.disconnect import Disconnect
from workflowsvc.service.operations import POLLS, READS, WRITES
from workflowsvc.service.polls import Poll
from workflowsvc.service.subjects import execution_reference_of
from workflowsvc.service.tokens import Tokens
from workflowsvc.store.errors import StoreError
from workflowsvc.tenant import Tenant

READER_THREADS = 4
SHARE_FOR_FUNCTIONS = 0.9  # of the time for stopping; the rest is for telling callers what they wait for

log = logging.getLogger("workflowsvc.api")

Answer = Any
"""A structure of the model, bytes that are JSON already, or None for an empty body."""


class Functions(Protocol):
    """What calls the functions of Lambda tasks (`workflowsvc.lambdas.runner.FunctionRunner`)."""

    def start(self) -> None:
        """Uses the running event loop from now on."""
        ...

    async def idle(self) -> None:
        """Returns when no function runs or waits to be called."""
        ...


class Api:
    """One node of the service. `begin` and `call` belong to the event loop that `start` was awaited on."""

    def __init__(self, engine: Engine, functions: Functions | None = None) -> None:
        self._engine = engine
        self._functions = functions
        self._writer = engine.writer
        self._settings = engine.settings
        self._tokens = Tokens(engine.secret)
        self._buckets = Buckets(enforced=engine.settings.limits == "aws")
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="reader")
        self._throttled_log = ThrottledLog(log, engine.clock)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._functions is not None:
            self._functions.start()
        self._writer.deliver = self._deliver
        self._writer.start()

    async def drain(self) -> None:
        """Waiting polls get the empty answer, and new ones are no longer held; everything else goes on."""

        def release(work: UnitOfWork) -> None:
            work.release_polls()

        released = False
        while (
            not released
        ):  # a store that refuses what others want in the same batch must not keep polls waiting
            with contextlib.suppress(ServiceUnavailable):
                await self._submit(release)
                released = True
        await self._let_functions_end()

    async def _let_functions_end(self) -> None:
        """A Lambda function that is running cannot be asked again for its result, so it is worth most of the
        time that stopping may take.
        """
        if self._functions is None:
            return
        try:
            async with asyncio.timeout(self._settings.drain_seconds * SHARE_FOR_FUNCTIONS):
                await self._functions.idle()
        except TimeoutError:
            log.warning("Lambda functions are still running: their tasks will time out")

    def close(self) -> None:
        """What was submitted is finished; then the threads end. The store stays open: it is not ours."""
        self._writer.stop()
        self._readers.shutdown()

    async def call(
        self, operation: str, tenant: Tenant, request: Any, gone: Disconnect | None = None
    ) -> Answer:
        """The answer; raises Fault. As `begin`, for those who can wait."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.begin(operation, tenant, request, gone, partial(_resolve, future))
        return await future

    def begin(
        self,
        operation: str,
        tenant: Tenant,
        request: Any,
        gone: Disconnect | None,
        done: Callable[[Answer], None],
    ) -> None:
        """Gives the answer, or the Fault, to `done`, later and on the event loop. `gone` is set when the caller's
        connection goes away during a poll. A callback and not a coroutine: a task and its futures cost a fifth of
        a call (docs/performance.md).
        """
        context = CallContext(tenant, self._engine.now_ms(), self._tokens, self._settings, self._buckets)
        if self._buckets.enforced:
            self._buckets.require_call(tenant, operation, context.now)
        write = WRITES.get(operation)
        if write is not None:
            prefetches = self._writer.prefetches
            execution_ref = execution_reference_of(operation, context, request) if prefetches else None
            self._writer.submit(
                Command(partial(write, context=context, request=request), done, execution_ref=execution_ref)
            )
        elif operation in READS:
            self._read(READS[operation], context, request, done)
        elif isinstance(request, PollForDecisionTaskInput) and request.next_page_token:
            self._read(tasks.next_page_of_decision_task, context, request, done)
        else:
            self._poll(operation, context, request, gone, done)

    # --- to the lane and the readers, and back ---

    def _submit(self, run: Callable[[UnitOfWork], Any]) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._writer.submit(Command(run, partial(_resolve, future)))
        return future

    def _deliver(self, answers: list[tuple[Reply, Any]]) -> None:
        """On the lane's thread: one crossing back to the event loop for a whole batch."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_tell_each, answers)

    def _poll(
        self,
        operation: str,
        context: CallContext,
        request: Any,
        gone: Disconnect | None,
        done: Callable[[Answer], None],
    ) -> None:
        assert self._loop is not None, "start() comes first"
        begin, nothing = POLLS[operation]

        def reply(answer: Any) -> None:
            timer.cancel()
            done(nothing if answer is None else answer)

        poll = Poll(self._writer, begin, context, request, reply)
        timer = self._loop.call_later(self._settings.long_poll_seconds, poll.withdraw)
        if gone is not None:
            gone.then(poll.abandon)

    def _read(
        self, function: Callable[..., Any], context: CallContext, request: Any, done: Callable[[Answer], None]
    ) -> None:
        assert self._loop is not None, "start() comes first"
        reading = self._loop.run_in_executor(self._readers, self._read_now, function, context, request)
        reading.add_done_callback(lambda read: done(read.exception() or read.result()))

    def _read_now(self, function: Callable[..., Any], context: CallContext, request: Any) -> Answer:
        try:
            with self._engine.store.reader() as reader:
                return function(reader, context, request)
        except StoreError as error:
            self._throttled_log.error("the store could not be read: %s", error)
            raise ServiceUnavailable from error


def _tell_each(answers: list[tuple[Reply, Any]]) -> None:
    """One that cannot be told keeps no other from being told: they only share a batch."""
    for answer in answers:
        try:
            deliver_here([answer])
        except Exception:
            log.exception("an answer could not be given")


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return  # cancelled: nobody waits for it any more
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
