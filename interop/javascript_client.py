"""The AWS SDK for JavaScript v3: a decider loop and a worker loop in one Node program lead runs to their end.

Owns starting Node and what the histories must hold; the program is interop/javascript/life_cycle.mjs.
"""

from __future__ import annotations

import json
import subprocess

from interop.histories import attributes_of, histories_of
from interop.install import HERE, node_modules, program
from interop.outcome import require_equal, say
from interop.server import Server

FOLDER = HERE / "javascript"
DOMAIN = "javascript"
PROGRAM_SECONDS = 120


def prepare() -> None:
    """Install the SDK from its lock into interop/javascript/node_modules."""
    package = node_modules(FOLDER) / "@aws-sdk" / "client-swf" / "package.json"
    say(f"  @aws-sdk/client-swf {json.loads(package.read_text())['version']}")


def drive(server: Server) -> str:
    """Run the program and check the histories it must have made."""
    done = subprocess.run(
        [program("node"), "life_cycle.mjs"],
        env=server.environment(),
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
    )
    for line in done.stdout.splitlines():
        say("  " + line)
    require_equal(done.returncode, 0, f"exit code of node: {done.stderr[-3000:]}")
    runs = {run.workflow_id: run for run in histories_of(server.client(), DOMAIN)}
    statuses = {workflow_id: run.status for workflow_id, run in runs.items()}
    require_equal(statuses, STATUSES, "how the runs closed")
    for event_type, times in ORDER_EVENTS.items():
        require_equal(runs["order-1"].count(event_type), times, f"{event_type} in order-1")
    marker = next(event for event in runs["order-1"].events if event["eventType"] == "MarkerRecorded")
    require_equal(attributes_of(marker)["details"], "é ✓ 𝄞", "details of the marker")
    return "decider, worker, retry, timer, marker, signal, child, cancel, an abandoned poll, four faults"


STATUSES = {
    "order-1": "COMPLETED",
    "parcel of order-1": "COMPLETED",
    "order-2": "CANCELED",
    "order-3": "COMPLETED",
    "order-4": "COMPLETED",
}
ORDER_EVENTS = {
    "ActivityTaskScheduled": 2,
    "ActivityTaskFailed": 1,
    "ActivityTaskCompleted": 1,
    "TimerFired": 1,
    "MarkerRecorded": 1,
    "WorkflowExecutionSignaled": 1,
    "ChildWorkflowExecutionStarted": 1,
    "ChildWorkflowExecutionCompleted": 1,
}
