"""Our own API through boto3 and the AWS CLI, unmodified: `workflowsvc api-model` has given them the service model."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from interop import aws_cli
from interop.outcome import Skipped
from interop.server import Server
from tests.clients.conftest import ON_SQLITE
from tests.support.waiting import until
from workflowsvc import __version__


@pytest.fixture(scope="session")
def data_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that `workflowsvc api-model` has written to."""
    folder = tmp_path_factory.mktemp("aws-data")
    subprocess.run(
        [sys.executable, "-m", "workflowsvc", "api-model", "--directory", str(folder)],
        check=True,
        capture_output=True,
    )
    return folder


def own_client(data_path: Path, endpoint: str | None) -> Any:
    session = boto3.session.Session(
        aws_access_key_id="key", aws_secret_access_key="key", region_name="us-east-1"
    )
    session._loader.search_paths.insert(0, str(data_path))  # type: ignore[attr-defined]
    return session.client("workflowsvc", endpoint_url=endpoint)


@pytest.fixture
def own(server: Server, data_path: Path) -> Any:
    """boto3's client of our own API."""
    return own_client(data_path, server.endpoint)


def cli(server: Server, data_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        program = aws_cli.program()
    except Skipped as reason:
        pytest.skip(str(reason))
    return subprocess.run(
        [program, "--output", "json", "workflowsvc", *words],
        env={
            **server.environment(),
            "AWS_DATA_PATH": str(data_path),
            "AWS_ENDPOINT_URL_WORKFLOWSVC": server.endpoint,
        },
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_boto3_describes_the_service(own: Any) -> None:
    detail = own.describe_service()
    assert detail["version"] == __version__
    assert detail["timestamp"].year >= 2024


@ON_SQLITE
def test_the_aws_cli_describes_the_service(server: Server, data_path: Path) -> None:
    done = cli(server, data_path, "describe-service")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == __version__


def test_a_client_without_an_endpoint_is_not_sent_to_aws(
    data_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)
    with pytest.raises(Exception, match="AWS_ENDPOINT_URL_WORKFLOWSVC"):
        own_client(data_path, None).describe_service()


def start(client: Any, domain: str, **members: Any) -> None:
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    client.register_workflow_type(domain=domain, name="order", version="1")
    client.start_workflow_execution(
        domain=domain,
        workflowId="order-1",
        workflowType={"name": "order", "version": "1"},
        taskList={"name": "deciders"},
        executionStartToCloseTimeout="3600",
        taskStartToCloseTimeout="NONE",
        childPolicy="TERMINATE",
        **members,
    )


def test_boto3_asks_why_a_run_does_not_go_on(own: Any, client: Any, domain: str) -> None:
    start(client, domain)
    named = {"workflowId": "order-1"}
    explanation = own.explain_execution(domain=domain, execution=named)
    (finding,) = explanation["findings"]
    assert (finding["code"], finding["taskList"]) == ("NO_DECISION_POLLER", {"name": "deciders"})
    (group,) = own.explain_domain(domain=domain)["groups"]
    assert group["examples"] == [explanation["execution"]]
    state = own.describe_execution_state(domain=domain, execution=named)
    assert [task["state"] for task in state["decisionTasks"]] == ["SCHEDULED"]
    pages = own.get_paginator("list_task_lists").paginate(domain=domain)
    (summary,) = [row for page in pages for row in page["taskLists"]]
    assert (summary["taskList"], summary["backlog"]) == ({"name": "deciders"}, 1)
    with pytest.raises(own.exceptions.UnknownResourceFault):
        own.explain_execution(domain=domain, execution={"workflowId": "none"})


def test_boto3_searches_page_by_page(own: Any, client: Any, domain: str) -> None:
    start(client, domain, tagList=["a"])
    paginator = own.get_paginator("search_executions")
    pages = paginator.paginate(
        domain=domain,
        filter={"executionStatus": "OPEN", "tagsAny": ["a", "b"], "startedAfter": 1_600_000_000},
        sortBy="EVENTS",
    )
    (found,) = [run for page in pages for run in page["executions"]]
    assert (found["execution"]["workflowId"], found["taskList"]) == ("order-1", {"name": "deciders"})
    counted = own.count_executions(domain=domain, groupBy="STATUS")
    assert (counted["count"], counted["groups"]) == (1, [{"key": "OPEN", "count": 1}])
    with pytest.raises(own.exceptions.ClientError, match="startedBefore' failed to satisfy"):
        own.search_executions(domain=domain, filter={"startedAfter": 20, "startedBefore": 10})


@ON_SQLITE
def test_the_aws_cli_searches(server: Server, data_path: Path, client: Any, domain: str) -> None:
    start(client, domain)
    words = ["--domain", domain, "--filter", "workflowIdBeginsWith=order,taskList={name=deciders}"]
    done = cli(server, data_path, "search-executions", *words)
    assert done.returncode == 0, done.stderr
    assert [run["events"] for run in json.loads(done.stdout)["executions"]] == [2]


@ON_SQLITE
def test_the_aws_cli_prints_the_whole_answer_of_what_comes_in_pages(
    server: Server, data_path: Path, own: Any, client: Any, domain: str
) -> None:
    start(client, domain)
    batch = own.start_batch(domain=domain, operation="REQUEST_CANCEL", reason="r", all=True)["batchId"]
    for words, members in (
        (["count-executions", "--group-by", "STATUS"], {"count", "groups", "examined"}),
        (["count-executions"], {"count", "examined"}),
        (["search-executions"], {"executions", "examined"}),
        (["explain-domain"], {"groups", "examined"}),
        (["describe-batch", "--batch-id", batch], {"batch", "results"}),
        (["list-batches"], {"batches"}),
        (["list-task-lists"], {"taskLists"}),
    ):
        done = cli(server, data_path, *words, "--domain", domain)
        assert done.returncode == 0, done.stderr
        assert members <= json.loads(done.stdout).keys(), words


def test_boto3_runs_again_and_deletes(own: Any, client: Any, domain: str) -> None:
    start(client, domain)
    client.terminate_workflow_execution(domain=domain, workflowId="order-1")
    named = own.describe_execution_state(domain=domain, execution={"workflowId": "order-1"})["execution"]
    again = own.rerun_execution(domain=domain, execution=named, workflowId="order-2")["execution"]
    own.delete_execution(domain=domain, execution=named)
    found = own.search_executions(domain=domain)["executions"]
    assert [run["execution"] for run in found] == [again]
    with pytest.raises(own.exceptions.OperationNotPermittedFault, match="not deprecated"):
        own.delete_domain(domain=domain)
    own.delete_domain(domain=domain, force=True)
    with pytest.raises(client.exceptions.UnknownResourceFault):
        client.describe_domain(name=domain)


def test_boto3_terminates_a_batch(own: Any, client: Any, domain: str) -> None:
    start(client, domain)
    filter = {"workflowIdBeginsWith": "order"}
    dry = own.start_batch(domain=domain, operation="TERMINATE", reason="r", filter=filter, dryRun=True)
    assert (dry["matching"], len(dry["examples"])) == (1, 1)
    batch_id = own.start_batch(domain=domain, operation="TERMINATE", reason="r", filter=filter)["batchId"]
    until(
        lambda: own.describe_batch(domain=domain, batchId=batch_id)["batch"]["status"] == "COMPLETED",
        "the batch completes",
    )
    pages = own.get_paginator("describe_batch").paginate(domain=domain, batchId=batch_id)
    assert [result["status"] for page in pages for result in page["results"]] == ["SUCCEEDED"]
    (listed,) = own.list_batches(domain=domain)["batches"]
    assert (listed["batchId"], listed["succeeded"], listed["filter"]) == (batch_id, 1, filter)
    with pytest.raises(own.exceptions.ClientError, match="unless all is true"):
        own.start_batch(domain=domain, operation="TERMINATE", reason="r")


@ON_SQLITE
def test_the_aws_cli_imports_what_it_has_printed(
    server: Server, data_path: Path, own: Any, client: Any, domain: str, tmp_path: Path
) -> None:
    start(client, domain)
    client.terminate_workflow_execution(domain=domain, workflowId="order-1")
    named = own.describe_execution_state(domain=domain, execution={"workflowId": "order-1"})["execution"]
    execution = f"workflowId=order-1,runId={named['runId']}"
    printed = aws_cli.run(
        server, "get-workflow-execution-history", "--domain", domain, "--execution", execution
    )
    (tmp_path / "history.json").write_text(printed.stdout)
    done = cli(
        server, data_path, "import-history", "--domain", f"{domain}-archive", "--workflow-id", "old",
        "--run-id", named["runId"], "--history", f"file://{tmp_path / 'history.json'}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["originalRunId"] == named["runId"]
    packed = gzip.compress(printed.stdout.encode())
    again = own.import_history(domain=f"{domain}-archive", workflowId="packed", compressedHistory=packed)
    assert again["events"] == json.loads(done.stdout)["events"] == 3


@ON_SQLITE
def test_the_aws_cli_asks_why_a_run_does_not_go_on(
    server: Server, data_path: Path, client: Any, domain: str
) -> None:
    start(client, domain)
    done = cli(
        server, data_path, "explain-execution", "--domain", domain, "--execution", "workflowId=order-1"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["findings"][0]["code"] == "NO_DECISION_POLLER"
    done = cli(
        server, data_path, "describe-task-list",
        "--domain", domain, "--task-list", "name=deciders", "--kind", "DECISION",
    )  # fmt: skip
    assert json.loads(done.stdout)["priorities"][0]["backlog"] == 1


def test_boto3_reads_a_feed_with_a_cursor(own: Any, client: Any, domain: str) -> None:
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    assert own.set_feed(domain=domain, status="ON")["status"] == "ON"
    page = own.read_feed(domain=domain, begin="OLDEST")
    assert page["entries"] == []
    client.register_workflow_type(domain=domain, name="order", version="1")
    run = {
        "workflowType": {"name": "order", "version": "1"},
        "taskList": {"name": "deciders"},
        "executionStartToCloseTimeout": "3600",
        "taskStartToCloseTimeout": "NONE",
        "childPolicy": "TERMINATE",
    }
    client.start_workflow_execution(domain=domain, workflowId="order-1", **run)
    client.terminate_workflow_execution(domain=domain, workflowId="order-1")
    told: list[str] = []
    while len(told) < 2:
        page = own.read_feed(domain=domain, cursor=page["cursor"], waitSeconds=20)
        told += [json.loads(entry["event"])["detail"]["eventType"] for entry in page["entries"]]
    assert told == ["WorkflowExecutionStarted", "WorkflowExecutionTerminated"]
    with pytest.raises(own.exceptions.ClientError, match="Invalid cursor"):
        own.read_feed(domain=domain, cursor="x")


def test_boto3_is_told_why_no_webhook_can_be_made(own: Any, client: Any, domain: str) -> None:
    """This server has no master key."""
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    with pytest.raises(own.exceptions.OperationNotPermittedFault, match="there is no master key"):
        own.create_webhook(domain=domain, name="hook", url="http://127.0.0.1:9/")
    assert own.list_webhooks(domain=domain)["webhooks"] == []
    with pytest.raises(own.exceptions.UnknownResourceFault):
        own.list_dead_letters(domain=domain, name="hook")
