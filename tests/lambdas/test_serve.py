"""`workflowsvc serve --lambda-functions`: functions behind HTTP, boto3 in front, and the server's deaths between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interop.histories import as_wire, history_events, require_sound
from interop.histories import histories_of as all_of
from interop.server import Banner, boto3_client, running_server
from tests.lambdas.function_server import FunctionServer, Request, answer, serving
from tests.support.waiting import PATIENCE_SECONDS, until

ROOT = Path(__file__).resolve().parents[2]
ROLE = "arn:aws:iam::000000000000:role/swf"
TYPE = {"name": "t", "version": "1"}


class Served:
    """A server process and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self.client = boto3_client(Banner(process).endpoint(log))

    def events(self, run_id: str) -> list[dict[str, Any]]:
        return history_events(self.client, "d", {"workflowId": "w", "runId": run_id})

    def until(self, run_id: str, event_type: str) -> dict[str, Any]:
        """The attributes of the first event of this type, once it is there."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [event for event in self.events(run_id) if event["eventType"] == event_type]
            return bool(found)

        until(there, event_type)
        return found[0][event_type[0].lower() + event_type[1:] + "EventAttributes"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def serve(folder: Path, *options: str) -> Iterator[Served]:
    log = folder / "server.log"
    command = [sys.executable, "-m", "workflowsvc", "serve", "--port", "0", *options]
    command += [
        "--store",
        f"sqlite:{folder / 'swf.db'}",
        "--lambda-functions",
        str(folder / "functions.json"),
    ]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=out,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            cwd=folder,
        )
    try:
        yield Served(process, log)
    finally:
        process.kill()
        process.wait()


def write_map(folder: Path, **entries: Any) -> None:
    (folder / "functions.json").write_text(json.dumps(entries))


def start(client: Any, *, role: bool = True) -> str:
    """A run in a new domain that waits for its first decision."""
    client.register_domain(name="d", workflowExecutionRetentionPeriodInDays="1")
    client.register_workflow_type(
        domain="d",
        **TYPE,
        defaultTaskList={"name": "l"},
        defaultChildPolicy="TERMINATE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultExecutionStartToCloseTimeout="600",
    )
    members = {"lambdaRole": ROLE} if role else {}
    return client.start_workflow_execution(domain="d", workflowId="w", workflowType=TYPE, **members)["runId"]


def decide(client: Any, *decisions: dict[str, Any]) -> None:
    task = client.poll_for_decision_task(domain="d", taskList={"name": "l"})
    client.respond_decision_task_completed(taskToken=task["taskToken"], decisions=list(decisions))


def invoke(name: str, **members: str) -> dict[str, Any]:
    return {
        "decisionType": "ScheduleLambdaFunction",
        "scheduleLambdaFunctionDecisionAttributes": {"id": name, "name": name} | members,
    }


COMPLETE = {"decisionType": "CompleteWorkflowExecution"}


def double(request: Request, sock: Any) -> None:
    answer(json.dumps(json.loads(request.body)["n"] * 2).encode())(request, sock)


def test_a_workflow_uses_functions_and_ends(tmp_path: Path) -> None:
    with serving(double) as functions:
        write_map(
            tmp_path,
            **{"double": functions.url, "api-*": {"lambda": functions.url}, "gone": "http://127.0.0.1:1"},
        )
        with serve(tmp_path) as served:
            run_id = start(served.client)
            decide(
                served.client,
                invoke("double", input='{"n": 21}'),
                invoke("api-double", input='{"n": 4}'),
                invoke("gone"),
                invoke("unknown"),
            )
            ended = {"LambdaFunctionCompleted": 2, "LambdaFunctionFailed": 2}
            until(
                lambda: all(
                    sum(event["eventType"] == kind for event in served.events(run_id)) == count
                    for kind, count in ended.items()
                ),
                "all four have ended",
            )
            decide(served.client, COMPLETE)
            events = as_wire(served.events(run_id))
            assert events[-1]["eventType"] == "WorkflowExecutionCompleted"
            names = {
                event["eventId"]: event["lambdaFunctionScheduledEventAttributes"]["name"]
                for event in events
                if event["eventType"] == "LambdaFunctionScheduled"
            }
            ended_with = [
                event.get("lambdaFunctionCompletedEventAttributes")
                or event.get("lambdaFunctionFailedEventAttributes")
                for event in events
                if event["eventType"] in ended
            ]
            assert {
                names[end["scheduledEventId"]]: end.get("result", end.get("reason")) for end in ended_with
            } == {
                "double": "42",
                "api-double": "8",
                "gone": "ConnectionFailed",
                "unknown": "ResourceNotFoundException",
            }
            assert require_sound(list(all_of(served.client, "d"))) == len(events)
        assert sorted(request.path for request in functions.requests) == [
            "/",
            "/2015-03-31/functions/api-double/invocations",
        ]


def test_a_kill_between_start_and_answer_lets_the_task_time_out_and_calls_nothing_again(
    tmp_path: Path,
) -> None:
    with serving(lambda _, sock: sock.recv(1) and None) as functions:  # says nothing until it is hung up on
        write_map(tmp_path, f=functions.url)
        with serve(tmp_path) as served:
            run_id = start(served.client)
            decide(served.client, invoke("f", startToCloseTimeout="5"))
            assert functions.arrived.acquire(timeout=PATIENCE_SECONDS)
            assert served.events(run_id)[-1]["eventType"] == "LambdaFunctionStarted"
            served.kill()
        with serve(tmp_path) as served:
            assert served.until(run_id, "LambdaFunctionTimedOut") == {
                "scheduledEventId": 5,
                "startedEventId": 6,
                "timeoutType": "START_TO_CLOSE",
            }
            decide(served.client, COMPLETE)
            require_sound(list(all_of(served.client, "d")))
        assert len(functions.requests) == 1


def test_a_stop_waits_for_a_function_that_is_running(tmp_path: Path) -> None:
    with hanging() as (functions, let_go):
        write_map(tmp_path, f=functions.url)
        with serve(tmp_path, "--drain-seconds", "20") as served:
            run_id = start(served.client)
            decide(served.client, invoke("f"))
            assert functions.arrived.acquire(timeout=PATIENCE_SECONDS)
            served.process.send_signal(signal.SIGTERM)
            until(lambda: b"stopping" in served.log.read_bytes(), "it says that it stops")
            let_go.set()
            assert served.process.wait(PATIENCE_SECONDS) == 0
        with serve(tmp_path) as served:
            assert served.until(run_id, "LambdaFunctionCompleted")["result"] == '"waited for"'
        assert len(functions.requests) == 1


@contextmanager
def hanging() -> Iterator[tuple[FunctionServer, threading.Event]]:
    """A function that answers when it is let go."""
    let_go = threading.Event()

    def behave(request: Request, sock: Any) -> None:
        assert let_go.wait(PATIENCE_SECONDS)
        answer(b'"waited for"')(request, sock)

    with serving(behave) as functions:
        try:
            yield functions, let_go
        finally:
            let_go.set()


def test_a_stop_does_not_wait_for_a_function_for_ever(tmp_path: Path) -> None:
    with hanging() as (functions, _):
        write_map(tmp_path, f=functions.url)
        with serve(tmp_path, "--drain-seconds", "0.5") as served:
            start(served.client)
            decide(served.client, invoke("f"))
            assert functions.arrived.acquire(timeout=PATIENCE_SECONDS)
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(PATIENCE_SECONDS) == 0
            assert b"Lambda functions are still running" in served.log.read_bytes()


def test_other_calls_do_not_wait_for_slow_functions(tmp_path: Path) -> None:
    """More of them than may run at once: the service answers meanwhile."""
    with hanging() as (functions, let_go):
        write_map(tmp_path, f=functions.url)
        with serve(tmp_path, "--lambda-concurrency", "2") as served:
            run_id = start(served.client)
            decide(served.client, *[invoke("f")] * 5)
            for _ in range(2):
                assert functions.arrived.acquire(timeout=PATIENCE_SECONDS)
            served.client.signal_workflow_execution(domain="d", workflowId="w", signalName="s")
            assert len(functions.requests) == 2
            let_go.set()
            until(
                lambda: sum(e["eventType"] == "LambdaFunctionCompleted" for e in served.events(run_id)) == 5,
                "all five have answered",
            )


def test_without_a_map_the_role_cannot_be_assumed(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = server.client()
        run_id = start(client)
        decide(client, invoke("f"))
        task = client.poll_for_decision_task(domain="d", taskList={"name": "l"})
        assert task["workflowExecution"]["runId"] == run_id
        failed = next(e for e in task["events"] if e["eventType"] == "StartLambdaFunctionFailed")
        assert failed["startLambdaFunctionFailedEventAttributes"]["cause"] == "ASSUME_ROLE_FAILED"


@pytest.mark.parametrize("text", [None, "{", '{"f": "file:///etc/passwd"}'])
def test_a_map_that_cannot_be_used_ends_the_start_with_one_line(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "functions.json"
    if text is not None:
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "workflowsvc", "serve", "--store", "memory", "--lambda-functions", str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("workflowsvc serve: --lambda-functions: ")
    assert done.stderr.count("\n") == 1
