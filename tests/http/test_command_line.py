"""The command line says what it can do, what it was asked wrongly, and where the service listens."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc import __version__, cli
from workflowsvc.http.hosts import CannotListen, is_loopback
from workflowsvc.http.server import bind
from workflowsvc.settings import OPTIONS


def workflowsvc(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workflowsvc", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        env={"PATH": "/usr/bin:/bin"} | environment,
    )


def test_without_a_command_it_says_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    said = capsys.readouterr().out
    first_words = {line.split()[0] for line in said.splitlines() if line.startswith("    ")}
    assert {command.name for command in cli.COMMANDS} <= first_words


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"workflowsvc {__version__}\n"


def test_an_unknown_command_or_option_is_asked_wrongly(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["sing"], ["serve", "--loud"], ["serve", "--por", "1"], ["serve", "extra"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_unknown_option_of_a_command_is_answered_by_that_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", "--prot", "1"])
    assert capsys.readouterr().err == (
        "usage: workflowsvc serve [options]\nworkflowsvc serve: error: unrecognized arguments: --prot 1\n"
    )


def test_without_the_driver_of_postgresql_it_says_how_to_install_that(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    assert cli.main(["fsck", "--store", "postgresql://127.0.0.1:1/none"]) != 0
    said = capsys.readouterr().err
    assert "pip install '.[postgres]' in a checkout" in said
    assert "pip install 'psycopg[binary]' beside an installed wheel" in said


def test_every_setting_is_an_option_with_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])
    said = capsys.readouterr().out
    assert [option.name for option in OPTIONS if option.flag not in said] == []


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--port", "x"], {}, "workflowsvc serve: --port: 'x' is not a whole number\n"),
        ([], {"WORKFLOWSVC_PORT": "x"}, "workflowsvc serve: WORKFLOWSVC_PORT: 'x' is not a whole number\n"),
        (
            ["--store", "redis"],
            {},
            "workflowsvc serve: --store: 'redis' is not sqlite:FILE, postgresql://… or memory\n",
        ),
    ],
)
def test_a_bad_setting_is_explained_in_one_line(
    arguments: list[str], environment: dict[str, str], message: str
) -> None:
    ended = workflowsvc("serve", *arguments, **environment)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", message)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_machines_are_let_in_only_on_request(host: str) -> None:
    ended = workflowsvc("serve", "--host", host, "--port", "0", "--store", "memory")
    assert ended.returncode == 2
    assert "--insecure-allow-remote" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            CannotListen, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"
        ):
            bind("127.0.0.1", port)


def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(CannotListen, match=r"no-such-host\.invalid"):
        bind("no-such-host.invalid", 0)


def test_all_addresses_of_a_host_share_one_free_port() -> None:
    sockets = bind("localhost", 0)
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
    ],
)
def test_loopback_is_recognised(host: str, *, local: bool) -> None:
    assert is_loopback(host) is local
