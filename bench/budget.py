"""The pieces of the service, called in this process with the seven calls of a one-activity workflow.

Owns the stand-ins that cut one piece from its neighbours: a transport without a socket, a service that answers at once.
For `bench/scenarios/budget.py`, which reports the cost of each piece. Unlike the rest, it imports the service.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from time import process_time
from typing import Any

from workflowsvc.clock import SystemClock
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.ids import Ids
from workflowsvc.engine.no_lambda import no_lambda
from workflowsvc.engine.node_state import NodeState
from workflowsvc.engine.single_node import SingleNode
from workflowsvc.engine.writer_loop import WriterLoop
from workflowsvc.http.app import HttpApp
from workflowsvc.http.connection import Connection
from workflowsvc.http.connections import Connections
from workflowsvc.model import wire
from workflowsvc.settings import Settings
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import PendingAnswer, World

BATCH = 32  # calls to a commit, as under half load
CALLS = 7
LIST = {"name": "list"}
DEFAULTS = {
    "defaultTaskList": LIST,
    "defaultChildPolicy": "TERMINATE",
    "defaultTaskStartToCloseTimeout": "30",
    "defaultExecutionStartToCloseTimeout": "300",
}
TIMEOUTS = {
    "defaultTaskList": LIST,
    "defaultTaskStartToCloseTimeout": "30",
    "defaultTaskHeartbeatTimeout": "NONE",
    "defaultTaskScheduleToStartTimeout": "30",
    "defaultTaskScheduleToCloseTimeout": "60",
}

Json = dict[str, Any]


def cheapest(measure: Callable[[], float], times: int = 5) -> float:
    """The least of several measurements: what neighbours on the machine add is never less than nothing."""
    return min(measure() for _ in range(times))


class Workflows:
    """A World that carries out the seven calls for many workflows at once, a batch of 32 to a commit."""

    def __init__(self, path: str | None) -> None:
        self.store = SqliteStore(path)
        self.world = World(store=self.store, clock=SystemClock())  # pyright: ignore[reportArgumentType]
        self.world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
        self.world.call("RegisterWorkflowType", domain="d", name="w", version="1", **DEFAULTS)
        self.world.call("RegisterActivityType", domain="d", name="a", version="1", **TIMEOUTS)
        self._started = 0

    def seconds_a_call(self) -> float:
        """CPU of one call, with everything from the typed input to the commit; and what reading answers costs us."""
        rounds = 20
        began = process_time()
        for _ in range(rounds):
            self._round()
        return (process_time() - began) / (rounds * BATCH * CALLS)

    def _round(self) -> None:
        first, self._started = self._started, self._started + BATCH
        kind = {"name": "w", "version": "1"}
        starts: list[Json] = [
            {"domain": "d", "workflowId": f"w{number}", "workflowType": kind, "input": "x" * 100}
            for number in range(first, first + BATCH)
        ]
        self._all("StartWorkflowExecution", starts)
        activity = {"activityId": "1", "activityType": {"name": "a", "version": "1"}, "input": "x" * 100}
        self._decide("ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes", activity)
        tasks = self._poll("PollForActivityTask")
        self._all(
            "RespondActivityTaskCompleted",
            [{"taskToken": task["taskToken"], "result": "x" * 100} for task in tasks],
        )
        result = {"result": "x" * 100}
        self._decide("CompleteWorkflowExecution", "completeWorkflowExecutionDecisionAttributes", result)

    def _decide(self, decision_type: str, member: str, attributes: Json) -> None:
        decisions = [{"decisionType": decision_type, member: attributes}]
        tasks = self._poll("PollForDecisionTask")
        self._all(
            "RespondDecisionTaskCompleted",
            [{"taskToken": task["taskToken"], "decisions": decisions} for task in tasks],
        )

    def _poll(self, operation: str) -> list[Json]:
        return self._all(operation, [{"domain": "d", "taskList": LIST, "identity": "me"}] * BATCH)

    def _all(self, operation: str, requests: list[Json]) -> list[Json]:
        answers: list[PendingAnswer] = [self.world.submit(operation, **request) for request in requests]
        self.world.run()
        return [answer.result() for answer in answers]


def seconds_to_decode() -> float:
    """CPU of decoding and validating one request: the middle of the calls of a workflow."""
    token, kind = "x" * 150, {"name": "w", "version": "1"}
    complete = {"decisionType": "CompleteWorkflowExecution"}
    bodies: list[tuple[str, Json]] = [
        ("StartWorkflowExecution", {"domain": "d", "workflowId": "w", "workflowType": kind}),
        ("PollForDecisionTask", {"domain": "d", "taskList": LIST, "identity": "me"}),
        ("RespondDecisionTaskCompleted", {"taskToken": token, "decisions": [complete]}),
        ("PollForActivityTask", {"domain": "d", "taskList": LIST, "identity": "me"}),
        ("RespondActivityTaskCompleted", {"taskToken": token, "result": "x" * 100}),
    ]
    encoded = [(operation, json.dumps(body).encode()) for operation, body in bodies]
    rounds = 2_000
    began = process_time()
    for _ in range(rounds):
        for operation, body in encoded:
            wire.decode(operation, body)
    return (process_time() - began) / (rounds * len(encoded))


class _Transport(asyncio.Transport):
    """Takes what is written and forgets it."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class _Ready:
    """A service that has every answer already."""

    def begin(
        self,
        action: Any,
        caller: Any,
        request: Any,
        disconnect: Any,
        done: Callable[[Any], None],
        request_id: str = "",
    ) -> None:
        done(b'{"runId":"22AAAAAAAs2kzlwWV8eMOpZ7NnEes5BqfIYD1x1AnnpU0="}')

    async def start(self) -> None: ...
    async def drain(self) -> None: ...
    def close(self) -> None: ...


