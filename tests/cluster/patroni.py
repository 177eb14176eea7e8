"""Three PostgreSQL servers under Patroni and etcd, as `deploy/patroni.yml` has them, and fail-overs that it decides.

Owns the processes, how a leader fails, and the times that are measured. What is promoted, and when, is Patroni's. The
load and the audit are in `chaos.py`. The programs are not part of the project's environment: see `find_programs`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from tests.cluster import chaos
from tests.cluster.fail_overs import until_it_writes
from tests.cluster.faults import Cluster, FaultPlan
from tests.cluster.nodes import Node
from tests.support.journal import Journal
from tests.support.server import ROOT
from tests.support.waiting import until
from tools import postgres
from tools.ports import free_port

FILE = ROOT / "deploy" / "patroni.yml"
NAMES = ("a", "b", "c")
HOST = "127.0.0.2"  # of the loopback, too; Patroni takes no 127.0.0.1 for the address that others know
SUPERUSER = "CHANGE-ME-1"  # the password in the file
NEW = "create role workflowsvc login password 'CHANGE-ME-3'", "create database workflowsvc owner workflowsvc"


class Programs(NamedTuple):
    patroni: str
    patronictl: str
    etcd: str
    postgres: Path


def find_programs() -> Programs | None:
    """Those in PATH (`apt-get install etcd-server`, `pip install 'patroni[etcd3,psycopg3]'`); None where one is not."""
    found = [shutil.which(name) for name in ("patroni", "patronictl", "etcd")]
    with contextlib.suppress(postgres.NoPostgres):
        if all(found):
            return Programs(*map(str, found), postgres.find_programs())
    return None


class Member:
    """One server and the Patroni that runs it."""

    def __init__(self, name: str, folder: Path, programs: Programs) -> None:
        self.name = name
        self.folder = folder / name
        self.port, self.rest_port = free_port(), free_port()
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    def write_file(self, etcd_port: int) -> Path:
        """`deploy/patroni.yml` with the places of this member."""
        text = FILE.read_text()
        changes = {
            "name: a": f"name: {self.name}",
            "10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379": f"127.0.0.1:{etcd_port}",
            "10.0.0.1:8008": f"{HOST}:{self.rest_port}",
            "10.0.0.1:5432": f"{HOST}:{self.port}",
            "10.0.0.0/24": "127.0.0.0/24",
            "/usr/lib/postgresql/15/bin": str(self._programs.postgres),
            "/var/lib/postgresql/15/workflowsvc": str(self.folder / "data"),
            "/var/lib/postgresql/.pgpass-patroni": str(self.folder / "pgpass"),
            "max_connections: 200": "max_connections: 100",
            "wal_keep_size: 1GB": f"wal_keep_size: 256MB\n        unix_socket_directories: {self.folder}",
        }
        for old, new in changes.items():
            assert old in text, f"{FILE.name} no longer has {old!r}"
            text = text.replace(old, new)
        file = self.folder / "patroni.yml"
        self.folder.mkdir(exist_ok=True)
        file.write_text(text)
        give_away(self.folder)
        return file

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = start([self._programs.patroni, "patroni.yml"], self.folder, log.fileno())

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{SUPERUSER}@{HOST}:{self.port}/{database}?connect_timeout=2"

    def ask(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """As the superuser, in a session that waits for no standby."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute("set synchronous_commit = local")
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def takes_writes(self) -> bool:
        with contextlib.suppress(psycopg.Error):
            return self.ask("select pg_is_in_recovery()") == [(False,)]
        return False

    def _processes(self) -> list[int]:
        """Patroni's, and those of the server."""
        found = [self._process.pid] if self._process and self._process.poll() is None else []
        with contextlib.suppress(OSError, ValueError, IndexError):
            main = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
            found += [main, *postgres.children(main)]
        return found

    def signal_all(self, number: int) -> None:
        for process in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def end(self) -> None:
        """SIGKILL to all, in whatever state they are."""
        if self._process is not None:
            self.signal_all(signal.SIGSTOP)
            self.signal_all(signal.SIGKILL)
            self._process.wait()
            self._process = None


