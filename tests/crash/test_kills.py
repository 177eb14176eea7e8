"""A slice of `python -m tests.crash --kills`: the real server, killed under load."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.crash import kills

KILLS = 10


def test_nothing_acknowledged_is_lost_when_the_server_is_killed_under_load(tmp_path: Path) -> None:
    report = asyncio.run(kills.run(KILLS, tmp_path, seed=4))
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert report.kills == KILLS
    assert report.outcomes["unknown"] > 0, "the kills came between calls; nothing was put to the test"
    assert report.executions > 100
