"""Real servers that archive: one that is killed between writing and deleting, and one that writes to a bucket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interop.server import boto3_client, client_environment, running_server
from tests.archive.s3_server import BUCKET, s3_server
from tests.support.waiting import until
from tools.ports import free_port
from workflowsvc import cli
from workflowsvc.archive.place import open_place
from workflowsvc.store.sqlite.store import SqliteStore

KILLED_BEFORE_DELETING = """
import os, signal, sys
from workflowsvc import cli
from workflowsvc.archive.archiver import Archiver
Archiver._end_retention = lambda self, expired: expired and os.kill(os.getpid(), signal.SIGKILL)
sys.exit(cli.main(sys.argv[1:]))
"""


def close_runs(client: Any, *workflow_ids: str) -> None:
    client.register_domain(name="shop", workflowExecutionRetentionPeriodInDays="0")
    client.register_workflow_type(domain="shop", name="order", version="1")
    for workflow_id in workflow_ids:
        close_runs_of(client, workflow_id)


def runs_in(file: Path) -> int:
    store = SqliteStore(str(file))
    try:
        with store.reader() as reader:
            return len(reader.runs(0, 100))
    finally:
        store.close()


def test_a_server_that_is_killed_before_it_deletes_has_lost_nothing_and_writes_nothing_twice(
    tmp_path: Path,
) -> None:
    (tmp_path / "archive").mkdir()
    port = free_port()
    store, archive = f"sqlite:{tmp_path / 'interop.db'}", str(tmp_path / "archive")
    options = [
        "--store",
        store,
        "--archive",
        archive,
        "--min-retention-seconds",
        "0",
        "--console-port",
        "off",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_BEFORE_DELETING, "serve", "--port", str(port), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        while b"://" not in process.stdout.readline():
            assert process.poll() is None
        close_runs(boto3_client(f"http://127.0.0.1:{port}"), "w")
        assert process.wait(60) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()
    (before,) = (tmp_path / "archive").rglob("*.gz")
    data = before.read_bytes()
    assert runs_in(tmp_path / "interop.db") == 1
    with running_server(tmp_path, "--archive", archive, "--min-retention-seconds", "0") as server:
        close_runs_of(server.client(), "later")
        until(lambda: len(list((tmp_path / "archive").rglob("*.gz"))) == 2, "the second run in the archive")
    assert before.read_bytes() == data
    assert runs_in(tmp_path / "interop.db") <= 1, "the later one may just have been written"
    assert cli.main(["archive", "verify", "--archive", archive]) == 0
    assert cli.main(["fsck", "--store", store]) == 0


def close_runs_of(client: Any, workflow_id: str) -> None:
    """In the domain that is there."""
    client.start_workflow_execution(
        domain="shop",
        workflowId=workflow_id,
        workflowType={"name": "order", "version": "1"},
        taskList={"name": "l"},
        executionStartToCloseTimeout="60",
        taskStartToCloseTimeout="60",
        childPolicy="TERMINATE",
    )
    client.terminate_workflow_execution(domain="shop", workflowId=workflow_id)


def test_a_server_archives_in_a_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in client_environment("http://127.0.0.1:1").items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with s3_server() as (address, _):
        where = f"s3://{BUCKET}/swf"
        options = ("--archive", where, "--archive-endpoint", address, "--min-retention-seconds", "0")
        with running_server(tmp_path, *options) as server:
            close_runs(server.client(), "a/b", "c")
            place = open_place(where, address)
            until(lambda: len(list(place.list(""))) == 2, "two runs in the bucket")
            words = ["--archive", where, "--archive-endpoint", address]
            assert cli.main(["archive", "list", *words]) == 0
            listed = capsys.readouterr().out
            assert "a/b" in listed
            assert "TERMINATED" in listed
            assert cli.main(["archive", "verify", *words]) == 0
            assert cli.main(["archive", "show", "a/b", *words]) == 0
            monkeypatch.setenv("AWS_ENDPOINT_URL_SWF", server.endpoint)
            assert cli.main(["archive", "import", *words, "--workflow-id", "a/b", "--into", "old"]) == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()
    assert os.listdir(tmp_path)


def test_a_server_without_its_archive_warns_and_deletes_nothing(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    never = ("--min-retention-seconds", "0", "--console-port", "off")
    with running_server(tmp_path, "--archive", str(tmp_path / "archive"), *never) as server:
        close_runs(server.client(), "first")
        until(lambda: len(list((tmp_path / "archive").rglob("*.gz"))) == 1, "the first run in the archive")
    with running_server(tmp_path, *never) as server:
        close_runs_of(server.client(), "second")
    assert "this node has no --archive" in (tmp_path / "server.log").read_text()
    assert runs_in(tmp_path / "interop.db") >= 1
    with running_server(tmp_path, "--archive", "off", *never) as server:
        client = server.client()
        counts = {"domain": "shop", "startTimeFilter": {"oldestDate": 0}}
        assert client.count_closed_workflow_executions(**counts)["count"] == 0
        close_runs_of(client, "third")
    assert "are deleted from now on without being archived" in (tmp_path / "server.log").read_text()
    with running_server(tmp_path, *never):
        pass
    assert "has no --archive" not in (tmp_path / "server.log").read_text()
    assert runs_in(tmp_path / "interop.db") == 0
    assert len(list((tmp_path / "archive").rglob("*.gz"))) == 1
