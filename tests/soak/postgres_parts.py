"""The long forms on PostgreSQL: three nodes on one database, under load and with faults.

Owns the list of parts and the figures that they reach. Each part has rounds with a fresh database; at the end of a
round every execution must have closed, and everything is audited: rules R1 to R7, the linter, fsck. The faults are in
`tests/cluster`.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.abuse.report import Report
from tests.cluster import chaos, crashing_node, fail_overs, patroni
from tests.cluster.faults import (
    RETURN_SECONDS,
    FaultPlan,
    crashes,
    deaths,
    kills,
    one_after_the_other,
    rolling_restarts,
)
from tests.cluster.partitions import breaks
from tests.cluster.wakes import wakes
from tests.soak.part import Job, Part, command, of, simulation

KILLS, KILLS_PER_ROUND = 100, 25
DEATHS = 100
CRASH_SECONDS = BREAK_SECONDS = 300.0
ROUND_SECONDS = 100.0  # histories and journal of a round are kept in memory and compared with each other
WAKES = 100
WAKE_P99_MS = 1_100  # QUALITY §6.6: when all hints are lost
KILLS_WITHOUT_HINTS, KILLS_WITH_ODD_CLOCKS = 10, 25
ROLLS = 5
FAIL_OVERS, FAIL_OVERS_PER_ROUND = 50, 10
SEEDS = 200

Judge = Callable[[chaos.Report], list[str]]


def rounds(
    job: Job,
    faults: Sequence[FaultPlan],
    judge: Judge = lambda report: [],
    *,
    defects: Sequence[str] = ("",) * chaos.NODES,
    through_proxies: bool = False,
) -> Report:
    """A round for each fault; when time is up or something is wrong, no further one begins."""
    report = chaos.Report()
    for number, fault in enumerate(faults):
        if report.wrong or (number and time.monotonic() > job.deadline):
            break
        folder = job.folder / f"round{number}"
        folder.mkdir()
        asyncio.run(
            chaos.one_round(
                report,
                folder,
                fault,
                random.Random(f"{job.seed}/{number}"),
                defects=defects,
                through_proxies=through_proxies,
                orderly=not through_proxies,  # other nodes skip what a disconnected node has locked
            )
        )
        if not report.wrong:
            shutil.rmtree(folder)  # kept when something is wrong
    return of(report.lines(), report.wrong + judge(report))


def _fail_overs(job: Job) -> Report:
    report = chaos.Report()
    for number in range(FAIL_OVERS // FAIL_OVERS_PER_ROUND):
        if report.wrong or (number and time.monotonic() > job.deadline):
            break
        folder = job.folder / f"round{number}"
        folder.mkdir()
        chance = random.Random(f"{job.seed}/{number}")
        ways = fail_overs.some_ways(FAIL_OVERS_PER_ROUND, chance)
        asyncio.run(fail_overs.one_round(report, folder, ways, chance))
        if not report.wrong:
            shutil.rmtree(folder)
    return of(report.lines(), report.wrong + _in_time(report))


def _patroni(job: Job) -> Report:
    programs = patroni.find_programs()
    if programs is None:
        return of(["not run: patroni, patronictl and etcd are not all in PATH"], [])
    report = chaos.Report()
    # A socket's path is 107 bytes at most, and the servers run as another user.
    folder = Path(tempfile.mkdtemp(prefix="workflowsvc-patroni-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with patroni.running(programs, folder) as servers:
            chance = random.Random(job.seed)
            asyncio.run(patroni.one_round(report, job.folder, servers, patroni.WAYS, chance))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return of(report.lines(), report.wrong + _in_time(report))


def _in_time(report: chaos.Report) -> list[str]:
    slowest = max(report.returns, default=0.0)
    if slowest <= RETURN_SECONDS:
        return []
    return [f"a node answered only {slowest:.2f} s after its database, not within {RETURN_SECONDS:.0f} s"]


def _kills(job: Job) -> Report:
    return rounds(job, [kills(KILLS_PER_ROUND)] * (KILLS // KILLS_PER_ROUND))


def _points(job: Job) -> Report:
    def at_all_points(report: chaos.Report) -> list[str]:
        missing = [point for point in crashing_node.POINTS if f"deaths {point}" not in report.happened]
        return [f"no node died {', '.join(missing)}"] if missing and not report.wrong else []

    defects = ("crashing",) * chaos.NODES
    return rounds(
        job, [deaths(KILLS_PER_ROUND)] * (DEATHS // KILLS_PER_ROUND), at_all_points, defects=defects
    )


def _crashes(job: Job) -> Report:
    return rounds(job, [crashes(ROUND_SECONDS)] * round(CRASH_SECONDS / ROUND_SECONDS), _in_time)


def _breaks(job: Job) -> Report:
    faults = [breaks(ROUND_SECONDS)] * round(BREAK_SECONDS / ROUND_SECONDS)
    return rounds(job, faults, _in_time, through_proxies=True)


def _without_hints(job: Job) -> Report:
    seconds: list[float] = []

    def soon_enough(report: chaos.Report) -> list[str]:
        late = [f"{second:.2f} s" for second in seconds if second * 1000 > WAKE_P99_MS]
        return [f"polls waited for {', '.join(late)}"] if len(late) > 0.01 * len(seconds) else []

    faults = [one_after_the_other(wakes(WAKES, seconds), kills(KILLS_WITHOUT_HINTS))]
    return rounds(job, faults, soon_enough, defects=("deaf",) * chaos.NODES)


def _clocks(job: Job) -> Report:
    return rounds(job, [kills(KILLS_WITH_ODD_CLOCKS)], defects=("fast", "", "slow"))


def _rolling(job: Job) -> Report:
    def flawless(report: chaos.Report) -> list[str]:
        return [f"a client had to call again: {call}" for call in report.unanswered]

    return rounds(job, [rolling_restarts(ROLLS)], flawless)


def _scenarios(job: Job) -> Report:
    files = ("tests/postgres/test_scenarios.py", "tests/cluster/test_scenarios.py")
    done = command("pytest", "-q", "-n", "0", *files, EVERY_SCENARIO="1")
    report = of(done.stdout.splitlines()[-1:], [])
    report.require(done.returncode == 0, f"scenarios on PostgreSQL: {done.stdout[-2_000:]}")
    return report


PARTS = (
    Part("node-kills", 5, f"{KILLS} kills of one of three nodes under load", _kills),
    Part("points", 6, f"{DEATHS} deaths of nodes at points before, during and after a commit", _points),
    Part("database-crashes", 6, "the database crashes every 5 to 40 s for five minutes", _crashes),
    Part("failover", 7, f"{FAIL_OVERS} fail-overs to a synchronous standby under load", _fail_overs),
    Part("patroni", 3, "fail-overs that Patroni decides: a leader killed, one hung, a switchover", _patroni),
    Part("network", 7, "connections to the database cut and frozen for five minutes", _breaks),
    Part("no-hints", 2.5, "every wake-up hint dropped; polls are measured, nodes killed", _without_hints),
    Part("clocks", 1.5, "the clocks of nodes five minutes apart; nodes killed", _clocks),
    Part("rolling", 1.5, f"each node stopped and started {ROLLS} times, and no client notices", _rolling),
    Part(
        "scenarios",
        2,
        "every scenario on a single node, on two, and in a process that dies before every command",
        _scenarios,
    ),
    Part(
        "simulation",
        12,
        f"{SEEDS} simulated seeds on PostgreSQL",
        lambda job: simulation(SEEDS, "--store", "postgres"),
    ),
)
