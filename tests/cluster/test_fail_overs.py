"""A short form of `make soak-postgres ARGS="failover"`: the primary fails, and the old one comes back beside the new.

The long form also judges how soon each node writes again. Here the machine is busy.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.cluster import chaos, fail_overs
from tests.support.postgres_programs import require_programs


@pytest.fixture(autouse=True)
def programs(calm_load: None) -> None:
    require_programs()


def test_nothing_is_lost_or_doubled_when_a_primary_hangs_and_the_next_one_is_killed(tmp_path: Path) -> None:
    """Each old primary runs as it was beside the new one, before it is repaired."""
    ways = [(fail_overs.hung, "hung"), (fail_overs.killed, "killed")]
    report = chaos.Report()
    asyncio.run(fail_overs.one_round(report, tmp_path, ways, random.Random(4), nodes=2, returned=1.0))
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert report.happened["old primaries that came back as they were"] == len(ways)
    assert set(report.outcomes) >= {"acknowledged", "failed"}, "the failures came between calls"
    assert report.executions > 30
