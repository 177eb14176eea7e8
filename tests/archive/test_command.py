"""`workflowsvc archive` with a real server that archives in a folder, as an operator uses both."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop.server import Server, client_environment, running_server
from tests.command_line.shell import Outcome, Shop
from tests.support.waiting import until
from workflowsvc import cli
from workflowsvc.archive.names import read_name

Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, place: Path) -> Iterator[Server]:
    options = ("--archive", str(place), "--min-retention-seconds", "0", "--console-port", "off")
    with running_server(tmp_path_factory.mktemp("server"), *options) as running:
        yield running


@pytest.fixture(scope="module")
def shop(server: Server) -> Shop:
    """A domain that keeps nothing, with three runs that have ended."""
    client = server.client()
    client.register_domain(name="shop", workflowExecutionRetentionPeriodInDays="0")
    client.register_workflow_type(
        domain="shop",
        name="order",
        version="1",
        defaultTaskList={"name": "deciders"},
        defaultExecutionStartToCloseTimeout="3600",
        defaultTaskStartToCloseTimeout="60",
        defaultChildPolicy="TERMINATE",
    )
    found = Shop(client, "shop")
    for workflow_id in ("order-1", "../order 2", "order-1"):
        found.start(workflow_id, tagList=["red"])
        found.decide({"decisionType": "RecordMarker", "recordMarkerDecisionAttributes": {"markerName": "é"}})
        client.terminate_workflow_execution(domain="shop", workflowId=workflow_id, reason="enough")
    return found


@pytest.fixture
def run(
    server: Server,
    place: Path,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """The command line, with the archive that the variable names."""
    until(lambda: len(list(place.rglob("*.gz"))) == 3, "three archived runs")
    for name, value in client_environment(server.endpoint).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("WORKFLOWSVC_ARCHIVE", str(place))
    monkeypatch.setenv("TZ", "UTC")

    def call(*words: str) -> Outcome:
        try:
            status = cli.main(words)
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Outcome(status, said.out, said.err)

    return call


def test_archived_runs_are_deleted_and_listed(run: Run, shop: Shop) -> None:
    def closed() -> int:
        times = {"oldestDate": 0}
        return shop.client.count_closed_workflow_executions(domain="shop", startTimeFilter=times)["count"]

    assert closed() == 0
    listed = run("archive", "list")
    assert listed.status == 0
    assert all(word in listed.out for word in ("order-1", "../order 2", "TERMINATED", "order:1", "shop"))
    found = run("archive", "list", "--json").objects
    assert [each["execution"]["workflowId"] for each in found] == ["../order 2", "order-1", "order-1"]
    day = found[0]["closeTimestamp"][:10]
    for words, count in (
        (("--domain", "shop"), 3),
        (("--domain", "sho"), 0),
        (("--day", day), 3),
        (("--day", day[:7], "--domain", "shop"), 3),
        (("--day", "1999"), 0),
        (("--workflow-id", "order-1"), 2),
        (("--workflow-id", "order"), 0),
        (("--workflow-id", "order-1", "--day", day, "--domain", "shop"), 2),
        (("--run-id", found[1]["execution"]["runId"]), 1),
        (("--account", "000000000000", "--of-region", "us-east-1"), 3),
        (("--account", "111111111111"), 0),
        (("--limit", "2"), 2),
    ):
        assert len(run("archive", "list", "--json", *words).objects) == count, words
    names = run("archive", "list", "--names").out.split()
    assert [read_name(name) is not None for name in names] == [True] * 3


def test_a_run_is_shown_as_if_it_were_stored(run: Run) -> None:
    shown = run("archive", "show", "../order 2")
    assert shown.status == 0
    assert all(word in shown.out for word in ("../order 2  TERMINATED  order:1", "marker é", "tags     red"))
    full = run("archive", "show", "../order 2", "--full")
    assert "MarkerRecorded" in full.out
    events = run("archive", "show", "../order 2", "--full", "--json").objects
    assert [event["eventId"] for event in events] == list(range(1, len(events) + 1))
    (newest, *_) = run("archive", "show", "order-1", "--json").objects
    both = run("archive", "list", "--json", "--workflow-id", "order-1").objects
    assert newest["closeTimestamp"] == max(each["closeTimestamp"] for each in both)
    missing = run("archive", "show", "order-9")
    assert (missing.status, missing.out) == (3, "")


def test_archived_runs_are_verified(run: Run, place: Path, tmp_path: Path) -> None:
    sound = run("archive", "verify")
    assert (sound.status, "3 runs are sound" in sound.err) == (0, True)
    broken = tmp_path / "broken"
    for path in place.rglob("*.gz"):
        copy = broken / path.relative_to(place)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    cut, moved, changed = sorted(broken.rglob("*.gz"))
    cut.write_bytes(cut.read_bytes()[:-9])
    moved.rename(moved.with_name(f"moved{moved.name}"))
    head, *lines = gzip.decompress(changed.read_bytes()).splitlines(keepends=True)
    lines[2] = lines[2].replace(b"DecisionTaskStarted", b"DecisionTaskCompleted")
    changed.write_bytes(gzip.compress(head + b"".join(lines)))
    found = run("archive", "verify", "--archive", str(broken), "--json")
    assert found.status == 10
    assert len({each["name"] for each in found.objects}) == 3
    said = "\n".join(each["problem"] for each in found.objects)
    assert all(word in said for word in ("it is damaged", "its name should be", "at event 3"))
    listed = run("archive", "list", "--archive", str(broken))
    assert listed.status == 0, "the beginning of the damaged one can be read"


def test_archived_runs_are_imported_again(run: Run, shop: Shop) -> None:
    done = run("archive", "import", "--into", "old", "--workflow-id", "../order 2", "--json")
    assert done.status == 0, done.err
    (found,) = done.objects
    original = run("archive", "list", "--json", "--workflow-id", "../order 2").objects[0]
    assert found["originalRunId"] == original["execution"]["runId"]
    history = shop.client.get_workflow_execution_history(domain="old", execution=found["execution"])
    events = run("archive", "show", "../order 2", "--full", "--json").objects
    assert [event["eventType"] for event in history["events"]] == [event["eventType"] for event in events]
    assert run("archive", "import", "--into", "old", "--workflow-id", "none").status == 0
    assert run("archive", "import", "--into", "shop").status == 1, "it is no domain for imports"


def test_a_file_of_the_archive_is_read_as_an_export_is(
    run: Run, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = next(path for path in place.rglob("*.gz") if "order-1," in path.name)
    done = run("import", str(file), "--domain", "old-2", "--json")
    assert done.status == 0, done.err
    assert done.objects[0]["execution"]["workflowId"] == "order-1"
    damaged = tmp_path / "w.jsonl.gz"
    damaged.write_bytes(file.read_bytes()[:50])
    refused = run("import", str(damaged), "--domain", "old-2")
    assert (refused.status, "it is no whole gzip" in refused.err) == (1, True)
    short = gzip.decompress(file.read_bytes()).splitlines(keepends=True)[:-1]
    damaged.write_bytes(gzip.compress(b"".join(short)))
    assert run("import", str(damaged), "--domain", "old-2").status == 1
    events = run("archive", "show", "order-1", "--full", "--json").out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(events.encode())))
    assert json.loads(events.splitlines()[0])["eventId"] == 1


def test_what_is_wrong_is_said(run: Run, tmp_path: Path) -> None:
    for words, status, said in (
        (("list", "--archive", str(tmp_path / "none")), 1, "is no folder"),
        (("list", "--archive", "ftp://host/x"), 2, "neither a folder nor s3://"),
        (("list", "--archive", str(tmp_path), "--archive-endpoint", "http://x"), 2, "is a folder"),
        (("list", "--archive", "s3://"), 2, "names no bucket"),
        (("list", "--day", "yesterday"), 2, "no day, month or year"),
        (("list", "--account", "../.."), 2, "--account"),
        (("list", "--limit", "0"), 2, "no whole number from 1"),
        (("import", "--workflow-id", "w"), 2, "--into"),
    ):
        refused = run("archive", *words)
        assert (refused.status, said in refused.err) == (status, True), (words, refused)


@pytest.mark.parametrize("where", ["{}/none", "{}/file", "s3://"])
def test_a_server_refuses_an_archive_that_is_none(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    status = cli.main(["serve", "--store", "memory", "--port", "0", "--archive", where.format(tmp_path)])
    assert status == 2
    assert "is no folder" in (said := capsys.readouterr().err) or "names no bucket" in said
    assert os.listdir(tmp_path) == ["file"]
