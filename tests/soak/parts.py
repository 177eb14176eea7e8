"""The long forms of one server on SQLite, each a part that can be run alone.

Owns the list of parts and the figures that they reach. The work of a part is in the package that it comes from.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from tests.abuse import bad_clients, fuzz, growth, pollers, storm
from tests.abuse.report import Report
from tests.access import fuzz as signature_fuzz
from tests.crash import kills, points, power, restore_drill, store_kills
from tests.crash.disk_fault_run import Meanwhile, suffer
from tests.crash.disk_fault_run import Report as DiskReport
from tests.crash.disks import Ballast, FaultyDisk, NoLargerFiles, compiler, small_disk
from tests.soak.part import Job, Part, command, of, simulation
from tests.support.server import Server

SERVER_KILLS, STORE_KILLS = 200, 1_000
RESTORES = 50
POWER_CUTS = 2_000  # without failing syncs, and as many with them
FAILING_SYNCS = 0.05
FUZZED = 200_000
SIGNED = signature_fuzz.REQUESTS
IDLE_POLLS, IDLE_SECONDS = 10_000, 60.0
MAX_EVENTS, MAX_OPEN = 25_000, 100_000
CLIENTS_OF_EACH_KIND = 100
SEEDS = 4_000  # a million calls and more
MODEL_RUNS, MODEL_STEPS = 500, 100  # of the naive model, for each store
SMALL_WORLD_DEPTH, LONG_LIVES = 6, 1_000
QUIET = {"log_level": "warning", "long_poll_seconds": pollers.HOLD_SECONDS}


def _kills(job: Job) -> Report:
    report = asyncio.run(kills.run(SERVER_KILLS, job.folder, job.seed, job.deadline))
    return of(report.lines(), report.wrong)


def _store_kills(job: Job) -> Report:
    report = store_kills.run(STORE_KILLS, job.folder, job.seed, job.deadline)
    return of(report.lines(), report.wrong)


def _restores(job: Job) -> Report:
    return asyncio.run(restore_drill.run(RESTORES, job.folder, job.seed, job.deadline))


def _points(job: Job) -> Report:
    report = points.run(job.folder, seed=job.seed, deadline=job.deadline)
    return of(report.lines(), report.wrong)


def _power(job: Job) -> Report:
    whole = Report()
    for name, failing in (("sound", 0.0), ("failing", FAILING_SYNCS)):
        place = job.folder / name
        place.mkdir()
        report = power.run(POWER_CUTS, place, job.seed, failing_syncs=failing, deadline=job.deadline)
        whole.facts += report.lines()
        whole.wrong += report.wrong
    return whole


def _disk(job: Job) -> Report:
    whole = Report()
    for name, fault_run in _disk_fault_runs(job):
        try:
            report = asyncio.run(fault_run())
        except PermissionError as error:
            whole.say(f"{name}: not run, {error}")
            continue
        except AssertionError as error:
            whole.require(False, f"{name}: {error}")
            continue
        whole.say(f"{name}: {report}")
        if report.start_while_broken:
            whole.say(
                f"  started on it, it says: {report.start_while_broken.rpartition('cannot be used: ')[2]}"
            )
        whole.require(report.codes <= {"ServiceUnavailable"}, f"{name}: calls failed with {report.codes}")
        whole.wrong += [f"{name}: {sentence}" for sentence in report.wrong]
    return whole


def _disk_fault_runs(job: Job) -> Iterator[tuple[str, Callable[[], Awaitable[DiskReport]]]]:
    meanwhiles: tuple[Meanwhile, ...] = ("nothing", "kill", "stop")
    for meanwhile in meanwhiles:
        yield f"full disk, {meanwhile} meanwhile", lambda m=meanwhile: _on_a_full_disk(job, m)
    for meanwhile in meanwhiles:
        yield f"files that may not grow, {meanwhile} meanwhile", lambda m=meanwhile: _with_a_limit(job, m)
    if compiler() is None:
        return
    for number, what in ((errno.EIO, "EIO"), (errno.ENOSPC, "ENOSPC")):
        for place in ("syncs", "writes"):
            for meanwhile in meanwhiles:
                yield (
                    f"{what} of all {place}, {meanwhile} meanwhile",
                    lambda n=number, p=place, m=meanwhile: _with_errors(job, n, p, m),
                )
    for milliseconds in (5, 50, 500, 10_000):
        yield f"syncs of {milliseconds} ms", lambda ms=milliseconds: _on_a_slow_disk(job, ms)


async def _on_a_full_disk(job: Job, meanwhile: Meanwhile) -> DiskReport:
    with small_disk(job.folder / f"full {meanwhile}") as folder:
        ballast, server = Ballast(folder), Server(folder, kills.SETTINGS)
        return await suffer(server, ballast.fill, ballast.heal, seed=job.seed, meanwhile=meanwhile)


async def _with_a_limit(job: Job, meanwhile: Meanwhile) -> DiskReport:
    server = Server(_folder(job, f"limit {meanwhile}"), kills.SETTINGS)
    limit = NoLargerFiles(server)
    return await suffer(server, limit.fill, limit.heal, seed=job.seed, meanwhile=meanwhile)


async def _with_errors(job: Job, number: int, place: str, meanwhile: Meanwhile) -> DiskReport:
    folder = _folder(job, f"{number} {place} {meanwhile}")
    disk = FaultyDisk(folder)
    fail = disk.fail_syncs if place == "syncs" else disk.fail_writes
    server = Server(folder, kills.SETTINGS, environment=disk.environment)
    return await suffer(server, lambda: fail(number), disk.heal, seed=job.seed, meanwhile=meanwhile)


async def _on_a_slow_disk(job: Job, milliseconds: int) -> DiskReport:
    folder = _folder(job, f"slow {milliseconds}")
    disk = FaultyDisk(folder)
    server = Server(folder, kills.SETTINGS, environment=disk.environment)
    seconds = max(5.0, milliseconds / 1000)  # at least one sync, during which no call is answered
    return await suffer(
        server,
        lambda: disk.slow_down(milliseconds),
        disk.heal,
        seed=job.seed,
        fault_seconds=seconds,
        refuses=False,
    )


def _folder(job: Job, name: str) -> Path:
    folder = job.folder / name.replace(" ", "-")  # LD_PRELOAD splits paths at blanks
    folder.mkdir()
    return folder


def _on_a_server(
    trial: Callable[[Server], Awaitable[Report]], settings: dict[str, str]
) -> Callable[[Job], Report]:
    """Runs the trial on a server of its own; a bug in the server's log counts as wrong."""

    async def whole(job: Job) -> Report:
        server = Server(job.folder, settings)
        try:
            report = await trial(server)
        finally:
            await server.end()
        report.wrong += server.bugs_in_log()
        return report

    return lambda job: asyncio.run(whole(job))


