"""Threads for work that waits for the world outside: so many at once, the rest in line, the oldest first.

Owns `Workers`. They are daemons: a process that stops does not wait for them, unless somebody asks
`when_idle`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import NamedTuple

log = logging.getLogger("workflowsvc.workers")


class _Job(NamedTuple):
    work: Callable[[], None]
    delay_seconds: float


class Workers:
    """Threads come when there is work and go when there is none. May be used from any thread."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._lock = Lock()
        self._waiting: deque[_Job] = deque()
        self._threads = 0
        self._idle: list[Callable[[], None]] = []

    def begin(self, work: Callable[[], None], delay_seconds: float = 0) -> None:
        """`work` is done by a thread, as soon as one is free; it must not raise."""
        with self._lock:
            self._waiting.append(_Job(work, delay_seconds))
            if self._threads >= self._most:
                return
            self._threads += 1
        try:
            Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError as error:
            # The machine gives no more threads: the next one that comes takes this up.
            log.error("no thread for %s: %s", self._name, error)
            with self._lock:
                self._threads -= 1

    def when_idle(self, tell: Callable[[], None]) -> None:
        """Told once: now, or by the thread that has done the last piece of work."""
        with self._lock:
            if self._threads:
                self._idle.append(tell)
                return
        tell()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if job.delay_seconds:
                Event().wait(job.delay_seconds)
            job.work()

    def _next(self) -> _Job | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            if self._threads:
                return None
            idle, self._idle = self._idle, []
        for tell in idle:
            tell()
        return None
