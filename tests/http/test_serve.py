"""`workflowsvc serve` with the real service: what it prints, and how it stops and starts again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.http.support import LIST_DOMAINS, Answer, Raw, post
from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc import __version__
from workflowsvc.stores import schema_number

ROOT = Path(__file__).resolve().parents[2]
REGISTER = post("RegisterDomain", {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"})
POLL = post("PollForActivityTask", {"domain": "d", "taskList": {"name": "l"}})
EMPTY = b'{"startedEventId":0}'


class Served:
    """A running `workflowsvc serve`, and all that it has printed."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        until(
            lambda: "export AWS_ACCESS" in self.said or process.poll() is not None, "it says where it listens"
        )

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def port(self) -> int:
        address = re.search(r"https?://127\.0\.0\.1:([0-9]+)", self.said)
        assert address, self.said
        return int(address[1])

    def ask(self, data: bytes) -> Answer:
        with Raw(self.port) as client:
            client.send(data)
            return client.answer()


@contextmanager
def serve(folder: Path, *options: str, **environment: str) -> Iterator[Served]:
    log = folder / f"{len(list(folder.iterdir()))}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "workflowsvc", "serve", *options],
            stdout=out,
            stderr=out,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "WORKFLOWSVC_PORT": "0", "WORKFLOWSVC_STORE": "memory"}
            | environment,
            cwd=folder,
        )
    try:
        yield Served(process, log)
    finally:
        process.kill()
        process.wait()


def test_the_banner_says_what_comes_next(tmp_path: Path) -> None:
    with serve(tmp_path, "--region", "eu-west-1") as served:
        url = f"http://127.0.0.1:{served.port}"
        assert f"API       {url}\n" in served.said
        assert "Storage   memory" in served.said
        assert "Auth      off" in served.said
        assert f"export AWS_ENDPOINT_URL_SWF={url}\n" in served.said
        assert (
            "export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=eu-west-1\n"
            in served.said
        )
        assert served.ask(LIST_DOMAINS).status == 200


TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"


def test_the_log_says_what_started_where_and_that_it_has_stopped(tmp_path: Path) -> None:
    store = tmp_path / "kept.db"
    with serve(tmp_path, "--store", f"sqlite:{store}") as served:
        url = f"http://127.0.0.1:{served.port}"
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE_SECONDS) == 0
        lines = [line for line in served.said.splitlines() if re.match(TIME, line)]
    number = schema_number(f"sqlite:{store}")
    started = f"{TIME} INFO [a-z.]+: workflowsvc {re.escape(__version__)} has started: "
    assert re.fullmatch(
        rf"{started}store {re.escape(str(store))} \(new\), schema {number}, address {url}", lines[0]
    )
    assert re.fullmatch(f"{TIME} INFO [a-z.]+: workflowsvc {re.escape(__version__)} has stopped", lines[-1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_answers_polls_and_keeps_what_was_done(tmp_path: Path, number: signal.Signals) -> None:
    store = f"sqlite:{tmp_path / 'kept.db'}"
    with serve(tmp_path, "--store", store) as served, Raw(served.port) as poller:
        assert str(tmp_path / "kept.db") in served.said
        assert served.ask(REGISTER).status == 200
        poller.send(POLL)
        # Behind the poll on the same way in: once it is answered, the poll has arrived.
        until(lambda: served.ask(LIST_DOMAINS).status == 200, "the poll has arrived")
        served.process.send_signal(number)
        assert poller.answer().body == EMPTY
        assert served.process.wait(PATIENCE_SECONDS) == 0
        assert "Traceback" not in served.said
    with serve(tmp_path, "--store", store) as served:
        names = [domain["name"] for domain in served.ask(LIST_DOMAINS).json["domainInfos"]]
        assert names == ["d"]


def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'one.db'}"
    with serve(tmp_path, "--store", store) as first, serve(tmp_path, "--store", store) as second:
        assert second.process.wait(PATIENCE_SECONDS) == 1
        assert re.fullmatch(r"workflowsvc serve: .*one\.db.* in use .*\n", second.said)
        assert first.ask(LIST_DOMAINS).status == 200


def test_a_busy_port_is_a_message_and_no_banner(tmp_path: Path) -> None:
    with serve(tmp_path) as first, serve(tmp_path, "--port", str(first.port)) as second:
        assert second.process.wait(PATIENCE_SECONDS) == 1
        assert (
            second.said
            == f"workflowsvc serve: cannot listen on 127.0.0.1 port {first.port}: Address already in use\n"
        )


def test_a_misspelt_variable_is_pointed_out(tmp_path: Path) -> None:
    with serve(tmp_path, WORKFLOWSVC_PROT="1") as served:
        assert "WORKFLOWSVC_PROT is not a setting and is ignored" in served.said


def test_serving_every_address_is_warned_of_at_each_start(tmp_path: Path) -> None:
    with serve(tmp_path, "--host", "0.0.0.0", "--insecure-allow-remote") as served:
        assert "any client that reaches 0.0.0.0 may do everything" in served.said
