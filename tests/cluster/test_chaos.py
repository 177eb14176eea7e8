"""A short form of `make soak-postgres`: nodes, database and network fail under load; nothing is lost or done twice.

The long form also judges how fast calls are answered again and in which order tasks leave. Here the machine is busy,
and there are too few tasks for that.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.cluster import chaos, crashing_node, partitions
from tests.cluster.faults import crashes, deaths, kills, one_after_the_other, rolling_restarts
from tests.cluster.partitions import breaks
from tests.cluster.wakes import wakes
from tests.support.postgres_programs import require_programs


@pytest.fixture(autouse=True)
def programs(calm_load: None) -> None:
    require_programs()


def test_nothing_is_lost_while_nodes_with_odd_clocks_and_without_hints_their_database_and_the_network_fail(
    tmp_path: Path,
) -> None:
    report, waits = chaos.Report(), list[float]()
    kinds = tuple(kind for kind in partitions.KINDS if kind[0] is not partitions.freeze)
    inject = one_after_the_other(wakes(3, waits), kills(3), breaks(0, kinds), crashes(0, 0.0, 0.5), kills(1))
    defects = ("fast", "deaf", "slow")
    asyncio.run(
        chaos.one_round(report, tmp_path, inject, random.Random(6), defects=defects, through_proxies=True)
    )
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert len(waits) == 3
    assert sum(report.happened.values()) >= 4 + len(kinds) + 1, report.happened
    assert set(report.outcomes) >= {"acknowledged", "refused", "unknown"}, "the failures came between calls"
    assert report.executions > 30


def test_nothing_is_lost_when_nodes_die_before_during_and_after_commits(tmp_path: Path) -> None:
    report = chaos.Report()
    defects = ("crashing",) * chaos.NODES
    asyncio.run(chaos.one_round(report, tmp_path, deaths(3), random.Random(8), defects=defects))
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert sum(report.happened.values()) == 3
    assert set(report.happened) <= {f"deaths {point}" for point in crashing_node.POINTS}, report.happened


def test_clients_notice_nothing_of_an_upgrade_node_by_node(tmp_path: Path) -> None:
    report = chaos.Report()
    asyncio.run(chaos.one_round(report, tmp_path, rolling_restarts(1), random.Random(7)))
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert report.happened == {"stops of a node": chaos.NODES}
    assert not report.unanswered, "\n".join(report.unanswered)
