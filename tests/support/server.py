"""A real server process on one file and one port, which a test can start, stop and kill again and again.

Owns the process: how it is started, when it is ready, SIGKILL, SIGTERM, and its log. Signals only processes that it has
started itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.waiting import PATIENCE_SECONDS
from tools.environment import without_settings
from tools.ports import HOST, free_port

__all__ = ["HOST", "Server", "free_port"]

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """`workflowsvc serve` with its data in `folder`."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, *, environment: Mapping[str, str] = {}
    ) -> None:
        """`settings` by their names (`long_poll_seconds`); `environment` has further variables of the process."""
        self.folder = folder
        self.file = folder / "workflowsvc.db"
        self.log = folder / "server.log"
        self.port = free_port()
        self.starts = 0
        self._settings = dict(settings or {})
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def command(self) -> list[str]:
        where = ["--host", HOST, "--port", str(self.port), "--store", f"sqlite:{self.file}"]
        return [sys.executable, "-m", "workflowsvc", "serve", *where]

    async def start(self) -> None:
        """Returns when it listens."""
        assert self._process is None, "it is still running"
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self._whole_environment(),
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                process_group=0,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._process.stdout:
                if b"://" in line:
                    return
        status = await self.wait()
        raise ChildProcessError(f"the server ended with {status} before it listened:\n{self.said()}")

    def _whole_environment(self) -> dict[str, str]:
        given = {"console_port": "off"} | self._settings  # its import would make every start 0.1 s longer
        ours = {f"WORKFLOWSVC_{name.upper()}": value for name, value in given.items()}
        return without_settings() | ours | self._environment

    async def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self._signal(signal.SIGKILL)
        await self.wait()

    async def stop(self) -> int:
        """Sends SIGTERM; the exit status. Kills the process and fails when it takes longer than PATIENCE_SECONDS."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.wait()
        except TimeoutError:
            await self.kill()
            raise AssertionError(f"the server did not stop:\n{self.said()}") from None

    def _signal(self, number: int) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def wait(self) -> int:
        """Waits for the end of the process; its exit status, or 0 when it was not started."""
        if self._process is None:
            return 0
        status = await self._process.wait()
        self._process = None
        return status

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def end(self) -> None:
        """Ends the process in any state."""
        if self.is_running:
            await self.kill()
        await self.wait()

    def said(self) -> str:
        """Its log, from the first start on."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def bugs_in_log(self) -> list[str]:
        """Lines of the log that show a bug; no fault of a test may cause one."""
        marks = ("Traceback", "quarantined", "the application raised", "a sweep failed", "AssertionError")
        return [line for line in self.said().splitlines() if any(mark in line for mark in marks)]

    def resident_bytes(self) -> int:
        """Memory that the process has in use."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
