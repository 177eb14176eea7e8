"""A run of 30 days in as little time as its calls take: the clock of its domain skips (docs/clocks.md).

The run has 100 timers and 100 activities, one after the other, so 201 decision tasks: nothing in it can be done
side by side. One decider and one worker poll as they always do, each in a thread of its own. With a plain HTTP client
the service is most of what is measured, with boto3 boto3 is.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

import boto3
from botocore import xform_name
from botocore.config import Config

from bench.report import Result
from bench.scenarios import Bench
from bench.server import Server, workflowsvc
from bench.swf import Unexpected

DOMAIN, DECIDERS, WORKERS = "skip", {"name": "deciders"}, {"name": "workers"}
TYPE = {"name": "Bench", "version": "1"}
ROUNDS = 100  # a timer and then an activity in each
TIMER_SECONDS = 30 * 86_400 // ROUNDS
MAX_SECONDS = 1.0
FIRST_RUN = 10  # rounds of a run before, which opens connections and loads code

Json = dict[str, Any]


class Client(Protocol):
    """One connection to the service."""

    def call(self, action: str, /, **members: Any) -> Json: ...


class Plain:
    """The standard library's HTTP client."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(server.host, server.port, timeout=90)

    def call(self, action: str, /, **members: Any) -> Json:
        return self.send(f"SimpleWorkflowService.{action}", **members)

    def send(self, target: str, /, **members: Any) -> Json:
        """A call of any API of the service."""
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        self._connection.request("POST", "/", json.dumps(members), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Unexpected(f"{target} was answered {answer.status}: {body[:500]!r}")
        return json.loads(body) if body else {}


class Boto3:
    """A client of boto3."""

    def __init__(self, server: Server) -> None:
        self._client: Any = boto3.client(
            "swf",
            endpoint_url=f"http://{server.host}:{server.port}",
            region_name="us-east-1",
            aws_access_key_id="bench",
            aws_secret_access_key="bench",
            config=Config(read_timeout=90, retries={"total_max_attempts": 1}),
        )

    def call(self, action: str, /, **members: Any) -> Json:
        return getattr(self._client, xform_name(action))(**members)


async def run(bench: Bench) -> Result:
    result = Result(
        "skip", f"a run of 30 days with {ROUNDS} timers and {ROUNDS} activities, one after the other"
    )
    stores = {"in memory": "memory", "on a file": "sqlite"}
    for where, kind in stores.items():
        for client, make in (("plain HTTP", Plain), ("boto3", Boto3)):
            with bench.fresh_folder() as folder:
                store = kind if kind == "memory" else f"sqlite:{folder}/bench.db"
                with workflowsvc(store, code=bench.code) as server:
                    seconds = await measured(server, make)
            at_most = MAX_SECONDS if make is Plain else None
            result.add(f"{where}, a decider and a worker with {client}", seconds, "s", at_most=at_most)
    return result


async def measured(server: Server, make: Callable[[Server], Client]) -> float:
    """Seconds from the start of the run to its end."""
    starter = Plain(server)
    register(starter)
    deciders, workers = make(server), make(server)
    await lead(starter, deciders, workers, "first", FIRST_RUN)
    return await lead(starter, deciders, workers, "measured", ROUNDS)


def register(client: Plain) -> None:
    client.call("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
    client.call(
        "RegisterWorkflowType",
        domain=DOMAIN,
        **TYPE,
        defaultTaskList=DECIDERS,
        defaultChildPolicy="TERMINATE",
        defaultTaskStartToCloseTimeout="600",
        defaultExecutionStartToCloseTimeout=f"{365 * 86_400}",
    )
    never = {
        f"defaultTask{name}Timeout": "NONE"
        for name in ("ScheduleToStart", "ScheduleToClose", "StartToClose", "Heartbeat")
    }
    client.call("RegisterActivityType", domain=DOMAIN, **TYPE, defaultTaskList=WORKERS, **never)
    client.send("WorkflowSvc.SkipClock", domain=DOMAIN)


async def lead(starter: Plain, decider: Client, worker: Client, workflow_id: str, rounds: int) -> float:
    """Seconds from the start of a run of that number of rounds to its end."""
    began = perf_counter()
    started = starter.call("StartWorkflowExecution", domain=DOMAIN, workflowId=workflow_id, workflowType=TYPE)
    await asyncio.gather(asyncio.to_thread(decide, decider, rounds), asyncio.to_thread(work, worker, rounds))
    seconds = perf_counter() - began
    execution = {"workflowId": workflow_id, **started}
    info = starter.call("DescribeWorkflowExecution", domain=DOMAIN, execution=execution)["executionInfo"]
    passed = info["closeTimestamp"] - info["startTimestamp"]
    if info["closeStatus"] != "COMPLETED" or passed < rounds * TIMER_SECONDS:
        raise Unexpected(f"the run is not what it should be: {info}")
    return seconds


def decide(client: Client, rounds: int) -> None:
    """A timer, an activity, the next timer, until all rounds are over."""
    number = 0
    while True:
        task = client.call(
            "PollForDecisionTask", domain=DOMAIN, taskList=DECIDERS, startAtPreviousStartedEvent=True
        )
        news = {event["eventType"] for event in task["events"]}
        if "TimerFired" in news:
            decision = activity(number)
        elif number < rounds:
            number += 1
            decision = timer(number)
        else:
            decision = {
                "decisionType": "CompleteWorkflowExecution",
                "completeWorkflowExecutionDecisionAttributes": {},
            }
        client.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[decision])
        if decision["decisionType"] == "CompleteWorkflowExecution":
            return


def timer(number: int) -> Json:
    attributes = {"timerId": f"t{number}", "startToFireTimeout": f"{TIMER_SECONDS}"}
    return {"decisionType": "StartTimer", "startTimerDecisionAttributes": attributes}


def activity(number: int) -> Json:
    attributes = {"activityId": f"a{number}", "activityType": TYPE}
    return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}


def work(client: Client, tasks: int) -> None:
    for _ in range(tasks):
        task = client.call("PollForActivityTask", domain=DOMAIN, taskList=WORKERS)
        client.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
