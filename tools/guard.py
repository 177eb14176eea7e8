"""Whatever tests and trials have started ends with the process that ran them, however that one ends: also by SIGKILL.

Owns a mark in the environment, which every child inherits however it is started, and a guard process for each process
that runs tests. The guard waits for the end of a pipe, whose other end is in that process alone: the kernel closes
it at any kind of end. Then the guard ends what has the mark. That needs no help from those who start a process, covers
children of children in groups and sessions of their own, and changes no process id. It reads /proc; on a system without
it, only what the tests clean up themselves ends.

Run as a program it is the guard, with the mark as its argument. It imports the standard library alone.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "ENDS_WITH_PROCESS"
PROC = Path("/proc")
LOOKS = 3  # without a marked process: one may have been between fork and exec, where it has no mark yet
PAUSE_SECONDS = 0.1
GRACE_SECONDS = 2.0  # from SIGTERM to SIGKILL; PostgreSQL leaves shared memory behind when it is killed
POSTGRES = re.compile(r"\S*postgres(:| -D)")

_guards: list[Guard] = []  # none is collected as garbage, which would close its pipe


class Guard:
    """Watches over the processes that this process starts from now on."""

    def __init__(self) -> None:
        self.mark = f"{os.getpid()}-{time.time_ns()}"
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, self.mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # else who reads the output of the tests would wait for it
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # a signal to the group of the tests does not reach it
        )
        os.environ[VARIABLE] = self.mark
        _guards.append(self)

    def left(self) -> list[str]:
        """The command lines of processes that were started here and still run. The PostgreSQL that a run shares
        (`tests/postgres/places.py`) is no part of them: it ends with this process."""
        commands = [command_of(process) for process in marked(self.mark)]
        return [command for command in commands if command and not POSTGRES.match(command)]


def marked(mark: str) -> Iterator[Path]:
    """The folders in /proc of living processes with the mark."""
    entry = f"{VARIABLE}={mark}\0".encode()
    for process in PROC.glob("[0-9]*"):
        try:
            if entry in (process / "environ").read_bytes():  # that of a zombie is empty
                yield process
        except OSError:
            continue  # it has just ended, or is that of another user


def command_of(process: Path) -> str:
    """The command line of a process, empty when it has just ended."""
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def main(mark: str) -> None:
    """Returns when no process has the mark, some time after the end of the standard input."""
    sys.stdin.buffer.read()
    began, looks = time.monotonic(), 0
    while looks < LOOKS:
        found = list(marked(mark))
        late = time.monotonic() - began > GRACE_SECONDS
        for process in found:
            try:
                os.kill(int(process.name), signal.SIGKILL if late else signal.SIGTERM)
            except OSError:
                continue  # it has just ended
        looks = 0 if found else looks + 1
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
