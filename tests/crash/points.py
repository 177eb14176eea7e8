"""The server dies once at every point of every action; the call has happened wholly or not at all.

Owns the comparison. For each situation it learns the rows of the database without the call and with it. After a death
during the call and a restart, the rows must be one of the two: those with the call if it was acknowledged or its commit
was done, those without it if the commit had not begun. Then the client sends the request again, and the rows must be
those with one call.
"""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import apsw

from tests.crash import soundness
from tests.crash.fork_server import ForkServer, Process
from tests.crash.pointed import Order
from tests.crash.situations import BACKGROUND, SITUATIONS, Scene, Situation
from tests.support.names import Request
from tests.support.peer import NoAnswer, Peer, Refused
from tests.support.waiting import PATIENCE_SECONDS

SETTLE_SECONDS = PATIENCE_SECONDS
QUIET_SECONDS = 0.25  # without a further point; the action and its consequences are done
MAX_RECORDINGS = 10
LAST_POINT = "answers after"  # of a batch
REACH_SECONDS = 10.0  # from the answer to a point in the work that follows from it
# Names and times that differ between two runs.
VOLATILE = [
    (re.compile(r"22[A-Za-z0-9+/]{43}="), "<runId>"),
    (re.compile(r"\b\d{1,2}\.\d{6,12}E\d{1,2}\b"), "<time>"),
    (re.compile(r"\b\d{13,19}\b"), "<number>"),
]
TABLES = ("domains", "types", "executions", "execution_tags", "tasks", "heartbeats", "messages", "events")


class Known(NamedTuple):
    """A situation with its database, its request, the rows without and with the call, and the points on the way."""

    situation: Situation
    file: Path
    request: Request
    without: list[str]
    with_it: list[str]
    points: list[str]

    def must_be_with_it(self, point: str) -> bool:
        return self._is_background or self._passed("commit after", point)

    def must_be_without(self, point: str) -> bool:
        return not self._is_background and not self._passed("commit before", point)

    @property
    def _is_background(self) -> bool:
        return self.request == BACKGROUND

    def _passed(self, mark: str, point: str) -> bool:
        """Whether `mark` precedes or is this point; the action's own commit is the first one."""
        before = self.points[: self.points.index(point) + 1]
        return any(one.startswith(mark) for one in before)


@dataclass
class Report:
    """What the run did and found."""

    situations: int = 0
    deaths: int = 0
    not_reached: int = 0
    applied: int = 0
    acknowledged: int = 0
    seconds: float = 0.0
    names: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [
            f"{self.deaths} deaths at {len(self.names)} named points in {self.situations} situations, "
            f"{self.seconds:.0f} s; {self.not_reached} points were not reached again",
            f"the call was acknowledged {self.acknowledged} times, had happened {self.applied} times; "
            f"{len(self.wrong)} things are wrong",
        ]


def run(
    folder: Path,
    *,
    most: int | None = None,
    only: Callable[[Situation], bool] = lambda situation: True,
    per_situation: int | None = None,
    seed: int = 0,
    deadline: float = float("inf"),
) -> Report:
    """Tries all points of all situations, or `per_situation` of each, chosen by the seed."""
    report, chance, began = Report(), random.Random(seed), time.monotonic()
    chosen = [situation for situation in SITUATIONS if only(situation)]
    with ForkServer(folder / "servers.log") as fork_server:
        for number, situation in enumerate(chosen):
            place = folder / f"situation{number}"
            place.mkdir()
            known = learn(fork_server, place, situation)
            report.situations += 1
            points = known.points
            if per_situation is not None:
                points = chance.sample(points, min(per_situation, len(points)))
            for point in points:
                if time.monotonic() > deadline or (most is not None and report.deaths >= most):
                    break
                try_point(fork_server, place / "attempt", known, point, report)
            shutil.rmtree(place)
    report.seconds = time.monotonic() - began
    bugs = [line for line in (folder / "servers.log").read_text().splitlines() if "Traceback" in line]
    report.wrong += bugs
    return report


def learn(fork_server: ForkServer, place: Path, situation: Situation) -> Known:
    """Prepares the situation and plays it three times: without the call, with it, and with all points recorded."""
    file = place / "prepared.db"
    scene = Scene(fork_server, file)
    try:
        request = situation.prepare(scene)
    finally:
        scene.end()
    without = _play(fork_server, file, place / "without", None, None)
    with_it = _play(fork_server, file, place / "with", request, None)
    record = place / "points"
    for _ in range(MAX_RECORDINGS):
        record.unlink(missing_ok=True)
        _play(fork_server, file, place / "recorded", request, record)
        points = record.read_text().splitlines()
        assert points, f"{situation.name} passes no point"
        if not points[0].startswith(LAST_POINT):
            break  # else it is that of the call that woke the server up: its answer arrived before its batch had ended
    return Known(situation, file, request, without, with_it, points)


