"""deploy/workflowsvc.service: systemd understands it, finds it hardened, and hears of the server what it waits for."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import Server
from tests.test_tidy import ROOT

UNIT = ROOT / "deploy" / "workflowsvc.service"
MAX_EXPOSURE = 20  # of 100; without hardening it is 92


@pytest.fixture
def analyze() -> str:
    """The program of systemd that judges units."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("there is no systemd-analyze on this machine")
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists."""
    program = tmp_path / "workflowsvc"
    program.write_text(f"#!{sys.executable}\n")
    program.chmod(0o755)
    place = tmp_path / UNIT.name
    place.write_text(UNIT.read_text().replace("/opt/workflowsvc/bin/workflowsvc", str(program)))
    return place


def test_systemd_understands_every_line(analyze: str, unit: Path) -> None:
    done = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_it_is_hardened(analyze: str, unit: Path) -> None:
    options = ("--offline=yes", "--no-pager", f"--threshold={MAX_EXPOSURE}")
    done = subprocess.run([analyze, "security", *options, unit], capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd cannot judge a unit that is not installed")
    assert done.returncode == 0, done.stdout[-2_000:]


def value(name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    return found


def test_a_server_reports_to_systemd_what_the_unit_waits_for(tmp_path: Path) -> None:
    """With Type=notify a unit whose server does not report that it is ready is killed."""
    assert value("Type") == "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(60)

        async def story() -> bytes:
            server = Server(tmp_path, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
            try:
                await server.start()
                said = await asyncio.to_thread(heard.recv, 4_096)
                assert await server.stop() == 0
                return said
            finally:
                await server.end()

        assert b"READY=1" in asyncio.run(story())


def test_its_stop_leaves_the_server_the_time_that_it_takes() -> None:
    from workflowsvc.settings import Settings

    assert int(value("TimeoutStopSec").removesuffix("s")) > Settings().drain_seconds + 5