def _fuzz(job: Job) -> Report:
    async def trial(server: Server) -> Report:
        await server.start()
        return await asyncio.to_thread(fuzz.fuzz, server, FUZZED, job.seed, job.deadline)

    return _on_a_server(trial, fuzz.SETTINGS)(job)


def _signatures(job: Job) -> Report:
    return signature_fuzz.fuzz(SIGNED, job.seed, job.deadline)


def _browser(job: Job) -> Report:
    done = command("pytest", *("-q", "-rs", "-n", "0", "tests/console"), BROWSE_ALL="1")
    report = of(done.stdout.splitlines()[-3:], [])
    report.require(done.returncode == 0, f"the pages in a browser: {done.stdout[-2_000:]}")
    return report


def _clocks(job: Job) -> Report:
    done = command("pytest", *("-q", "-n", "0", "tests/histories/test_domain_clocks.py"), EVERY_SCENARIO="1")
    report = of(done.stdout.splitlines()[-1:], [])
    report.require(done.returncode == 0, f"scenarios by the clock of their domain: {done.stdout[-2_000:]}")
    return report


def _image(job: Job) -> Report:
    done = command("pytest", *("-q", "-rs", "-n", "0", "tests/deploy/test_containerfile.py"), BUILD_IMAGE="1")
    report = of(done.stdout.splitlines()[-3:], [])
    report.require(done.returncode == 0, f"the image: {done.stdout[-2_000:]}")
    return report


