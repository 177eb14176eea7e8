"""A node that sends itself SIGKILL at a randomly chosen point of its work with the database; see `faulty_node.py`.

Owns the points. They are attached from outside, so that the service has no code for them. After a death at any of
them, each call must have happened wholly or not at all, and every acknowledged call must have happened.
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
    "before a query",
    "with a query under way",
    "after an answer",
    "before a commit",
    "with a commit under way",
    "after a commit",
    "before replying",
    "after replying",
    "before a hint",
)
# Passes of the point, counted from when the threads have begun; soon after that the node listens.
MIN_PASSES, MAX_PASSES = 25, 120
LOG_PREFIX = "dies "


class CrashingNode:
    """The point at which this process dies, and its attachment to the service."""

    def __init__(self) -> None:
        chance = random.SystemRandom()
        self._point = chance.choice(POINTS)
        self._left = chance.randrange(MIN_PASSES, MAX_PASSES)
        self._has_begun = False  # opening a store and counting what is in it passes any number of points
        self._committing = False

    def reach(self, point: str) -> None:
        if self._has_begun and point == self._point:
            self._left -= 1
            if not self._left:
                os.write(2, f"{LOG_PREFIX}{point}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)

    def attach(self) -> None:
        self._around(PostgresStore, "_commit", self._commit)
        self._around(Wire, "exchange", self._exchange)
        self._around(Wire, "_receive", self._receive)
        self._around(Api, "_deliver", self._deliver)
        self._around(PostgresStore, "hint", self._hint)
        self._around(Api, "start", self._start)

    def _around(self, owner: type, name: str, through: Callable[[Callable[[], Any]], Any]) -> None:
        original = getattr(owner, name)

        def replaced(*args: Any, **named: Any) -> Any:
            return through(lambda: original(*args, **named))

        setattr(owner, name, replaced)

    def _start(self, work: Callable[[], Any]) -> Any:
        self._has_begun = True
        return work()

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
            self.reach("before a query")
        done = work()
        if not self._committing:
            self.reach("after an answer")
        return done

    def _receive(self, work: Callable[[], Any]) -> Any:
        self.reach("with a commit under way" if self._committing else "with a query under way")
        return work()

    def _deliver(self, work: Callable[[], Any]) -> Any:
        self.reach("before replying")
        done = work()
        self.reach("after replying")
        return done

    def _hint(self, work: Callable[[], Any]) -> Any:
        self.reach("before a hint")
        return work()


def what_killed(log: str) -> str:
    """The point at which the last process of this log died; empty when it ended in another way."""
    last = log.rstrip().rpartition("\n")[2]
    return last.removeprefix(LOG_PREFIX) if last.startswith(LOG_PREFIX) else ""
