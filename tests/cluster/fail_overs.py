"""Fail-overs under load: two PostgreSQL servers take turns as the primary, each time after the other one has failed.

Owns how a primary fails, the promotion of its synchronous standby, the old primary that comes back as it was or in
part, its repair as the next standby, and the time until each node writes again. The rounds and the audit are in
`chaos.py`. The promoted server waits for no standby until it has one again, as with Patroni's `synchronous_mode`.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.cluster import chaos
from tests.cluster.faults import ANSWER_SECONDS, Cluster, FaultPlan
from tests.cluster.nodes import Node
from tests.support.client import Client
from tests.support.journal import Journal
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import until
from tools import postgres
from tools.postgres import Server

SETTINGS = {"wal_keep_size": "256MB"}  # what a standby that was rewound has still to read
REWOUND = 0.5  # share of old primaries that are rewound; the others are copied anew
RETURNED = 0.5  # share of old primaries that come back as they were before they are repaired
SECONDS_TO_PROMOTION = (
    0.2,
    2.0,
)  # from the failure. What notices it takes longer, and is not what is tried here.
SECONDS_BESIDE = 0.5, 1.5  # an old primary beside the new one

_names = itertools.count()


class Succession:
    """The primary, its synchronous standby, and the way to each of them."""

    def __init__(self, primary: Server, standby: Server) -> None:
        self.primary = primary
        self.standby = standby
        self._proxies = {server.port: TcpProxy(server.port) for server in (primary, standby)}
        self._hosts: list[str] = []

    async def open(self) -> None:
        for proxy in self._proxies.values():
            await proxy.open()
            self._hosts.append(f"127.0.0.1:{proxy.port}")
        await asyncio.to_thread(self.make_synchronous)

    def close(self) -> None:
        for proxy in self._proxies.values():
            proxy.close()

    @property
    def dsn(self) -> str:
        """Both hosts, as a node is given them; which is the primary is not said."""
        return f"postgresql://{postgres.USER}@{','.join(self._hosts)}/postgres"

    def way_to(self, server: Server) -> TcpProxy:
        return self._proxies[server.port]

    def make_synchronous(self) -> None:
        """Returns when the primary waits for its standby, and the standby has all that was committed before."""
        ask(self.primary, "alter system set synchronous_standby_names = '*'")
        ask(self.primary, "select pg_reload_conf()")
        follows = "select 1 from pg_stat_replication where sync_state = 'sync' and state = 'streaming'"
        until(lambda: ask(self.primary, follows), "the standby follows")
        # Only now has each session of the primary read the setting, or reads it before its next transaction.
        with psycopg.connect(self.primary.dsn(), autocommit=True) as connection:
            connection.execute("select pg_logical_emit_message(true, 'tests', 'synchronous')")

    def promote(self) -> None:
        """Returns when the standby accepts writes; it is the primary then."""
        # It may be set there: where pg_rewind finds nothing to do, it leaves the settings as they were.
        ask(self.standby, "alter system set synchronous_standby_names = ''")
        ask(self.standby, "select pg_reload_conf()")
        assert ask(self.standby, "select pg_promote()") == [(True,)]
        self.primary, self.standby = self.standby, self.primary

    def repair(self, *, rewind: bool) -> None:
        """The old primary follows the new one."""
        # Until then the files of the new one bear its old timeline, and pg_rewind finds nothing to do (PostgreSQL 15).
        ask(self.primary, "checkpoint")
        self.standby.follow(self.primary, rewind=rewind)
        self.standby.start()
        self.make_synchronous()


def ask(server: Server, sql: str) -> list[tuple[Any, ...]]:
    """As the superuser, in a session of its own that waits for no standby."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("set synchronous_commit = local")
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


# --- how a primary fails ---

Way = Callable[["FailOver"], Awaitable[None]]


