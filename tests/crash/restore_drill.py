"""The drill of a restore: a backup under load, `kill -9`, restore, and the audit of what clients then see.

Owns the rounds. What was acknowledged before the backup began must be there exactly once, what was sent after it ended
must be gone, and what came between may be either. Tokens from before are refused by name, no runId comes twice, and the
restored service does all its work to the end.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import time
from pathlib import Path

from tests.abuse.report import Report
from tests.crash import soundness
from tests.crash.findings import CARRIED, Found, read_all
from tests.crash.kills import SETTINGS
from tests.support.client import Client
from tests.support.journal import Call, Journal
from tests.support.load import Load
from tests.support.server import ROOT, Server

MIN_SECONDS, MAX_SECONDS = 0.3, 1.5  # of load before, during and after the backup
KILLED_DURING = 0.3  # share of rounds in which the server dies while the backup is made
TRIED_TOKENS = 20


async def run(rounds: int, folder: Path, seed: int, deadline: float = float("inf")) -> Report:
    """That many rounds, or fewer when the deadline (of `time.monotonic`) comes first."""
    report, done, calls = Report(), 0, 0
    while done < rounds and not report.wrong and time.monotonic() < deadline:
        place = folder / f"round{done}"
        place.mkdir()
        calls += await _round(report, place, random.Random(f"{seed}/{done}"))
        done += 1
        if not report.wrong:
            shutil.rmtree(place)
    report.say(f"{done} restores, after {calls:,} calls that leave an event")
    return report


async def _round(report: Report, folder: Path, chance: random.Random) -> int:
    """The number of calls that the audit has looked at."""
    journal = Journal()
    server = Server(_made(folder / "first"), SETTINGS)
    try:
        began, ended = await _back_up_and_kill(server, folder / "backup.db", journal, chance)
    except BaseException:
        print(server.said(), file=sys.stderr)
        raise
    finally:
        await server.end()
    report.wrong += server.bugs_in_log()
    second = Server(_made(folder / "second"), SETTINGS)
    status, said = await _command("restore", str(folder / "backup.db"), "--store", f"sqlite:{second.file}")
    report.require(status == 0, f"restore ended with {status}: {said}")
    if report.wrong:
        return 0
    after = Journal()
    after.skip(journal)
    try:
        await second.start()
        client = Client(second.port, Journal())
        found = await read_all(client)
        report.wrong += compared(journal, found, began, ended)
        report.wrong += await _tokens_are_refused(journal, client)
        client.hang_up()
        await _work_on(report, second, after, chance)
        report.wrong += _no_name_comes_twice(journal, after)
        await second.kill()
        report.wrong += soundness.of(second.file, folder / "at the end", lint=True)
        report.wrong += second.bugs_in_log()
    except BaseException:
        print(second.said(), file=sys.stderr)
        raise
    finally:
        await second.end()
    return sum(1 for call in journal.of(*CARRIED) if call.marker)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _back_up_and_kill(
    server: Server, backup: Path, journal: Journal, chance: random.Random
) -> tuple[float, float]:
    """When the backup began and ended, by `time.monotonic`; the server is killed then or in between."""
    await server.start()
    load = Load(server.port, journal, chance.randrange(2**32))
    await load.furnish()
    load.begin()
    await asyncio.sleep(chance.uniform(MIN_SECONDS, MAX_SECONDS))
    began = time.monotonic()
    options = ("--mib-per-second", "2", "--store", f"sqlite:{server.file}", "--to", str(backup))
    making = asyncio.create_task(_command("backup", *options))
    if chance.random() < KILLED_DURING:
        await asyncio.sleep(chance.uniform(0, MAX_SECONDS))
        await server.kill()
    status, said = await making
    ended = time.monotonic()
    assert status == 0, said
    if server.is_running:
        await asyncio.sleep(chance.uniform(MIN_SECONDS, MAX_SECONDS))
        await server.kill()
    load.abandon()
    return began, ended


async def _command(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workflowsvc", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")


def compared(journal: Journal, found: Found, began: float, ended: float) -> list[str]:
    """Acknowledged before: there once. Sent afterwards: gone. In between: at most once."""
    wrong: list[str] = []
    before = 0
    marked = [call for call in journal.of(*CARRIED) if call.marker and not _is_empty_poll(call)]
    first_sent: dict[
        tuple[str, str], float
    ] = {}  # a call whose outcome is unknown is sent again with its marker
    for call in marked:
        first_sent.setdefault((call.action, call.marker), call.sent)
    for call in marked:
        places = found.carrying(call.action, call.marker)
        if call.acknowledged and call.answered < began:
            before += 1
            if len(places) != 1:
                wrong.append(f"{call} was acknowledged before the backup and is in {len(places)} events")
        elif first_sent[call.action, call.marker] > ended and places:
            wrong.append(f"{call} was sent after the backup and is in {places}")
        elif len(places) > 1:
            wrong.append(f"{call} is in {len(places)} events")
    if not before:
        wrong.append("nothing was acknowledged before the backup: nothing was put to the test")
    return wrong


def _is_empty_poll(call: Call) -> bool:
    return call.acknowledged and call.action.startswith("PollFor") and "taskToken" not in call.answer


async def _tokens_are_refused(journal: Journal, client: Client) -> list[str]:
    polls = [
        call
        for call in journal.of("PollForDecisionTask", "PollForActivityTask")
        if call.acknowledged and "taskToken" in call.answer
    ]
    wrong: list[str] = []
    for poll in polls[-TRIED_TOKENS:]:
        action = poll.action.replace("PollFor", "Respond") + "Completed"
        call = await client.call(action, taskToken=poll.answer["taskToken"])
        if (call.outcome, call.code, call.message) != ("refused", "ValidationException", "Invalid token"):
            wrong.append(f"{call} has the token of another epoch")
    if not polls:
        wrong.append("no task was given out before the restore: nothing was put to the test")
    return wrong


async def _work_on(report: Report, server: Server, journal: Journal, chance: random.Random) -> None:
    """New load, beside what the backup has left open, until everything is closed."""
    load = Load(server.port, journal, chance.randrange(2**32))
    load.begin()
    await asyncio.sleep(chance.uniform(MIN_SECONDS, MAX_SECONDS))
    report.require(await load.finish(), "executions stayed open after the restore")
    client = Client(server.port, Journal())
    found = await read_all(client)
    client.hang_up()
    for call in journal.of(*CARRIED):
        if call.marker and call.acknowledged and not _is_empty_poll(call):
            places = found.carrying(call.action, call.marker)
            report.require(len(places) == 1, f"{call}, after the restore, is in {len(places)} events")


def _no_name_comes_twice(journal: Journal, after: Journal) -> list[str]:
    def names(of: Journal) -> set[str]:
        return {call.answer["runId"] for call in of.of("StartWorkflowExecution") if call.acknowledged}

    return [f"the runId {name} was given out twice" for name in names(journal) & names(after)]
