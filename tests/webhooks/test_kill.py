"""`kill -9` under load: what became of every run is in the feed, and was pushed, at least once and in order."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from interop.server import Banner
from tests.postgres.places import new_place
from tests.support.fed_domain import LIST, TYPE, make_fed_domain
from tests.support.waiting import until
from tests.webhooks.conftest import DECISION
from tests.webhooks.receiver import Receiver
from workflowsvc import cli

LIVES = 3
WORKERS = 3
RUNS_PER_LIFE = 40  # completed before the kill
CLOSING = "WorkflowExecutionCompleted"
# The service with a shorter lease, as the next life has to wait for the end of a killed one's.
PROGRAM = """
import sys
from workflowsvc.webhooks import pushing
pushing.LEASE_MS, pushing.RENEW_MS = 2_000, 1_000
from workflowsvc.__main__ import main
sys.exit(main())
"""


class Process:
    """A server."""

    def __init__(self, folder: Path, store: str, key_file: Path, environment: dict[str, str]) -> None:
        command = [sys.executable, "-c", PROGRAM, "serve", "--port", "0", "--console-port", "off"]
        command += ["--store", store, "--master-key-file", str(key_file)]
        log = folder / "server.log"
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, cwd=folder, env=environment
            )
        self.endpoint = Banner(self._process).endpoint(log)

    def ask(self, action: str, **members: Any) -> Any:
        """Raises OSError when there is no answer, or a fault."""
        target = action if "." in action else f"SimpleWorkflowService.{action}"
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        body = json.dumps({"domain": "d", **members}).encode()
        request = urllib.request.Request(self.endpoint, body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'feed.db'}" if request.param == "sqlite" else new_place().dsn


@pytest.fixture
def start(store: str, tmp_path: Path) -> Iterator[Callable[[], Process]]:
    key_file = tmp_path / "master.key"
    assert cli.main(["access", "master-key", str(key_file)]) == 0
    started: list[Process] = []

    def start() -> Process:
        root = Path(__file__).resolve().parents[2]
        started.append(Process(tmp_path, store, key_file, {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"}))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@contextmanager
def load(server: Process, names: Iterator[int], completed: list[str]) -> Iterator[None]:
    """Workers that start runs and complete them, until the server does not answer any more."""

    def work() -> None:
        with suppress(OSError, ValueError):
            while True:
                server.ask("StartWorkflowExecution", workflowId=f"w{next(names)}", workflowType=TYPE)
                task = server.ask("PollForDecisionTask", taskList=LIST)
                if "taskToken" in task:
                    server.ask(
                        "RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[DECISION]
                    )
                    completed.append(task["workflowExecution"]["runId"])

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def read(server: Process) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {"begin": "OLDEST"}
    while True:
        page = server.ask("WorkflowSvc.ReadFeed", maximumPageSize=1_000, **cursor)
        events += [json.loads(entry["event"]) for entry in page["entries"]]
        if not page["entries"]:
            return events
        cursor = {"cursor": page["cursor"]}


def run_of(event: dict[str, Any]) -> str:
    return event["detail"]["workflowExecutionDetail"]["executionInfo"]["execution"]["runId"]


def by_run(events: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The event ids of each run, each once, as they came first."""
    found: dict[str, list[int]] = {}
    for event in events:
        ids = found.setdefault(run_of(event), [])
        if event["detail"]["eventId"] not in ids:
            ids.append(event["detail"]["eventId"])
    return found


def test_nothing_that_happened_is_missing_in_the_feed_or_at_a_webhook(
    start: Callable[[], Process], receiver: Receiver
) -> None:
    names = itertools.count()
    completed: list[str] = []
    server = start()
    make_fed_domain(server.ask, task_seconds=2)
    server.ask("WorkflowSvc.CreateWebhook", name="hook", url=receiver.url)
    for life in range(1, LIVES + 1):
        with load(server, names, completed):
            until(lambda aim=life * RUNS_PER_LIFE: len(completed) >= aim, "runs complete")  # type: ignore[misc]
            server.kill()
        server = start()
    closed: list[str] = []
    page: dict[str, Any] = {"nextPageToken": None}
    while "nextPageToken" in page:
        page = server.ask(
            "ListClosedWorkflowExecutions",
            startTimeFilter={"oldestDate": 0},
            nextPageToken=page["nextPageToken"],
        )
        closed += [info["execution"]["runId"] for info in page["executionInfos"]]
    assert set(completed) <= set(closed)
    told = read(server)
    in_feed = by_run(told)
    assert len({event["id"] for event in told}) == len(told)
    closes = {run_of(event) for event in told if event["detail"]["eventType"] == CLOSING}
    assert set(closed) <= closes
    assert all(ids == sorted(ids) and ids[0] == 1 for ids in in_feed.values())
    told_ids = {event["id"] for event in told}
    until(
        lambda: told_ids <= {each.headers["webhook-id"] for each in list(receiver.received)},
        "all is pushed",
    )
    pushed = by_run([received.event for received in receiver.received])
    # Tasks that were open at a kill time out meanwhile, so more may have been pushed than was read.
    assert {run: pushed[run][: len(ids)] for run, ids in in_feed.items()} == in_feed
