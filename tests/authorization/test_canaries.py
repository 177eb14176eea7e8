"""Nothing that a server process writes has a secret, a signature, a token or data of executions in it (QUALITY §5.6).

A real process with access control that logs everything; boto3 signs. What was refused is in its audit trail all the
same, by names.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from interop.server import REGION, running_server, serve_program

CANARY = "canary"
LIST = {"name": "list"}
WORKFLOW, ACTIVITY = {"name": "w", "version": "1"}, {"name": "a", "version": "1"}
DENY_SIGNALS = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "swf:*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["swf:SignalWorkflowExecution", "swf:RecordMarker"], "Resource": "*"},
    ],
}


class Secrets:
    """Every text that must not be written, and what is called with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.key_file = folder / "master.key"
        self.texts: set[str] = {CANARY}
        self._access("master-key", str(self.key_file))
        self.texts.add(self.key_file.read_text().split(":")[-1].strip())
        policy = folder / "policy.json"
        policy.write_text(json.dumps(DENY_SIGNALS))
        self._stored("policy", "put", "no-signals", str(policy))
        self._stored("user", "create", "ann", "--policy", "no-signals")
        self.lasting = self._key("create", "ann")
        self.temporary = self._key("temporary", "ann")

    def _access(self, *words: str) -> str:
        command = [serve_program(), "access", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=self._folder).stdout

    def _stored(self, *words: str) -> str:
        store = f"sqlite:{self._folder / 'interop.db'}"
        return self._access(*words, "--store", store, "--master-key-file", str(self.key_file))

    def _key(self, *words: str) -> dict[str, str]:
        lines = dict(line.split("=", 1) for line in self._stored("key", *words).splitlines())
        self.texts |= {text for name, text in lines.items() if name != "AWS_ACCESS_KEY_ID"}
        return {name.lower(): text for name, text in lines.items()}

    def client(self, endpoint: str, key: dict[str, str]) -> Any:
        """A client that notes its signatures and the tokens it is given."""
        once = Config(read_timeout=75, retries={"total_max_attempts": 1}, parameter_validation=False)
        client = boto3.client("swf", endpoint_url=endpoint, region_name=REGION, config=once, **key)
        client.meta.events.register("before-send.swf", self._note_signature)
        client.meta.events.register("after-call.swf", self._note_tokens)
        return client

    def _note_signature(self, request: Any, **_: Any) -> None:
        header = request.headers["Authorization"]
        text = header.decode() if isinstance(header, bytes) else header
        self.texts.add(text.rpartition("Signature=")[2])

    def _note_tokens(self, parsed: Any, **_: Any) -> None:
        self.texts |= {parsed[name] for name in ("taskToken", "nextPageToken") if parsed.get(name)}


@contextlib.contextmanager
def refused(code: str, *, if_any: bool) -> Iterator[None]:
    """With `--auth log` the call is carried out."""
    if not if_any:
        yield
        return
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code