class FailOver:
    """One fail-over: the old primary fails, its standby is promoted, and the old one is made the next standby."""

    def __init__(self, succession: Succession, cluster: Cluster, returned: float) -> None:
        self.succession = succession
        self.cluster = cluster
        self._returned = returned
        self.old = succession.primary
        self.way_to_old = succession.way_to(succession.primary)

    async def succeed(self) -> None:
        """The standby takes over; returns when each node writes again."""
        await self.cluster.pause(*SECONDS_TO_PROMOTION)
        await asyncio.to_thread(self.succession.promote)
        self.cluster.server = self.succession.primary
        self.cluster.report.returns += await asyncio.gather(*map(until_it_writes, self.cluster.nodes))

    async def beside(self) -> None:
        """The old primary runs as it was, beside the new one."""
        self.cluster.report.count("old primaries that came back as they were")
        await self.cluster.pause(*SECONDS_BESIDE)

    def returns(self) -> bool:
        """Whether the old primary is to come back as it was; by chance."""
        return self.cluster.chance.random() < self._returned

    async def return_as_it_was(self) -> None:
        if self.returns():
            await asyncio.to_thread(self.old.start)
            await self.beside()
            await asyncio.to_thread(self.old.stop, "immediate")


async def killed(this: FailOver) -> None:
    await asyncio.to_thread(this.old.kill)
    await this.succeed()
    await this.return_as_it_was()


async def crashed(this: FailOver) -> None:
    await asyncio.to_thread(this.old.stop, "immediate")
    await this.succeed()
    await this.return_as_it_was()


async def stopped(this: FailOver) -> None:
    """As an operator does it who has planned it."""
    await asyncio.to_thread(this.old.stop, "fast")
    await this.succeed()
    await this.return_as_it_was()


async def hung(this: FailOver) -> None:
    """It answers nothing, and all of its connections stay open."""
    this.old.freeze()
    await this.succeed()
    if this.returns():
        this.old.thaw()
        await this.beside()
    await asyncio.to_thread(this.old.kill_all)


async def cut_off(this: FailOver) -> None:
    """Nodes do not reach it: nothing arrives, and no connection ends. It runs all the time."""
    this.way_to_old.hold("both")
    await this.succeed()
    if this.returns():
        this.way_to_old.release()
        await this.beside()
    await asyncio.to_thread(this.old.stop, "immediate")
    this.way_to_old.cut()
    this.way_to_old.release()


WAYS: tuple[tuple[Way, str], ...] = (
    (killed, "primaries killed"),
    (crashed, "primaries crashed"),
    (stopped, "primaries stopped"),
    (hung, "primaries hung"),
    (cut_off, "primaries cut off from the nodes"),
)


async def until_it_writes(node: Node) -> float:
    """The seconds until the node has committed something."""
    client, began = Client(node.port, Journal()), time.monotonic()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                name = f"after-a-fail-over-{next(_names)}"
                call = await client.call(
                    "RegisterDomain", name=name, workflowExecutionRetentionPeriodInDays="1"
                )
                if call.acknowledged:
                    return time.monotonic() - began
                await asyncio.sleep(0.01)
    finally:
        client.hang_up()


def fail_overs(
    succession: Succession, ways: Sequence[tuple[Way, str]], returned: float = RETURNED
) -> FaultPlan:
    """One after the other, each under load, and each of the next only when the standby is synchronous again."""

    async def inject(cluster: Cluster) -> None:
        for fail, name in ways:
            await cluster.pause(0.5, 1.5)
            await fail(FailOver(succession, cluster, returned))
            cluster.report.count(name)
            rewind = cluster.chance.random() < REWOUND
            await asyncio.to_thread(succession.repair, rewind=rewind)
            cluster.report.count("old primaries rewound" if rewind else "old primaries copied anew")

    return inject


def some_ways(count: int, chance: random.Random) -> list[tuple[Way, str]]:
    """That many, each of them as often as the others, in any order."""
    ways = [WAYS[number % len(WAYS)] for number in range(count)]
    chance.shuffle(ways)
    return ways


@contextmanager
def two_servers() -> Generator[tuple[Server, Server]]:
    with (
        postgres.running(settings=SETTINGS, checksums=True) as first,
        postgres.running(settings=SETTINGS, standby_of=first) as second,
    ):
        yield first, second


async def one_round(
    report: chaos.Report,
    folder: Path,
    ways: Sequence[tuple[Way, str]],
    chance: random.Random,
    *,
    nodes: int = chaos.NODES,
    returned: float = RETURNED,
) -> None:
    """As `chaos.one_round`, on a succession of its own. `returned`: the share of old primaries that come back as they
    were."""
    with two_servers() as (first, second):
        succession = Succession(first, second)
        await succession.open()
        try:
            started = [Node(folder, succession.dsn, chaos.SETTINGS) for _ in range(nodes)]
            cluster = Cluster(first, started, [], Journal(), chance, report)
            await chaos.play(cluster, fail_overs(succession, ways, returned))
        finally:
            succession.close()
