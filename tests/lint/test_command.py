"""The command: what it reads, what it prints, how it exits."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.lint.mutate import mutate
from tests.lint.test_describe import CANCELED, describe
from tests.lint.written import History, read_histories
from tests.support.server_thread import served
from workflowsvc.cli import main

HISTORIES = read_histories()
BROKEN = mutate(HISTORIES["14.1"], "at 8 +1.595")
RUN = "22w="


def lint(*arguments: str) -> int:
    return main(["lint", *arguments])


def write(path: Path, answer: Any) -> str:
    path.write_text(json.dumps(answer), encoding="utf-8")
    return str(path)


def as_the_cli_prints(history: History) -> History:
    """Times as version 2 of the AWS CLI prints them."""
    return [
        {**event, "eventTimestamp": datetime.fromtimestamp(event["eventTimestamp"], UTC).isoformat()}
        for event in history
    ]


@pytest.mark.parametrize("form", ["answer", "list", "iso", "reversed", "poll"])
def test_a_valid_history_exits_0(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = HISTORIES["14.1"]
    answer: Any = {
        "answer": {"events": history},
        "list": history,
        "iso": {"events": as_the_cli_prints(history)},
        "reversed": {"events": history[::-1]},
        "poll": {
            "events": history[:9],
            "taskToken": "AAAA",
            "startedEventId": 9,
            "previousStartedEventId": 3,
        },
    }[form]
    assert lint(write(tmp_path / "h.json", answer)) == 0
    assert capsys.readouterr().out.endswith("No rule is broken.\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_history_may_be_in_any_unicode_encoding(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "h.json").write_text(json.dumps(HISTORIES["14.1"]), encoding=encoding)
    assert lint(str(tmp_path / "h.json")) == 0


def archived(history: History, events: int | None = None) -> bytes:
    """As an archive has it: a line about the run, and one for each event."""
    head = {"archive": 1, "events": len(history) if events is None else events}
    return gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in (head, *history)))


def test_an_archived_run_is_judged_as_any_other_history(tmp_path: Path) -> None:
    path = tmp_path / "order-17,22w=.jsonl.gz"
    path.write_bytes(archived(HISTORIES["14.1"]))
    assert lint(str(path)) == 0
    path.write_bytes(gzip.decompress(path.read_bytes()))  # as `zcat` has it
    assert lint(str(path)) == 0
    path.write_bytes(archived(BROKEN))
    assert lint(str(path)) == 1


def test_a_broken_history_exits_1_and_reports_event_rule_and_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lint(write(tmp_path / "h.json", {"events": BROKEN})) == 1
    output = capsys.readouterr().out
    assert "8 DecisionTaskScheduled +1.595 s" in output
    assert "D6   is 1 ms after event 7 WorkflowExecutionCancelRequested" in output
    assert "D6   a decision task is scheduled directly behind" in output
    assert output.splitlines()[-1].endswith("11 events, CANCELED. 1 finding: D6 (1).")


def test_standard_input_is_a_minus(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = io.TextIOWrapper(io.BytesIO(json.dumps(HISTORIES["14.4"]).encode()))
    monkeypatch.setattr("sys.stdin", given)
    assert lint("-") == 0
    assert "standard input: 17 events, COMPLETED" in capsys.readouterr().out


def test_json_can_be_read_by_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint("--json", write(tmp_path / "h.json", BROKEN)) == 1
    output = json.loads(capsys.readouterr().out)
    assert (output["events"], output["complete"], output["described"]) == (11, True, False)
    assert [(finding["rule"], finding["eventId"]) for finding in output["findings"]] == [("D6", 8)]
    assert output["findings"][0]["message"].startswith("is 1 ms after")


def test_a_beginning_is_judged_as_one(tmp_path: Path) -> None:
    begun = {"events": HISTORIES["14.1"][:7]}
    path = write(tmp_path / "h.json", begun)
    assert lint(path) == 1
    assert lint("--partial", path) == 0
    assert lint(write(tmp_path / "page.json", {**begun, "nextPageToken": "AAAA"})) == 0
    assert lint(write(tmp_path / "items.json", {**begun, "NextToken": "AAAA"})) == 0


def test_a_description_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = write(tmp_path / "h.json", HISTORIES["14.1"])
    assert lint(history, "--describe", write(tmp_path / "d.json", CANCELED)) == 0
    iso = describe(
        executionInfo__startTimestamp="2017-06-13T16:33:07.073000+00:00",
        executionInfo__closeTimestamp="2017-06-13T18:33:09.140000+02:00",
        latestActivityTaskTimestamp="2017-06-13T16:33:07.840000+00:00",
    )
    assert lint(history, "--describe", write(tmp_path / "d.json", iso)) == 0
    wrong = describe(openCounts__openActivityTasks=0)
    assert lint(history, "--describe", write(tmp_path / "d.json", wrong)) == 1
    assert "The execution\n    W2   openActivityTasks is 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe\xfa", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'[{"eventId": NaN}]', "is no JSON"),
        (b'"history"', "holds no history"),
        (b'{"Events": []}', "holds no history"),
        (b'{"events": {}}', "holds no history"),
        (b'{"events": []}', "holds no events"),
        (b"[]", "holds no events"),
        (b'[{"eventId": 2}, {"eventId": 3}]', "begins with event 2: the page before it is missing"),
        (b'[{"eventId": 9}, {"eventId": 8}]', "begins with event 8: the page before it is missing"),
        (archived(HISTORIES["14.1"], events=12), "has 11 events, and its first line says 12"),
        (archived(HISTORIES["14.1"])[:-9], "is damaged"),
        (b"\x1f\x8bgzip", "is damaged"),
        (b'{"archive":1,"events":1}\nnothing\n', "is no JSON"),
    ],
)
def test_what_is_no_history_exits_2_and_says_why(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "h.json").write_bytes(content)
    assert lint(str(tmp_path / "h.json")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("no-such-file.json",),
        (".",),
        ("h.json", "--domain", "d"),
        ("h.json", "--endpoint", "http://127.0.0.1:1", "--domain", "d", "--workflow-id", "w"),
        ("--endpoint", "http://127.0.0.1:1"),
        ("--endpoint", "file:///etc/passwd", "--domain", "d", "--workflow-id", "w"),
        ("--endpoint", "http://[::1", "--domain", "d", "--workflow-id", "w"),
        ("--endpoint", "http://127.0.0.1:99999", "--domain", "d", "--workflow-id", "w"),
        ("--endpoint", "127.0.0.1:8888", "--domain", "d", "--workflow-id", "w"),
    ],
)
def test_arguments_that_name_no_history_exit_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert lint(*arguments) == 2
    assert capsys.readouterr().err.startswith("workflowsvc lint: ")


def test_text_of_clients_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = mutate(HISTORIES["14.1"], "set 6 identity \x1b[31m; set 6 scheduledEventId 2")
    changed[5]["activityTaskStartedEventAttributes"]["\x1b[2J\n\ud800"] = {"a": ["b" * 10_000]}
    assert lint(write(tmp_path / "h.json", changed)) == 1
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert max(map(len, output.splitlines())) < 400


class Service(BaseHTTPRequestHandler):
    """Answers for one execution in pages of four events, like a service would."""

    open_runs: tuple[str, ...] = ()
    closed_runs: tuple[str, ...] = (RUN,)

    def do_POST(self) -> None:
        """Answer one call."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        status, answer = self.answer(operation, body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if operation.startswith("List"):
            runs = self.open_runs if operation.startswith("ListOpen") else self.closed_runs
            assert body["executionFilter"] == {"workflowId": body["executionFilter"]["workflowId"]}
            found = runs if body["executionFilter"]["workflowId"] == "w" else ()
            return 200, {
                "executionInfos": [{"execution": {"workflowId": "w", "runId": run}} for run in found]
            }
        if body["execution"] != {"workflowId": "w", "runId": RUN}:
            fault = "com.amazonaws.swf.base.model#UnknownResourceFault"
            return 400, {"__type": fault, "message": "Unknown execution: w"}
        if operation == "DescribeWorkflowExecution":
            return 200, CANCELED
        at = int(body.get("nextPageToken", "0"))
        page: dict[str, Any] = {"events": HISTORIES["14.1"][at : at + 4]}
        return 200, page | ({"nextPageToken": str(at + 4)} if at + 4 < 11 else {})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    with served(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("run_id", [(), ("--run-id", RUN)])
def test_a_service_is_asked_for_all_pages_and_the_description(
    run_id: tuple[str, ...], endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lint("--endpoint", endpoint, "--domain", "d", "--workflow-id", "w", *run_id) == 0
    output = capsys.readouterr().out
    assert output == "w 22w=: 11 events, CANCELED, compared with its description. No rule is broken.\n"


def test_the_open_run_is_newer_than_any_closed_one(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Service, "open_runs", ("22open=",))
    assert lint("--endpoint", endpoint, "--domain", "d", "--workflow-id", "w") == 2
    assert "UnknownResourceFault: Unknown execution: w" in capsys.readouterr().err


def test_an_execution_that_does_not_exist_exits_2(endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint("--endpoint", endpoint, "--domain", "d", "--workflow-id", "nobody") == 2
    assert "there is no execution 'nobody' in domain 'd'" in capsys.readouterr().err


def test_a_service_that_is_not_there_exits_2(endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    free = "http://127.0.0.1:1"  # tcpmux: a port without a listener
    assert lint("--endpoint", free, "--domain", "d", "--workflow-id", "w") == 2
    assert "does not answer" in capsys.readouterr().err
