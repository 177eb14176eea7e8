"""An execution that is terminated, and the faults that its open tasks get afterwards.

    python examples/terminate.py                  the whole story: a decider, a worker, one execution
    python examples/terminate.py --role decider   one role alone, until it is refused (or: worker, starter)

Termination does not wait for the decider or the worker. At that moment the worker is working on its activity and the
decider on its decision; neither is notified, and neither task gets an event of its own. The next call of each is
refused, and it should then stop its work.
"""

from __future__ import annotations

import uuid

from support import (
    DOMAIN,
    Json,
    Surprise,
    activity_tasks,
    connect,
    decision_tasks,
    expect_history,
    history_of,
    play,
    print_history,
    refused,
    register_domain,
    register_if_missing,
    unknown_execution,
    wait_until,
    wait_until_closed,
)

HOUSE = {"name": "BuildHouse", "version": "1.0"}
WALL = {"name": "BuildWall", "version": "1.0"}
TASK_LIST = "terminate"

swf = connect()


def decider() -> None:
    """Schedules an activity, gets a second task because of a signal, and is still working on it at the termination."""
    tasks = decision_tasks(swf, TASK_LIST)
    swf.respond_decision_task_completed(
        taskToken=next(tasks)["taskToken"],
        decisions=[
            {
                "decisionType": "ScheduleActivityTask",
                "scheduleActivityTaskDecisionAttributes": {"activityId": "north wall", "activityType": WALL},
            }
        ],
    )
    task = next(tasks)
    execution = task["workflowExecution"]
    wait_until_closed(swf, execution)
    with refused("UnknownResourceFault", unknown_execution(execution)):
        swf.respond_decision_task_completed(taskToken=task["taskToken"])
    print("  the decision is refused:     ", unknown_execution(execution), flush=True)


def worker() -> None:
    """Is working on its activity at the termination: afterwards neither a heartbeat nor an outcome is accepted."""
    task = next(activity_tasks(swf, TASK_LIST))
    token, execution = task["taskToken"], task["workflowExecution"]
    swf.record_activity_task_heartbeat(taskToken=token, details="first row of bricks")
    wait_until_closed(swf, execution)
    for respond in (
        swf.record_activity_task_heartbeat,
        swf.respond_activity_task_completed,
        swf.respond_activity_task_failed,
        swf.respond_activity_task_canceled,
    ):
        with refused("UnknownResourceFault", unknown_execution(execution)):
            respond(taskToken=token)
    print("  the activity is refused:     ", unknown_execution(execution), flush=True)


def register() -> None:
    """The types and their defaults."""
    register_domain(swf)
    register_if_missing(
        swf.register_workflow_type,
        domain=DOMAIN,
        **HOUSE,
        defaultTaskList={"name": TASK_LIST},
        defaultExecutionStartToCloseTimeout="60",
        defaultTaskStartToCloseTimeout="NONE",
        defaultChildPolicy="TERMINATE",
    )
    register_if_missing(
        swf.register_activity_type,
        domain=DOMAIN,
        **WALL,
        defaultTaskList={"name": TASK_LIST},
        defaultTaskScheduleToStartTimeout="NONE",
        defaultTaskScheduleToCloseTimeout="NONE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultTaskHeartbeatTimeout="NONE",
    )


def starter() -> None:
    """Starts the execution, terminates it while both tasks are open, and tries to terminate it a second time."""
    workflow_id = f"house-{uuid.uuid4().hex[:8]}"
    run = swf.start_workflow_execution(domain=DOMAIN, workflowId=workflow_id, workflowType=HOUSE)
    execution = {"workflowId": workflow_id, "runId": run["runId"]}

    wait_until(lambda: has(execution, "ActivityTaskStarted", 1), "the worker has its task")
    swf.signal_workflow_execution(domain=DOMAIN, **execution, signalName="rain")
    wait_until(lambda: has(execution, "DecisionTaskStarted", 2), "the decider has its second task")
    swf.terminate_workflow_execution(
        domain=DOMAIN, **execution, reason="no money left", details="ask again in May"
    )

    events = history_of(swf, execution)
    print_history(f"{workflow_id}, terminated", events)
    expect_history(events, TERMINATED)
    expect_described_as_terminated(execution)

    with refused("UnknownResourceFault", unknown_execution(execution)):
        swf.terminate_workflow_execution(domain=DOMAIN, **execution)
    with refused("UnknownResourceFault", f"Unknown execution, workflowId = {workflow_id}"):
        swf.terminate_workflow_execution(domain=DOMAIN, workflowId=workflow_id)
    print("  a second time is refused:    ", unknown_execution(execution), flush=True)


def has(execution: Json, event_type: str, times: int) -> bool:
    return [event["eventType"] for event in history_of(swf, execution)].count(event_type) >= times


def expect_described_as_terminated(execution: Json) -> None:
    """Checks DescribeWorkflowExecution: the open activity stays counted as open, because no event closed it."""
    described = swf.describe_workflow_execution(domain=DOMAIN, execution=execution)
    close_status = described["executionInfo"]["closeStatus"]
    open_activities = described["openCounts"]["openActivityTasks"]
    if (close_status, open_activities) != ("TERMINATED", 1):
        raise Surprise(
            f"described as {close_status} with {open_activities} open activities, not TERMINATED with 1"
        )


TERMINATED = """
 1 WorkflowExecutionStarted    workflowType=BuildHouse/1.0
 2 DecisionTaskScheduled
 3 DecisionTaskStarted         scheduledEventId=2
 4 DecisionTaskCompleted       scheduledEventId=2 startedEventId=3
 5 ActivityTaskScheduled       activityId='north wall'
 6 ActivityTaskStarted         scheduledEventId=5
 7 WorkflowExecutionSignaled   signalName=rain
 8 DecisionTaskScheduled
 9 DecisionTaskStarted         scheduledEventId=8
10 WorkflowExecutionTerminated reason='no money left' details='ask again in May' childPolicy=TERMINATE
"""


if __name__ == "__main__":
    play(register=register, starter=starter, decider=decider, worker=worker, companions_leave=True)