def live(client: Any, *, enforces: bool) -> None:
    """A run with canaries in everything that is data, and calls that are refused with canaries in them."""
    client.register_domain(name="d", workflowExecutionRetentionPeriodInDays="1")
    defaults = {
        "defaultTaskList": LIST,
        "defaultChildPolicy": "TERMINATE",
        "defaultTaskStartToCloseTimeout": "NONE",
        "defaultExecutionStartToCloseTimeout": "3600",
    }
    client.register_workflow_type(domain="d", **WORKFLOW, **defaults)
    names = ("ScheduleToStart", "ScheduleToClose", "StartToClose", "Heartbeat")
    never = {f"defaultTask{name}Timeout": "NONE" for name in names}
    client.register_activity_type(domain="d", **ACTIVITY, **never, defaultTaskList=LIST)
    started = client.start_workflow_execution(
        domain="d", workflowId="w", workflowType=WORKFLOW, input=CANARY, tagList=["a"]
    )
    with refused("AccessDeniedException", if_any=enforces):
        client.signal_workflow_execution(domain="d", workflowId="w", signalName="s", input=CANARY)
    task = client.poll_for_decision_task(domain="d", taskList=LIST, maximumPageSize=1, identity="i")
    schedule = {"activityId": "a", "activityType": ACTIVITY, "input": CANARY, "control": CANARY}
    client.respond_decision_task_completed(
        taskToken=task["taskToken"],
        executionContext=CANARY,
        decisions=[
            {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": schedule},
            {
                "decisionType": "RecordMarker",
                "recordMarkerDecisionAttributes": {"markerName": "m", "details": CANARY},
            },
        ],
    )
    activity = client.poll_for_activity_task(domain="d", taskList=LIST)
    client.record_activity_task_heartbeat(taskToken=activity["taskToken"], details=CANARY)
    client.respond_activity_task_failed(taskToken=activity["taskToken"], reason=CANARY, details=CANARY)
    for wrong in (f"{CANARY}{activity['taskToken']}", activity["taskToken"]):
        with pytest.raises(ClientError):
            client.respond_activity_task_completed(taskToken=wrong, result=CANARY)
    client.terminate_workflow_execution(domain="d", workflowId="w", reason=CANARY, details=CANARY)
    with pytest.raises(ClientError):
        client.start_workflow_execution(
            domain="d", workflowId="w", workflowType=WORKFLOW, input=CANARY, childPolicy=CANARY
        )
    execution = {"workflowId": "w", "runId": started["runId"]}
    client.get_workflow_execution_history(domain="d", execution=execution, maximumPageSize=1)


@pytest.mark.parametrize("mode", ["enforce", "log"])
def test_a_server_writes_no_secret_no_token_and_no_data(tmp_path: Path, mode: str) -> None:
    secrets, enforces = Secrets(tmp_path), mode == "enforce"
    options = ("--auth", mode, "--log-level", "debug", "--master-key-file", str(secrets.key_file))
    with running_server(tmp_path, *options) as server:
        live(secrets.client(server.endpoint, secrets.temporary), enforces=enforces)
        lasting, asked = secrets.lasting, {"registrationStatus": "REGISTERED"}
        wrong = [
            ("InvalidSignatureException", lasting | {"aws_secret_access_key": f"{CANARY}-wrong"}),
            ("UnrecognizedClientException", secrets.temporary | {"aws_session_token": f"{CANARY}-token"}),
            ("InvalidSignatureException", lasting | {"aws_access_key_id": "AKIAUNKNOWNUNKNOWN22"}),
            # A person has mixed up the two; in some secrets there are slashes.
            ("InvalidSignatureException", swapped(lasting, "x")),
            ("IncompleteSignatureException", swapped(lasting, "/")),
        ]
        secrets.texts |= {key["aws_access_key_id"] for _, key in wrong[-2:]}
        for code, key in wrong:
            with refused(code, if_any=enforces):
                secrets.client(server.endpoint, key).list_domains(**asked)
    written = (tmp_path / "server.log").read_text()
    assert "request " in written
    found = sorted(text for text in secrets.texts if text in written or text[:20] in written)
    assert found == []
    assert len(secrets.texts) > 20
    require_audit_trail(written, enforces=enforces)


def swapped(key: dict[str, str], separator: str) -> dict[str, str]:
    secret = key["aws_secret_access_key"].replace("/", "x")
    as_id = f"{secret[:20]}{separator}{secret[20:]}"
    return {"aws_access_key_id": as_id, "aws_secret_access_key": key["aws_access_key_id"]}


def require_audit_trail(written: str, *, enforces: bool) -> None:
    lines = [json.loads(text) for text in re.findall(r" workflowsvc\.access: (\{.*\})", written)]
    event = "refused" if enforces else "would-refuse"
    told = {(line["event"], line.get("action"), line["reason"]) for line in lines}
    assert told >= {
        (event, "swf:SignalWorkflowExecution", "explicit-deny"),
        (event, "swf:RecordMarker", "explicit-deny"),
        (event, None, "the access key does not exist"),
        (event, None, "the session token is not that of the key"),
    }
    assert "AKIAUNKNOWNUNKNOWN22" in {line.get("keyId") for line in lines}
    assert all(line["sourceIp"] == "127.0.0.1" for line in lines if line.get("action") != "swf:RecordMarker")
