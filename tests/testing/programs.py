"""A decider and a worker as users write them: poll loops over boto3 that never end, which the tests run unchanged."""

from __future__ import annotations

from typing import Any

DAYS_30 = "2592000"


def decision(decision_type: str, **attributes: Any) -> dict[str, Any]:
    """`decision("StartTimer", timerId="t", startToFireTimeout="9")`."""
    member = decision_type[0].lower() + decision_type[1:] + "DecisionAttributes"
    return {"decisionType": decision_type, member: attributes}


def remind_after_30_days(swf: Any, domain: str) -> None:
    """A decider: waits for 30 days, has a reminder sent, completes with what the worker says."""
    while True:
        task = swf.poll_for_decision_task(domain=domain, taskList={"name": "deciders"})
        if "taskToken" in task:
            decisions = _decide(task["events"])
            swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decisions)


def _decide(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    last = {event["eventType"]: event for event in events}
    if "ActivityTaskCompleted" in last:
        sent = last["ActivityTaskCompleted"]["activityTaskCompletedEventAttributes"]["result"]
        return [decision("CompleteWorkflowExecution", result=sent)]
    if "TimerFired" in last:
        kind = {"name": "remind", "version": "1"}
        return [decision("ScheduleActivityTask", activityId="remind", activityType=kind)]
    if "TimerStarted" in last:
        return []
    return [decision("StartTimer", timerId="patience", startToFireTimeout=DAYS_30)]


def send_reminders(swf: Any, domain: str) -> None:
    """A worker."""
    while True:
        task = swf.poll_for_activity_task(domain=domain, taskList={"name": "workers"})
        if "taskToken" in task:
            swf.respond_activity_task_completed(taskToken=task["taskToken"], result="reminded")


def complete_at_once(swf: Any, domain: str) -> None:
    """A decider."""
    while True:
        task = swf.poll_for_decision_task(domain=domain, taskList={"name": "deciders"})
        if "taskToken" in task:
            decisions = [decision("CompleteWorkflowExecution", result="done")]
            swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decisions)


def fail_at_once(swf: Any, domain: str) -> None:
    """A decider with a bug."""
    swf.poll_for_decision_task(domain=domain, taskList={"name": "deciders"})
    raise KeyError("no such customer")


def start(swf: Any, domain: str, workflow_id: str = "order-1") -> dict[str, Any]:
    """The answer of a start, as boto3 gives it."""
    kind = {"name": "order", "version": "1"}
    return swf.start_workflow_execution(
        domain=domain, workflowId=workflow_id, workflowType=kind, input="two apples"
    )
