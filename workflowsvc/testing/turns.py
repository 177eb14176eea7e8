"""Deciders and workers that take turns: only one runs at a time, until its poll finds nothing, so that every run of a
test is the same.

Owns whose turn it is. A thread is used for each loop because a loop cannot be left in its middle otherwise; no two of
them ever run at once, and none runs while the test itself does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from workflowsvc.testing.loops import PATIENCE_SECONDS, TestIsOver, name_of, raise_first
from workflowsvc.testing.world import PendingAnswer


class _Player(threading.Thread):
    """One loop, which runs only while it is its turn."""

    def __init__(self, turns: TurnLoops, loop: Callable[..., Any], args: tuple[Any, ...]) -> None:
        super().__init__(name=name_of(loop), daemon=True)
        self.poll: PendingAnswer | None = None  # which it waits for
        self.turn = threading.Semaphore(0)
        self.has_ended = False
        self._turns = turns
        self._loop = loop
        self._args = args

    @property
    def can_go_on(self) -> bool:
        return not self.has_ended and (self.poll is None or self.poll.done)

    def run(self) -> None:
        self.turn.acquire()
        try:
            if not self._turns.over:
                self._loop(*self._args)
        except TestIsOver:
            pass
        except Exception as error:
            if not self._turns.over:
                self._turns.failures.append((self.name, error))
        finally:
            self.has_ended = True
            self._turns.give_back()


class TurnLoops:
    """The loops of a World. `Loops`, for one thread at a time."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, Exception]] = []
        self.over = False
        self._players: list[_Player] = []
        self._back = threading.Semaphore(0)
        self._number = 0

    def start(self, loop: Callable[..., Any], args: tuple[Any, ...]) -> None:
        player = _Player(self, loop, args)
        self._players.append(player)
        player.start()

    def give_back(self) -> None:
        """The turn is over."""
        self._back.release()

    def now(self) -> int:
        return self._number

    def wait(self, seen: int, seconds: float) -> bool:
        """One turn of a loop that can go on; False when all wait: nothing will change then."""
        for player in self._players:
            if player.can_go_on:
                self._number += 1
                self._players.remove(player)
                self._players.append(player)
                player.turn.release()
                self._back.acquire()
                return True
        return False

    def answer(self, poll: PendingAnswer) -> None:
        """Returns when the poll of the thread at hand is done, or nothing can be done for it any more."""
        me = threading.current_thread()
        if isinstance(me, _Player):
            me.poll = poll
            self.give_back()
            me.turn.acquire()
            me.poll = None
            self.leave_if_over()
            return
        while not poll.done and self.wait(self._number, 0):
            pass

    def raise_failure(self) -> None:
        raise_first(self.failures)

    def end(self, release: Callable[[], None]) -> list[str]:
        self.over = True
        for player in self._players:
            if player.is_alive():
                player.turn.release()
                player.join(PATIENCE_SECONDS)
        return [player.name for player in self._players if player.is_alive()]

    def leave_if_over(self) -> None:
        if self.over and threading.current_thread() in self._players:
            raise TestIsOver
