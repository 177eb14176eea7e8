"""A long poll on its way: answered by a task, by time, by a lost connection, or by the end of the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflowsvc.engine.command_queue import NO_ANSWER, Command, Reply
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.pollers import PendingPoll
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.writer_loop import WriterLoop
from workflowsvc.service.call_context import CallContext


class Poll:
    """Submits itself to the lane; `reply` gets a task, a fault, or None when there was no task."""

    __slots__ = ("_begin", "_context", "_let", "_reply", "_request", "_waiter", "_writer")

    def __init__(
        self,
        writer: WriterLoop,
        begin: Callable[..., PendingPoll],
        context: CallContext,
        request: Any,
        reply: Reply,
    ) -> None:
        self._writer = writer
        self._begin = begin
        self._context = context
        self._request = request
        self._reply: Reply | None = reply  # until it is answered
        self._waiter: PendingPoll | None = None
        self._let = False  # it waits no more
        writer.submit(Command(self._wait, self._answer))

    def withdraw(self) -> None:
        """Asks the lane to let go of the poll, which then gets the empty answer unless a task was faster."""
        self._writer.submit(Command(self._let_go, self._answer, self._forget))

    def abandon(self) -> None:
        """The connection is gone: from now on no task may be handed to it (SWF §1.5.6)."""
        pending = self._waiter
        if pending is not None:
            pending.gone = True
        self.withdraw()

    def _wait(self, work: UnitOfWork) -> Any:
        self._waiter = self._begin(work, self._context, self._request, self._answer)
        return NO_ANSWER

    def _let_go(self, work: UnitOfWork) -> Any:
        pending = self._waiter
        if pending is not None and work.state.pollers.remove(pending):
            self._let = True  # remembered, as the batch may be undone and run again
        return None if self._let else NO_ANSWER

    def _forget(self, state: NodeState) -> None:
        """The lane answers for it with a fault, so it must not be given a task any more."""
        pending = self._waiter
        if pending is not None:
            state.pollers.remove(pending)

    def _answer(self, answer: Any) -> None:
        """The first one counts: a batch that is refused refuses both the poll and its withdrawal. Who answers and who
        waits no longer know each other then: circles are left to the garbage collector, whose rounds stop all calls.
        """
        reply = self._reply
        if reply is not None:
            self._reply = self._waiter = None
            reply(answer)
