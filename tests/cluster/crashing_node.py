"""A node that dies by itself, of SIGKILL, at a drawn point of its work with the database, as `faulty_node.py` makes it.

Owns the points. They are attached from outside, so that the service itself knows nothing of them. What a death at each
of them must leave is the same: all of a call or nothing of it, and what was told.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from typing import Any

from workflowsvc.service.api import Api
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.postgres.wire import Wire

POINTS = (
    "before a question",
    "with a question under way",
    "after an answer",
    "before a commit",
    "with a commit under way",
    "after a commit",
    "before telling",
    "after telling",
    "before a hint",
)
MIN_PASSES, MAX_PASSES = 25, 120  # of the point; a node passes some of them while it starts
SAYS = "dies "


class CrashingNode:
    """Of one process."""

    def __init__(self) -> None:
        chance = random.SystemRandom()
        self._point = chance.choice(POINTS)
        self._left = chance.randrange(MIN_PASSES, MAX_PASSES)
        self._committing = False

    def reach(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if not self._left:
                os.write(2, f"{SAYS}{point}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)

    def attach(self) -> None:
        self._around(PostgresStore, "_commit", self._commit)
        self._around(Wire, "exchange", self._exchange)
        self._around(Wire, "_receive", self._receive)
        self._around(Api, "_deliver", self._deliver)
        self._around(PostgresStore, "hint", self._hint)

    def _around(self, owner: type, name: str, through: Callable[[Callable[[], Any]], Any]) -> None:
        original = getattr(owner, name)

        def replaced(*args: Any, **named: Any) -> Any:
            return through(lambda: original(*args, **named))

        setattr(owner, name, replaced)

    def _commit(self, work: Callable[[], Any]) -> Any:
        self.reach("before a commit")
        self._committing = True
        try:
            done = work()
        finally:
            self._committing = False
        self.reach("after a commit")
        return done

    def _exchange(self, work: Callable[[], Any]) -> Any:
        if not self._committing:
            self.reach("before a question")
        done = work()
        if not self._committing:
            self.reach("after an answer")
        return done

    def _receive(self, work: Callable[[], Any]) -> Any:
        self.reach("with a commit under way" if self._committing else "with a question under way")
        return work()

    def _deliver(self, work: Callable[[], Any]) -> Any:
        self.reach("before telling")
        done = work()
        self.reach("after telling")
        return done

    def _hint(self, work: Callable[[], Any]) -> Any:
        self.reach("before a hint")
        return work()


def what_killed(log: str) -> str:
    """The point at which the last life that this log tells of has ended; empty when it ended otherwise."""
    last = log.rstrip().rpartition("\n")[2]
    return last.removeprefix(SAYS) if last.startswith(SAYS) else ""
