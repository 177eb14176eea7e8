"""The load: complete one-activity workflows, seven calls each, every answer checked.

Per workflow: StartWorkflowExecution, PollForDecisionTask,
RespondDecisionTaskCompleted[ScheduleActivityTask], PollForActivityTask, RespondActivityTaskCompleted,
PollForDecisionTask, RespondDecisionTaskCompleted[CompleteWorkflowExecution]. Starters, deciders and workers
are coroutines with one connection each. A wrong answer, a task too many or a workflow that does not end
stops the run: then no figure counts.
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
from bench.connection import Caller
from bench.measure import Latencies, Summary, Usage, usage
from bench.server import Server
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
DRAIN_SECONDS = 60.0  # how long the workflows that are open at the end may take to complete
LOOKED_AT = 20  # workflows whose whole history is read afterwards

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
    """How much load, and for how long."""

    open_workflows: int = 128  # in the closed loop; at a fixed rate only a bound
    pollers: int = 64  # deciders, and as many workers
    payload_bytes: int = 100  # input of workflow and activity, and both results
    warmup_seconds: float = 2.0
    seconds: float = 20.0
    rate: float | None = None  # workflows per second; None: a closed loop, a new one for each that ends
    like_moto: bool = False  # for a server that does not hold polls and hangs up after each answer


@dataclass(frozen=True)
class Outcome:
    """What one run of the load has shown, within its window."""

    seconds: float
    workflows: int
    latencies: dict[str, Summary]
    server: Usage  # CPU used within the window, by all nodes; memory at its end
    generator_cpu_seconds: float
    database: Usage | None = None  # of a database server beside them, if it can be seen

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
    """How far one workflow has come, as its answers tell."""

    __slots__ = ("asked_at", "ready_at", "run_id", "stage", "started_at")

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.asked_at = started_at  # when the call that makes the next task was sent
        self.ready_at = 0.0  # when it was answered; 0 while it is not, for the task may come first
        self.run_id = ""
        self.stage = 0  # tasks received: decision, activity, decision


class Servers(NamedTuple):
    """Nodes of one service, and who asks which of them: number 0 is asked by the first of its kind, and so on."""

    nodes: list[Server]
    database_pid: int | None = None
    starters_ask: Sequence[int] = ()  # all of them, in turn, unless said otherwise
    deciders_ask: Sequence[int] = ()
    workers_ask: Sequence[int] = ()

    def usage(self) -> Usage:
        """Of all nodes together."""
        found = [usage(node.pid) for node in self.nodes]
        return Usage(sum(one.cpu_seconds for one in found), sum(one.resident_bytes for one in found))

    def database_usage(self) -> Usage | None:
        return None if self.database_pid is None else usage(self.database_pid)


class Load:
    """One run of a plan against one service. Each connection stays with one node, as behind a load balancer."""

    def __init__(self, servers: Servers, plan: Plan) -> None:
        payload, keep_alive = "x" * plan.payload_bytes, not plan.like_moto
        self._nodes = [
            Requests(node.host, node.port, payload=payload, keep_alive=keep_alive) for node in servers.nodes
        ]
        self._servers, self._plan = servers, plan
        self._prefix = f"{time.time_ns():x}"
        self._latencies = Latencies()
        self._running: dict[str, Progress] = {}
        self._count = 0
        self._completed = 0
        self._last: deque[Execution] = deque(maxlen=LOOKED_AT)
        self._slots = asyncio.Semaphore(plan.open_workflows)
        self._timetable: asyncio.Queue[float] = asyncio.Queue()
        self._stopping = False
        # Tasks that must be there, for servers whose polls do not wait: asking earlier only costs them time.
        self._decisions_ready = asyncio.Semaphore(0)
        self._activities_ready = asyncio.Semaphore(0)

    async def run(self) -> Outcome:
        """The whole run: warm up, measure, let everything complete, look at some histories."""
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
        await self._look_at_some()
        return outcome

    def _asked(self, numbers: Sequence[int]) -> Iterator[Requests]:
        """The nodes of these numbers, again and again."""
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

    async def _look_at_some(self) -> None:
        requests = self._nodes[0]
        async with requests.connected() as connection:
            for execution in self._last:
                events = await swf.history(connection, requests, execution)
                if [event.eventType for event in events] != WHOLE_HISTORY:
                    raise Unexpected(f"the history of {execution} is {events}")

    # Who makes the calls.

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

    async def _start(self, connection: Caller, requests: Requests) -> None:
        self._count += 1
        workflow_id = f"{self._prefix}-{self._count}"
        sent = perf_counter()
        progress = self._running[workflow_id] = Progress(sent)
        answer = await connection.call(requests.start_workflow_execution(workflow_id))
        run_id = swf.read_run(expect(answer, START)).runId
        self._check_run(progress, run_id)
        if not progress.stage:  # otherwise its decision task has overtaken this answer
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

    async def _schedule(self, connection: Caller, request: bytes, progress: Progress) -> None:
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
        self, connection: Caller, request: bytes, progress: Progress, execution: Execution
    ) -> None:
        sent = perf_counter()
        expect_empty(await connection.call(request), COMPLETE)
        self._latencies.record(COMPLETE, connection.answered_at - sent)
        self._latencies.record(WORKFLOW, connection.answered_at - progress.started_at)
        del self._running[execution.workflowId]
        self._completed += 1
        self._last.append(execution)
        self._slots.release()

    # What they check.

    def _take(self, execution: Execution, at: float, name: str) -> Progress:
        """The progress of the workflow that this task belongs to, with the task counted. It must be ours."""
        progress = self._running.get(execution.workflowId)
        if progress is None:
            raise Unexpected(f"a task of a workflow that is not open: {execution}")
        self._check_run(progress, execution.runId)
        progress.stage += 1
        # A task may be here before the call that made it is answered: both leave after the same commit.
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
    """Registers what is needed and runs the plan against the server, or against nodes that share a database."""
    if isinstance(servers, Server):
        servers = Servers([servers])
    first = servers.nodes[0]
    await swf.register(Requests(first.host, first.port, keep_alive=not plan.like_moto))
    return await Load(servers, plan).run()
