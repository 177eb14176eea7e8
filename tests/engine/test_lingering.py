"""Where several nodes are at work, commands gather for fuller commits; where one is, none waits for another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.engine.peer_sqlite import PeerSqliteStore
from workflowsvc.engine.command_queue import CommandQueue
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.writer_loop import (
    COMMANDS_PER_BATCH,
    LINGER_MS,
    MAX_QUEUED_TO_LINGER,
    MIN_BATCH_TO_LINGER,
    OTHERS_MS,
    Command,
)
from workflowsvc.testing import World

SECONDS = 30.0  # nobody waits as long


def nothing(work: UnitOfWork) -> Any:
    return None


def ignore(answer: Any) -> None:
    pass


def command() -> Command:
    return Command(nothing, ignore)


class Watched(CommandQueue):
    """Does not wait; remembers that it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.gathered: list[tuple[int, int]] = []
        self.longest = 0.0

    def linger(self, enough: int, seconds: float) -> None:
        self.gathered.append((len(self), enough))
        self.longest = max(self.longest, seconds)


@dataclass
class Node:
    """One whose lane has a batch of so many commands, during which others come."""

    shared: bool = True
    batch: int = MIN_BATCH_TO_LINGER
    meanwhile: int = 0
    others_seen_ms_ago: int = 0
    queue: Watched = field(default_factory=Watched)

    def work(self) -> Watched:
        world = World(store=PeerSqliteStore(None) if self.shared else None)
        world.run()
        world.state.others_at = world.clock.now_ms() - self.others_seen_ms_ago
        writer = world.writer
        writer.queue = self.queue

        def first(work: UnitOfWork) -> Any:
            for _ in range(self.meanwhile):
                writer.submit(command())

        writer.submit(Command(first, ignore))
        for _ in range(self.batch - 1):
            writer.submit(command())
        writer.start()
        writer.stop()
        return self.queue


def test_behind_a_batch_of_many_commands_the_next_one_gathers() -> None:
    queue = Node(meanwhile=3).work()
    assert queue.gathered == [(3, COMMANDS_PER_BATCH)]
    assert queue.longest <= LINGER_MS / 1000


def test_what_waits_already_is_done_first_when_it_is_much() -> None:
    queue = Node(meanwhile=MAX_QUEUED_TO_LINGER).work()
    assert queue.gathered == [(0, COMMANDS_PER_BATCH)]  # behind it


@pytest.mark.parametrize(
    "node",
    [Node(shared=False), Node(others_seen_ms_ago=OTHERS_MS), Node(batch=MIN_BATCH_TO_LINGER - 1)],
    ids=["no others can be", "others have rested for long", "few commands"],
)
def test_otherwise_nothing_waits(node: Node) -> None:
    assert node.work().gathered == []


class Dreamer(CommandQueue):
    """Commands come while it sleeps, one after the other, until it is woken."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[int] = []  # in each sleep

    def sleep(self, seconds: float | None) -> None:
        came = 0
        while came < COMMANDS_PER_BATCH and not self._event.is_set():
            self.put(command())
            came += 1
        self.came.append(came)


def test_gathering_ends_when_there_are_enough_and_not_with_the_first_that_comes() -> None:
    queue = Dreamer()
    queue.put(command())
    queue.linger(4, SECONDS)
    assert queue.came == [3]


def test_after_gathering_every_command_wakes_the_lane_again() -> None:
    queue = Dreamer()
    queue.linger(4, SECONDS)
    assert len(queue.take(9)) == 4
    queue.clear()
    queue.sleep(SECONDS)
    assert queue.came == [4, 1]


def test_a_lane_that_stops_gathers_no_more() -> None:
    queue = Dreamer()
    queue.close()
    queue.linger(4, SECONDS)
    assert queue.came == []
