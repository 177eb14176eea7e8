"""Recordings played to one decider with boto3, by `workflowsvc replay`.

The recordings are copies of one run under different names, made by the service in this process. Each has 101 events.
With activities one after the other these take 17 decision tasks, which are the most calls that a history of this length
can take; with three activities side by side they take 9.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from bench.replay_decider import ACTIVITY_TYPE, CPU, DOMAIN, TASK_LIST, completed, decide
from bench.report import Result
from bench.scenarios import Bench
from bench.server import ROOT
from bench.swf import Unexpected
from workflowsvc.testing import World

WORKERS = "workers"
MAX_SECONDS = 60.0  # for 1,000 recordings
WAYS = (  # activities side by side, how the decider reads, in words
    (1, "whole", "17 tasks each"),
    (1, "news", "17 tasks each, startAtPreviousStartedEvent"),
    (3, "whole", "9 tasks each"),
)


async def run(bench: Bench) -> Result:
    result = Result("replay", f"{bench.recordings:,} recordings of 101 events, one decider with boto3")
    for width, style, what in WAYS:
        with bench.fresh_folder() as folder:
            write(folder, recorded(width), bench.recordings)
            played = await replay(bench, folder, style, width)
        at_most = MAX_SECONDS if bench.recordings == 1_000 else None
        result.add(f"all of them, {what}", played.seconds, "s", at_most=at_most)
        result.add(f"CPU of a task in the decider, {what}", 1e3 * played.decider_cpu / played.tasks, "ms")
        result.add(f"CPU of a task in replay, {what}", 1e3 * played.own_cpu / played.tasks, "ms")
    return result


def write(folder: Path, events: list[dict[str, Any]], copies: int) -> None:
    """The recording under different names."""
    for number in range(copies):
        execution = {"workflowId": f"run-{number}", "runId": f"run-{number}"}
        text = json.dumps({"events": events, "execution": execution})
        (folder / f"run-{number}.json").write_text(text, encoding="utf-8")


class Played(NamedTuple):
    """What a replay has cost, from the start of the processes to the end of the report."""

    seconds: float
    tasks: int  # decision tasks compared
    decider_cpu: float  # seconds, as are those of the command itself
    own_cpu: float


async def replay(bench: Bench, folder: Path, style: str, width: int) -> Played:
    """Plays all recordings to a decider of this style; Unexpected when any differs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "workflowsvc", "replay", str(folder), "--json"]
    command += ["--", sys.executable, "-m", "bench.replay_decider", style, str(width)]
    began = perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{bench.code}:{ROOT}"},
    )
    out, errors = await process.communicate()
    seconds = perf_counter() - began
    if process.returncode != 0:
        raise Unexpected(f"replay ended with status {process.returncode}: {errors.decode()[-2000:]}")
    summary = json.loads(out.splitlines()[-1])
    if summary["statuses"] != {"SAME": bench.recordings}:
        raise Unexpected(f"not all recordings were played: {summary}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    both = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    line = next(line for line in errors.decode().splitlines() if line.startswith(CPU))
    decider_cpu = float(line.removeprefix(CPU))
    return Played(seconds, summary["decisionTasksCompared"], decider_cpu, both - decider_cpu)


def recorded(width: int) -> list[dict[str, Any]]:
    """The events of one run that the decider of this bench has led to its end, as many activities side by side."""
    world = World()
    world.call("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
    workflow_type = {"name": "Bench", "version": "1"}
    world.call(
        "RegisterWorkflowType",
        domain=DOMAIN,
        **workflow_type,
        defaultTaskList={"name": TASK_LIST},
        defaultChildPolicy="TERMINATE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultExecutionStartToCloseTimeout="3600",
    )
    timeouts = ("ScheduleToStart", "ScheduleToClose", "StartToClose", "Heartbeat")
    world.call(
        "RegisterActivityType",
        domain=DOMAIN,
        **ACTIVITY_TYPE,
        defaultTaskList={"name": WORKERS},
        **{f"defaultTask{name}Timeout": "NONE" for name in timeouts},
    )
    started = world.call(
        "StartWorkflowExecution", domain=DOMAIN, workflowId="run", workflowType=workflow_type
    )
    while True:
        world.advance(ms=3)
        task = world.call("PollForDecisionTask", domain=DOMAIN, taskList={"name": TASK_LIST})
        decisions = decide(completed(task["events"]), width)
        world.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decisions)
        if decisions[0]["decisionType"] == "CompleteWorkflowExecution":
            return world.history(DOMAIN, "run", started["runId"])
        for _ in range(width):
            work = world.call("PollForActivityTask", domain=DOMAIN, taskList={"name": WORKERS})
            world.call("RespondActivityTaskCompleted", taskToken=work["taskToken"], result="done")
