"""Starts processes in a few milliseconds as forks of one parent, and ends every one of them with its test.

Owns the pipes to the parent, `prefork.py`, and all processes that were forked there.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A process that was forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.port = 0
        try:
            self.handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:  # it has died already
            self.handle = None

    def is_dead(self, within_seconds: float = 0.0) -> bool:
        if self.handle is None:
            return True
        ready, _, _ = select.select([self.handle], [], [], within_seconds)
        return bool(ready)

    def kill(self) -> None:
        """Sends SIGKILL; returns when the process is gone."""
        if self.handle is not None:
            if not self.is_dead():
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
            assert self.is_dead(PATIENCE_SECONDS), f"process {self.pid} survives SIGKILL"
            os.close(self.handle)
            self.handle = None


class ForkServer:
    """The parent process; all forked processes end with the `with` block."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self._processes: list[Process] = []
        self._prefork = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.prefork"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for process in self._processes:
            process.kill()
        self._prefork.kill()
        self._prefork.wait()
        self._log.close()

    def start(self, order: Any) -> Process:
        """A process that is ready to do what `order` says, or has died before it was ready."""
        assert self._prefork.stdin is not None
        line = json.dumps([type(order).__name__, order._asdict()])
        self._prefork.stdin.write(line.encode() + b"\n")
        # The fork may report that it listens before its parent reports its pid.
        heard = [self._hear(None)]
        while "pid" not in heard[-1]:
            heard.append(self._hear(None))
        process = Process(heard[-1]["pid"])
        self._processes = [one for one in self._processes if not one.is_dead()] + [process]
        while True:
            for facts in heard:  # the pipe may still hold a line of an earlier process
                if facts.get("listens") == process.pid:
                    process.port = facts["port"]
                    return process
            said = self._hear(process)
            if not said:
                return process
            heard.append(said)

    def _hear(self, process: Process | None) -> dict[str, int]:
        """The next line of the parent; empty when the process has died without one."""
        assert self._prefork.stdout is not None
        out = self._prefork.stdout.fileno()
        watched = [out]
        if process is not None and process.handle is not None:
            watched.append(process.handle)
        has_died = process is not None and process.is_dead()  # checked first: its lines precede its death
        ready, _, _ = select.select(watched, [], [], 0 if has_died else PATIENCE_SECONDS)
        if out not in ready:
            assert has_died or ready, f"process {process and process.pid} neither listens nor dies"
            return {} if has_died else self._hear(process)
        line = bytearray()
        while not line.endswith(b"\n"):
            line += os.read(out, 1)
        return json.loads(line)
