"""Every kind of timeout that SWF knows, one execution for each, all at the same time.

    python examples/timeouts.py                  the whole story: a decider, a worker, six executions
    python examples/timeouts.py --role decider   one role alone, until Ctrl-C (or: worker, starter)

In each execution one timeout is set to a few seconds and all others are off. After the timeout of an activity or
decision task the decider gets a new decision task: it may try again or, as here, complete the execution. An execution
that times out is closed.
"""

from __future__ import annotations

import json
import uuid
from typing import NamedTuple

from botocore.exceptions import ClientError
from support import (
    DOMAIN,
    Json,
    Surprise,
    activity_tasks,
    attributes,
    connect,
    decision_tasks,
    expect_history,
    history_of,
    play,
    print_history,
    refused,
    register_domain,
    register_if_missing,
    wait_until_closed,
)

RACE = {"name": "RaceAgainstTheClock", "version": "1.0"}
LAP = {"name": "Lap", "version": "1.0"}
TASK_LIST = "timeouts"
UNUSED = "timeouts-no-poller"
SECONDS = 1  # the timeout where no process has to do anything in time
ROOM_SECONDS = 5  # where one has: a busy machine may let it wait for a second or two

swf = connect()


def decider() -> None:
    """Schedules the activity of an execution, or misses the task if there is none; completes after a timeout."""
    missed: dict[str, str] = {}
    for task in decision_tasks(swf, TASK_LIST):
        token, run_id = task["taskToken"], task["workflowExecution"]["runId"]
        decisions = decide(task["events"])
        if not decisions:
            missed[run_id] = token  # not answered in time, as if this process had hung
            continue
        if run_id in missed:
            with refused("UnknownResourceFault", "Unknown decision task, scheduledEventId = 2"):
                swf.respond_decision_task_completed(taskToken=missed.pop(run_id))
        swf.respond_decision_task_completed(taskToken=token, decisions=decisions)


def decide(events: list[Json]) -> list[Json]:
    """The next decisions, from the history alone, newest event first; [] if the task is to be missed."""
    for event in reversed(events):
        said = attributes(event)
        match event["eventType"]:
            case "ActivityTaskTimedOut" | "DecisionTaskTimedOut":
                return [
                    {
                        "decisionType": "CompleteWorkflowExecution",
                        "completeWorkflowExecutionDecisionAttributes": {"result": said["timeoutType"]},
                    }
                ]
            case "WorkflowExecutionStarted" if "input" in said:
                return [
                    {
                        "decisionType": "ScheduleActivityTask",
                        "scheduleActivityTaskDecisionAttributes": {
                            "activityId": "lap",
                            "activityType": LAP,
                            **json.loads(said["input"]),
                        },
                    }
                ]
            case _:
                pass
    return []


def worker() -> None:
    """Takes every task and answers none, as if it died each time: the clocks run on."""
    for task in activity_tasks(swf, TASK_LIST):
        try:
            swf.record_activity_task_heartbeat(taskToken=task["taskToken"], details="half-way")
        except ClientError as fault:
            if fault.response["Error"]["Code"] != "UnknownResourceFault":
                raise
            raise Surprise(
                f"this machine is too busy: the worker's heartbeat came after more than {ROOM_SECONDS} s, when its task"
                " had timed out. That is no error of the service. Try again when the machine has less to do."
            ) from fault


class Case(NamedTuple):
    """One execution, the clock that runs out in it, and the history that proves it."""

    kind: str
    execution: Json  # settings of the execution that differ from its type's defaults
    activity: Json  # settings of its activity that differ from its type's defaults; none: no activity
    seconds: int  # the timeout
    starts_with_event: int  # the event that starts the clock
    ends_with_event: int  # the event that says it has run out
    history: str


def started_activity(timeout: str, timed_out: str) -> str:
    """The history of an activity that a worker has taken and that times out."""
    return f"""
 1 WorkflowExecutionStarted    workflowType=RaceAgainstTheClock/1.0
 2 DecisionTaskScheduled
 3 DecisionTaskStarted         scheduledEventId=2
 4 DecisionTaskCompleted       scheduledEventId=2 startedEventId=3
 5 ActivityTaskScheduled       activityId=lap {timeout}={ROOM_SECONDS}
 6 ActivityTaskStarted         scheduledEventId=5
 7 ActivityTaskTimedOut        timeoutType={timed_out} scheduledEventId=5 startedEventId=6 details=half-way
 8 DecisionTaskScheduled
 9 DecisionTaskStarted         scheduledEventId=8
10 DecisionTaskCompleted       scheduledEventId=8 startedEventId=9
11 WorkflowExecutionCompleted  result={timed_out}
"""


