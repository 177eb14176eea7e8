"""The measured servers, each in a process of its own: nodes of workflowsvc, and moto_server.

Owns how they are started, found and stopped. Both run with the same interpreter as the generator.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tools.environment import without_settings

START_SECONDS = 60.0
STOP_SECONDS = 30.0
ROOT = Path(__file__).resolve().parents[1]


class Server(NamedTuple):
    """A server that answers."""

    host: str
    port: int
    pid: int
    started_in_seconds: float  # from the start of its process until it printed its address


@contextmanager
def workflowsvc(
    store: str,
    *,
    code: Path = ROOT,
    settings: Mapping[str, str] | None = None,
    program: Sequence[str] = ("workflowsvc",),
) -> Iterator[Server]:
    """`workflowsvc serve` with the code in that folder. `settings` become WORKFLOWSVC_ variables."""
    command = [sys.executable, "-m", *program, "serve", "--host", "127.0.0.1", "--port", "0"]
    # In a variable, not on the command line: an address may hold a password, and all users can read command lines.
    given = {"PYTHONPATH": f"{code}:{ROOT}", "WORKFLOWSVC_STORE": store}
    environment = without_settings() | given | dict(settings or {})
    # Started in a folder without the package, so that PYTHONPATH decides which code runs.
    with _folder_of(store) as folder, _process(command, environment, folder) as (process, log, began):
        while not (address := re.search(r"http://127\.0\.0\.1:(\d+)\b", log.read_text())):
            _still_starting(process, log, began)
            time.sleep(0.002)
        yield Server("127.0.0.1", int(address[1]), process.pid, time.perf_counter() - began)


def run_command(*words: str, code: Path, folder: Path) -> str:
    """What `workflowsvc WORDS`, with the code in that folder, prints in the other one. Raises CalledProcessError."""
    command = [sys.executable, "-m", "workflowsvc", *words]
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env=without_settings() | {"PYTHONPATH": str(code)},
    )
    return done.stdout


@contextmanager
def moto(folder: Path) -> Iterator[Server]:
    """moto_server on a free port. It keeps everything in memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _process(command, os.environ, folder) as (process, log, began):
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            _still_starting(process, log, began)
            time.sleep(0.02)
        yield Server("127.0.0.1", port, process.pid, time.perf_counter() - began)


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], folder: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Path, float]]:
    log = folder / "server.log"
    began = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=out, stderr=out, process_group=0
        )
    try:
        yield process, log, began
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _still_starting(process: subprocess.Popen[bytes], log: Path, began: float) -> None:
    if process.poll() is not None or time.perf_counter() - began > START_SECONDS:
        raise ChildProcessError(f"the server did not start; it said:\n{log.read_text()}")


@contextmanager
def _folder_of(store: str) -> Iterator[Path]:
    """The folder of the database file; a temporary one for a store without a file."""
    kind, _, file = store.partition(":")
    if kind == "sqlite" and file:
        yield Path(file).resolve().parent
        return
    with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
        yield Path(folder)
