"""The load: complete one-activity workflows, seven calls each, every answer checked.

Per workflow: StartWorkflowExecution, PollForDecisionTask,
RespondDecisionTaskCompleted[ScheduleActivityTask], PollForActivityTask, RespondActivityTaskCompleted,
PollForDecisionTask, RespondDecisionTaskCompleted[CompleteWorkflowExecution]. Starters, deciders and workers
are coroutines with one connection each. A wrong answer, a task that comes twice or a workflow that does not end stops
the run, and no figure of it counts.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

from bench import swf
from bench.connection import Client
from bench.measure import Latencies, Summary, Usage, usage
from bench.server import Server
from bench.signing import Signer
from bench.swf import Execution, Requests, Unexpected, expect, expect_empty

FIRST_DECISION = ["WorkflowExecutionStarted", "DecisionTaskScheduled", "DecisionTaskStarted"]
LAST_DECISION = [
    *FIRST_DECISION,
    "DecisionTaskCompleted",
    "ActivityTaskScheduled",
    "ActivityTaskStarted",
    "ActivityTaskCompleted",
    "DecisionTaskScheduled",
    "DecisionTaskStarted",
]
WHOLE_HISTORY = [*LAST_DECISION, "DecisionTaskCompleted", "WorkflowExecutionCompleted"]
CALLS_PER_WORKFLOW = 7
DRAIN_SECONDS = 60.0  # for the workflows that are open at the end to complete
CHECKED_HISTORIES = 20  # read whole at the end

START = "StartWorkflowExecution"
SCHEDULE = "RespondDecisionTaskCompleted [schedule]"
ACTIVITY = "RespondActivityTaskCompleted"
COMPLETE = "RespondDecisionTaskCompleted [complete]"
DECISION_STARTED = "decision task: schedule-to-start"
ACTIVITY_STARTED = "activity task: schedule-to-start"
CALL_TO_START = "activity task: from the scheduling call to the poll's answer"
WORKFLOW = "workflow: from its start to its completion"
LAG = "generator: behind its timetable"


@dataclass(frozen=True)
class Plan:
    """The load of one run: how much, and how long."""

    open_workflows: int = 128  # in the closed loop; at a fixed rate an upper bound
    pollers: int = 64  # deciders, and the same number of workers
    payload_bytes: int = 100  # input of workflow and activity, and both results
    warmup_seconds: float = 2.0
    seconds: float = 20.0
    rate: float | None = (
        None  # new workflows per second; None for a closed loop: a new one for each that ends
    )
    signer: Signer | None = None  # None: requests have no valid signature
    like_moto: bool = (
        False  # the server answers empty polls immediately and closes the connection after each answer
    )


@dataclass(frozen=True)
class Outcome:
    """The figures of one run, within its window."""

    seconds: float
    workflows: int
    latencies: dict[str, Summary]
    server: Usage  # of all nodes: CPU within the window, memory at its end
    generator_cpu_seconds: float
    database: Usage | None = None  # of the database server, if it runs on this machine

    @property
    def workflows_per_second(self) -> float:
        return self.workflows / self.seconds

    @property
    def server_cpu_ms_per_workflow(self) -> float:
        return 1e3 * self.server.cpu_seconds / max(1, self.workflows)

    @property
    def database_cpu_ms_per_workflow(self) -> float | None:
        return None if self.database is None else 1e3 * self.database.cpu_seconds / max(1, self.workflows)

    @property
    def generator_cpu_ms_per_workflow(self) -> float:
        return 1e3 * self.generator_cpu_seconds / max(1, self.workflows)


class Progress:
    """The progress of one workflow, from the answers that the generator got."""

    __slots__ = ("asked_at", "ready_at", "run_id", "stage", "started_at")

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.asked_at = started_at  # time at which the call that makes the next task was sent
        self.ready_at = 0.0  # time of its answer; 0 before, because the task may arrive first
        self.run_id = ""
        self.stage = 0  # tasks received: decision, activity, decision


class Servers(NamedTuple):
    """The nodes of one service, and which of them each client calls: the first client the first number, and so on."""

    nodes: list[Server]
    database_pid: int | None = None
    starters_ask: Sequence[int] = ()  # numbers of nodes; empty for all of them in turn
    deciders_ask: Sequence[int] = ()
    workers_ask: Sequence[int] = ()

    def usage(self) -> Usage:
        """The usage of all nodes together."""
        found = [usage(node.pid) for node in self.nodes]
        return Usage(sum(one.cpu_seconds for one in found), sum(one.resident_bytes for one in found))

    def database_usage(self) -> Usage | None:
        return None if self.database_pid is None else usage(self.database_pid)


class Load:
    """One run of a plan on one service. Each connection stays with one node, as behind a load balancer."""

    def __init__(self, servers: Servers, plan: Plan) -> None:
        payload, keep_alive = "x" * plan.payload_bytes, not plan.like_moto
        self._nodes = [
            Requests(node.host, node.port, payload=payload, keep_alive=keep_alive, signer=plan.signer)
            for node in servers.nodes
        ]
        self._servers, self._plan = servers, plan
        self._prefix = f"{time.time_ns():x}"
        self._latencies = Latencies()
        self._running: dict[str, Progress] = {}
        self._count = 0
        self._completed = 0
        self._last: deque[Execution] = deque(maxlen=CHECKED_HISTORIES)
        self._slots = asyncio.Semaphore(plan.open_workflows)
        self._timetable: asyncio.Queue[float] = asyncio.Queue()
        self._stopping = False
        # Tasks that exist, for servers whose polls do not wait: an earlier poll would only cost them CPU.
        self._decisions_ready = asyncio.Semaphore(0)
        self._activities_ready = asyncio.Semaphore(0)

    async def run(self) -> Outcome:
        """The whole run: warm up, measure, let all workflows complete, check some histories."""
        plan = self._plan
        async with asyncio.TaskGroup() as group:
            deciders, workers = (
                self._asked(self._servers.deciders_ask),
                self._asked(self._servers.workers_ask),
            )
            helpers = [group.create_task(self._decider(next(deciders))) for _ in range(plan.pollers)]
            helpers += [group.create_task(self._worker(next(workers))) for _ in range(plan.pollers)]
            starters = min(plan.open_workflows, max(plan.pollers, 4))
            if plan.rate is not None:
                helpers.append(group.create_task(self._clock_arrivals(plan.rate)))
            nodes = self._asked(self._servers.starters_ask)
            helpers += [group.create_task(self._starter(next(nodes))) for _ in range(starters)]
            outcome = await self._window()
            await self._drain()
            for helper in helpers:
                helper.cancel()
        await self._check_some()
        return outcome

    def _asked(self, numbers: Sequence[int]) -> Iterator[Requests]:
        """The nodes with these numbers, in an endless cycle."""
        return itertools.cycle([self._nodes[number] for number in numbers] if numbers else self._nodes)

    async def _window(self) -> Outcome:
        servers = self._servers
        await asyncio.sleep(self._plan.warmup_seconds)
        before, database_before = servers.usage(), servers.database_usage()
        own_before = time.process_time()
        completed, began = self._completed, perf_counter()
        self._latencies.recording = True
        await asyncio.sleep(self._plan.seconds)
        self._latencies.recording = False
        seconds, workflows = perf_counter() - began, self._completed - completed
        after, database_after = servers.usage(), servers.database_usage()
        own_after = time.process_time()
        if not workflows:
            raise Unexpected(
                f"not one workflow was completed in {seconds:.0f} s; {len(self._running)} are open"
            )
        return Outcome(
            seconds=seconds,
            workflows=workflows,
            latencies={name: self._latencies.summary(name) for name in self._latencies.names()},
            server=_spent(before, after),
            generator_cpu_seconds=own_after - own_before,
            database=None
            if database_before is None or database_after is None
            else _spent(database_before, database_after),
        )

    async def _drain(self) -> None:
        self._stopping = True
        deadline = perf_counter() + DRAIN_SECONDS
        while self._running:
            if perf_counter() > deadline:
                raise Unexpected(
                    f"{len(self._running)} workflows never ended, such as {next(iter(self._running))}"
                )
            await asyncio.sleep(0.05)

    async def _check_some(self) -> None:
        requests = self._nodes[0]
        async with requests.connected() as connection:
            for execution in self._last:
                events = await swf.history(connection, requests, execution)
                if [event.eventType for event in events] != WHOLE_HISTORY:
                    raise Unexpected(f"the history of {execution} is {events}")

    # The clients.

    async def _clock_arrivals(self, rate: float) -> None:
        due = perf_counter()
        while not self._stopping:
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - perf_counter()))
            self._timetable.put_nowait(due)

    async def _starter(self, requests: Requests) -> None:
        async with requests.connected() as connection:
            while True:
                if self._plan.rate is not None:
                    due = await self._timetable.get()
                    self._latencies.record(LAG, perf_counter() - due)
                await self._slots.acquire()
                if self._stopping:
                    return
                await self._start(connection, requests)

    async def _start(self, connection: Client, requests: Requests) -> None:
        self._count += 1
        workflow_id = f"{self._prefix}-{self._count}"
        sent = perf_counter()
        progress = self._running[workflow_id] = Progress(sent)
        answer = await connection.call(requests.start_workflow_execution(workflow_id))
        run_id = swf.read_run(expect(answer, START)).runId
        self._check_run(progress, run_id)
        if not progress.stage:  # otherwise the decision task arrived before this answer
            progress.ready_at = connection.answered_at
        self._latencies.record(START, connection.answered_at - sent)
        self._decisions_ready.release()

    async def _decider(self, requests: Requests) -> None:
        poll = requests.poll_for_decision_task
        async with requests.connected() as connection:
            while True:
                await self._before_poll(self._decisions_ready)
                task = swf.read_decision_task(expect(await connection.call(poll), "PollForDecisionTask"))
                if task.workflowExecution is None or not task.taskToken:
                    await self._after_empty_poll(self._decisions_ready)
                    continue
                progress = self._take(task.workflowExecution, connection.answered_at, DECISION_STARTED)
                happened = [event.eventType for event in task.events]
                if happened == FIRST_DECISION and progress.stage == 1:
                    await self._schedule(
                        connection, requests.schedule_activity_task(task.taskToken), progress
                    )
                elif happened == LAST_DECISION and progress.stage == 3:
                    request = requests.complete_workflow_execution(task.taskToken)
                    await self._complete(connection, request, progress, task.workflowExecution)
                else:
                    raise Unexpected(f"task {progress.stage} of a workflow is a decision on {happened}")

    async def _schedule(self, connection: Client, request: bytes, progress: Progress) -> None:
        progress.asked_at, progress.ready_at = sent, _ = perf_counter(), 0.0
        expect_empty(await connection.call(request), SCHEDULE)
        if progress.stage == 1:
            progress.ready_at = connection.answered_at
        self._latencies.record(SCHEDULE, connection.answered_at - sent)
        self._activities_ready.release()

    async def _worker(self, requests: Requests) -> None:
        poll, payload = requests.poll_for_activity_task, requests.payload
        async with requests.connected() as connection:
            while True:
                await self._before_poll(self._activities_ready)
                task = swf.read_activity_task(expect(await connection.call(poll), "PollForActivityTask"))
                if task.workflowExecution is None or not task.taskToken:
                    await self._after_empty_poll(self._activities_ready)
                    continue
                progress = self._take(task.workflowExecution, connection.answered_at, ACTIVITY_STARTED)
                self._latencies.record(CALL_TO_START, connection.answered_at - progress.asked_at)
                if progress.stage != 2 or task.activityId != "a" or task.input != payload:
                    raise Unexpected(f"task {progress.stage} of a workflow is {task}")
                request = requests.respond_activity_task_completed(task.taskToken)
                progress.asked_at, progress.ready_at = sent, _ = perf_counter(), 0.0
                expect_empty(await connection.call(request), ACTIVITY)
                if progress.stage == 2:
                    progress.ready_at = connection.answered_at
                self._latencies.record(ACTIVITY, connection.answered_at - sent)
                self._decisions_ready.release()

    async def _complete(
        self, connection: Client, request: bytes, progress: Progress, execution: Execution
    ) -> None:
        sent = perf_counter()
        expect_empty(await connection.call(request), COMPLETE)
        self._latencies.record(COMPLETE, connection.answered_at - sent)
        self._latencies.record(WORKFLOW, connection.answered_at - progress.started_at)
        del self._running[execution.workflowId]
        self._completed += 1
        self._last.append(execution)
        self._slots.release()

    # Checks.

    def _take(self, execution: Execution, at: float, name: str) -> Progress:
        """Counts this task for its workflow; the progress. Unexpected when the workflow is not one of this run."""
        progress = self._running.get(execution.workflowId)
        if progress is None:
            raise Unexpected(f"a task of a workflow that is not open: {execution}")
        self._check_run(progress, execution.runId)
        progress.stage += 1
        # A task may arrive before the answer to the call that made it: both are sent after the same commit.
        self._latencies.record(name, at - progress.ready_at if progress.ready_at else 0.0)
        return progress

    @staticmethod
    def _check_run(progress: Progress, run_id: str) -> None:
        if progress.run_id not in ("", run_id):
            raise Unexpected(f"one workflow, two runs: {progress.run_id} and {run_id}")
        progress.run_id = run_id

    async def _before_poll(self, ready: asyncio.Semaphore) -> None:
        if self._plan.like_moto:
            await ready.acquire()

    async def _after_empty_poll(self, ready: asyncio.Semaphore) -> None:
        if self._plan.like_moto:
            await asyncio.sleep(0.005)
            ready.release()


def _spent(before: Usage, after: Usage) -> Usage:
    return Usage(after.cpu_seconds - before.cpu_seconds, after.resident_bytes)


async def run_load(servers: Server | Servers, plan: Plan) -> Outcome:
    """Registers the domain and types and runs the plan on a server, or on nodes that share a database."""
    if isinstance(servers, Server):
        servers = Servers([servers])
    first = servers.nodes[0]
    requests = Requests(first.host, first.port, keep_alive=not plan.like_moto, signer=plan.signer)
    await swf.register(requests)
    return await Load(servers, plan).run()
