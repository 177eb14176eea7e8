"""The orders that the programs in JavaScript, Go and Rust lead to their end, and what their histories must hold.

Owns running such a program and checking what it left behind. The three tell the same story with their own SDK, so that
one table holds for all of them.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from interop.histories import attributes_of, histories_of
from interop.outcome import require_equal, say
from interop.server import Server

PROGRAM_SECONDS = 180  # 5 on an idle machine
SEEN = "decider, worker, retry, timer, marker, signal, child, cancel, an abandoned poll, pages, four faults"


def lead_orders(server: Server, command: list[str], folder: Path, domain: str) -> str:
    """Run a program of the three and check the histories in its domain; says what was seen."""
    done = subprocess.run(
        command,
        env=server.environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
    )
    for line in done.stdout.splitlines():
        say("  " + line)
    require_equal(done.returncode, 0, f"exit code of {Path(command[0]).name}: {done.stderr[-3000:]}")
    runs = {run.workflow_id: run for run in histories_of(server.client(), domain)}
    statuses = {workflow_id: run.status for workflow_id, run in runs.items()}
    require_equal(statuses, STATUSES, "how the runs closed")
    for event_type, times in ORDER_EVENTS.items():
        require_equal(runs["order-1"].count(event_type), times, f"{event_type} in order-1")
    marker = next(event for event in runs["order-1"].events if event["eventType"] == "MarkerRecorded")
    require_equal(attributes_of(marker)["details"], "é ✓ 𝄞", "details of the marker")
    return SEEN


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
