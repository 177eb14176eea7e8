"""The server is killed at random moments under load, again and again; no acknowledged call is lost.

Owns the rounds: a fresh file, lives of the server that each end with SIGKILL (a few with SIGTERM), a healthy phase in
which every execution closes, and the audit. After every kill a copy of the files must be sound, before a server has
opened and so repaired the file itself.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash import soundness
from tests.crash.audit import audit, inversions_of
from tests.crash.audit_names import audit_names
from tests.crash.findings import Found, read_all
from tests.support.journal import Journal
from tests.support.load import Load
from tests.support.server import Server

LIVES_PER_ROUND = 25  # histories and journal of a round are kept in memory and compared with each other
MIN_LIFE_SECONDS, MAX_LIFE_SECONDS = 0.03, 0.6  # seconds under load, QUALITY §2.3
STOPS = 0.1  # share of lives that end by SIGTERM
SETTINGS = {"long_poll_seconds": "2", "drain_seconds": "5", "log_level": "warning"}


@dataclass
class Report:
    """What the rounds did and found."""

    kills: int = 0
    stops: int = 0
    rounds: int = 0
    seconds: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)
    executions: int = 0
    events: int = 0
    slowest_restart_seconds: float = 0.0
    overtaken: int = 0
    lone_tasks: int = 0
    wrong: list[str] = field(default_factory=list)
    last: tuple[Journal, Found] | None = None  # input of the last round's audit

    def lines(self) -> list[str]:
        outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))
        return [
            f"{self.kills} kills and {self.stops} stops in {self.rounds} rounds, {self.seconds:.0f} s",
            f"calls: {outcomes}",
            f"{self.executions:,} executions with {self.events:,} events, all legal"
            if not self.wrong
            else f"{len(self.wrong)} things are wrong",
            f"slowest restart {self.slowest_restart_seconds:.2f} s; "
            f"{self.overtaken} of {self.lone_tasks} tasks of the lone worker overtaken",
        ]


async def run(kills: int, folder: Path, seed: int, deadline: float = float("inf")) -> Report:
    """Kills the server `kills` times, or fewer when the deadline (of `time.monotonic`) comes first."""
    report, began = Report(), time.monotonic()
    while report.kills < kills and not report.wrong and time.monotonic() < deadline:
        place = folder / f"round{report.rounds}"
        place.mkdir()
        lives = min(LIVES_PER_ROUND, kills - report.kills)
        await one_round(report, place, lives, random.Random(f"{seed}/{report.rounds}"))
        report.rounds += 1
        if not report.wrong:
            shutil.rmtree(place)  # kept when something is wrong
    report.seconds = time.monotonic() - began
    return report


async def one_round(report: Report, folder: Path, lives: int, chance: random.Random) -> None:
    journal, server = Journal(), Server(folder, SETTINGS)
    load = Load(server.port, journal, chance.randrange(2**32))
    try:
        await _start(server, journal, report)
        await load.furnish()
        load.begin()
        enough = report.kills + lives
        while report.kills < enough:
            await asyncio.sleep(chance.uniform(MIN_LIFE_SECONDS, MAX_LIFE_SECONDS))
            if chance.random() < STOPS:
                status = await server.stop()
                report.stops += 1
                if status:
                    report.wrong.append(f"a stop ended with status {status}")
            await _kill(server, report)
            await _start(server, journal, report)
        await load.finish()  # rule R7 reports executions that are still open afterwards
        client = load.client()
        found = await read_all(client)
        report.wrong += audit(journal, found)
        report.wrong += await audit_names(journal, client)
        client.hang_up()
        await server.kill()
        report.wrong += soundness.of(server.file, folder / "at the end", lint=True)
        report.wrong += server.bugs_in_log()
    except BaseException:
        print(server.said(), file=sys.stderr)
        raise
    finally:
        await server.end()
    for name, count in journal.counts().items():
        report.outcomes[name] = report.outcomes.get(name, 0) + count
    report.last = journal, found
    report.executions += len(found.histories)
    report.events += sum(map(len, found.histories.values()))
    overtaken, tasks = inversions_of(found)
    report.overtaken += overtaken
    report.lone_tasks += tasks


async def _kill(server: Server, report: Report) -> None:
    if server.is_running:
        await server.kill()
        report.kills += 1
    wrong = await asyncio.to_thread(soundness.of, server.file, server.folder / "copy")
    report.wrong += [f"after kill {report.kills}: {sentence}" for sentence in wrong]


async def _start(server: Server, journal: Journal, report: Report) -> None:
    journal.life += 1
    began = time.monotonic()
    await server.start()
    report.slowest_restart_seconds = max(report.slowest_restart_seconds, time.monotonic() - began)
