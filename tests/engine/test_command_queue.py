"""Commands wake the writer's thread: those of one turn of the event loop once, all others at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import Any

from workflowsvc.engine.command_queue import Command, CommandQueue
from workflowsvc.engine.unit_of_work import UnitOfWork

SECONDS = 30.0  # longer than any test waits


def nothing(work: UnitOfWork) -> Any:
    return None


def command() -> Command:
    return Command(nothing, lambda answer: None)


class Sleeper(CommandQueue):
    """Tells whether a writer would go on now."""

    @property
    def wakes(self) -> bool:
        return self._event.is_set()


def gathering() -> tuple[Sleeper, list[Callable[[], None]]]:
    """A queue, and what its loop is to call when the turn at hand is over."""
    queue, soon = Sleeper(), list[Callable[[], None]]()
    queue.gather(soon.append)
    return queue, soon


def test_what_one_turn_of_the_loop_puts_wakes_the_writer_once_when_the_turn_is_over() -> None:
    queue, soon = gathering()
    for _ in range(3):
        queue.put(command())
    assert (queue.wakes, len(soon)) == (False, 1)
    soon.pop()()
    assert (queue.wakes, len(queue)) == (True, 3)


def test_the_next_turn_wakes_the_writer_again() -> None:
    queue, soon = gathering()
    queue.put(command())
    soon.pop()()
    queue.take(9)
    queue.clear()
    queue.put(command())
    assert len(soon) == 1
    soon.pop()()
    assert queue.wakes


def test_a_writer_that_has_taken_them_already_is_not_woken_for_nothing() -> None:
    queue, soon = gathering()
    queue.put(command())
    queue.take(9)
    soon.pop()()
    assert not queue.wakes


def test_a_turn_ends_lingering_only_with_enough_commands() -> None:
    class Lingering(Sleeper):
        def sleep(self, seconds: float | None) -> None:
            self.put(command())
            self.end_turn()
            self.woken_by_few = self.wakes
            self.put(command())
            self.put(command())
            self.end_turn()

        def end_turn(self) -> None:
            while soon:
                soon.pop()()

    queue, soon = Lingering(), list[Callable[[], None]]()
    queue.gather(soon.append)
    queue.put(command())  # its turn ends within the linger that comes now
    queue.take(9)
    queue.linger(3, SECONDS)
    assert (queue.woken_by_few, queue.wakes) == (False, True)


def test_a_command_of_another_thread_wakes_the_writer_at_once() -> None:
    queue, soon = gathering()
    thread = Thread(target=lambda: queue.put(command()))
    thread.start()
    thread.join()
    assert (queue.wakes, soon) == (True, [])


def test_a_queue_that_ends_while_a_turn_is_under_way_keeps_what_was_put() -> None:
    queue, _ = gathering()
    queue.put(command())
    queue.close()
    assert (queue.wakes, len(queue.take(9))) == (True, 1)


def test_a_sleeping_thread_gets_all_that_one_turn_has_put() -> None:
    queue = CommandQueue()
    taken: list[int] = []

    def work() -> None:
        queue.sleep(SECONDS)
        taken.append(len(queue.take(99)))

    async def turn() -> None:
        queue.gather(asyncio.get_running_loop().call_soon)
        for _ in range(40):
            queue.put(command())

    thread = Thread(target=work)
    thread.start()
    asyncio.run(turn())
    thread.join(SECONDS)
    assert taken == [40]
