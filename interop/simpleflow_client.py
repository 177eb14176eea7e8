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
    said = check(runs) + replay(server, runs, [program(), *alone], folder=FOLDER, environment=environment)
    from interop import thirty_days  # which imports this module

    return said + thirty_days.simpleflow(server)
