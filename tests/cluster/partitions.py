"""Faults of the network between nodes and their database: cut, stalled, frozen, or with answers lost.

Owns the kinds and how often each is chosen, and measures the time until calls are answered again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.cluster.faults import Cluster, FaultPlan
from tests.support.tcp_proxy import TcpProxy

# Beyond the time-out of the database for a node (10 s), and partly of a node for its database (20 s).
LONG_SECONDS = 11.0, 25.0
SHORT_SECONDS = 0.05, 3.0


async def cut(cluster: Cluster, proxy: TcpProxy) -> None:
    """All connections of the node end; it may open new ones at once."""
    proxy.cut()


async def cut_off(cluster: Cluster, proxy: TcpProxy) -> None:
    """All connections of the node end, and new ones are refused for a while."""
    proxy.refusing = True
    proxy.cut()
    await cluster.pause(*SHORT_SECONDS)
    proxy.refusing = False


async def stall(cluster: Cluster, proxy: TcpProxy) -> None:
    """Both directions are held up for a moment, then everything arrives."""
    proxy.hold("both")
    await cluster.pause(*SHORT_SECONDS)
    proxy.release()


async def lose_answers(cluster: Cluster, proxy: TcpProxy) -> None:
    """The database executes what the node sends, commits included, and the node gets no answer."""
    proxy.hold("answers")
    await cluster.pause(*SHORT_SECONDS)
    proxy.cut()
    proxy.release()


async def freeze(cluster: Cluster, proxy: TcpProxy) -> None:
    """Held up until the database ends the transactions of the node, or the node gives up its connections."""
    proxy.hold(cluster.chance.choice(("both", "requests", "answers")))
    await cluster.pause(*LONG_SECONDS)
    if cluster.chance.random() < 0.5:
        proxy.cut()
    proxy.release()


async def pull_the_cable(cluster: Cluster, proxy: TcpProxy) -> None:
    """The node sees its connections end; the database keeps their locks until it notices by itself."""
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
    """The network fails again and again for `seconds`, each kind at least once; sometimes for all nodes at once."""
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
