"""Faults of nodes and their database: SIGKILL, SIGTERM, a database that crashes.

Owns how each is caused and undone, that at most one node is down at a time, and the measurement of the time until
calls are answered again. Faults of the network are in `partitions.py`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from tests.cluster.crashing_node import what_killed
from tests.cluster.nodes import Node
from tests.support.client import Client
from tests.support.journal import Journal
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import PATIENCE_SECONDS
from tools import postgres

if TYPE_CHECKING:
    from tests.cluster.chaos import Report

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.03, 0.6  # seconds under load between two faults, QUALITY §2.3
STOPS = 0.1  # share of ends by SIGTERM
RETURN_SECONDS = 5.0  # from the return of the database to the first answers of a node
ANSWER_SECONDS = DEATH_SECONDS = PATIENCE_SECONDS  # time-outs of waits for an answer and for a death


class Cluster:
    """The nodes, their database and their proxies, one for each node or none. After a fail-over `server` is another;
    None where the servers are Patroni's."""

    def __init__(
        self,
        server: postgres.Server | None,
        nodes: list[Node],
        proxies: list[TcpProxy],
        journal: Journal,
        chance: random.Random,
        report: Report,
    ) -> None:
        self.server = server
        self.nodes = nodes
        self.proxies = proxies
        self.chance = chance
        self.report = report
        self.journal = journal

    async def pause(self, least: float = MIN_PAUSE_SECONDS, longest: float = MAX_PAUSE_SECONDS) -> None:
        await asyncio.sleep(self.chance.uniform(least, longest))

    async def kill_a_node(self) -> bool:
        """Kills a random node and starts it again. False when it was stopped instead."""
        node = self.chance.choice(self.nodes)
        kill = self.chance.random() >= STOPS
        if kill:
            await node.kill()
            self.report.count("kills of a node")
        else:
            await self.stop(node)
        await self.pause(0, 0.2)
        await self.start(node)
        return kill

    async def stop(self, node: Node) -> None:
        """Ends a node by SIGTERM."""
        if status := await node.stop():
            self.report.wrong.append(f"a node that was stopped ended with status {status}")
        self.report.count("stops of a node")

    async def start(self, node: Node) -> None:
        self.journal.life += 1
        await node.start()

    async def next_to_die(self) -> Node:
        """A node that has killed itself."""
        waits = {asyncio.create_task(node.wait()): node for node in self.nodes}
        dead, alive = await asyncio.wait(waits, timeout=DEATH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for wait in alive:
            wait.cancel()
        assert dead, f"no node has died within {DEATH_SECONDS:.0f} s"
        return waits[dead.pop()]

    async def crash_the_database(self) -> None:
        """Stops the database as a power loss would; returns when calls are answered again."""
        assert self.server is not None
        await asyncio.to_thread(self.server.stop, "immediate")
        await self.pause(0, 1.0)
        await asyncio.to_thread(self.server.start)
        self.report.count("crashes of the database")
        await self.answered_again(self.nodes)

    async def answered_again(self, nodes: Sequence[Node]) -> None:
        """Returns when each of these nodes carries out reads and writes; adds the seconds to the report."""
        self.report.returns += await asyncio.gather(*map(_until_it_answers, nodes))

    async def heal(self) -> None:
        """All nodes run and all connections work again."""
        for proxy in self.proxies:
            proxy.refusing = False
            proxy.release()
            proxy.end_abandoned()
        for node in self.nodes:
            if not node.is_running:
                await node.wait()
                await node.start()

    def bugs_in_log(self) -> list[str]:
        return [line for node in self.nodes for line in node.bugs_in_log()]


async def _until_it_answers(node: Node) -> float:
    """The seconds until a read and a write succeed."""
    client, began = Client(node.port, Journal()), time.monotonic()
    calls = (
        ("ListDomains", {"registrationStatus": "REGISTERED"}, ""),
        ("DeprecateDomain", {"name": "unregistered"}, "UnknownResourceFault"),
    )
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            for action, members, fault in calls:
                while True:
                    call = await client.call(action, **members)
                    if call.acknowledged or (fault and call.code == fault):
                        break
                    await asyncio.sleep(0.01)
    finally:
        client.hang_up()
    return time.monotonic() - began


FaultPlan = Callable[[Cluster], Awaitable[None]]


def one_after_the_other(*faults: FaultPlan) -> FaultPlan:
    async def inject(cluster: Cluster) -> None:
        for fault in faults:
            await fault(cluster)

    return inject


def kills(count: int) -> FaultPlan:
    """A random node is killed, `count` times."""

    async def inject(cluster: Cluster) -> None:
        killed = 0
        while killed < count:
            await cluster.pause()
            killed += await cluster.kill_a_node()

    return inject


def deaths(count: int) -> FaultPlan:
    """`count` crashing nodes die by themselves; after that all nodes are restarted without the defect."""

    async def inject(cluster: Cluster) -> None:
        for _ in range(count):
            node = await cluster.next_to_die()
            point = what_killed(node.said())
            cluster.report.count(f"deaths {point}" if point else "deaths of an unknown cause")
            await cluster.start(node)
        for node in cluster.nodes:
            node.defect = ""
            await node.end()
            await cluster.start(node)

    return inject


def crashes(seconds: float, least: float = 5.0, longest: float = 40.0) -> FaultPlan:
    """The database crashes again and again for `seconds`, at least once; `least` and `longest` bound the pauses."""

    async def inject(cluster: Cluster) -> None:
        until = time.monotonic() + seconds
        while True:
            await cluster.pause(least, longest)
            await cluster.crash_the_database()
            if time.monotonic() >= until:
                return

    return inject


def rolling_restarts(rounds: int) -> FaultPlan:
    """Every node is stopped and started, one after the other, as in an upgrade; `rounds` times."""

    async def inject(cluster: Cluster) -> None:
        for _ in range(rounds):
            for node in cluster.nodes:
                await cluster.pause(0.5, 1.0)
                await cluster.stop(node)
                await cluster.start(node)

    return inject
