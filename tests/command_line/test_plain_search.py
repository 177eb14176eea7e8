"""`list`, `count` and `export --to` on a server that has SWF's own operations and no others."""

from __future__ import annotations

import http.server
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interop.server import Server
from tests.command_line.conftest import Run
from tests.command_line.shell import COMPLETE, Shop, charge, decision
from tests.support.server_thread import served

UNKNOWN = b'{"__type":"com.amazon.coral.service#UnknownOperationException"}'
SERVED = (
    "",
    "--open",
    "--closed",
    "--status COMPLETED",
    "--status COMPLETED --status FAILED",
    "--id done-1",
    "--id-begins done",
    "--id-contains ne-",
    "--type order",
    "--type order:1 --closed",
    "--type order:2",
    "--tag urgent",
    "--tag urgent --no-tag eu",
    "--any-tag eu --any-tag us",
    "--parent parent",
    "--parent nobody",
    "--cancel-requested",
    "--no-cancel-requested",
    "--started-after 1h",
    "--started-before 1h",
    "--closed-after 1h --sort closed",
    "--closed-before 1h",
    "--sort closed --ascending",
    "--max-duration 1h",
    "--min-duration 1h",
    "--open --tag urgent --id-begins open",
    "--ascending --limit 3",
)
UNSERVED = (
    "--task-list deciders",
    "--min-events 5",
    "--max-events 5",
    "--reason-contains x",
    "--details-contain x",
    "--continued",
    "--sort events",
    "--sort id",
    "--sort duration",
)


@pytest.fixture(scope="module")
def plain(server: Server) -> Iterator[str]:
    """The endpoint of a server that knows SWF alone: the real one, behind a relay that refuses all else."""

    class Relay(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = 400, UNKNOWN
            if self.headers["X-Amz-Target"].startswith("SimpleWorkflowService."):
                headers = {name: value for name, value in self.headers.items() if name != "Host"}
                request = urllib.request.Request(server.endpoint, data=body, headers=headers)
                try:
                    with urllib.request.urlopen(request) as reply:
                        status, answer = reply.status, reply.read()
                except urllib.error.HTTPError as refusal:
                    status, answer = refusal.code, refusal.read()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    relay = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    with served(relay):
        yield f"http://127.0.0.1:{relay.server_port}"


@pytest.fixture
def shop(run: Run, client: Any, domain: str) -> Shop:
    """Runs of several kinds: closed, failed, tagged, a child, one to be canceled."""
    shop = Shop(client, domain)
    shop.complete("done-1")
    shop.start("done-2", tagList=["urgent", "eu"])
    shop.decide(COMPLETE)
    shop.start("failed")
    shop.decide(decision("FailWorkflowExecution", reason="x"))
    shop.start("parent")
    shop.decide(
        decision(
            "StartChildWorkflowExecution", workflowId="child", workflowType={"name": "order", "version": "1"}
        ),
        charge("a"),
    )
    shop.start("open-1", tagList=["urgent", "eu"])
    shop.start("open-2", tagList=["urgent"])
    client.request_cancel_workflow_execution(domain=domain, workflowId="open-2")
    return shop


def listed(run: Run, options: str, *more: str) -> list[dict[str, Any]]:
    ended = run("list", "--json", *options.split(), *more)
    assert (ended.status, ended.err) == (0, ""), ended
    return ended.objects


def test_list_finds_the_same_runs_in_the_same_order_with_the_lists_of_swf(
    run: Run, shop: Shop, plain: str
) -> None:
    seen = 0
    for options in SERVED:
        expected = listed(run, options)
        found = listed(run, options, "--endpoint", plain)
        assert [row["execution"] for row in found] == [row["execution"] for row in expected], options
        for row, whole in zip(found, expected, strict=True):
            assert {
                name: value for name, value in row.items() if name != "durationInSeconds"
            }.items() <= whole.items()
            assert row["durationInSeconds"] == pytest.approx(whole["durationInSeconds"], abs=60)
        seen += bool(found)
    assert seen > len(SERVED) / 2


def test_what_the_lists_of_swf_cannot_serve_is_named(run: Run, shop: Shop, plain: str) -> None:
    for options in UNSERVED:
        ended = run("list", *options.split(), "--endpoint", plain)
        assert (ended.status, ended.out) == (5, "")
        (line,) = ended.err.splitlines()
        assert "does not have the operation SearchExecutions" in line
        asked = [word for word in options.split() if word.startswith("--")]
        assert asked[0] in line


def test_count_counts_the_same_with_the_lists_of_swf(run: Run, shop: Shop, plain: str) -> None:
    for options in ("", "--open", "--by status", "--by type", "--by start-day", "--by close-day --tag eu"):
        expected = run("count", *options.split())
        assert run("count", *options.split(), "--endpoint", plain) == expected
    assert run("count", "--by", "task-list", "--endpoint", plain).status == 5


def test_people_get_a_table_without_what_swf_does_not_tell(run: Run, shop: Shop, plain: str) -> None:
    title, *rows = run("list", "--limit", "2", "--endpoint", plain).out.splitlines()
    assert title.split("  ")[0] == "STATUS"
    assert "EVENTS" not in title
    assert len(rows) == 2
    assert run("list", "--id", "none", "--endpoint", plain).out == "No run matches.\n"


def test_export_writes_the_histories_of_what_the_lists_of_swf_find(
    run: Run, shop: Shop, plain: str, tmp_path: Path
) -> None:
    ended = run("export", "--to", str(tmp_path), "--status", "COMPLETED", "--endpoint", plain)
    assert ended.status == 0
    assert [path.name.partition(".")[0] for path in sorted(tmp_path.iterdir())] == ["done-1", "done-2"]
