"""docs/operations.md: every command works in the order in which it stands there, on a server that is really running.

Programs of the system (systemctl, docker, kubectl, pip and the like) are replaced by stand-ins that write down how they
were called; the server is stopped and started where the page says so. Paths of the system are below a folder of the
test.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.server import Server
from tests.support.waiting import until
from tests.test_tidy import ROOT
from tools.environment import without_settings
from workflowsvc.backups.folder import backups_in

PAGE = ROOT / "docs" / "operations.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SYSTEM = ("/etc/", "/opt/", "/var/lib/")
STAND_INS = ("docker", "kubectl", "python3", "systemctl", "chown")
SERVER = re.compile(r"^sudo systemctl (stop|start|restart|enable --now) workflowsvc$", re.MULTILINE)


class Machine:
    """A folder that stands for the root of a machine, and its server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.data = folder / "var/lib/workflowsvc"
        (self.data / "backups").mkdir(parents=True)
        self.server = Server(self.data, {"backup_to": str(self.data / "backups")})
        programs = folder / "programs"
        programs.mkdir()
        for name in STAND_INS:
            self._write(programs / name, f'echo "{name} $*" >> "{self.calls}"\n')
        self._write(programs / "sudo", 'exec "$@"\n')
        self._write(programs / "workflowsvc", f'exec "{sys.executable}" -m workflowsvc "$@"\n')
        pip = folder / "opt/workflowsvc/bin/pip"
        pip.parent.mkdir(parents=True)
        self._write(pip, f'echo "pip $*" >> "{self.calls}"\n')
        for name in ("deploy", "requirements"):
            (folder / name).symlink_to(ROOT / name)
        self.environment = without_settings() | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }

    @staticmethod
    def _write(path: Path, script: str) -> None:
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def has_backup(self) -> bool:
        return bool(backups_in(str(self.data / "backups")))

    async def run(self, block: str) -> str:
        """One block of the page; what its commands printed."""
        said, done = "", 0
        for found in SERVER.finditer(block):
            said += await self._shell(block[done : found.end()])
            done = found.end()
            if found[1] in ("stop", "restart") and self.server.is_running:
                assert await self.server.stop() == 0
            if found[1] != "stop" and not self.server.is_running:
                await self.server.start()
                await asyncio.to_thread(until, self.has_backup, "the first backup of the server")
        return said + await self._shell(block[done:])

    async def _shell(self, text: str) -> str:
        for path in SYSTEM:
            text = text.replace(path, f"{self.folder}{path}")
        text = text.replace(":8888/", f":{self.server.port}/")
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", text),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, f"{text}\n{said.decode()}"
        return said.decode()


def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    machine = Machine(tmp_path)

    async def whole() -> str:
        try:
            said = ""
            for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
                said += await machine.run(block)
            return said
        finally:
            await machine.server.end()

    said = asyncio.run(whole())
    assert "Epoch 1 begins" in said
    assert "Nothing is wrong" in said
    assert not machine.server.bugs_in_log()
    assert (machine.data / "lost/workflowsvc.db").exists()
    calls = machine.calls.read_text()
    for wanted in (
        "docker run",
        "kubectl apply -k",
        "python3 -m venv",
        "pip install --require-hashes",
        "systemctl",
    ):
        assert wanted in calls
    assert "secret generic workflowsvc" in calls


def test_the_page_names_the_version_of_the_release() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    named = set(re.findall(r"workflowsvc:([0-9]\S*)", PAGE.read_text()))
    assert named == {version}


@pytest.mark.parametrize(
    "name", ["Containerfile", "workflowsvc.service", "haproxy.cfg", "nginx.conf", "patroni.yml", "kubernetes"]
)
def test_everything_in_deploy_is_explained(name: str) -> None:
    assert f"deploy/{name}" in PAGE.read_text()
