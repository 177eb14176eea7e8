"""What can befall the network between nodes and their database: it is cut, held up for a moment or for long, or lies.

Owns the kinds, how often each comes, and that the database answers again in time once a proxy is sound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.cluster.faults import Cluster, FaultPlan
from tests.support.tcp_proxy import TcpProxy

LONG_SECONDS = (
    11.0,
    25.0,
)  # past what the database waits for a node (10 s), and a node for its database (20 s)
SHORT_SECONDS = 0.05, 3.0


async def cut(cluster: Cluster, proxy: TcpProxy) -> None:
    """All connections of the node end, and it may make new ones."""
    proxy.cut()


async def cut_off(cluster: Cluster, proxy: TcpProxy) -> None:
    """As `cut`, and for a while nobody is let in."""
    proxy.refusing = True
    proxy.cut()
    await cluster.pause(*SHORT_SECONDS)
    proxy.refusing = False


async def stall(cluster: Cluster, proxy: TcpProxy) -> None:
    """Everything stands still for a moment, then arrives."""
    proxy.hold("both")
    await cluster.pause(*SHORT_SECONDS)
    proxy.release()


async def lose_answers(cluster: Cluster, proxy: TcpProxy) -> None:
    """The database does what it is told, commits included, and the node never hears of it."""
    proxy.hold("answers")
    await cluster.pause(*SHORT_SECONDS)
    proxy.cut()
    proxy.release()


async def freeze(cluster: Cluster, proxy: TcpProxy) -> None:
    """For so long that the database ends the transactions of the node, or the node gives up its database."""
    proxy.hold(cluster.chance.choice(("both", "requests", "answers")))
    await cluster.pause(*LONG_SECONDS)
    if cluster.chance.random() < 0.5:
        proxy.cut()
    proxy.release()


async def pull_the_cable(cluster: Cluster, proxy: TcpProxy) -> None:
    """The node sees its connections end; the database keeps what they had locked until it notices by itself."""
    proxy.abandon()
    await cluster.pause(*SHORT_SECONDS)


Kind = Callable[[Cluster, TcpProxy], Awaitable[None]]
KINDS: tuple[tuple[Kind, str, float], ...] = (
    (cut, "cuts of all connections of a node", 4),
    (cut_off, "nodes cut off for a while", 3),
    (stall, "stalls", 3),
    (lose_answers, "losses of all answers", 4),
    (freeze, "freezes of 11 to 25 s", 1),
    (pull_the_cable, "cables pulled", 1),
)


def breaks(seconds: float, kinds: tuple[tuple[Kind, str, float], ...] = KINDS) -> FaultPlan:
    """Lines break for so long, each kind once at the least; now and then those of all nodes at once."""
    weights = [weight for _, _, weight in kinds]

    async def inject(cluster: Cluster) -> None:
        until = time.monotonic() + seconds
        first = list(kinds)
        cluster.chance.shuffle(first)
        while first or time.monotonic() < until:
            await cluster.pause(0.1, 1.0)
            kind, name, _ = first.pop() if first else cluster.chance.choices(kinds, weights)[0]
            all_of_them = cluster.chance.random() < 0.2
            struck = (
                list(range(len(cluster.proxies)))
                if all_of_them
                else [cluster.chance.randrange(len(cluster.proxies))]
            )
            await asyncio.gather(*(kind(cluster, cluster.proxies[number]) for number in struck))
            cluster.report.count(name, len(struck))
            await cluster.answered_again([cluster.nodes[number] for number in struck])

    return inject
