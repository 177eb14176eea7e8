"""`workflowsvc batch` against a real server: nothing is done by accident, and scripts see what became of it."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.command_line.shell import Answer, Shop

PACE = ("--rate", "1000", "--interval", "1s")


@pytest.fixture
def runs(client: Any, domain: str) -> Shop:
    """Three open runs, two of them of the same beginning."""
    shop = Shop(client, domain)
    for workflow_id in ("old-1", "old-2", "new-1"):
        shop.start(workflow_id)
    return shop


def open_ids(run: Run) -> set[str]:
    return {row["execution"]["workflowId"] for row in run("list", "--open", "--json").objects}


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run: Run, runs: Shop) -> None:
    said = run("batch", "start", "terminate", "--id-begins", "old-", "--reason", "test", "--dry-run")
    assert said.status == 0, said.err
    first, *examples = said.out.splitlines()
    assert first == f"2 runs of {runs.domain} to terminate"
    assert {example.split()[0] for example in examples} == {"old-1", "old-2"}
    (answer,) = run("batch", "start", "cancel", "--all", "--reason", "test", "--dry-run", "--json").objects
    assert answer["matching"] == 3
    assert open_ids(run) == {"old-1", "old-2", "new-1"}
    assert run("batch", "list").out == "No batches.\n"


def test_a_batch_is_followed_until_it_is_over(run: Run, runs: Shop) -> None:
    ended = run(
        "batch",
        "start",
        "terminate",
        "--id-begins",
        "old-",
        "--reason",
        "version is gone",
        "--yes",
        "--follow",
        *PACE,
    )
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[-1].startswith("completed: 2 done, 0 failed")
    assert open_ids(run) == {"new-1"}
    *_, closing = run("show", "old-1", "--full", "--json").objects
    assert "version is gone" in closing["workflowExecutionTerminatedEventAttributes"]["reason"]
    (batch,) = run("batch", "list", "--json").objects
    batch_id = batch["batchId"]
    assert batch_id in run("batch", "list").out
    shown = run("batch", "show", batch_id)
    assert "reason: version is gone" in shown.out
    assert shown.out.count("SUCCEEDED") == 2
    first, *results = run("batch", "show", batch_id, "--json").objects
    assert first["batchId"] == batch_id
    assert {row["execution"]["workflowId"] for row in results} == {"old-1", "old-2"}
    assert run("batch", "show", batch_id, "--failed", "--json").objects == [first]


def test_a_batch_is_not_started_unless_the_answer_is_yes(
    run: Run, runs: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("batch", "start", "terminate", "--all", "--reason", "test")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    refused = run(*words)
    assert (refused.status, "Give --yes" in refused.err) == (2, True)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    assert run(*words).status == 1
    assert open_ids(run) == {"old-1", "old-2", "new-1"}
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run(*words, "--follow", *PACE).status == 0
    assert open_ids(run) == set()


def test_a_batch_without_a_matching_run_is_not_started(run: Run, runs: Shop) -> None:
    ended = run("batch", "start", "cancel", "--id", "none", "--reason", "test")
    assert ended.status == 1
    assert "no run matches" in ended.err


def test_the_rate_of_a_batch_is_changed_and_it_is_stopped(run: Run, runs: Shop) -> None:
    started = run(
        "batch", "start", "terminate", "--all", "--reason", "test", "--yes", "--rate", "1", "--json"
    )
    batch_id = started.objects[0]["batchId"]
    assert run("batch", "rate", batch_id, "2").status == 0
    assert run("batch", "show", batch_id, "--json").objects[0]["ratePerSecond"] == 2
    assert run("batch", "stop", batch_id).out.startswith(f"batch {batch_id} is over: stopped: ")
    followed = run("batch", "follow", batch_id)
    assert (followed.status, followed.out.startswith("stopped: ")) == (10, True)
    assert run("batch", "show", "no-such-batch").status == 3


def test_stop_does_not_say_of_a_completed_batch_that_it_was_stopped(run: Run, runs: Shop) -> None:
    started = run(
        "batch", "start", "terminate", "--id", "none", "--reason", "r", "--yes", "--follow", "--json"
    )
    batch_id = started.objects[0]["batchId"]
    assert (
        run("batch", "stop", batch_id).out == f"batch {batch_id} is over: completed: 0 done, 0 failed, of 0\n"
    )
    assert run("batch", "stop", batch_id, "--json").objects[0]["status"] == "COMPLETED"


def test_a_batch_that_failed_for_a_run_has_a_status_of_its_own(run_bare: Run, answering: Any) -> None:
    batch = '{"batch": {"status": "COMPLETED", "matching": 9, "succeeded": 7, "failed": 1}, "results": []}'
    answer: Answer = (200, "application/x-amz-json-1.0", batch)
    endpoint, _ = answering(answer)
    followed = run_bare("batch", "follow", "B", "-d", "d", "--endpoint", endpoint)
    assert followed.status == 10
    assert followed.out == "completed: 7 done, 1 failed, of 9\n"