CASES = [
    Case(
        kind="execution start-to-close",  # from its start to its end; no decider polls
        execution={"executionStartToCloseTimeout": str(SECONDS), "taskList": {"name": UNUSED}},
        activity={},
        seconds=SECONDS,
        starts_with_event=1,
        ends_with_event=3,
        history=f"""
 1 WorkflowExecutionStarted    executionStartToCloseTimeout={SECONDS}
 2 DecisionTaskScheduled       taskList=timeouts-no-poller
 3 WorkflowExecutionTimedOut   timeoutType=START_TO_CLOSE childPolicy=TERMINATE
""",
    ),
    Case(
        kind="decision start-to-close",  # from the poll of a decider to its answer, which is late
        execution={"taskStartToCloseTimeout": str(ROOM_SECONDS)},
        activity={},
        seconds=ROOM_SECONDS,
        starts_with_event=3,
        ends_with_event=4,
        history=f"""
 1 WorkflowExecutionStarted    taskStartToCloseTimeout={ROOM_SECONDS}
 2 DecisionTaskScheduled       startToCloseTimeout={ROOM_SECONDS}
 3 DecisionTaskStarted         scheduledEventId=2
 4 DecisionTaskTimedOut        timeoutType=START_TO_CLOSE scheduledEventId=2 startedEventId=3
 5 DecisionTaskScheduled       startToCloseTimeout={ROOM_SECONDS}
 6 DecisionTaskStarted         scheduledEventId=5
 7 DecisionTaskCompleted       scheduledEventId=5 startedEventId=6
 8 WorkflowExecutionCompleted  decisionTaskCompletedEventId=7 result=START_TO_CLOSE
""",
    ),
    Case(
        kind="activity schedule-to-start",  # from the decision to the poll of a worker: no worker comes
        execution={},
        activity={"scheduleToStartTimeout": str(SECONDS), "taskList": {"name": UNUSED}},
        seconds=SECONDS,
        starts_with_event=5,
        ends_with_event=6,
        history=f"""
 1 WorkflowExecutionStarted
 2 DecisionTaskScheduled
 3 DecisionTaskStarted         scheduledEventId=2
 4 DecisionTaskCompleted       scheduledEventId=2 startedEventId=3
 5 ActivityTaskScheduled       scheduleToStartTimeout={SECONDS} taskList=timeouts-no-poller
 6 ActivityTaskTimedOut        timeoutType=SCHEDULE_TO_START scheduledEventId=5 startedEventId=0
 7 DecisionTaskScheduled
 8 DecisionTaskStarted         scheduledEventId=7
 9 DecisionTaskCompleted       scheduledEventId=7 startedEventId=8
10 WorkflowExecutionCompleted  result=SCHEDULE_TO_START
""",
    ),
    Case(
        kind="activity schedule-to-close",  # from the decision to the end of the work
        execution={},
        activity={"scheduleToCloseTimeout": str(ROOM_SECONDS)},
        seconds=ROOM_SECONDS,
        starts_with_event=5,
        ends_with_event=7,
        history=started_activity("scheduleToCloseTimeout", "SCHEDULE_TO_CLOSE"),
    ),
    Case(
        kind="activity start-to-close",  # from when a worker has the task to the end of the work
        execution={},
        activity={"startToCloseTimeout": str(ROOM_SECONDS)},
        seconds=ROOM_SECONDS,
        starts_with_event=6,
        ends_with_event=7,
        history=started_activity("startToCloseTimeout", "START_TO_CLOSE"),
    ),
    Case(
        kind="activity heartbeat",  # from one sign of life of the worker to the next
        execution={},
        activity={"heartbeatTimeout": str(ROOM_SECONDS)},
        seconds=ROOM_SECONDS,
        starts_with_event=6,  # at the earliest: the worker's one heartbeat has set the clock back to zero
        ends_with_event=7,
        history=started_activity("heartbeatTimeout", "HEARTBEAT"),
    ),
]


def register() -> None:
    """The types, with every clock off or so long that it does not matter."""
    register_domain(swf)
    register_if_missing(
        swf.register_workflow_type,
        domain=DOMAIN,
        **RACE,
        defaultTaskList={"name": TASK_LIST},
        defaultExecutionStartToCloseTimeout="60",
        defaultTaskStartToCloseTimeout="NONE",
        defaultChildPolicy="TERMINATE",
    )
    register_if_missing(
        swf.register_activity_type,
        domain=DOMAIN,
        **LAP,
        defaultTaskList={"name": TASK_LIST},
        defaultTaskScheduleToStartTimeout="NONE",
        defaultTaskScheduleToCloseTimeout="NONE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultTaskHeartbeatTimeout="NONE",
    )


def starter() -> None:
    """Starts one execution per case, all together, and checks the history of each."""
    executions = [start(case) for case in CASES]
    for case, execution in zip(CASES, executions, strict=True):
        wait_until_closed(swf, execution)
        events = history_of(swf, execution)
        print_history(case.kind, events)
        expect_history(events, case.history)
        expect_punctual(case, events)


def start(case: Case) -> Json:
    workflow_id = f"{case.kind.replace(' ', '-')}-{uuid.uuid4().hex[:8]}"
    settings = dict(case.execution)
    if case.activity:
        settings["input"] = json.dumps(case.activity)  # the decider schedules an activity with these settings
    run = swf.start_workflow_execution(domain=DOMAIN, workflowId=workflow_id, workflowType=RACE, **settings)
    return {"workflowId": workflow_id, "runId": run["runId"]}


def expect_punctual(case: Case, events: list[Json]) -> None:
    """Surprise when the timeout came early. It may be a little late."""
    begin, end = (
        events[number - 1]["eventTimestamp"] for number in (case.starts_with_event, case.ends_with_event)
    )
    late_ms = round(((end - begin).total_seconds() - case.seconds) * 1000)
    print(f"      {case.kind}: timed out {late_ms} ms after {case.seconds} s were over")
    if late_ms < 0:
        raise Surprise(f"{case.kind} timed out {-late_ms} ms too early")


if __name__ == "__main__":
    play(register=register, starter=starter, decider=decider, worker=worker)
