"""Processes in a few milliseconds, from a preforked parent; their death; and that none outlives its test.

Owns the pipes to `prefork.py` and every process that came from it.
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

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30.0


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
        """SIGKILL; returns when it is gone."""
        if self.handle is not None:
            if not self.is_dead():
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
            assert self.is_dead(PATIENCE_SECONDS), f"process {self.pid} survives SIGKILL"
            os.close(self.handle)
            self.handle = None


class ForkServer:
    """Where processes come from; none outlives the block."""

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
        """A process that is ready for what the order wants, or one that has died before it was."""
        assert self._prefork.stdin is not None
        line = json.dumps([type(order).__name__, order._asdict()])
        self._prefork.stdin.write(line.encode() + b"\n")
        # The fork may say that it listens before its parent says that it exists.
        heard = [self._hear(None)]
        while "pid" not in heard[-1]:
            heard.append(self._hear(None))
        process = Process(heard[-1]["pid"])
        self._processes = [one for one in self._processes if not one.is_dead()] + [process]
        while True:
            for facts in heard:  # a line of one that has died meanwhile may still stand in the pipe
                if facts.get("listens") == process.pid:
                    process.port = facts["port"]
                    return process
            said = self._hear(process)
            if not said:
                return process
            heard.append(said)

    def _hear(self, process: Process | None) -> dict[str, int]:
        """The next line; nothing when the process has died without one."""
        assert self._prefork.stdout is not None
        out = self._prefork.stdout.fileno()
        watched = [out]
        if process is not None and process.handle is not None:
            watched.append(process.handle)
        has_died = process is not None and process.is_dead()  # asked first: what it said, it said before
        ready, _, _ = select.select(watched, [], [], 0 if has_died else PATIENCE_SECONDS)
        if out not in ready:
            assert has_died or ready, f"process {process and process.pid} neither listens nor dies"
            return {} if has_died else self._hear(process)
        line = bytearray()
        while not line.endswith(b"\n"):
            line += os.read(out, 1)
        return json.loads(line)
