"""Long work in short steps: an action that looks at very many runs, or waits, and lets every other call pass meanwhile.

Owns how the steps follow one another. A step is a read on a reader thread, a command of the writer loop, a wait for an
entry of a feed, or a message to a webhook. The action's generator yields it and gets the result, or has the fault
raised in it; what it returns is the answer. The code between two steps runs where answers are delivered, on the event
loop: it must be short. Must not know any action.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, NamedTuple

from workflowsvc.engine.command_queue import Command, Reply
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.writer_loop import WriterLoop
from workflowsvc.faults import LimitExceededFault
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.feed_waits import FeedWaits, Waiting, Woken
from workflowsvc.service.webhook_sending import Message, Send, Tester, send_nothing
from workflowsvc.store.interface import Reader


class ReadStep(NamedTuple):
    """On a reader thread, on a snapshot of its own. `quick`: on one that is not there for long searches."""

    run: Callable[[Reader], Any]
    quick: bool = False


class WriteStep(NamedTuple):
    """On the writer's thread. It must be over in 5 ms, as every caller waits for it."""

    run: Callable[[UnitOfWork], Any]


class WaitStep(NamedTuple):
    """Until the feed of the domain has grown since the last read, or the time is over; gives a `Woken`."""

    domain: int
    seconds: float


class GatherStep(NamedTuple):
    """Where the feed of the domain is busy, a moment for more of it to come."""

    domain: int


class SendStep(NamedTuple):
    """A test of a webhook; gives its `Outcome`."""

    message: Message
    tester: Tester


Step = ReadStep | WriteStep | WaitStep | GatherStep | SendStep
Steps = Generator[Step, Any, Any]

Read = Callable[[Callable[..., Any], CallContext, Any, Reply], None]
"""Carries out (reader, context, request) wherever reads run, and gives the output to the reply."""


class Means(NamedTuple):
    """With which a node takes steps."""

    writer: WriterLoop
    read: Read
    """For long work."""
    read_quickly: Read
    waits: FeedWaits
    send: Send = send_nothing


class StepRunner:
    """Of one call; gives the answer, or the fault, to `reply`."""

    def __init__(
        self,
        steps: Steps,
        means: Means,
        context: CallContext,
        request: Any,
        reply: Reply,
    ) -> None:
        self._steps = steps
        self._means = means
        self._context = context
        self._request = request
        self._reply = reply
        self._is_running = False
        self._waiting: Callable[[], Step] | None = None
        self._read_at = 0  # the mark of the last read
        self._wait: Waiting | None = None
        self._is_abandoned = False

    def begin(self) -> None:
        self._run(lambda: next(self._steps))

    def abandon(self) -> None:
        """The client has left: it waits no longer."""
        self._is_abandoned = True
        if self._wait is not None:
            self._wait.cancel()

    def _go_on(self, result: Any) -> None:
        """With the result of a step, or with the exception that says why there is none."""
        if isinstance(result, BaseException):
            fault = result
            self._run(lambda: self._steps.throw(fault))
        else:
            self._run(lambda: self._steps.send(result))

    def _run(self, resume: Callable[[], Step]) -> None:
        """A step that is over at once, as in a test, comes back here while the last one is being begun: then it is
        left to the loop, which would otherwise be as deep as there are steps.
        """
        self._waiting = resume
        if self._is_running:
            return
        self._is_running = True
        while self._waiting is not None:
            resume, self._waiting = self._waiting, None
            try:
                step = resume()
            except StopIteration as end:
                self._reply(end.value)
            except Exception as error:  # a fault, or a bug: who replies to the caller tells them apart
                self._reply(error)
            else:
                self._begin_step(step)
        self._is_running = False

    def _begin_step(self, step: Step) -> None:
        context, means = self._context, self._means
        if isinstance(step, WaitStep):
            self._begin_wait(step)
            return
        if isinstance(step, GatherStep):
            means.waits.gather(step.domain, partial(self._go_on, None))
            return
        if isinstance(step, SendStep):
            means.send(step.message, step.tester, self._go_on)
            return
        if context.access is not None:
            context.access.judge_again()
        if isinstance(step, ReadStep):
            self._read_at = means.waits.mark()
            read = means.read_quickly if step.quick else means.read
            read(partial(_run_read, step), context, self._request, self._go_on)
        else:
            run = partial(_run_write, step, context, self._request)
            means.writer.submit(
                Command(run, self._go_on, action=context.action.name, request_id=context.request_id)
            )

    def _begin_wait(self, step: WaitStep) -> None:
        if self._is_abandoned:
            self._go_on("end")
            return
        try:
            self._wait = self._means.waits.wait(step.domain, self._read_at, step.seconds, self._woken)
        except LimitExceededFault as fault:
            self._go_on(fault)

    def _woken(self, woken: Woken) -> None:
        self._wait = None
        self._go_on(woken)


def _run_read(step: ReadStep, reader: Reader, context: CallContext, request: Any) -> Any:
    if context.access is not None:
        context.access.in_read(reader, request)
    return step.run(reader)


def _run_write(step: WriteStep, context: CallContext, request: Any, work: UnitOfWork) -> Any:
    if context.access is not None:
        context.access.in_work(work, request)
    return step.run(work)
