"""A long poll on its way: answered by a task, by time, by a lost connection, or by the end of the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflowsvc.engine.lane import NO_ANSWER, Command, Lane, Reply
from workflowsvc.engine.pollers import Waiter
from workflowsvc.engine.session import Session
from workflowsvc.engine.state import EngineState
from workflowsvc.service.caller import Caller


class Poll:
    """Submits itself to the lane; `reply` gets a task, a fault, or None when there was no task."""

    __slots__ = ("_begin", "_caller", "_lane", "_let", "_reply", "_request", "_waiter")

    def __init__(
        self, lane: Lane, begin: Callable[..., Waiter], caller: Caller, request: Any, reply: Reply
    ) -> None:
        self._lane = lane
        self._begin = begin
        self._caller = caller
        self._request = request
        self._reply: Reply | None = reply  # until it is answered
        self._waiter: Waiter | None = None
        self._let = False  # it waits no more
        lane.submit(Command(self._wait, self._answer))

    def withdraw(self) -> None:
        """Asks the lane to let go of the poll, which then gets the empty answer unless a task was faster."""
        self._lane.submit(Command(self._let_go, self._answer, self._forget))

    def abandon(self) -> None:
        """The connection is gone: from now on no task may be handed to it (reference 1.5.6)."""
        waiter = self._waiter
        if waiter is not None:
            waiter.gone = True
        self.withdraw()

    def _wait(self, session: Session) -> Any:
        self._waiter = self._begin(session, self._caller, self._request, self._answer)
        return NO_ANSWER

    def _let_go(self, session: Session) -> Any:
        waiter = self._waiter
        if waiter is not None and session.state.pollers.remove(waiter):
            self._let = True  # remembered, as the batch may be undone and run again
        return None if self._let else NO_ANSWER

    def _forget(self, state: EngineState) -> None:
        """The lane answers for it with a fault, so it must not be given a task any more."""
        waiter = self._waiter
        if waiter is not None:
            state.pollers.remove(waiter)

    def _answer(self, answer: Any) -> None:
        """The first one counts: a batch that is refused refuses both the poll and its withdrawal. Who answers and who
        waits no longer know each other then: circles are left to the garbage collector, whose rounds stop all calls.
        """
        reply = self._reply
        if reply is not None:
            self._reply = self._waiter = None
            reply(answer)