async def seconds_of_http() -> float:
    """CPU from the bytes of a request to the bytes of its answer, decoding included, system calls not."""
    settings, clock = Settings(), SystemClock()
    loop = asyncio.get_running_loop()
    app: Any = HttpApp(_Ready(), settings, clock)
    connection = Connection(app, Connections(settings, clock), loop)
    connection.connection_made(_Transport())
    body = json.dumps({"domain": "d", "taskList": LIST, "identity": "me"}).encode()
    request = (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1:8888\r\nX-Amz-Target: SimpleWorkflowService.CountPendingActivityTasks\r\n"
        b"Content-Type: application/x-amz-json-1.0\r\nUser-Agent: Boto3/1.44\r\nX-Amz-Date: 20261123T000000Z\r\n"
        b"Authorization: AWS4-HMAC-SHA256 Credential=local/20261123/us-east-1/swf/aws4_request, "
        b"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=00\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    rounds = 5_000
    began = process_time()
    for _ in range(rounds):
        connection.data_received(request)
        await asyncio.sleep(0)  # lets the application have it, as the event loop would
    return (process_time() - began) / rounds


async def seconds_to_hand_over() -> float:
    """CPU of taking a command to the writer's thread and its answer back, in batches, with nothing to do there."""
    loop = asyncio.get_running_loop()
    settings = Settings()
    store: Any = SqliteStore(None)
    clock = SystemClock()
    writer = WriterLoop(store, clock, NodeState(settings, Ids(os.urandom), SingleNode(clock), no_lambda))
    writer.deliver = lambda answers: loop.call_soon_threadsafe(_tell, answers)
    writer.start()
    rounds = 300
    began = process_time()
    for _ in range(rounds):
        futures = [loop.create_future() for _ in range(BATCH)]
        for future in futures:
            writer.submit(Command(_nothing, future.set_result))
        await asyncio.gather(*futures)
    seconds = (process_time() - began) / (rounds * BATCH)
    writer.stop()
    store.close()
    return seconds


def _nothing(_: Any) -> None:
    """What a command does that does nothing."""


def _tell(answers: list[tuple[Callable[[Any], None], Any]]) -> None:
    for reply, answer in answers:
        reply(answer)
