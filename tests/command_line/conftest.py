"""A real server for the tests of the command line, on SQLite, and the command line in this process.

Tests share the server and keep apart by domain. The command line is `workflowsvc.cli.main`, with an environment that
leads to the server and to nothing of the developer's.
"""

from __future__ import annotations

import http.server
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from interop.server import Server, client_environment, running_server
from tests.command_line.shell import Answer, Outcome
from tests.support.server_thread import served
from workflowsvc import cli

NUMBERS = itertools.count(1)
Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), "--max-domains", "10000") as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> Any:
    """boto3's client of the server."""
    return server.client()


@pytest.fixture
def domain(client: Any) -> str:
    """A new domain with a workflow type `order:1` and an activity type `charge:1`."""
    name = f"shop-{next(NUMBERS)}"
    client.register_domain(name=name, workflowExecutionRetentionPeriodInDays="1")
    client.register_workflow_type(
        domain=name,
        name="order",
        version="1",
        defaultTaskList={"name": "deciders"},
        defaultExecutionStartToCloseTimeout="3600",
        defaultTaskStartToCloseTimeout="60",
        defaultChildPolicy="TERMINATE",
    )
    client.register_activity_type(
        domain=name,
        name="charge",
        version="1",
        defaultTaskList={"name": "workers"},
        defaultTaskScheduleToStartTimeout="NONE",
        defaultTaskScheduleToCloseTimeout="NONE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultTaskHeartbeatTimeout="NONE",
    )
    return name


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No AWS settings at all, neither of the developer nor of a server; UTC."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SWF_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("TZ", "UTC")
    return monkeypatch


@pytest.fixture
def run_bare(bare_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line with no AWS settings: `run_bare("domains")`."""

    def call(*words: str) -> Outcome:
        try:
            status = cli.main(words)
        except SystemExit as ended:  # of argparse
            status = int(ended.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Outcome(status, said.out, said.err)

    return call


@pytest.fixture
def run(run_bare: Run, server: Server, bare_environment: pytest.MonkeyPatch, domain: str) -> Run:
    """The command line against the server, in the new domain: `run("show", "order-1")`."""
    for name, value in client_environment(server.endpoint).items():
        if name.startswith("AWS_"):
            bare_environment.setenv(name, value)
    bare_environment.setenv("SWF_DOMAIN", domain)
    return run_bare


@pytest.fixture
def answering() -> Iterator[Callable[..., tuple[str, list[str]]]]:
    """Starts servers that give the same answers one after the other, the last one again and again.

    It returns the endpoint and the list of operations that are asked for."""
    running = ExitStack()

    def start(*answers: Answer) -> tuple[str, list[str]]:
        asked: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                asked.append(self.headers["X-Amz-Target"])
                status, kind, body = answers[min(len(asked), len(answers)) - 1]
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        running.enter_context(served(server))
        return f"http://127.0.0.1:{server.server_port}", asked

    with running:
        yield start


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that are sent again are sent at once."""
    monkeypatch.setattr("workflowsvc.client.client.PAUSES_SECONDS", (0.0, 0.0, 0.0))
