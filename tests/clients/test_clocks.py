"""A month of a domain's own time passes while boto3's deciders and workers poll as always."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interop.server import Server
from tests.clients.test_own_api import data_path, own_client

__all__ = ["data_path"]  # a fixture

DAY = 86_400
TIMER = {
    "decisionType": "StartTimer",
    "startTimerDecisionAttributes": {"timerId": "t", "startToFireTimeout": str(DAY)},
}
ACTIVITY = {
    "decisionType": "ScheduleActivityTask",
    "scheduleActivityTaskDecisionAttributes": {
        "activityId": "a",
        "activityType": {"name": "remind", "version": "1"},
    },
}
CLOSE: dict[str, Any] = {
    "decisionType": "CompleteWorkflowExecution",
    "completeWorkflowExecutionDecisionAttributes": {},
}


@pytest.fixture
def own(server: Server, data_path: Path) -> Any:
    return own_client(data_path, server.endpoint)


@pytest.fixture
def skipping(client: Any, own: Any, domain: str) -> str:
    """A domain with types, whose clock skips."""
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    client.register_workflow_type(
        domain=domain,
        name="reminder",
        version="1",
        defaultTaskList={"name": "deciders"},
        defaultExecutionStartToCloseTimeout=str(365 * DAY),
        defaultTaskStartToCloseTimeout="60",
        defaultChildPolicy="TERMINATE",
    )
    client.register_activity_type(
        domain=domain,
        name="remind",
        version="1",
        defaultTaskList={"name": "workers"},
        defaultTaskScheduleToStartTimeout="60",
        defaultTaskScheduleToCloseTimeout="60",
        defaultTaskStartToCloseTimeout="60",
        defaultTaskHeartbeatTimeout="NONE",
    )
    assert own.skip_clock(domain=domain)["mode"] == "SKIPPING"
    return domain


def decide(client: Any, domain: str, decision: dict[str, Any]) -> None:
    """Answers the next decision task, for which it waits in real time."""
    task = client.poll_for_decision_task(domain=domain, taskList={"name": "deciders"}, identity="decider")
    client.respond_decision_task_completed(taskToken=task["taskToken"], decisions=[decision])


def test_a_month_of_reminders(client: Any, skipping: str) -> None:
    execution = {"workflowId": "w"}
    execution |= client.start_workflow_execution(
        domain=skipping, workflowId="w", workflowType={"name": "reminder", "version": "1"}
    )
    del execution["ResponseMetadata"]
    for _ in range(30):
        decide(client, skipping, TIMER)
        decide(client, skipping, ACTIVITY)
        task = client.poll_for_activity_task(domain=skipping, taskList={"name": "workers"})
        client.respond_activity_task_completed(taskToken=task["taskToken"])
    decide(client, skipping, CLOSE)
    pages = client.get_paginator("get_workflow_execution_history").paginate(
        domain=skipping, execution=execution
    )
    types = [event["eventType"] for page in pages for event in page["events"]]
    assert types.count("TimerFired") == types.count("ActivityTaskCompleted") == 30
    detail = client.describe_workflow_execution(domain=skipping, execution=execution)["executionInfo"]
    lasted = detail["closeTimestamp"] - detail["startTimestamp"]
    assert detail["closeStatus"] == "COMPLETED"
    assert 30 * DAY <= lasted.total_seconds() < 31 * DAY


def test_a_clock_is_turned_and_described(client: Any, own: Any, domain: str) -> None:
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    assert own.describe_clock(domain=domain)["mode"] == "REAL"
    frozen_at = own.freeze_clock(domain=domain)["now"]
    moved = own.advance_clock(domain=domain, seconds=30 * DAY)
    assert (moved["now"] - frozen_at).total_seconds() == 30 * DAY
    again = own.advance_clock(domain=domain, to=moved["now"])
    assert again["now"] == moved["now"]
    with pytest.raises(own.exceptions.OperationNotPermittedFault, match="never runs backwards"):
        own.advance_clock(domain=domain, to=frozen_at)
    running = own.run_clock(domain=domain)
    assert running["mode"] == "RUNNING"
