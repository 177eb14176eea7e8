"""The AWS CLI, unmodified, against a real server: what it prints. `make interop` leads a domain through its whole life
with it, one `aws` process per call.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from interop import aws_cli
from interop.outcome import Skipped
from interop.server import Server
from tests.clients.conftest import ON_SQLITE
from workflowsvc import lint


@pytest.fixture(autouse=True)
def installed() -> None:
    try:
        aws_cli.program()
    except Skipped as reason:
        pytest.skip(str(reason))


@ON_SQLITE
def test_a_history_printed_by_the_cli_passes_the_checker(server: Server, client: Any, domain: str) -> None:
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    client.register_workflow_type(domain=domain, name="order", version="1")
    run = client.start_workflow_execution(
        domain=domain,
        workflowId="printed",
        workflowType={"name": "order", "version": "1"},
        taskList={"name": "decisions"},
        executionStartToCloseTimeout="60",
        taskStartToCloseTimeout="NONE",
        childPolicy="ABANDON",
    )
    execution = f"workflowId=printed,runId={run['runId']}"
    done = aws_cli.run(server, "get-workflow-execution-history", "--domain", domain, "--execution", execution)
    assert done.returncode == 0, done.stderr
    events = json.loads(done.stdout)["events"]
    assert [event["eventType"] for event in events] == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    assert list(lint.lint_history(events)) == []
