"""A decider as a program, with boto3: `python -m bench.replay_decider whole|news WIDTH` polls until it is ended.

`whole` looks at the whole history of each decision task; `news` keeps runs in memory and asks for what is new alone
(`startAtPreviousStartedEvent`). Owns the workflow that the bench replays: activities, WIDTH of them side
by side.
"""

from __future__ import annotations

import os
import signal
import sys
from time import process_time
from typing import Any

import boto3
from botocore.config import Config

ACTIVITIES = {1: 16, 3: 24}  # side by side -> in all; either makes 101 events
DOMAIN, TASK_LIST = "bench", "deciders"
CPU = "CPU seconds of the decider: "  # how its last line begins
ACTIVITY_TYPE = {"name": "work", "version": "1"}


def decide(done: int, width: int) -> list[dict[str, Any]]:
    """The next activities, or the end."""
    if done == ACTIVITIES[width]:
        return [
            {
                "decisionType": "CompleteWorkflowExecution",
                "completeWorkflowExecutionDecisionAttributes": {"result": "done"},
            }
        ]
    return [schedule(number) for number in range(done, done + width)]


def schedule(number: int) -> dict[str, Any]:
    """One activity."""
    given = {
        "activityId": f"work-{number}",
        "activityType": ACTIVITY_TYPE,
        "input": f'{{"number": {number}}}',
    }
    return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": given}


def completed(events: list[dict[str, Any]]) -> int:
    """How many activities these events complete."""
    return sum(event["eventType"] == "ActivityTaskCompleted" for event in events)


def say_cpu(number: int, frame: object) -> None:
    """Ends the process, and says on standard error what it has cost."""
    sys.stderr.write(f"{CPU}{process_time()}\n")
    sys.stderr.flush()
    os._exit(0)


def poll(width: int, *, keeps_runs: bool) -> None:
    """Answers decision tasks until the process is ended. `keeps_runs`: in memory, so that it asks for news alone."""
    swf = boto3.client("swf", config=Config(read_timeout=70))
    known: dict[str, int] = {}  # runId -> activities that are done
    while True:
        task = swf.poll_for_decision_task(
            domain=DOMAIN, taskList={"name": TASK_LIST}, startAtPreviousStartedEvent=keeps_runs
        )
        if not task.get("taskToken"):
            continue
        run_id = task["workflowExecution"]["runId"]
        done = completed(task["events"]) + (known.get(run_id, 0) if keeps_runs else 0)
        known[run_id] = done
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decide(done, width))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, say_cpu)
    poll(int(sys.argv[2]), keeps_runs=sys.argv[1] == "news")