def _play(
    fork_server: ForkServer, prepared: Path, folder: Path, request: Request | None, record: Path | None
) -> list[str]:
    file = soundness.copy(prepared, folder)
    order = Order(str(file), request and request[0], None, record and str(record))
    process = fork_server.start(order)
    if request is not None and request != BACKGROUND:
        with Peer(process.port) as peer:
            _wake_up(peer, request[0])
            peer.call(request[0], **request[1])
    settle(file, process)
    if record is not None:
        _until_quiet(record)
    process.kill()
    state = dump(file)
    shutil.rmtree(folder)
    return state


def _wake_up(peer: Peer, action: str) -> None:
    """Makes another call first, so that the work of the start is done and the next commit is that of the call."""
    other = "UndeprecateDomain" if action == "DeprecateDomain" else "DeprecateDomain"
    with suppress(Refused):
        peer.call(other, name="unregistered")


def _until_quiet(record: Path) -> None:
    size, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        now = record.stat().st_size
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(QUIET_SECONDS / 10)


def try_point(fork_server: ForkServer, folder: Path, known: Known, point: str, report: Report) -> None:
    """One death at this point, the restart, and the same request again."""
    action, members = known.request
    file = soundness.copy(known.file, folder)
    process = fork_server.start(Order(str(file), action, point))
    acknowledged = False
    if known.request != BACKGROUND:
        with Peer(process.port) as peer, suppress(NoAnswer):
            _wake_up(peer, action)
            peer.call(action, **members)
            acknowledged = True
    if not process.is_dead(REACH_SECONDS):  # a run may need one statement less than the recorded one
        report.not_reached += 1
        process.kill()
        return
    process.kill()
    report.deaths += 1
    report.acknowledged += acknowledged
    report.names.add(point.partition(" #")[0])
    where = f"{known.situation.name}, dead at {point}"
    report.wrong += [f"{where}: {one}" for one in soundness.of(file, folder / "copy", lint=True)]

    process = fork_server.start(Order(str(file)))
    try:
        settle(file, process)
        state = dump(file)
        applied = state == known.with_it
        report.applied += applied
        if not applied and state != known.without:
            report.wrong.append(f"{where}: half a call\n{difference(known, state)}")
        elif not applied and (acknowledged or known.must_be_with_it(point)):
            report.wrong.append(f"{where}: the call is lost")
        elif applied and known.with_it != known.without and known.must_be_without(point):
            report.wrong.append(f"{where}: the call has happened before its commit")
        if known.situation.again and known.request != BACKGROUND:
            with Peer(process.port) as peer:
                _again(peer, known, report, where)
            settle(file, process)
            if (state := dump(file)) != known.with_it:
                report.wrong.append(f"{where}, then sent again:\n{difference(known, state)}")
    finally:
        process.kill()
    report.wrong += [f"{where}, at the end: {one}" for one in soundness.of(file, folder / "copy", lint=True)]


def _again(peer: Peer, known: Known, report: Report, where: str) -> None:
    """Sends the request again: it succeeds, or the fault says that it has happened already."""
    already = ("AlreadyExists", "AlreadyStarted", "Deprecated", "UnknownResource", "TypeNotDeprecated")
    try:
        peer.call(known.request[0], **known.request[1])
    except Refused as refused:
        if not any(word in str(refused) for word in already):
            report.wrong.append(f"{where}, then sent again: {refused}")


def settle(file: Path, process: Process) -> None:
    """Returns when no background work is due."""
    end = time.monotonic() + SETTLE_SECONDS
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        connection.set_busy_timeout(2_000)
        while time.monotonic() < end:
            now = time.time_ns() // 1_000_000
            waiting = connection.execute(
                "select (select count(*) from messages)"
                " + (select count(*) from executions where wake_at <= ? or purge_at <= ?)",
                (now, now),
            ).get
            if not waiting:
                return
            time.sleep(0.002)
    raise AssertionError(
        f"{file} does not come to rest; its server is {'dead' if process.is_dead() else 'up'}"
    )


def dump(file: Path) -> list[str]:
    """All rows, without values that differ between two runs."""
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        connection.set_busy_timeout(2_000)
        lines: list[str] = []
        for table in TABLES:
            columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
            wanted = ", ".join(column for column in columns if column != "place")
            lines += [f"{table} {_text(row)}" for row in connection.execute(f"select {wanted} from {table}")]
        return sorted(lines)


def _text(row: tuple[object, ...]) -> str:
    text = ", ".join(
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in row
    )
    for pattern, name in VOLATILE:
        text = pattern.sub(name, text)
    return text


def difference(known: Known, state: list[str]) -> str:
    """The rows that differ from each of the two allowed states."""
    lines: list[str] = []
    for name, wanted in (("without", known.without), ("with", known.with_it)):
        lines += [f"  not {name} the call: {row[:300]}" for row in state if row not in wanted]
        lines += [f"  missing, there {name} the call: {row[:300]}" for row in wanted if row not in state]
    return "\n".join(lines)
