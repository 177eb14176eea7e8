"""The recordings of a client's own runs, played to its own decider by `workflowsvc replay`: nothing may differ.

Owns the files and the command. Which program decides, and on which lists, is the client's.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from interop.histories import History, as_wire
from interop.outcome import require_equal, say
from interop.server import ANY_KEY, Server, serve_program
from workflowsvc.display.text import history_file_name

REPLAY_SECONDS = 240
ANSWER = "60s"  # a Java program takes seconds to start, and its first answer some more


def replay(
    server: Server,
    runs: Sequence[History],
    decider: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Play these runs to a decider; it must decide in each as it did. Says what was compared; nothing for the second
    of a client's servers, whose recordings are the same.
    """
    if server.key != ANY_KEY:
        return ""
    done = _played(server, runs, decider, folder, environment)
    said = f"{done.stdout}\n{done.stderr[-3000:]}"
    require_equal(done.returncode, 0, f"exit code of workflowsvc replay: {said}")
    summary = json.loads(done.stdout.splitlines()[-1])
    require_equal(summary["statuses"], {"SAME": len(runs)}, f"what became of the recordings: {said}")
    say(f"  replayed {summary['decisionTasksCompared']} decision tasks of {len(runs)} runs")
    return f", {summary['decisionTasksCompared']} of its decision tasks replayed"


def require_changes_caught(
    server: Server,
    run: History,
    decider: Sequence[str],
    changes: Mapping[str, tuple[int, str]],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Go on only if deciders that have changed are found to differ. `changes`: the value of CHANGED in the decider's
    environment -> the event behind which it differs, and the words of the report. Says how many were caught.
    """
    if server.key != ANY_KEY:
        return ""
    for change, expected in changes.items():
        done = _played(server, [run], decider, folder, dict(environment or {}) | {"CHANGED": change})
        require_equal(
            done.returncode, 1, f"exit code of workflowsvc replay: {done.stdout}\n{done.stderr[-3000:]}"
        )
        found = json.loads(done.stdout.splitlines()[0])
        require_equal((found["completedEventId"], found["message"]), expected, f"what is found of {change}")
        say(f"  caught at event {expected[0]}: {expected[1]}")
    return f", {len(changes)} changed deciders caught"


def _played(
    server: Server,
    runs: Sequence[History],
    decider: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None,
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(dir=server.folder) as recordings:
        for run in runs:
            execution = {"workflowId": run.workflow_id, "runId": run.run_id}
            file = Path(recordings, history_file_name(run.workflow_id, run.run_id))
            file.write_text(json.dumps({"events": as_wire(run.events), "execution": execution}))
        return subprocess.run(
            [serve_program(), "replay", recordings, "--timeout", ANSWER, "--json", "--", *decider],
            env=server.environment() | dict(environment or {}),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=REPLAY_SECONDS,
        )
