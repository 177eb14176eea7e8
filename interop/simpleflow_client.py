"""simpleflow: its own decider and worker processes lead a workflow with every feature to its end.

Owns the processes and what the histories must hold; the workflow itself is interop/simpleflow/flows.py. It
talks through boto3 and has no endpoint setting: AWS_ENDPOINT_URL_SWF in the environment is all it needs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from interop.histories import History, attributes_of, histories_of
from interop.install import HERE, python_environment
from interop.outcome import Failed, require, require_equal, say
from interop.replaying import replay, require_changes_caught
from interop.server import Server
from interop.wait import until

FOLDER = HERE / "simpleflow"
DOMAIN = "simpleflow"
WORKFLOW_ID = "order-1"
FLOW_SECONDS = 240.0  # some 20 s here; every decision and every activity is a process of its own
CALL_SECONDS = 120.0
ROUNDS = 2
DECIDERS = 2
# Two processes each: the children of one supervisor inherit a single open connection and all send on it. The server
# closes a connection on which a request arrives behind a waiting poll; otherwise the flow would stop for a minute.
PROCESSES = "2"
DECIDER = [
    "decider.start",
    "--nb-processes",
    PROCESSES,
    "--task-list",
    "decisions",
    "flows.Orders",
    "flows.Shipping",
]


def prepare() -> None:
    """Install simpleflow into a virtual environment of its own."""
    say(f"  {simpleflow('--version')}")


def program() -> str:
    """The `simpleflow` command."""
    return str(python_environment("simpleflow", FOLDER / "requirements.txt") / "simpleflow")


def simpleflow(*words: str, environment: dict[str, str] | None = None) -> str:
    """What one simpleflow command prints."""
    done = subprocess.run(
        [program(), *words], env=environment, cwd=FOLDER, capture_output=True, text=True, timeout=CALL_SECONDS
    )
    require_equal(done.returncode, 0, f"exit code of simpleflow {words[0]}: {done.stderr[-2000:]}")
    return done.stdout.strip()


def drive(server: Server) -> str:
    """Run decider, worker and workflow; approve each round as a person would; check all histories."""
    client = server.client()
    environment = server.environment() | {
        "PYTHONPATH": str(FOLDER),
        "SWF_DOMAIN": DOMAIN,
        "HOME": str(server.folder),
    }
    with ExitStack() as stack:
        for number in range(DECIDERS):
            log = server.folder / f"decider-{number}.log"
            stack.enter_context(process(DECIDER, environment, log))
            # The first one registers the domain; a second one at the same time would fail on that.
            until(lambda: is_registered(client), "a decider to register the domain", CALL_SECONDS)
        worker = ["worker.start", "--nb-processes", "2", "--task-list", "work"]
        stack.enter_context(process(worker, environment, server.folder / "worker.log"))
        order = json.dumps({"args": [str(server.folder)], "kwargs": {}})
        started = [
            "workflow.start",
            "--workflow-id",
            WORKFLOW_ID,
            "--tags",
            "interop,simpleflow",
            "--input",
            order,
        ]
        say("  started " + simpleflow(*started, "flows.Orders", environment=environment))
        for _ in range(ROUNDS):
            approve(client)
        until(lambda: closed_runs(client) == ROUNDS, "the workflow to complete", FLOW_SECONDS)
    runs = list(histories_of(client, DOMAIN))
    # One process alone: there is always a task, and an answer on a shared connection would reach the other one.
    alone = ["1" if word == PROCESSES else word for word in DECIDER]
    decider = [program(), *alone]
    said = check(runs) + replay(server, runs, decider, folder=FOLDER, environment=environment)
    # The first run's first decisions failed, as types were not registered yet: their inputs are in no history.
    last = next(run for run in reversed(runs) if run.workflow_id == WORKFLOW_ID)
    changes = {name: (4, text) for name, text in CHANGES.items()}
    said += require_changes_caught(server, last, decider, changes, FOLDER, environment)
    from interop import thirty_days  # which imports this module

    return said + thirty_days.simpleflow(server)


# What flows.py packs differently, by CHANGED; simpleflow numbers activities in the order of their making.
CHANGES = {
    "order": "decision 1, ScheduleActivityTask activity-flows.pack-1 flows.pack, differs in input",
    "missing": "decision 3, ScheduleActivityTask activity-flows.pack-3 flows.pack, is missing now",
    "input": "decision 3, ScheduleActivityTask activity-flows.pack-3 flows.pack, differs in input",
}


@contextmanager
def process(words: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run a simpleflow supervisor with its children until the block ends.

    They end the hard way, as a group: asked nicely, each waits up to a minute for its long poll to come back.
    """
    with log.open("wb") as output:
        running = subprocess.Popen(
            [program(), *words],
            env=environment,
            cwd=FOLDER,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    except BaseException:
        say(f"  last words of {words[0]}:\n" + log.read_text(errors="replace")[-4000:])
        raise
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def is_registered(client: Any) -> bool:
    """Whether simpleflow's decider has registered its domain."""
    return DOMAIN in [
        info["name"] for info in client.list_domains(registrationStatus="REGISTERED")["domainInfos"]
    ]


def approve(client: Any) -> None:
    """Wait until an open run says in its context that it waits for approval, then give it."""

    def waiting() -> dict[str, str] | None:
        if not open_runs(client):
            raise Failed("the workflow closed without asking for approval")
        for info in open_runs(client):
            described = client.describe_workflow_execution(domain=DOMAIN, execution=info["execution"])
            if "approved" in described.get("latestExecutionContext", "") and not approved(
                client, info["execution"]
            ):
                return info["execution"]
        return None

    execution = until(waiting, "the workflow to wait for approval", FLOW_SECONDS)
    said = json.dumps({"args": ["boss"], "kwargs": {}, "__propagate": False})
    client.signal_workflow_execution(domain=DOMAIN, **execution, signalName="approved", input=said)
    say(f"  approved {execution['runId']}")


def open_runs(client: Any) -> list[dict[str, Any]]:
    """The open runs of the order, newest first."""
    listed = client.list_open_workflow_executions(
        domain=DOMAIN, startTimeFilter={"oldestDate": 0}, executionFilter={"workflowId": WORKFLOW_ID}
    )
    return listed["executionInfos"]


def approved(client: Any, execution: dict[str, str]) -> bool:
    """Whether a run has its approval already."""
    events = client.get_workflow_execution_history(domain=DOMAIN, execution=execution)["events"]
    names = [attributes_of(event)["signalName"] for event in events if is_signal(event)]
    return "approved" in names


def is_signal(event: dict[str, Any]) -> bool:
    """Whether an event is a signal's arrival."""
    return event["eventType"] == "WorkflowExecutionSignaled"


def closed_runs(client: Any) -> int:
    """How many runs of the order have closed."""
    counted = client.count_closed_workflow_executions(
        domain=DOMAIN, startTimeFilter={"oldestDate": 0}, executionFilter={"workflowId": WORKFLOW_ID}
    )
    return counted["count"]


def check(histories: list[History]) -> str:
    """Go on only if every feature shows in the histories as often as the flows use it."""
    orders = [history for history in histories if history.workflow_id == WORKFLOW_ID]
    children = [history for history in histories if history.workflow_id != WORKFLOW_ID]
    require_equal([run.status for run in orders], ["CONTINUED_AS_NEW", "COMPLETED"], "how the orders closed")
    require_equal([run.status for run in children], ["COMPLETED"] * ROUNDS, "how the children closed")
    for run in orders:
        for event_type, times in ORDER_EVENTS.items():
            require_equal(run.count(event_type), times, f"{event_type} in order {run.run_id}")
        require_parallel(run)
        signals = [attributes_of(event) for event in run.events if is_signal(event)]
        require_equal({signal["signalName"] for signal in signals}, {"shipped", "approved"}, "signals")
    for run in children:
        require_equal(run.count("ExternalWorkflowExecutionSignaled"), 1, f"signals sent by {run.workflow_id}")
    result = attributes_of(orders[-1].events[-1])["result"]
    require_equal(json.loads(result), ["14 kg delivered", "paid"], "result of the last order")
    continued = attributes_of(orders[1].events[0])["continuedExecutionRunId"]
    require_equal(continued, orders[0].run_id, "continuedExecutionRunId of the second order")
    return "parallel, sequence, child, signals, timer, marker, continue-as-new, retry"


# One order: three packed, one weighed, one labelled, one payment that fails and one that works.
ORDER_EVENTS = {
    "ActivityTaskScheduled": 7,
    "ActivityTaskCompleted": 6,
    "ActivityTaskFailed": 1,
    "MarkerRecorded": 1,
    "TimerFired": 2,  # the workflow's own, and simpleflow's wake-up call after a marker
    "StartChildWorkflowExecutionInitiated": 1,
    "ChildWorkflowExecutionStarted": 1,
    "ChildWorkflowExecutionCompleted": 1,
    "WorkflowExecutionSignaled": 2,
}


def require_parallel(run: History) -> None:
    """Go on only if the three packings were scheduled by one and the same decision task."""
    scheduled = [
        attributes_of(event) for event in run.events if event["eventType"] == "ActivityTaskScheduled"
    ]
    tasks = [
        attributes["decisionTaskCompletedEventId"]
        for attributes in scheduled
        if attributes["activityType"]["name"] == "flows.pack"
    ]
    require(len(tasks) == 3 and len(set(tasks)) == 1, f"packings were not scheduled together: {tasks}")
