"""Makes server processes in a few milliseconds: everything is imported once, each server is a fork of that.

Started by `Nursery`, told by lines on standard input (an `Order` as JSON), answers with a line for the process
it made and one for the port it listens on. A fork is a process like any other: it has its own memory, sockets
and files, and dies of SIGKILL.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType

from tests.crash.pointed import Order, serve

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30.0


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    for line in sys.stdin:
        order = Order(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            _be_server(order)
        say(pid=pid)


def _be_server(order: Order) -> None:
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        status = serve(order, lambda port: say(listens=os.getpid(), port=port))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def say(**facts: int) -> None:
    os.write(1, json.dumps(facts).encode() + b"\n")


class Process:
    """A server that was forked."""

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


class Nursery:
    """Where servers come from; none outlives the block."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self._processes: list[Process] = []
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for process in self._processes:
            process.kill()
        self._zygote.kill()
        self._zygote.wait()
        self._log.close()

    def start(self, order: Order) -> Process:
        """A server that listens, or one that has died before it could."""
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(json.dumps(order._asdict()).encode() + b"\n")
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
        assert self._zygote.stdout is not None
        out = self._zygote.stdout.fileno()
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


if __name__ == "__main__":
    main()
