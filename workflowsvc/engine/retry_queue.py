"""Commands whose execution another node has locked: tried again within milliseconds, given up after seconds.

Owns when each is tried again. A node locks an execution for the time of one commit; the locks of a node that was
stopped or cut off in the middle stay until the database notices.
"""

from __future__ import annotations

from typing import NamedTuple

from workflowsvc.engine.command_queue import Command

FIRST_MS, LONGEST_MS = 2, 50  # pause between two tries; it doubles
GIVE_UP_MS = 15_000  # ms; longer than idle_in_transaction_session_timeout (10 s)


class _Entry(NamedTuple):
    command: Command
    since: int
    pause: int
    again_at: int


class RetryQueue:
    """Of one writer loop."""

    def __init__(self) -> None:
        self._waiting: list[_Entry] = []
        self._tried: dict[int, _Entry] = {}  # since the last `take`, by identity

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, command: Command) -> bool:
        return any(entry.command is command for entry in self._waiting)

    def next_at(self) -> int | None:
        """When the first of them is to be tried again."""
        return min((entry.again_at for entry in self._waiting), default=None)

    def take(self, now: int, most: int) -> list[Command]:
        """Those whose time has come, in the order in which they came."""
        # A clock that was set back keeps no command waiting longer.
        due = [entry for entry in self._waiting if not now < entry.again_at <= now + LONGEST_MS][:most]
        if due:
            gone = {id(entry) for entry in due}
            self._waiting = [entry for entry in self._waiting if id(entry) not in gone]
        self._tried = {id(entry.command): entry for entry in due}
        return [entry.command for entry in due]

    def put(self, commands: list[Command], now: int) -> list[Command]:
        """Queues these, whose execution was locked; returns those that have waited for too long."""
        given_up: list[Command] = []
        for command in commands:
            before = self._tried.get(id(command))
            since, pause = (now, FIRST_MS) if before is None else (before.since, before.pause * 2)
            if abs(now - since) > GIVE_UP_MS:
                given_up.append(command)
            else:
                pause = min(pause, LONGEST_MS)
                self._waiting.append(_Entry(command, since, pause, now + pause))
        return given_up
