"""Commands, and the queue in which they wait for the writer loop.

Owns what a command is, the order in which commands wait, and how the writer's thread sleeps until there are some. It
must not know what a command does, nor how long a sleep should be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Event, get_ident
from typing import Any

from msgspec import Struct

from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.unit_of_work import ExecutionReference, UnitOfWork

Reply = Callable[[Any], None]
"""Takes the result, or the exception that says why there is none. Called once, after the commit."""

NO_ANSWER: Any = object()
"""Returned by a command whose answer comes later: a poll that waits for its task."""


class Command(Struct, eq=False):
    """A request to the writer loop. `run` returns the answer, or NO_ANSWER when the answer comes later."""

    run: Callable[[UnitOfWork], Any]
    reply: Reply
    refused: Callable[[NodeState], None] | None = None
    """Called before the reply when the batch could not be committed: no later answer will come then."""
    execution_ref: ExecutionReference | None = None
    """The execution that the command will ask for, if it is known beforehand."""
    action: str = ""
    """The API action that asks, for log lines; empty for background work."""
    request_id: str = ""
    """As the caller is given it in `x-amzn-RequestId`; empty when no request asks."""
    is_poll: bool = False
    """A poll comes or goes: its caller waits anyway, so it is no reason to linger."""

    def __str__(self) -> str:
        """For log lines: `StartWorkflowExecution (request 6d1f…)`."""
        request = f" (request {self.request_id})" if self.request_id else ""
        return (self.action or "a command without a request") + request


def name_batch(commands: list[Command]) -> str:
    """A batch, for log lines: its size and the first command that a request has asked for."""
    asked = next((command for command in commands if command.action), None)
    return f"a batch of {len(commands)} commands" + (f", among them {asked}" if asked is not None else "")


def deliver_here(answers: list[tuple[Reply, Any]]) -> None:
    """Calls every reply with its answer, on the calling thread."""
    for reply, answer in answers:
        reply(answer)


class CommandQueue:
    """Any thread puts; only the writer's thread takes and sleeps."""

    def __init__(self) -> None:
        self._commands: deque[Command] = deque()
        self._event = Event()
        self._wake_at_length = 1  # queued commands that end a sleep
        self._gathering: int | None = None  # the thread whose commands are gathered
        self._call_soon: Callable[[Callable[[], None]], object] | None = None
        self._wakes_soon = False
        self.is_closed = False  # no more commands are awaited

    def __len__(self) -> int:
        return len(self._commands)

    def gather(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        """The calling thread runs an event loop: what one turn of it puts ends the sleep once, when the turn is over.
        The first command of many would otherwise get a batch, and a commit, of its own (docs/performance.md).
        """
        self._gathering = get_ident()
        self._call_soon = call_soon
        self._wakes_soon = False

    def put(self, command: Command) -> None:
        """From any thread: queues the command, and ends the sleep if that was waiting for it."""
        self._commands.append(command)
        if self._wakes_soon or self._event.is_set() or len(self._commands) < self._wake_at_length:
            return
        if self._call_soon is not None and get_ident() == self._gathering:
            self._wakes_soon = True
            self._call_soon(self._wake)
        else:
            self._event.set()

    def _wake(self) -> None:
        self._wakes_soon = False
        if len(self._commands) >= self._wake_at_length:
            self._event.set()

    def take(self, most: int) -> list[Command]:
        """Removes and returns the oldest commands, at most `most`."""
        taken: list[Command] = []
        while self._commands and len(taken) < most:
            taken.append(self._commands.popleft())
        return taken

    def close(self) -> None:
        """From any thread: ends the sleep."""
        self.is_closed = True
        self._event.set()

    def clear(self) -> None:
        """A command that is put from now on ends the next sleep: take commands between `clear` and `sleep`."""
        self._event.clear()

    def sleep(self, seconds: float | None) -> None:
        """Returns when a command has been put since the last `clear`, or after `seconds`."""
        self._event.wait(seconds)

    def linger(self, enough: int, seconds: float) -> None:
        """Sleeps until `enough` commands wait, or for `seconds`."""
        self._wake_at_length = enough
        self.clear()
        if len(self._commands) < enough and not self.is_closed:
            self.sleep(seconds)
        self._wake_at_length = 1
