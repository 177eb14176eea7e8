"""An execution whose server is killed while all its tasks are open; the part of `demo.py` that uses boto3.

When the server dies, a worker is working on its activity, a decider on its decision, and a timer is running. The server
that is started afterwards on the same file continues with all three: the worker and the decider answer with the task
tokens that they got from the dead server.

`demo.py` is the starter; `crash.py --role decider` and `crash.py --role worker` are the other two roles.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from support import (
    DOMAIN,
    SERVER_IS_AWAY,
    Json,
    activity_tasks,
    attributes,
    connect,
    decision_tasks,
    expect_lines,
    history_of,
    play,
    register_domain,
    register_if_missing,
    wait_until,
)

PARCEL = {"name": "Parcel", "version": "1.0"}
PACK = {"name": "PackParcel", "version": "1.0"}
TASK_LIST = "parcels"
TIMER_SECONDS = 6  # long enough to be still open when the server dies, also on a busy machine

swf = connect()


def say(role: str, text: str) -> None:
    print(f"    {role:<8} {text}", flush=True)


def decider() -> None:
    """Schedules packing and waits for the courier. Is still busy with a new address when the server dies."""
    for task in decision_tasks(swf, TASK_LIST):
        decisions = decide(task["events"])
        if is_about_address(task):
            say("decider", f"works on the new address, with task token {short(task)}")
            wait_until(lambda: not heard(swf.describe_domain, name=DOMAIN), "the server is away")
            say("decider", "cannot reach the server, and waits")
            wait_until(lambda: heard(swf.describe_domain, name=DOMAIN), "the server is back")
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decisions)
        if is_about_address(task):
            say("decider", f"has answered, with task token {short(task)}")


def is_about_address(task: Json) -> bool:
    """True when the signal has come since the decision task before this one."""
    news = task["events"][task["previousStartedEventId"] :]
    return any(event["eventType"] == "WorkflowExecutionSignaled" for event in news)


def decide(events: list[Json]) -> list[Json]:
    """First the activity and the timer; completion when both have ended; until then no decision."""
    happened = {event["eventType"] for event in events}
    if "ActivityTaskScheduled" not in happened:
        return [
            {
                "decisionType": "ScheduleActivityTask",
                "scheduleActivityTaskDecisionAttributes": {"activityId": "pack", "activityType": PACK},
            },
            {
                "decisionType": "StartTimer",
                "startTimerDecisionAttributes": {
                    "timerId": "courier",
                    "startToFireTimeout": str(TIMER_SECONDS),
                },
            },
        ]
    if {"ActivityTaskCompleted", "TimerFired"} <= happened:
        return [
            {
                "decisionType": "CompleteWorkflowExecution",
                "completeWorkflowExecutionDecisionAttributes": {"result": "delivered"},
            }
        ]
    return []


def worker() -> None:
    """Packs one parcel, with heartbeats, and keeps working while the server is dead."""
    task = next(activity_tasks(swf, TASK_LIST))
    token = task["taskToken"]
    heartbeat = swf.record_activity_task_heartbeat
    say("worker", f"packs the parcel, with task token {short(task)}")
    wait_until(lambda: not heard(heartbeat, taskToken=token, details="box is folded"), "the server is away")
    say("worker", "cannot reach the server, and works on")
    wait_until(lambda: heard(heartbeat, taskToken=token, details="box is full"), "the server is back")
    swf.respond_activity_task_completed(taskToken=token, result="packed")
    say("worker", f"has reported success, with task token {short(task)}")


def short(task: Json) -> str:
    return f"...{task['taskToken'].rstrip('=')[-12:]}"


def heard(call: Callable[..., Any], **arguments: Any) -> bool:
    """True when the server has answered the call; False when there is no server."""
    try:
        call(**arguments)
    except SERVER_IS_AWAY:
        return False
    return True


def register() -> None:
    """The types and their defaults."""
    register_domain(swf)
    register_if_missing(
        swf.register_workflow_type,
        domain=DOMAIN,
        **PARCEL,
        defaultTaskList={"name": TASK_LIST},
        defaultExecutionStartToCloseTimeout="120",
        defaultTaskStartToCloseTimeout="60",
        defaultChildPolicy="TERMINATE",
    )
    register_if_missing(
        swf.register_activity_type,
        domain=DOMAIN,
        **PACK,
        defaultTaskList={"name": TASK_LIST},
        defaultTaskScheduleToStartTimeout="NONE",
        defaultTaskScheduleToCloseTimeout="60",
        defaultTaskStartToCloseTimeout="60",
        defaultTaskHeartbeatTimeout="30",
    )


def start_until_all_is_in_flight() -> tuple[Json, list[Json]]:
    """An execution and its history, with an activity, a decision and a timer all open."""
    workflow_id = f"parcel-{uuid.uuid4().hex[:8]}"
    run = swf.start_workflow_execution(domain=DOMAIN, workflowId=workflow_id, workflowType=PARCEL)
    execution = {"workflowId": workflow_id, "runId": run["runId"]}
    wait_until(lambda: len(history_of(swf, execution)) == 7, "the worker has its task")
    swf.signal_workflow_execution(domain=DOMAIN, **execution, signalName="new address")
    wait_until(lambda: len(history_of(swf, execution)) == 10, "the decider has its second task")
    return execution, history_of(swf, execution)


def wait_until_timer_is_due(events: list[Json]) -> None:
    """Returns when the timer is due, whether or not a server is running."""
    [started] = [event["eventTimestamp"] for event in events if event["eventType"] == "TimerStarted"]
    wait_until(lambda: time.time() > started.timestamp() + TIMER_SECONDS, "the timer is due")


def expect_survival(before: list[Json], after: list[Json]) -> None:
    """Surprise unless all earlier events are unchanged and each of the three open tasks has ended well, once."""
    expect_lines([str(event) for event in before], [str(event) for event in after[: len(before)]])
    endings = ("ActivityTaskCompleted", "TimerFired", "DecisionTaskCompleted", "WorkflowExecution")
    ended: list[str] = []
    for event in after[len(before) :]:
        said = attributes(event)
        if event["eventType"].startswith(endings):
            of = " ".join(
                f"{name}={said[name]}" for name in ("scheduledEventId", "startedEventId") if name in said
            )
            ended.append(f"{event['eventType']} {of}".strip())
    for wanted in (
        "ActivityTaskCompleted scheduledEventId=5 startedEventId=7",
        "TimerFired startedEventId=6",
        "DecisionTaskCompleted scheduledEventId=9 startedEventId=10",
    ):
        expect_lines([wanted], [line for line in ended if line.split()[0] == wanted.split()[0]][:1])
        expect_lines(["once"], ["once" if ended.count(wanted) == 1 else f"{ended.count(wanted)} times"])
    expect_lines(["WorkflowExecutionCompleted"], ended[-1:])


if __name__ == "__main__":
    play(register=register, starter=lambda: None, decider=decider, worker=worker)
