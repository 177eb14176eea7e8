"""The deciders and workers of a test, and how they end with it: poll loops, unchanged, as threads of this process.

Owns the threads, what they raise, and their end. A loop that polls for ever ends within its next call: polls that wait
are answered empty, and a client that the fixtures have made raises `TestIsOver` in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from workflowsvc.testing.changes import Changes

PATIENCE_SECONDS = 10.0  # a loop that does not poll within this time of the end of its test is left alone


class TestIsOver(SystemExit):
    """Ends a loop; `except Exception` does not catch it."""

    __test__ = False


class LoopFailed(AssertionError):
    """A decider or worker of the test has raised an exception, which is the cause of this one."""


class Loops(Protocol):
    """The deciders and workers of one test."""

    def start(self, loop: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Runs `loop(*args)` beside the test."""
        ...

    def now(self) -> int:
        """A number that grows with each change of the service."""
        ...

    def wait(self, seen: int, seconds: float) -> bool:
        """Returns when something has changed since `now` was `seen`; False when nothing will, or has within this
        time."""
        ...

    def raise_failure(self) -> None:
        """LoopFailed when a loop has failed."""
        ...

    def end(self, release: Callable[[], None]) -> list[str]:
        """Ends them; `release` answers the polls that wait. The names of those that do not end."""
        ...

    def leave_if_over(self) -> None:
        """TestIsOver in a loop whose test is over; called before each request of a client of the test."""
        ...


class ThreadLoops:
    """Each loop in a thread of its own."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._threads: list[threading.Thread] = []
        self._failures: list[tuple[str, Exception]] = []
        self._over = False

    def start(self, loop: Callable[..., Any], args: tuple[Any, ...]) -> None:
        name = name_of(loop)
        thread = threading.Thread(target=self._run, args=(name, loop, args), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, name: str, loop: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            loop(*args)
        except TestIsOver:
            return
        except Exception as error:
            if not self._over:  # afterwards its domain is deleted, and it may be refused anything
                self._failures.append((name, error))
                self._changes.happened()

    def now(self) -> int:
        return self._changes.number

    def wait(self, seen: int, seconds: float) -> bool:
        return self._changes.wait(seen, seconds)

    def raise_failure(self) -> None:
        raise_first(self._failures)

    def end(self, release: Callable[[], None]) -> list[str]:
        self._over = True
        release()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        return [thread.name for thread in self._threads if thread.is_alive()]

    def leave_if_over(self) -> None:
        if self._over and threading.current_thread() in self._threads:
            raise TestIsOver


def name_of(loop: Callable[..., Any]) -> str:
    """How messages call a loop."""
    return getattr(loop, "__qualname__", None) or repr(loop)


def raise_first(failures: list[tuple[str, Exception]]) -> None:
    """LoopFailed for the first of these, which is then its cause and reported once."""
    if failures:
        name, error = failures.pop(0)
        failures.clear()
        raise LoopFailed(f"{name} failed: {type(error).__name__}: {error}") from error
