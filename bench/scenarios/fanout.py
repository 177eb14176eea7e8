"""1,000 activities scheduled by one decision task, against the same number ten at a time."""

from __future__ import annotations

import asyncio
import time
from time import perf_counter

from bench import swf
from bench.connection import Client
from bench.measure import usage
from bench.report import Result
from bench.scenarios import Bench
from bench.server import Server, workflowsvc
from bench.swf import DOMAIN, Execution, Requests, Unexpected, expect, expect_empty

ACTIVITIES = 1_000  # the most that SWF allows open in a run (SWF §12.1)
WORKERS = 100
FEW = 10
TASK_LIST = "bench"
PAYLOAD = "x" * 100


async def run(bench: Bench) -> Result:
    result = Result("fanout", f"{ACTIVITIES:,} activities of one execution, {WORKERS} workers, one decider")
    with bench.fresh_store() as store, workflowsvc(store, code=bench.code) as server:
        await swf.register(Requests(server.host, server.port))
        await fan_out(server, at_once=FEW)  # warm up
        few_wall, few_cpu = await fan_out(server, at_once=FEW)
        all_wall, all_cpu = await fan_out(server, at_once=ACTIVITIES)
    result.add(f"per activity, {FEW} at a time", few_wall * 1e3, "ms")
    result.add("per activity, all at once", all_wall * 1e3, "ms", at_most=few_wall * 1e3)
    result.add(f"server CPU per activity, {FEW} at a time", few_cpu * 1e3, "ms")
    result.add("server CPU per activity, all at once", all_cpu * 1e3, "ms", at_most=few_cpu * 1e3)
    return result


async def fan_out(server: Server, at_once: int) -> tuple[float, float]:
    """Seconds of time and of server CPU per activity, from the start of the execution to its completion."""
    requests = Requests(server.host, server.port, TASK_LIST)
    before, began = usage(server.pid).cpu_seconds, perf_counter()
    async with requests.connected() as starter, asyncio.TaskGroup() as group:
        workers = [group.create_task(work(requests)) for _ in range(WORKERS)]
        workflow_id = f"fanout-{at_once}-{time.time_ns()}"
        run = swf.read_run(
            expect(await starter.call(requests.start_workflow_execution(workflow_id)), "start")
        )
        await decide(requests, at_once)
        seconds, cpu = perf_counter() - began, usage(server.pid).cpu_seconds - before
        for worker in workers:
            worker.cancel()
        events = await swf.history(starter, requests, Execution(workflow_id, run.runId))
    completed = sum(event.eventType == "ActivityTaskCompleted" for event in events)
    if completed != ACTIVITIES or events[-1].eventType != "WorkflowExecutionCompleted":
        raise Unexpected(f"{completed} activities completed, then {events[-1].eventType}")
    return seconds / ACTIVITIES, cpu / ACTIVITIES


async def decide(requests: Requests, at_once: int) -> None:
    """Schedules the next activities whenever all scheduled ones are completed; completes after the last."""
    poll = requests.of(
        "PollForDecisionTask", domain=DOMAIN, taskList={"name": TASK_LIST}, startAtPreviousStartedEvent=True
    )
    scheduled = completed = seen = 0
    async with requests.connected() as connection:
        while completed < ACTIVITIES or scheduled == 0:
            task = await poll_whole(connection, requests, poll)
            for event in task.events:
                if event.eventId > seen:
                    completed += event.eventType == "ActivityTaskCompleted"
                    seen = event.eventId
            decisions: list[swf.Json] = []
            if completed == ACTIVITIES:
                decisions = [swf.complete()]
            elif completed == scheduled:
                decisions = [
                    swf.schedule(f"a{number}", TASK_LIST, PAYLOAD)
                    for number in range(scheduled, scheduled + at_once)
                ]
                scheduled += at_once
            request = requests.of(
                "RespondDecisionTaskCompleted", taskToken=task.taskToken, decisions=decisions
            )
            expect_empty(await connection.call(request), "RespondDecisionTaskCompleted")


async def poll_whole(connection: Client, requests: Requests, poll: bytes) -> swf.DecisionTask:
    """The next decision task with all pages of its events."""
    task = swf.DecisionTask()
    while not task.taskToken:
        task = swf.read_decision_task(expect(await connection.call(poll), "PollForDecisionTask"))
    token = task.nextPageToken
    while token:
        request = requests.of(
            "PollForDecisionTask",
            domain=DOMAIN,
            taskList={"name": TASK_LIST},
            startAtPreviousStartedEvent=True,
            nextPageToken=token,
        )
        page = swf.read_decision_task(expect(await connection.call(request), "PollForDecisionTask"))
        task.events += page.events
        token = page.nextPageToken
    return task


async def work(requests: Requests) -> None:
    async with requests.connected() as connection:
        while True:
            answer = await connection.call(requests.poll_for_activity_task)
            task = swf.read_activity_task(expect(answer, "PollForActivityTask"))
            if task.taskToken:
                request = requests.respond_activity_task_completed(task.taskToken)
                expect_empty(await connection.call(request), "RespondActivityTaskCompleted")
