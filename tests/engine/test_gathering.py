"""Where several nodes are at work, commands gather for fuller commits; where one is, none waits for another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from workflowsvc.engine.inbox import Inbox
from workflowsvc.engine.lane import COMMANDS_PER_BATCH, CROWD, GATHER_MS, MANY, OTHERS_MS, Command
from workflowsvc.engine.session import Session
from workflowsvc.testing import World

SECONDS = 30.0  # nobody waits as long


def nothing(session: Session) -> Any:
    return None


def ignore(answer: Any) -> None:
    pass


def command() -> Command:
    return Command(nothing, ignore)


class Watched(Inbox):
    """Does not wait; remembers that it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.gathered: list[tuple[int, int]] = []
        self.longest = 0.0

    def gather(self, enough: int, seconds: float) -> None:
        self.gathered.append((len(self), enough))
        self.longest = max(self.longest, seconds)


@dataclass
class Node:
    """One whose lane has a batch of so many commands, during which others come."""

    shared: bool = True
    batch: int = CROWD
    meanwhile: int = 0
    others_seen_ms_ago: int = 0
    inbox: Watched = field(default_factory=Watched)

    def work(self) -> Watched:
        world = World()
        world.run()
        world.state.shared = self.shared
        world.state.others_at = world.clock.now_ms() - self.others_seen_ms_ago
        lane = world.lane
        lane.inbox = self.inbox

        def first(session: Session) -> Any:
            for _ in range(self.meanwhile):
                lane.submit(command())

        lane.submit(Command(first, ignore))
        for _ in range(self.batch - 1):
            lane.submit(command())
        lane.start()
        lane.stop()
        return self.inbox


def test_behind_a_batch_of_many_commands_the_next_one_gathers() -> None:
    inbox = Node(meanwhile=3).work()
    assert inbox.gathered == [(3, COMMANDS_PER_BATCH)]
    assert inbox.longest <= GATHER_MS / 1000


def test_what_waits_already_is_done_first_when_it_is_much() -> None:
    inbox = Node(meanwhile=MANY).work()
    assert inbox.gathered == [(0, COMMANDS_PER_BATCH)]  # behind it


@pytest.mark.parametrize(
    "node",
    [Node(shared=False), Node(others_seen_ms_ago=OTHERS_MS), Node(batch=CROWD - 1)],
    ids=["no others can be", "others have rested for long", "few commands"],
)
def test_otherwise_nothing_waits(node: Node) -> None:
    assert node.work().gathered == []


class Dreamer(Inbox):
    """Commands come while it sleeps, one after the other, until it is woken."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[int] = []  # in each sleep

    def sleep(self, seconds: float | None) -> None:
        came = 0
        while came < COMMANDS_PER_BATCH and not self._bell.is_set():
            self.put(command())
            came += 1
        self.came.append(came)


def test_gathering_ends_when_there_are_enough_and_not_with_the_first_that_comes() -> None:
    inbox = Dreamer()
    inbox.put(command())
    inbox.gather(4, SECONDS)
    assert inbox.came == [3]


def test_after_gathering_every_command_wakes_the_lane_again() -> None:
    inbox = Dreamer()
    inbox.gather(4, SECONDS)
    assert len(inbox.take(9)) == 4
    inbox.hush()
    inbox.sleep(SECONDS)
    assert inbox.came == [4, 1]


def test_a_lane_that_stops_gathers_no_more() -> None:
    inbox = Dreamer()
    inbox.close()
    inbox.gather(4, SECONDS)
    assert inbox.came == []
