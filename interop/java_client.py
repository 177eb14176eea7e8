"""The AWS SDK for Java v2 with the official Flow framework: three orders, one of them with affinity workers.

Owns starting the JVM and what the histories must hold; the program is the Maven project in interop/java.
"""

from __future__ import annotations

import subprocess
from typing import Any

from interop import thirty_days
from interop.histories import Event, History, attributes_of, histories_of
from interop.install import HERE, maven_class_path, program
from interop.outcome import require, require_equal, say
from interop.replaying import replay, require_changes_caught
from interop.server import Server

FOLDER = HERE / "java"
DOMAIN = "java"
HOST = "interop-host"  # Flow names the sticky list after the host
PATIENCE = "2"  # the program's limit for a decision task on the sticky list
PROGRAM_SECONDS = 180


def prepare() -> None:
    """Fetch the SDK and the framework, generate the clients and compile."""
    jars = [jar.rsplit("/", 1)[-1] for jar in maven_class_path(FOLDER).split(":")]
    chosen = [jar for jar in jars if jar.startswith(("aws-java-sdk-swf-libraries", "swf-"))]
    say("  " + ", ".join(sorted(chosen)))


def drive(server: Server) -> str:
    """Run the program and check the histories it must have made."""
    command = [program("java"), "-cp", maven_class_path(FOLDER), "interop.Main"]
    done = subprocess.run(
        command,
        env=server.environment() | {"HOSTNAME": HOST},
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
    )
    for line in done.stdout.splitlines():
        say("  " + line)
    require_equal(done.returncode, 0, f"exit code of java: {done.stderr[-4000:]}")
    runs = {run.workflow_id: run for run in histories_of(server.client(), DOMAIN)}
    for name in ("order-plain", "order-lonely", "order-sticky"):
        check_order(runs[name])
    require_equal(lists_of(runs["order-plain"]), {"plain"}, "task lists of the plain order")
    check_sticky(runs["order-sticky"])
    check_lonely(runs["order-lonely"])
    replayed = replay(
        server,
        list(runs.values()),
        [*command, "decide"],
        folder=server.folder,
        environment={"HOSTNAME": HOST},
    )
    caught = require_changes_caught(
        server, runs["order-plain"], [*command, "decide"], CHANGES, server.folder, {"HOSTNAME": HOST}
    )
    return f"{SEEN}{replayed}{caught}{thirty_days.java(server)}"


# What OrderWorkflowImpl does differently, by CHANGED, and how that is found.
CHANGES = {
    "missing": (4, "decision 1 was ScheduleActivityTask 1 OrderActivities.charge and is StartTimer 1 now"),
    "input": (4, "decision 1, ScheduleActivityTask 1 OrderActivities.charge, differs in input"),
}


SEEN = "two activities, a timer, a signal; plain, with affinity, with affinity to a list without poller"


def check_order(run: History) -> None:
    """Go on only if an order did what every order does."""
    require_equal(run.status, "COMPLETED", f"how {run.workflow_id} closed")
    for event_type, times in ORDER_EVENTS.items():
        require_equal(run.count(event_type), times, f"{event_type} in {run.workflow_id}")


ORDER_EVENTS = {
    "ActivityTaskScheduled": 2,
    "ActivityTaskCompleted": 2,
    "TimerStarted": 1,
    "TimerFired": 1,
    "WorkflowExecutionSignaled": 1,
}


def events_of(run: History, event_type: str) -> list[dict[str, Any]]:
    """The attributes of all events of one type."""
    return [attributes_of(event) for event in run.events if event["eventType"] == event_type]


def lists_of(run: History) -> set[str]:
    """The task lists that decision tasks of a run were scheduled on."""
    return {scheduled["taskList"]["name"] for scheduled in events_of(run, "DecisionTaskScheduled")}


def check_sticky(run: History) -> None:
    """Go on only if the run moved to its decider's own list and stayed there (SWF §4.8)."""
    scheduled = events_of(run, "DecisionTaskScheduled")
    require_equal(scheduled[0]["taskList"]["name"], "sticky", "list of the first decision task")
    require_equal(scheduled[0]["scheduleToStartTimeout"], "NONE", "timeout of the first decision task")
    for attributes in scheduled[1:]:
        require_equal(attributes["taskList"]["name"], HOST, "list of a later decision task")
        require_equal(attributes["scheduleToStartTimeout"], PATIENCE, "timeout of a later decision task")
    completed = events_of(run, "DecisionTaskCompleted")
    for attributes in completed[:-1]:
        require_equal(attributes.get("taskList"), {"name": HOST}, "list asked for by a completion")
        require_equal(attributes.get("taskListScheduleToStartTimeout"), PATIENCE, "timeout asked for")
    require_equal(run.count("DecisionTaskTimedOut"), 0, "timeouts of a served sticky list")


def check_lonely(run: History) -> None:
    """Go on only if a task on a sticky list without poller timed out and went back to the common list."""
    timed_out = events_of(run, "DecisionTaskTimedOut")
    require(timed_out, "no decision task timed out on the sticky list without poller")
    for attributes in timed_out:
        require_equal(attributes["timeoutType"], "SCHEDULE_TO_START", "type of the timeout")
        first = run.events[attributes["scheduledEventId"] - 1]
        require_equal(list_of(first), HOST, "list of the task that timed out")
    for event, following in zip(run.events, run.events[1:], strict=False):
        if event["eventType"] == "DecisionTaskTimedOut":
            require_equal(list_of(following), "lonely", "list of the task after the timeout")
    require_equal(lists_of(run), {"lonely", HOST}, "task lists of the lonely order")


def list_of(event: Event) -> str:
    """The task list that a decision task was scheduled on."""
    require_equal(event["eventType"], "DecisionTaskScheduled", f"type of event {event['eventId']}")
    return attributes_of(event)["taskList"]["name"]
