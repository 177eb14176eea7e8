"""A writer lingers for fuller commits: long while other nodes are at work, briefly otherwise if the setting says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.engine.peer_sqlite import PeerSqliteStore
from workflowsvc.engine.command_queue import Command, CommandQueue
from workflowsvc.engine.multi_node import LINGER_MS, MIN_BATCH_TO_LINGER, PEERS_SEEN_MS, MultiNode
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.engine.writer_loop import COMMANDS_PER_BATCH, MAX_QUEUED_TO_LINGER
from workflowsvc.settings import Settings
from workflowsvc.testing import World

SECONDS = 30.0  # longer than any test waits


def nothing(work: UnitOfWork) -> Any:
    return None


def ignore(answer: Any) -> None:
    pass


def command(*, is_poll: bool = False) -> Command:
    return Command(nothing, ignore, is_poll=is_poll)


class Watched(CommandQueue):
    """Does not wait; remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.gathered: list[tuple[int, int]] = []
        self.longest = 0.0

    def linger(self, enough: int, seconds: float) -> None:
        self.gathered.append((len(self), enough))
        self.longest = max(self.longest, seconds)


@dataclass
class Node:
    """One whose writer has a batch of `batch` commands, during which `meanwhile` others are submitted."""

    has_peers: bool = True
    linger_ms: float = 0
    batch: int = MIN_BATCH_TO_LINGER
    polls: int = 0  # besides
    meanwhile: int = 0
    others_seen_ms_ago: int = 0
    queue: Watched = field(default_factory=Watched)

    def work(self) -> Watched:
        store = PeerSqliteStore(None) if self.has_peers else None
        world = World(store=store, settings=Settings(linger_ms=self.linger_ms))
        world.run()
        coordination = world.state.coordination
        if isinstance(coordination, MultiNode):
            coordination.peers_seen_at = world.clock.now_ms() - self.others_seen_ms_ago
        writer = world.writer
        writer.queue = self.queue

        def first(work: UnitOfWork) -> Any:
            for _ in range(self.meanwhile):
                writer.submit(command())

        writer.submit(Command(first, ignore))
        for _ in range(self.batch - 1):
            writer.submit(command())
        for _ in range(self.polls):
            writer.submit(command(is_poll=True))
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
    [Node(has_peers=False), Node(others_seen_ms_ago=PEERS_SEEN_MS), Node(batch=MIN_BATCH_TO_LINGER - 1)],
    ids=["no others can be", "others have rested for long", "few commands"],
)
def test_otherwise_nothing_waits(node: Node) -> None:
    assert node.work().gathered == []


@pytest.mark.parametrize(
    "node",
    [
        Node(has_peers=False, linger_ms=1.5, batch=2, meanwhile=3),
        Node(others_seen_ms_ago=PEERS_SEEN_MS, linger_ms=1.5, batch=2, meanwhile=3),
    ],
    ids=["a single node", "one of several"],
)
def test_with_the_setting_a_batch_of_two_is_followed_by_a_brief_wait(node: Node) -> None:
    queue = node.work()
    assert queue.gathered[0] == (3, COMMANDS_PER_BATCH)
    assert queue.longest == 0.0015


@pytest.mark.parametrize("polls", [0, 2])
def test_a_caller_that_is_alone_never_waits_whatever_polls_accompany_it(polls: int) -> None:
    assert Node(has_peers=False, linger_ms=1.5, batch=1, polls=polls).work().gathered == []


def test_a_long_queue_is_not_kept_waiting_by_the_setting() -> None:
    node = Node(has_peers=False, linger_ms=1.5, batch=2, meanwhile=MAX_QUEUED_TO_LINGER)
    assert node.work().gathered == [(0, COMMANDS_PER_BATCH)]  # behind it


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


def test_lingering_ends_when_there_are_enough_and_not_with_the_first_that_comes() -> None:
    queue = Dreamer()
    queue.put(command())
    queue.linger(4, SECONDS)
    assert queue.came == [3]


def test_after_lingering_every_command_wakes_the_writer_again() -> None:
    queue = Dreamer()
    queue.linger(4, SECONDS)
    assert len(queue.take(9)) == 4
    queue.clear()
    queue.sleep(SECONDS)
    assert queue.came == [4, 1]


def test_a_writer_that_stops_lingers_no_more() -> None:
    queue = Dreamer()
    queue.close()
    queue.linger(4, SECONDS)
    assert queue.came == []
