"""The service as one object: an action, a caller and a typed input become an answer, on an event loop.

Owns the crossings between the event loop, the writer thread and the reader threads, how long a poll is held, and the
draining at the end. How a call is carried out is the dispatcher's. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from workflowsvc.access.book import AccessKey, Book
from workflowsvc.access.caller import Caller
from workflowsvc.engine.batch_figures import AnswerTimes
from workflowsvc.engine.command_queue import Command, Reply
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.outage import Outage
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.service.action import Action
from workflowsvc.service.audit_trail import Mode, Refusal, SignIn
from workflowsvc.service.authorization import Authorization
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.disconnect import Disconnect
from workflowsvc.service.dispatcher import Dispatcher, ReadFunction
from workflowsvc.service.feed_waits import LoopWaits
from workflowsvc.service.futures import resolve
from workflowsvc.service.reader_threads import ReaderThreads
from workflowsvc.service.steps import StepRunner
from workflowsvc.service.webhook_sending import Webhooks, send_nothing
from workflowsvc.store.errors import StoreError
from workflowsvc.store.interface import MeasuredStore
from workflowsvc.store.rows import DiskSpace

READER_THREADS = 4
SEARCH_THREADS = 2  # for the steps of long work; the stores have a session for each thread
# Between two attempts to release the polls of a node that stops, while its store fails.
RELEASE_AGAIN_SECONDS = 0.1
SHARE_FOR_FUNCTIONS = 0.9  # share of drain_seconds; the rest is for answering the calls that wait

log = logging.getLogger("workflowsvc.api")

Answer = Any
"""A structure of the model, bytes that are JSON already, or None for an empty body."""


class FeedFigures(NamedTuple):
    """How the feeds of a node are read. From any thread."""

    waits: LoopWaits
    webhooks: Webhooks | None


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

    def __init__(
        self,
        engine: Engine,
        functions: Functions | None = None,
        authorization: Authorization | None = None,
        webhooks: Webhooks | None = None,
    ) -> None:
        """Without `authorization` every call is permitted. `webhooks`: what pushes feeds."""
        self.engine = engine
        self.answer_times: AnswerTimes | None = None
        """Of the call that is being answered, while `done` is called; None when it was refused."""
        self._authorization = authorization
        self._functions = functions
        self.webhooks = webhooks
        self._writer = engine.writer
        self._settings = engine.settings
        poll_store_ms = engine.state.coordination.poll_store_ms
        self.feed_waits = LoopWaits(
            None if poll_store_ms is None else poll_store_ms / 1000, engine.clock.monotonic
        )
        engine.state.tell_feeds = self.feed_waits.grew
        self.feed_figures = FeedFigures(self.feed_waits, webhooks)
        send = send_nothing if webhooks is None else webhooks.test
        self._dispatcher = Dispatcher(
            engine, self._read, self._read_step, self.feed_waits, send, authorization
        )
        self._readers = ReaderThreads(READER_THREADS)
        self._searchers = ReaderThreads(SEARCH_THREADS)
        self._outage = Outage(log, engine.clock, "Calls that only read are answered 503.")
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Starts the writer thread; answers are delivered on the running event loop."""
        self._loop = asyncio.get_running_loop()
        if self._functions is not None:
            self._functions.start()
        self.feed_waits.start()
        self._writer.deliver = self._deliver_batch
        self._writer.queue.gather(self._loop.call_soon)
        self._writer.start()
        if self.webhooks is not None:
            self.webhooks.start(self.feed_waits)

    async def drain(self) -> None:
        """Gives waiting polls and readers of feeds the empty answer, and new ones at once; all other calls go on."""
        self.feed_waits.end()

        def release(work: UnitOfWork) -> None:
            work.release_polls()

        released = False
        while not released:  # other commands in the same batch may be why the store refuses it
            try:
                await self._submit(release)
                released = True
            except ServiceUnavailable:
                await asyncio.sleep(RELEASE_AGAIN_SECONDS)
        if self.webhooks is not None:
            await self.webhooks.stop()
        await self._let_functions_end()

    async def _let_functions_end(self) -> None:
        """The result of a running Lambda function cannot be asked for again, so waiting for it is worth most of the
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
        """Finishes what was submitted, then ends the threads. The store stays open: its owner closes it."""
        self._writer.stop()
        self._readers.close()
        self._searchers.close()

    def book(self) -> Book:
        """The latest access data; ServiceUnavailable when it cannot be read."""
        return self.engine.state.access.book()

    def key_used(self, key: AccessKey, at_ms: int) -> None:
        """A call was signed with this key at this moment, in milliseconds."""
        self.engine.state.access.used(key, at_ms)

    def refused(self, refusal: Refusal) -> None:
        """Into the audit trail: a request was refused, or would have been, before it was a call."""
        if self._authorization is not None:
            self._authorization.trail.refused(refusal)

    def permits(self, caller: Caller, action: str, domain: str) -> bool | None:
        """As `Authorization.permits`; True without access control."""
        return self._authorization is None or self._authorization.permits(action, caller, domain)

    def signed_in(self, sign_in: SignIn) -> None:
        """Into the audit trail: a person has come in."""
        if self._authorization is not None:
            self._authorization.trail.signed_in(sign_in)

    async def call(
        self, action: Action, caller: Caller, request: Any, disconnect: Disconnect | None = None
    ) -> Answer:
        """The answer; raises Fault. The same as `begin` for callers that can await."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.begin(action, caller, request, disconnect, partial(resolve, future))
        return await future

    def begin(
        self,
        action: Action,
        caller: Caller,
        request: Any,
        disconnect: Disconnect | None,
        done: Callable[[Answer], None],
        request_id: str = "",
    ) -> None:
        """Gives the answer, or the Fault, to `done`, later and on the event loop; may raise a Fault at once.
        `disconnect` is set when the client of a call that may wait leaves. A callback and not a coroutine: a task and
        its futures cost a fifth of a call (docs/performance.md).
        """
        dispatcher = self._dispatcher
        poll = dispatcher.dispatch(dispatcher.context(action, caller, request_id), request, done)
        if isinstance(poll, StepRunner):
            if disconnect is not None:
                disconnect.then(poll.abandon)
        elif poll is not None:
            assert self._loop is not None, "start() comes first"
            poll.timer = self._loop.call_later(self._settings.long_poll_seconds, poll.withdraw)
            if disconnect is not None:
                disconnect.then(poll.abandon)

    @property
    def buckets(self) -> Buckets:
        """The request buckets of this node."""
        return self._dispatcher.buckets

    @property
    def access_refusals(self) -> dict[tuple[Mode, str], int]:
        """What access control has refused, or would have, by mode and reason, since the start; a copy."""
        return {} if self._authorization is None else dict(self._authorization.trail.refusals)

    @property
    def is_alive(self) -> bool:
        """False when the writer's thread has ended by itself: nothing will be written any more."""
        return self._writer.is_alive

    @property
    def has_begun(self) -> bool:
        """True: the store was opened."""
        return True

    @property
    def store_fails(self) -> bool:
        """Whether the last write failed; it is tried again every second."""
        return self._writer.store_fails

    def disk(self) -> DiskSpace | None:
        """Of the disk that holds the data, when it is this machine's. From any thread; may wait for the disk."""
        store = self.engine.store
        return store.disk() if isinstance(store, MeasuredStore) else None

    def ask_for_write(self, done: Callable[[Answer], None]) -> None:
        """Gives `done` None when a write would be taken now, or the error; later and on the event loop."""
        self._writer.ask_for_write(done)

    # --- to the writer thread and the reader threads, and back ---

    def _submit(self, run: Callable[[UnitOfWork], Any]) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._writer.submit(Command(run, partial(resolve, future)))
        return future

    def _deliver_batch(self, answers: list[tuple[Reply, Any]]) -> None:
        """On the writer thread."""
        self._deliver(answers, self._writer.times)

    def _deliver(self, answers: list[tuple[Reply, Any]], times: AnswerTimes | None) -> None:
        """On the writer thread or a reader thread: one crossing back to the event loop for all of them."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._deliver_each, answers, times)
        except MemoryError:
            # They are committed, and this crossing is all that they still need.
            log.exception("%d answers did not reach the event loop; trying once more", len(answers))
            self._loop.call_soon_threadsafe(self._deliver_each, answers, times)

    def _deliver_each(self, answers: list[tuple[Reply, Any]], times: AnswerTimes | None) -> None:
        """On the event loop. A reply that fails keeps no other from its answer: they only share a batch."""
        self.answer_times = times
        for reply, answer in answers:
            try:
                reply(answer)
            except Exception:
                log.exception("an answer could not be given to %r", reply)
        self.answer_times = None

    def _read(
        self, function: ReadFunction, context: CallContext, request: Any, done: Callable[[Answer], None]
    ) -> None:
        self._read_on(self._readers, function, context, request, done)

    def _read_step(
        self, function: ReadFunction, context: CallContext, request: Any, done: Callable[[Answer], None]
    ) -> None:
        self._read_on(self._searchers, function, context, request, done)

    def _read_on(
        self,
        threads: ReaderThreads,
        function: ReadFunction,
        context: CallContext,
        request: Any,
        done: Callable[[Answer], None],
    ) -> None:
        assert self._loop is not None, "start() comes first"
        threads.read(context.tenant, partial(self._read_now, function, context, request, done))

    def _read_now(
        self, function: ReadFunction, context: CallContext, request: Any, done: Callable[[Answer], None]
    ) -> None:
        """On a reader thread."""
        began = self.engine.clock.monotonic()
        try:
            answer = self._dispatcher.read_now(function, context, request)
        except StoreError as error:
            answer = ServiceUnavailable()
            self._outage.failed(error, f"{context.action.name} (request {context.request_id or '-'})")
        except Exception as error:
            answer = error
        else:
            self._outage.worked()
        ended = self.engine.clock.monotonic()
        self._deliver([(done, answer)], AnswerTimes(began, ended, ended))
