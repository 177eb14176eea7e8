"""Nodes and their database are killed under load, again and again; no call is lost and none is carried out twice.

Owns the rounds: a fresh database, nodes, clients that call all nodes in turn, faults, a healthy phase in which every
execution closes, and the audit. The faults are in `faults.py`, the clients in `tests/support`, the rules in
`tests/crash`.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.faults import Cluster, FaultPlan
from tests.cluster.nodes import Node
from tests.cluster.order import overtaken, tasks_leave_in_order, tasks_of
from tests.cluster.round_robin import SpreadLoad
from tests.crash.audit import audit
from tests.crash.audit_names import audit_names
from tests.crash.findings import Found, read_all
from tests.support.journal import Journal
from tests.support.tcp_proxy import TcpProxy
from tools import postgres
from workflowsvc import fsck
from workflowsvc.store.postgres.store import PostgresStore

SETTINGS = {
    "long_poll_seconds": "2",
    "drain_seconds": "5",
    "log_level": "warning",
    "max_domains": "100000",  # several hundred are registered in a long round
}
NODES = 3
UNANSWERED = ("failed", "unknown", "hung", "under way")


@dataclass
class Report:
    """What the rounds did and found."""

    happened: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    rounds: int = 0
    seconds: float = 0.0
    executions: int = 0
    events: int = 0
    overtaken: int = 0
    lone_tasks: int = 0
    returns: list[float] = field(default_factory=list)  # seconds from a fault to a node's next answer
    unanswered: list[str] = field(default_factory=list)  # calls that clients had to repeat
    facts: list[str] = field(default_factory=list)  # results that only this fault has
    wrong: list[str] = field(default_factory=list)

    def count(self, what: str, times: int = 1) -> None:
        self.happened[what] = self.happened.get(what, 0) + times

    def lines(self) -> list[str]:
        happened = ", ".join(f"{count} {what}" for what, count in sorted(self.happened.items()))
        outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))
        return [
            f"{happened or 'nothing happened'}; {self.rounds} rounds, {self.seconds:.0f} s",
            f"calls: {outcomes}",
            f"{self.executions:,} executions with {self.events:,} events, all legal"
            if not self.wrong
            else f"{len(self.wrong)} things are wrong",
            f"{self.overtaken} of {self.lone_tasks} tasks of the lone worker overtaken",
            *([self._returned()] if self.returns else []),
            *self.facts,
        ]

    def _returned(self) -> str:
        ordered = sorted(self.returns)
        return (
            f"reads and writes answered again by each node, {len(ordered)} times: half of them within "
            f"{ordered[len(ordered) // 2]:.2f} s, the slowest after {ordered[-1]:.2f} s"
        )


async def one_round(
    report: Report,
    folder: Path,
    fault: FaultPlan,
    chance: random.Random,
    *,
    defects: Sequence[str] = ("",) * NODES,
    through_proxies: bool = False,
    orderly: bool = False,
) -> None:
    """Plays one round on a database of its own, which is dropped afterwards.

    `defects` has one entry for each node (`faulty_node.py`). `orderly`: also judge that tasks left in order (R6), which
    needs hundreds of them.
    """
    with postgres.running(durable=True) as server:
        proxies = [TcpProxy(server.port) for _ in defects] if through_proxies else []
        for proxy in proxies:
            await proxy.open()
        addresses = [server.dsn(port=proxy.port) for proxy in proxies] or [server.dsn()] * len(defects)
        nodes = [
            Node(folder, dsn, SETTINGS, defect=defect) for dsn, defect in zip(addresses, defects, strict=True)
        ]
        cluster = Cluster(server, nodes, proxies, Journal(), chance, report)
        try:
            await play(cluster, fault, orderly=orderly)
        finally:
            for proxy in proxies:
                proxy.close()


async def play(
    cluster: Cluster, fault: FaultPlan, *, orderly: bool = False, dsn: Callable[[], str] | None = None
) -> None:
    """The load, the fault, the healthy phase and the audit, on a database that runs. `dsn`: where it is then, if not on
    the server of the cluster."""
    report, nodes, journal, began = cluster.report, cluster.nodes, cluster.journal, time.monotonic()
    load = SpreadLoad([node.port for node in nodes], journal, cluster.chance.randrange(2**32))
    try:
        await asyncio.gather(*(node.start() for node in nodes))
        await load.furnish()
        load.begin()
        await fault(cluster)
        await cluster.heal()
        await load.finish()  # rule R7 reports executions that are still open afterwards
        client = load.client()
        found = await read_all(client)
        report.wrong += judge(journal, found, orderly=orderly)
        report.wrong += await audit_names(journal, client)
        client.hang_up()
        report.wrong += cluster.bugs_in_log()
        for node in nodes:
            if status := await node.stop():
                report.wrong.append(f"a node ended with status {status}")
        if dsn is None:
            assert cluster.server is not None
            dsn = cluster.server.dsn
        report.wrong += audit_database(dsn())
    except BaseException:
        for node in nodes:
            print(node.last_words(), file=sys.stderr)
        raise
    finally:
        await asyncio.gather(*(node.end() for node in nodes))
    report.seconds += time.monotonic() - began
    _sum_up(report, journal, found)


def judge(journal: Journal, found: Found, *, orderly: bool) -> list[str]:
    """What breaks the rules of `tests/crash`, with R6 as it holds among several nodes.

    `orderly`: judge R6 at all. It does not hold where the network stalls, because other nodes skip the tasks that a
    disconnected node has locked until the database ends its transaction.
    """
    wrong = [sentence for sentence in audit(journal, found) if not sentence.startswith("r6_")]
    return wrong + (tasks_leave_in_order(journal, found) if orderly else [])


def audit_database(dsn: str) -> list[str]:
    """The problems that `workflowsvc fsck` finds."""
    with closing(PostgresStore(dsn)) as store, store.reader() as reader:
        options = fsck.Options(now=time.time_ns() // 1_000_000, lint=False)
        return [f"fsck: {problem}" for problem in fsck.audit(reader, options)]


def _sum_up(report: Report, journal: Journal, found: Found) -> None:
    report.rounds += 1
    for name, count in journal.counts().items():
        report.outcomes[name] = report.outcomes.get(name, 0) + count
    report.unanswered += [str(call) for call in journal.calls if call.outcome in UNANSWERED]
    report.executions += len(found.histories)
    report.events += sum(map(len, found.histories.values()))
    tasks = tasks_of(journal, found)
    report.overtaken += len(overtaken(tasks))
    report.lone_tasks += len(tasks)
