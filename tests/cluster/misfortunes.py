"""What can befall nodes and their database: SIGKILL, SIGTERM, a server that crashes.

Owns how each is done and undone, and that at most one node is down at a time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tests.cluster.nodes import Node
from tests.crash.client import Client
from tests.crash.journal import Journal
from tools import postgres

if TYPE_CHECKING:
    from tests.cluster.chaos import Report

LEAST_PAUSE, LONGEST_PAUSE = 0.03, 0.6  # seconds under load between two misfortunes, quality 2.3
STOPS = 0.1  # the share of nodes that end politely
RETURN_SECONDS = 5.0  # after the database is there again


class Place:
    """Where it happens."""

    def __init__(
        self,
        server: postgres.Server,
        nodes: list[Node],
        journal: Journal,
        chance: random.Random,
        report: Report,
    ) -> None:
        self.server = server
        self.nodes = nodes
        self.chance = chance
        self.report = report
        self._journal = journal

    async def pause(self, least: float = LEAST_PAUSE, longest: float = LONGEST_PAUSE) -> None:
        await asyncio.sleep(self.chance.uniform(least, longest))

    async def kill_a_node(self) -> None:
        """And starts it again."""
        node = self.chance.choice(self.nodes)
        if self.chance.random() < STOPS:
            if status := await node.stop():
                self.report.wrong.append(f"a node that was stopped ended with status {status}")
            self.report.count("stops of a node")
        else:
            await node.kill()
            self.report.count("kills of a node")
        await self.pause(0, 0.2)
        self._journal.life += 1
        await node.start()

    async def crash_the_database(self) -> None:
        """As if its machine had lost power; returns when calls are answered again."""
        await asyncio.to_thread(self.server.stop, "immediate")
        await self.pause(0, 1.0)
        await asyncio.to_thread(self.server.start)
        self.report.count("crashes of the database")
        began = time.monotonic()
        for node in self.nodes:
            await self._answers(node)
        self.report.slowest_return_seconds = max(self.report.slowest_return_seconds, time.monotonic() - began)

    async def _answers(self, node: Node) -> None:
        """Returns when the node carries out calls that read and calls that write."""
        client = Client(node.port, Journal())
        questions = (
            ("ListDomains", {"registrationStatus": "REGISTERED"}, ""),
            ("DeprecateDomain", {"name": "nobody"}, "UnknownResourceFault"),
        )
        try:
            async with asyncio.timeout(60):
                for action, members, fault in questions:
                    while True:
                        call = await client.call(action, **members)
                        if call.acknowledged or (fault and call.code == fault):
                            break
                        await asyncio.sleep(0.01)
        finally:
            client.hang_up()

    async def heal(self) -> None:
        """Everything runs again."""
        for node in self.nodes:
            if not node.is_running:
                await node.wait()
                await node.start()

    def complaints(self) -> list[str]:
        return [line for node in self.nodes for line in node.complaints()]


Misfortune = Callable[[Place], Awaitable[None]]


def kills(count: int) -> Misfortune:
    """So many deaths of one of the nodes."""

    async def befall(place: Place) -> None:
        for _ in range(count):
            await place.pause()
            await place.kill_a_node()

    return befall


def crashes(seconds: float, least: float = 5.0, longest: float = 40.0) -> Misfortune:
    """The database crashes again and again for so long."""

    async def befall(place: Place) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await place.pause(least, longest)
            await place.crash_the_database()

    return befall
