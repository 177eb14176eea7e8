"""Nodes and their database are killed under load, again and again, and nothing is ever lost or done twice.

Owns the rounds: a fresh database, some nodes, clients that go round all of them, misfortune, a healthy phase in which
everything comes to its end, and the audit. The misfortunes are in `misfortunes.py`, the clients and the rules in
`tests/crash`.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.misfortunes import Misfortune, Place
from tests.cluster.nodes import Node
from tests.cluster.order import overtaken, tasks_leave_in_order, tasks_of
from tests.cluster.roundabout import SpreadLoad
from tests.crash.audit import audit
from tests.crash.audit_names import audit_names
from tests.crash.findings import Found, read_all
from tests.crash.journal import Journal
from tools import postgres
from workflowsvc import fsck
from workflowsvc.store.postgres import PostgresStore

SETTINGS = {"long_poll_seconds": "2", "drain_seconds": "5", "log_level": "warning"}
NODES = 3


@dataclass
class Report:
    """What a number of rounds has done and found."""

    happened: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    rounds: int = 0
    seconds: float = 0.0
    executions: int = 0
    events: int = 0
    overtaken: int = 0
    lone_tasks: int = 0
    slowest_return_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def count(self, what: str) -> None:
        self.happened[what] = self.happened.get(what, 0) + 1

    def lines(self) -> list[str]:
        happened = ", ".join(f"{count} {what}" for what, count in sorted(self.happened.items()))
        outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))
        return [
            f"{happened} in {self.rounds} rounds, {self.seconds:.0f} s",
            f"calls: {outcomes}",
            f"{self.executions:,} executions with {self.events:,} events, all legal"
            if not self.wrong
            else f"{len(self.wrong)} things are wrong",
            f"{self.overtaken} of {self.lone_tasks} tasks of the lone worker overtaken; "
            f"slowest return after the database {self.slowest_return_seconds:.2f} s",
        ]


async def one_round(report: Report, folder: Path, misfortune: Misfortune, chance: random.Random) -> None:
    """With a database of its own, which is gone afterwards."""
    journal = Journal()
    with postgres.running(durable=True) as server:
        place = Place(
            server, [Node(folder, server.dsn(), SETTINGS) for _ in range(NODES)], journal, chance, report
        )
        load = SpreadLoad([node.port for node in place.nodes], journal, chance.randrange(2**32))
        try:
            await asyncio.gather(*(node.start() for node in place.nodes))
            await load.furnish()
            load.begin()
            await misfortune(place)
            await place.heal()
            await load.finish()  # what has not come to its end by then, rule R7 names
            client = load.client()
            found = await read_all(client)
            report.wrong += judge(journal, found)
            report.wrong += await audit_names(journal, client)
            client.hang_up()
            report.wrong += place.complaints()
            for node in place.nodes:
                if status := await node.stop():
                    report.wrong.append(f"a node ended with status {status}")
            report.wrong += audit_database(server.dsn())
        except BaseException:
            for node in place.nodes:
                print(node.last_words(), file=sys.stderr)
            raise
        finally:
            await asyncio.gather(*(node.end() for node in place.nodes))
    _sum_up(report, journal, found)


def judge(journal: Journal, found: Found) -> list[str]:
    """The rules of `tests/crash`, but for R6, which is another one among several nodes."""
    wrong = [sentence for sentence in audit(journal, found) if not sentence.startswith("r6_")]
    return wrong + tasks_leave_in_order(found)


def audit_database(dsn: str) -> list[str]:
    """What `workflowsvc fsck` finds."""
    store = PostgresStore(dsn)
    try:
        with store.reader() as reader:
            options = fsck.Options(now=time.time_ns() // 1_000_000, lint=False)
            return [f"fsck: {problem}" for problem in fsck.audit(reader, options)]
    finally:
        store.close()


def _sum_up(report: Report, journal: Journal, found: Found) -> None:
    report.rounds += 1
    for name, count in journal.counts().items():
        report.outcomes[name] = report.outcomes.get(name, 0) + count
    report.executions += len(found.histories)
    report.events += sum(map(len, found.histories.values()))
    tasks = tasks_of(found)
    report.overtaken += len(overtaken(tasks))
    report.lone_tasks += len(tasks)
