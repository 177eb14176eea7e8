"""systemd learns when the server is ready, that it lives and that it stops: a real process, a socket as systemd's."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.test_serve import serve
from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.http.service_manager import ServiceManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(PATIENCE_SECONDS)
        yield sock


def test_a_start_and_a_stop_are_told_and_the_watchdog_is_answered(
    tmp_path: Path, manager: socket.socket
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
    with serve(folder, "--console-port", "off", **environment) as served:
        told = [manager.recv(1_000) for _ in range(4)]
        ready = [message for message in told if message.startswith(b"READY=1\n")]
        assert ready == [f"READY=1\nSTATUS=serving http://127.0.0.1:{served.port}".encode()]
        assert told.count(b"WATCHDOG=1") == 3
        served.process.send_signal(signal.SIGTERM)
        while not (message := manager.recv(1_000)).startswith(b"STOPPING=1\n"):
            assert message == b"WATCHDOG=1"
        assert served.process.wait(PATIENCE_SECONDS) == 0


def test_without_a_manager_nothing_is_told() -> None:
    alone = ServiceManager({"WATCHDOG_USEC": "1000000"})
    assert alone.watch_seconds is None
    alone.ready("serving")


def test_a_watchdog_of_another_process_is_not_answered(tmp_path: Path) -> None:
    own = {"NOTIFY_SOCKET": str(tmp_path / "s"), "WATCHDOG_USEC": "2000000"}
    assert ServiceManager(own | {"WATCHDOG_PID": str(os.getpid())}).watch_seconds == 2
    assert ServiceManager(own | {"WATCHDOG_PID": "1"}).watch_seconds is None
    assert ServiceManager(own | {"WATCHDOG_USEC": "many"}).watch_seconds is None


def test_a_manager_that_is_gone_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("serving")
    assert "NOTIFY_SOCKET was not reached" in caplog.text
