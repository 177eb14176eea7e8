"""A long poll that waits: it ends with a task, with its time, when its client leaves, or when the service stops.

Owns the single answer of a poll. Must not know how long a poll may wait: who dispatches it withdraws it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from workflowsvc.engine.command_queue import NO_ANSWER, Command, Reply
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.pollers import PendingPoll
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.writer_loop import WriterLoop
from workflowsvc.service.call_context import CallContext


class Timer(Protocol):
    """What ends a poll when its time is over (`asyncio.TimerHandle`)."""

    def cancel(self) -> None: ...


class Poll:
    """Submits itself to the writer loop; `reply` gets a task, the empty answer of the action, or a fault, once."""

    __slots__ = ("_context", "_left", "_pending", "_reply", "_request", "_writer", "timer")

    def __init__(self, writer: WriterLoop, context: CallContext, request: Any, reply: Reply) -> None:
        self.timer: Timer | None = None  # cancelled when the poll is answered
        self._writer = writer
        self._context = context
        self._request = request
        self._reply: Reply | None = reply  # until it is answered
        self._pending: PendingPoll | None = None
        self._left = False  # whether it was removed from the queue of its list by `withdraw`
        self._submit(self._wait)

    def __repr__(self) -> str:
        return f"Poll({self._context.action.name}, request {self._context.request_id or '-'})"

    def withdraw(self) -> None:
        """Asks the writer loop to let go of the poll, which then gets the empty answer unless a task was faster."""
        self._submit(self._leave, self._forget)

    def abandon(self) -> None:
        """The client has left: from now on no task may be handed to the poll (SWF §1.5.6)."""
        pending = self._pending
        if pending is not None:
            pending.gone = True
        self.withdraw()

    def _submit(
        self, run: Callable[[UnitOfWork], Any], refused: Callable[[NodeState], None] | None = None
    ) -> None:
        context = self._context
        self._writer.submit(
            Command(
                run,
                self._answer,
                refused,
                action=context.action.name,
                request_id=context.request_id,
                is_poll=True,
            )
        )

    def _wait(self, work: UnitOfWork) -> Any:
        context = self._context
        if context.access is not None:
            context.access.in_work(work, self._request)
        self._pending = context.action.run(work, context, self._request, self._answer)
        return NO_ANSWER

    def _leave(self, work: UnitOfWork) -> Any:
        pending = self._pending
        if pending is not None and work.state.pollers.remove(pending):
            self._left = True  # remembered, as the batch may be undone and run again
            work.state.traffic.polled(pending.key, pending.identity, work.now)
        return None if self._left else NO_ANSWER

    def _forget(self, state: NodeState) -> None:
        """The batch was refused, so the writer loop answers the poll with a fault: it must get no task any more."""
        pending = self._pending
        if pending is not None:
            state.pollers.remove(pending)

    def _answer(self, answer: Any) -> None:
        """Gives the first answer to the reply; a refused batch refuses both the poll and its withdrawal.

        Drops the references between poll, timer and pending poll, so that no reference cycle is left for the cyclic
        garbage collector, whose pauses stall all requests.
        """
        reply = self._reply
        if reply is None:
            return
        self._reply = self._pending = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if answer is None:
            empty_answer = self._context.action.empty_answer
            assert empty_answer is not None
            answer = empty_answer(self._context.settings)
        reply(answer)
