"""A decider with a timer of 30 days in a domain whose clock skips: simpleflow, Java's Flow framework, JavaScript's SDK.

Owns starting the programs, and reading from the history how much real time the 30 days took. How fast it was is said,
and not judged.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from interop import simpleflow_client
from interop.histories import histories_of
from interop.install import HERE, maven_class_path, program
from interop.outcome import require_equal, say
from interop.server import ANY_KEY, Server, serve_program
from interop.wait import until

PROGRAM_SECONDS = 180  # 5 on an idle machine
DOMAIN = "thirty-days"
DAYS_30_MS = 30 * 86_400_000
YEAR_SECONDS = "31536000"
SEEN = "30 days under skip"


def javascript(server: Server) -> str:
    """The test in docs/testing.md, which starts a service of its own."""
    return _own_service(server, [program("node"), "--test", "reminder.test.mjs"], HERE / "javascript")


def java(server: Server) -> str:
    """The Flow framework, with the class of docs/testing.md that starts a service."""
    command = [program("java"), "-cp", maven_class_path(HERE / "java"), "interop.ThirtyDays"]
    return _own_service(server, command, server.folder)


def _own_service(server: Server, command: list[str], folder: Path) -> str:
    if server.key != ANY_KEY:
        return ""  # it would be the same once more
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = f"{Path(serve_program()).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        env=kept | {"PATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
    )
    for line in done.stdout.splitlines():
        if "30 days" in line:
            say(f"  {line.strip()}")
    require_equal(
        done.returncode, 0, f"exit code of {command[-1]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    return f"; {SEEN}"


def simpleflow(server: Server) -> str:
    """simpleflow's own processes, on the server of the client."""
    if server.key != ANY_KEY:
        return ""  # the call that turns the clock is not signed here
    client = server.client()
    client.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="90")
    _skip(server.endpoint)
    environment = server.environment() | {
        "PYTHONPATH": str(simpleflow_client.FOLDER),
        "SWF_DOMAIN": DOMAIN,
        "HOME": str(server.folder),
    }
    # One process each: several would send on one connection, and an answer could reach the wrong one.
    lists = (
        ["decider.start", "--nb-processes", "1", "--task-list", "decisions", "reminders.Reminder"],
        ["worker.start", "--nb-processes", "1", "--task-list", "work"],
    )
    with ExitStack() as stack:
        for words in lists:
            log = server.folder / f"30-days-{words[0]}.log"
            stack.enter_context(simpleflow_client.process(words, environment, log))
        asked = json.dumps({"args": ["Ada"], "kwargs": {}})
        started = ["workflow.start", "--workflow-id", "reminder-1", "--input", asked]
        started += ["--execution-timeout", YEAR_SECONDS, "reminders.Reminder"]
        simpleflow_client.simpleflow(*started, environment=environment)
        until(lambda: _closed(client), "the reminder to be sent", PROGRAM_SECONDS)
    (run,) = histories_of(client, DOMAIN)
    require_equal(run.status, "COMPLETED", "how the reminder closed")
    require_equal(run.count("TimerFired"), 1, "TimerFired")
    first, last = (event["eventTimestamp"].timestamp() for event in (run.events[0], run.events[-1]))
    say(f"  30 days passed in {round((last - first) * 1000) - DAYS_30_MS} ms")
    return f"; {SEEN}"


def _skip(endpoint: str) -> None:
    """Turns the clock of the domain by a call of the service's own API."""
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "WorkflowSvc.SkipClock"}
    request = urllib.request.Request(endpoint, json.dumps({"domain": DOMAIN}).encode(), headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        require_equal(json.load(answer)["mode"], "SKIPPING", "the mode of the clock")


def _closed(client: Any) -> int:
    counted = client.count_closed_workflow_executions(domain=DOMAIN, startTimeFilter={"oldestDate": 0})
    return counted["count"]