def _model(job: Job) -> Report:
    """The naive model with new random examples each time."""
    report = Report()
    for store in ("memory", "postgres"):
        seed = f"--hypothesis-seed={job.seed}"
        done = command(
            "pytest",
            *("-q", "-rs", "--timeout=7200", seed, "tests/model/test_machine.py"),
            MODEL_STORE=store,
            MODEL_EXAMPLES=str(MODEL_RUNS),
            MODEL_STEPS=str(MODEL_STEPS),
            HYPOTHESIS_PROFILE="explore",
        )
        report.say(
            f"{store}: {MODEL_RUNS} runs of at most {MODEL_STEPS} steps: {done.stdout.splitlines()[-1]}"
        )
        report.require(done.returncode == 0, f"{store}: {done.stdout[-2_000:]}")
    return report


def _orders(job: Job) -> Report:
    done = command(
        "pytest",
        *("-q", "-n", "0", "--timeout=7200", "tests/model/test_small_world.py", "tests/model/test_random.py"),
        SMALL_WORLD_DEPTH=str(SMALL_WORLD_DEPTH),
        MODEL_SEEDS=str(LONG_LIVES),
    )
    report = of(done.stdout.splitlines()[-1:], [])
    report.require(done.returncode == 0, f"beside the naive model: {done.stdout[-2_000:]}")
    return report


PARTS = (
    Part("points", 6, "a death at every point of every action", _points),
    Part("kills", 6, f"{SERVER_KILLS} kills of the whole server under load", _kills),
    Part("restore", 6, f"{RESTORES} backups under load, kills and restores", _restores),
    Part("store-kills", 4, f"{STORE_KILLS:,} kills of a process that only commits", _store_kills),
    Part("power", 2, f"{POWER_CUTS:,} power cuts, and as many on a disk that fails to sync", _power),
    Part("disk", 4, "disks that are full, broken or slow under load", _disk),
    Part(
        "pollers",
        0.2,
        "1,000 polls on one list, then a task",
        _on_a_server(lambda server: pollers.thousand_on_one_list(server, starts=100), QUIET),
    ),
    Part(
        "idle",
        2,
        f"{IDLE_POLLS:,} idle polls for a minute",
        _on_a_server(lambda server: pollers.idle(server, polls=IDLE_POLLS, seconds=IDLE_SECONDS), QUIET),
    ),
    Part("fuzz", 6, f"{FUZZED:,} drawn requests", _fuzz),
    Part("signatures", 6, f"{SIGNED:,} signed and mangled requests", _signatures),
    Part(
        "bad-clients",
        0.5,
        "clients that dribble, stall and smuggle",
        _on_a_server(lambda server: bad_clients.meet(server, CLIENTS_OF_EACH_KIND), bad_clients.SETTINGS),
    ),
    Part(
        "storm",
        1,
        "100,000 timers in one second, of 100 runs, with a kill in the middle",
        _on_a_server(lambda server: storm.storm(server, runs=100, timers=1_000), QUIET),
    ),
    Part(
        "storm-wide",
        1,
        "the same of 1,000 runs",
        _on_a_server(lambda server: storm.storm(server, runs=1_000, timers=100), QUIET),
    ),
    Part(
        "history",
        0.5,
        f"a history to its limit of {MAX_EVENTS:,} events",
        _on_a_server(lambda server: growth.history(server, MAX_EVENTS), QUIET),
    ),
    Part(
        "open",
        2,
        f"{MAX_OPEN:,} open executions",
        _on_a_server(lambda server: growth.open_executions(server, MAX_OPEN), QUIET),
    ),
    Part("image", 1, "the steps of deploy/Containerfile, and a server in what they make", _image),
    Part("browser", 6, "every page of the console in light and dark, with all hostile texts", _browser),
    Part("clocks", 1, "every scenario by the clock of its domain", _clocks),
    Part("model", 10, f"{MODEL_RUNS} x {MODEL_STEPS} steps beside the naive model, for each store", _model),
    Part(
        "orders",
        8,
        f"all orders of {SMALL_WORLD_DEPTH} actions of a small world, and {LONG_LIVES:,} long lives, beside that model",
        _orders,
    ),
    Part("simulation", 20, f"{SEEDS:,} simulated seeds", lambda job: simulation(SEEDS)),
)
