"""What the console shows "as a command", pasted into a shell and into Python, against a real server.

Each form is carried out by its own program: bash with the AWS CLI, Python with boto3, bash with `workflowsvc`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interop import aws_cli
from interop.outcome import Skipped
from interop.server import REGION, serve_program
from interop.server import Server as Running
from tests.clients.conftest import ON_SQLITE
from workflowsvc.console.as_command import Forms, Server
from workflowsvc.console.pages import action_messages, action_starts
from workflowsvc.console.pages.action_kinds import RunAction, Subject

# Nothing of these may be taken for an option, the name of a file, or for something that a shell carries out.
NAME = "-w'\"$(touch hostile)` é\u202e"
TEXT = "file:///etc/passwd\n'\"$(touch hostile)`\\ \u202e\x1b[31m%s"
PATIENCE_SECONDS = 120.0


@pytest.fixture
def run(client: Any, domain: str) -> dict[str, Any]:
    """How a run with such a name and such an input is started."""
    client.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    client.register_workflow_type(domain=domain, name="order", version="1")
    return {
        "domain": domain,
        "workflowId": NAME,
        "workflowType": {"name": "order", "version": "1"},
        "taskList": {"name": "decisions"},
        "executionStartToCloseTimeout": "60",
        "taskStartToCloseTimeout": "NONE",
        "childPolicy": "ABANDON",
        "input": TEXT,
        "tagList": ["--tag", "b c"],
    }


def forms_of(
    client: Any, server: Running, run: dict[str, Any], action: RunAction, values: dict[str, str]
) -> Forms:
    """The three forms of an action on the open run that is started for it."""
    run_id = client.start_workflow_execution(**run)["runId"]
    execution = {"workflowId": run["workflowId"], "runId": run_id}
    detail = client.describe_workflow_execution(domain=run["domain"], execution=execution)
    subject = Subject(run["domain"], execution, detail, run)
    given = {field.name: field.value for field in action.fields(subject)} | values
    return action.forms(Server(server.endpoint, REGION), subject, action.members(subject, given))


def carry_out(server: Running, folder: Path, forms: Forms, form: str) -> None:
    """Pastes one of the forms; nothing may be left in the folder where that is done."""
    script, here = folder / "script", folder / "here"
    here.mkdir()
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    try:
        programs = {Path(aws_cli.program()).parent, Path(serve_program()).parent}
    except Skipped as reason:
        pytest.skip(str(reason))
    script.write_text(forms._asdict()[form], encoding="utf-8")
    environment = server.environment()
    environment["PATH"] = ":".join([*map(str, programs), environment["PATH"]])
    done = subprocess.run(
        [sys.executable if form == "boto3" else bash, script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        cwd=here,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(here.iterdir()) == []


@ON_SQLITE
@pytest.mark.parametrize("form", ["aws", "boto3", "own"])
def test_a_signal_that_was_pasted_arrives_to_the_letter(
    server: Running, client: Any, run: dict[str, Any], tmp_path: Path, form: str
) -> None:
    forms = forms_of(
        client, server, run, action_messages.ACTIONS["signal"], {"signalName": NAME, "input": TEXT}
    )
    carry_out(server, tmp_path, forms, form)
    (newest,) = client.list_open_workflow_executions(domain=run["domain"], startTimeFilter={"oldestDate": 0})[
        "executionInfos"
    ]
    events = client.get_workflow_execution_history(domain=run["domain"], execution=newest["execution"])[
        "events"
    ]
    (signaled,) = [
        event["workflowExecutionSignaledEventAttributes"]
        for event in events
        if event["eventType"] == "WorkflowExecutionSignaled"
    ]
    assert (signaled["signalName"], signaled["input"]) == (NAME, TEXT)


@ON_SQLITE
@pytest.mark.parametrize("form", ["aws", "boto3", "own"])
def test_a_start_that_was_pasted_starts_the_same_run(
    server: Running, client: Any, run: dict[str, Any], tmp_path: Path, form: str
) -> None:
    forms = forms_of(client, server, run, action_starts.ACTIONS["start"], {"workflowId": "twin"})
    carry_out(server, tmp_path, forms, form)
    twin, original = (
        client.get_workflow_execution_history(domain=run["domain"], execution=info["execution"])["events"][0]
        for info in client.list_open_workflow_executions(
            domain=run["domain"], startTimeFilter={"oldestDate": 0}
        )["executionInfos"]
    )
    member = "workflowExecutionStartedEventAttributes"
    assert twin[member] == original[member]
    assert twin[member]["tagList"] == run["tagList"]
