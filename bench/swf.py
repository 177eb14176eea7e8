"""The SWF calls of the load as bytes, and the members of answers that the generator reads.

The parts of requests that never change are built once. Owns the spelling of requests and the few members of answers
that are read. Without a signer requests have a fixed Authorization header in the form of a signature, because
moto_server finds the service by it, and so that our server has as much to parse as from a real client.
"""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from bench.connection import Answer, Client, connected
from bench.signing import Signer

DOMAIN = "bench"
TYPE = {"name": "Bench", "version": "1"}

Json = dict[str, Any]


class Unexpected(Exception):
    """The server gave a wrong answer. No figure of the run counts."""


class Execution(msgspec.Struct):
    workflowId: str
    runId: str


class Event(msgspec.Struct):
    eventId: int
    eventType: str


class Run(msgspec.Struct):
    runId: str


class DecisionTask(msgspec.Struct):
    taskToken: str = ""
    startedEventId: int = 0
    workflowExecution: Execution | None = None
    events: list[Event] = []
    nextPageToken: str = ""


class ActivityTask(msgspec.Struct):
    taskToken: str = ""
    activityId: str = ""
    input: str = ""
    workflowExecution: Execution | None = None


class History(msgspec.Struct):
    events: list[Event]
    nextPageToken: str = ""


read_run = msgspec.json.Decoder(Run).decode
read_decision_task = msgspec.json.Decoder(DecisionTask).decode
read_activity_task = msgspec.json.Decoder(ActivityTask).decode
read_history = msgspec.json.Decoder(History).decode


class Requests:
    """The requests to one server and domain. A body with one variable part is kept as the two halves around it."""

    def __init__(
        self,
        host: str,
        port: int,
        task_list: str = "bench",
        payload: str = "",
        *,
        keep_alive: bool = True,
        signer: Signer | None = None,
    ) -> None:
        self.host, self.port, self.payload, self.keep_alive = host, port, payload, keep_alive
        self._signer = signer
        self._heads: dict[str, bytes] = {}
        polled = json.dumps({"domain": DOMAIN, "taskList": {"name": task_list}, "identity": "bench"}).encode()
        self.poll_for_decision_task = self.build("PollForDecisionTask", polled)
        self.poll_for_activity_task = self.build("PollForActivityTask", polled)
        self._start = self._halves(
            {
                "domain": DOMAIN,
                "workflowId": "\0",
                "workflowType": TYPE,
                "taskList": {"name": task_list},
                "input": payload,
            }
        )
        self._schedule = self._halves({"taskToken": "\0", "decisions": [schedule("a", task_list, payload)]})
        self._complete = self._halves({"taskToken": "\0", "decisions": [complete(payload)]})
        self._activity_completed = self._halves({"taskToken": "\0", "result": payload})

    def connected(self) -> AbstractAsyncContextManager[Client]:
        """A connection to the server for the block."""
        return connected(self.host, self.port, keep_alive=self.keep_alive)

    def build(self, action: str, body: bytes) -> bytes:
        """The bytes of a request, header and body."""
        if self._signer is not None:
            head = self._signer.head(f"{self.host}:{self.port}", action, body)
            return b"%b%d\r\n\r\n%b" % (head, len(body), body)
        head = self._heads.get(action)
        if head is None:
            head = self._heads[action] = (
                f"POST / HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
                f"X-Amz-Target: SimpleWorkflowService.{action}\r\n"
                "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Date: 20120125T000000Z\r\n"
                "Authorization: AWS4-HMAC-SHA256 Credential=bench/20120125/us-east-1/swf/aws4_request, "
                "SignedHeaders=host;x-amz-date;x-amz-target, Signature=0\r\nContent-Length: "
            ).encode()
        return b"%b%d\r\n\r\n%b" % (head, len(body), body)

    def start_workflow_execution(self, workflow_id: str) -> bytes:
        return self._fill("StartWorkflowExecution", self._start, workflow_id)

    def schedule_activity_task(self, token: str) -> bytes:
        return self._fill("RespondDecisionTaskCompleted", self._schedule, token)

    def complete_workflow_execution(self, token: str) -> bytes:
        return self._fill("RespondDecisionTaskCompleted", self._complete, token)

    def respond_activity_task_completed(self, token: str) -> bytes:
        return self._fill("RespondActivityTaskCompleted", self._activity_completed, token)

    def of(self, action: str, **members: Any) -> bytes:
        """A request that is not built beforehand, because it is rare."""
        return self.build(action, json.dumps(members).encode())

    @staticmethod
    def _halves(body: Json) -> tuple[bytes, bytes]:
        before, hole, after = json.dumps(body, separators=(",", ":")).encode().partition(rb"\u0000")
        assert hole
        return before, after

    def _fill(self, action: str, halves: tuple[bytes, bytes], value: str) -> bytes:
        return self.build(action, halves[0] + value.encode() + halves[1])


def schedule(activity_id: str, task_list: str, payload: str) -> Json:
    """The decision to schedule one activity; its timeouts come from its type."""
    said = {
        "activityId": activity_id,
        "activityType": TYPE,
        "taskList": {"name": task_list},
        "input": payload,
    }
    return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": said}


def complete(payload: str = "") -> Json:
    """The decision to complete the execution."""
    said = {"result": payload}
    return {
        "decisionType": "CompleteWorkflowExecution",
        "completeWorkflowExecutionDecisionAttributes": said,
    }


def expect(answer: Answer, action: str) -> bytes:
    """The body of an answer. Unexpected unless its status is 200."""
    if answer.status != 200:
        raise Unexpected(f"{action} was answered {answer.status}: {answer.body[:500]!r}")
    return answer.body


def expect_empty(answer: Answer, action: str) -> None:
    """Unexpected unless the action succeeded without a body (SWF §1.2.1)."""
    if expect(answer, action):
        raise Unexpected(f"{action} was answered with a body: {answer.body[:500]!r}")


async def register(requests: Requests) -> None:
    """The domain and the two types of the load."""
    off = dict.fromkeys(
        (
            "defaultTaskScheduleToStartTimeout",
            "defaultTaskScheduleToCloseTimeout",
            "defaultTaskStartToCloseTimeout",
            "defaultTaskHeartbeatTimeout",
        ),
        "3600",
    )
    calls: list[tuple[str, Json]] = [
        ("RegisterDomain", {"name": DOMAIN, "workflowExecutionRetentionPeriodInDays": "1"}),
        (
            "RegisterWorkflowType",
            {
                "domain": DOMAIN,
                **TYPE,
                "defaultTaskStartToCloseTimeout": "600",
                "defaultExecutionStartToCloseTimeout": "3600",
                "defaultChildPolicy": "TERMINATE",
            },
        ),
        ("RegisterActivityType", {"domain": DOMAIN, **TYPE, **off}),
    ]
    async with requests.connected() as connection:
        for action, members in calls:
            answer = await connection.call(requests.of(action, **members))
            if b"AlreadyExistsFault" not in answer.body:
                expect_empty(answer, action)


async def history(connection: Client, requests: Requests, execution: Execution) -> list[Event]:
    """All events of the execution, read in pages of 1,000 where the service gives them."""
    events: list[Event] = []
    token: dict[str, str] = {}
    while True:
        request = requests.of(
            "GetWorkflowExecutionHistory",
            domain=DOMAIN,
            execution={"workflowId": execution.workflowId, "runId": execution.runId},
            maximumPageSize=1000,
            **token,
        )
        page = read_history(expect(await connection.call(request), "GetWorkflowExecutionHistory"))
        events += page.events
        if not page.nextPageToken:
            return events
        token = {"nextPageToken": page.nextPageToken}
