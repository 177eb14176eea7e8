"""The service as a child process: started on a free port, killed, started again on the same store."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import children

START_SECONDS = 120.0  # until it prints its address, on a busy machine
SERVE = [sys.executable, "-m", "workflowsvc", "serve"]


class Service:
    """`workflowsvc serve --store STORE`. The first start picks a port, later ones keep it."""

    def __init__(self, store: str, log: Path) -> None:
        self.store = store
        self.log = log  # output of the service since its latest start
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when the service has printed its address."""
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--store", self.store]
        with self.log.open("wb") as log:
            self._process = children.start([*SERVE, *options], stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not (address := re.search(r"http://127\.0\.0\.1:(\d+)\b", self.log.read_text())):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ChildProcessError(f"the service did not start; it said:\n{self.log.read_text()}")
            time.sleep(0.01)
        self.port = int(address[1])

    def kill(self) -> None:
        """Kills the service with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> int | None:
        """Stops the service with SIGTERM; its exit status, None when it was not running."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        return children.stop(process)

    def listens(self) -> bool:
        """Whether any process accepts connections on the port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
