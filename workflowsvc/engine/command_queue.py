"""Commands that wait for the lane, and its sleep until there are some.

Owns the queue and the bell. It must not know what a command does, nor how long a sleep should be.
"""

from __future__ import annotations

from collections import deque
from threading import Event as Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workflowsvc.engine.writer_loop import Command


class CommandQueue:
    """Anybody puts; only the lane's thread takes and sleeps."""

    def __init__(self) -> None:
        self._commands: deque[Command] = deque()
        self._event = Event()
        self._enough = 1  # so many are worth waking up for
        self.is_closed = False  # nobody waits for more to come

    def __len__(self) -> int:
        return len(self._commands)

    def put(self, command: Command) -> None:
        self._commands.append(command)
        if not self._event.is_set() and len(self._commands) >= self._enough:
            self._event.set()

    def take(self, most: int) -> list[Command]:
        """The oldest ones."""
        taken: list[Command] = []
        while self._commands and len(taken) < most:
            taken.append(self._commands.popleft())
        return taken

    def close(self) -> None:
        """From any thread: ends the sleep."""
        self.is_closed = True
        self._event.set()

    def clear(self) -> None:
        """What comes from now on ends the next sleep. So look for what is there already before you sleep."""
        self._event.clear()

    def sleep(self, seconds: float | None) -> None:
        """Until something has come since the last `hush`, or time is over."""
        self._event.wait(seconds)

    def gather(self, enough: int, seconds: float) -> None:
        """Sleeps until so many are there, or time is over."""
        self._enough = enough
        self.clear()
        if len(self._commands) < enough and not self.is_closed:
            self.sleep(seconds)
        self._enough = 1