class PatroniCluster:
    """The members, and what is asked about all of them."""

    def __init__(self, members: list[Member], programs: Programs) -> None:
        self.members = members
        self._programs = programs

    @property
    def dsn(self) -> str:
        hosts = ",".join(f"{HOST}:{member.port}" for member in self.members)
        return f"postgresql://workflowsvc:CHANGE-ME-3@{hosts}/workflowsvc"

    def audited_dsn(self) -> str:
        return self.await_healthy().dsn("workflowsvc")

    def await_leader(self, besides: Member | None = None) -> Member:
        """Returns the member that takes writes, as soon as there is one."""
        found: list[Member] = []

        def look() -> bool:
            found.extend(each for each in self.members if each is not besides and each.takes_writes())
            return bool(found)

        until(look, "there is a leader", pause_seconds=0.02)
        return found[0]

    def await_healthy(self) -> Member:
        """The leader, as soon as all others follow it and one of them is waited for."""
        states = "select state, sync_state from pg_stat_replication where not pg_is_in_recovery()"
        found: list[Member] = []

        def look() -> bool:
            # Each time at all: a leader that had hung takes writes until its Patroni notices.
            for member in self.members:
                with contextlib.suppress(psycopg.Error):
                    if sorted(member.ask(states)) == [("streaming", "async"), ("streaming", "sync")]:
                        found.append(member)
            return bool(found)

        until(look, "two standbys follow", pause_seconds=0.1)
        return found[0]

    def switch_over(self, leader: Member) -> None:
        done = subprocess.run(
            [
                *(self._programs.patronictl, "-c", "patroni.yml", "switchover", "workflowsvc"),
                *("--leader", leader.name, "--force"),
            ],
            cwd=leader.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def give_away(folder: Path) -> None:
    """To whom the servers run as."""
    if found := postgres.server_account():
        for path in (folder, *folder.rglob("*")):
            os.chown(path, found["user"], found["group"])


def start(command: list[str], folder: Path, output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        **postgres.server_account(),
    )


@contextmanager
def running_etcd(programs: Programs, folder: Path) -> Generator[int]:
    """A single one; its port."""
    port, peers = free_port(), f"http://127.0.0.1:{free_port()}"
    place = folder / "etcd"
    place.mkdir(mode=0o700)
    give_away(place)
    own = f"http://127.0.0.1:{port}"
    with (folder / "etcd.log").open("ab") as log:
        process = start(
            [
                *(programs.etcd, "--data-dir", str(place)),
                *("--listen-client-urls", own, "--advertise-client-urls", own),
                *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
                *("--initial-cluster", f"default={peers}"),
            ],
            place,
            log.fileno(),
        )
    try:
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def running(programs: Programs, folder: Path) -> Generator[PatroniCluster]:
    """A cluster that is healthy, with the database of the service in it. `folder`: short, and open to the servers."""
    with running_etcd(programs, folder) as etcd_port:
        members = [Member(name, folder, programs) for name in NAMES]
        cluster = PatroniCluster(members, programs)
        try:
            for member in members:
                member.write_file(etcd_port)
                member.start()
            leader = cluster.await_healthy()
            for statement in NEW:
                leader.ask(statement)
            yield cluster
        finally:
            for member in members:
                member.end()


# --- how a leader fails ---


def kill(leader: Member, cluster: PatroniCluster) -> None:
    leader.end()


def hang(leader: Member, cluster: PatroniCluster) -> None:
    leader.signal_all(signal.SIGSTOP)


def switch_over(leader: Member, cluster: PatroniCluster) -> None:
    cluster.switch_over(leader)


Fail = Callable[[Member, PatroniCluster], None]
WAYS: tuple[tuple[Fail, str], ...] = (
    (kill, "leaders killed"),
    (hang, "leaders hung"),
    (switch_over, "switchovers"),
)


def fail_overs(patroni: PatroniCluster, ways: Sequence[tuple[Fail, str]]) -> FaultPlan:
    """One after the other, each when all three servers are healthy again."""

    async def inject(cluster: Cluster) -> None:
        for fail, name in ways:
            leader = await asyncio.to_thread(patroni.await_healthy)
            await cluster.pause(1.0, 3.0)
            began = time.monotonic()
            await asyncio.to_thread(fail, leader, patroni)
            await asyncio.to_thread(patroni.await_leader, leader)
            promoted = time.monotonic()
            cluster.report.returns += await asyncio.gather(*map(until_it_writes, cluster.nodes))
            cluster.report.facts.append(
                f"{name}: {promoted - began:.1f} s to a server that takes writes, "
                f"{time.monotonic() - began:.1f} s until each node wrote again"
            )
            cluster.report.count(name)
            if fail is kill:
                leader.start()
            leader.signal_all(signal.SIGCONT)

    return inject


async def one_round(
    report: chaos.Report,
    folder: Path,
    patroni: PatroniCluster,
    ways: Sequence[tuple[Fail, str]],
    chance: random.Random,
) -> None:
    nodes = [Node(folder, patroni.dsn, chaos.SETTINGS) for _ in range(chaos.NODES)]
    cluster = Cluster(None, nodes, [], Journal(), chance, report)
    await chaos.play(cluster, fail_overs(patroni, ways), dsn=patroni.audited_dsn)
