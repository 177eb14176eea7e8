"""The load: clients of every kind, which use every action that writes and go on when the server is down.

Owns which client makes which calls, and how often. Each call that leaves an event carries a unique marker, by which the
audit finds the event. The choice of decisions is in `decider.py`. Clients behave as SDKs and their users do: after an
unknown outcome an answer is sent again with the same token and marker, a signal or a start with a new marker; some
workers answer late, twice or never.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

from tests.support.client import PATIENCE_SECONDS, Client
from tests.support.decider import Decider
from tests.support.journal import Call, Journal
from tests.support.names import (
    ARN,
    COUNTS,
    DECIDERS,
    DOMAIN,
    LONE,
    TYPES,
    WORKERS,
    WORKFLOW,
    fixtures,
)

MAX_OPEN = 40  # workflows that starters keep open at once
RESENDS = 4  # attempts with an unknown outcome before a client gives up
DRAIN_SECONDS = 60.0  # from the last fault to the close of every execution, QUALITY §2.5.R7
TICK_SECONDS = 0.005

UNCERTAIN = ("failed", "unknown", "hung")


class Load:
    """All clients of one server."""

    # Of a client after each call, until the load finishes (`calm_load` of tests/conftest.py).
    rest_seconds = 0.0

    def __init__(self, port: int, journal: Journal, seed: int) -> None:
        self.port = port
        self.journal = journal
        self.chance = random.Random(seed)
        self.open: dict[str, None] = {}  # workflowIds that are probably open, in order of start
        self.runs: list[tuple[str, str]] = []  # acknowledged starts
        self.finishing = False  # no new executions
        self._ended = False
        self._decider = Decider(self.journal, self.chance, self.open)
        self._tasks: list[asyncio.Task[None]] = []

    async def furnish(self) -> None:
        """Registers the domain and the types; these calls are not audited."""
        client = self.client()
        for action, members in fixtures():
            call = await client.call(action, **members)
            assert call.acknowledged or call.code.endswith("AlreadyExistsFault"), call
        client.hang_up()

    def client(self) -> Client:
        return Client(self.port, self.journal, self.rest)

    def rest(self) -> float:
        """How many seconds a client rests after a call."""
        return 0.0 if self.finishing else self.rest_seconds

    def begin(self) -> None:
        for work in (
            *(self.start_workflows() for _ in range(2)),
            *(self.decide() for _ in range(4)),
            *(self.work(WORKERS) for _ in range(4)),
            self.work(LONE),
            *(self.signal() for _ in range(2)),
            self.ask_to_cancel(),
            self.terminate(),
            self.register(),
            self.tag(),
            self.read(),
        ):
            self._tasks.append(asyncio.create_task(work))

    async def finish(self) -> bool:
        """After the last fault: closes all executions. False when one stays open for DRAIN_SECONDS."""
        self.finishing = self._decider.finishing = True
        client = self.client()
        empty = False
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not empty:
                    await asyncio.sleep(0.05)
                    call = await client.call(
                        "CountOpenWorkflowExecutions", domain=DOMAIN, startTimeFilter={"oldestDate": 0}
                    )
                    empty = call.acknowledged and call.answer["count"] == 0
        except TimeoutError:
            return False
        finally:
            client.hang_up()
            await self.end()
        return True

    async def end(self) -> None:
        """Ends the clients after their current call."""
        self.finishing = self._ended = True
        async with asyncio.timeout(PATIENCE_SECONDS + 5):
            await asyncio.gather(*self._tasks)

    def abandon(self) -> None:
        """Ends the clients at once, whatever they wait for: there is no server any more."""
        for task in self._tasks:
            task.cancel()

    async def _rest(self, least: float, most: float) -> None:
        """A random pause of a client, in seconds."""
        await asyncio.sleep(self.chance.uniform(least, most))

    # --- starters ---

    async def start_workflows(self) -> None:
        client = self.client()
        while not self.finishing:
            if len(self.open) >= MAX_OPEN:
                self.open.pop(next(iter(self.open)))  # it may have closed by itself
                await self._rest(0, 0.05)
            workflow_id = f"w{self.journal.marker('w')[2:-1]}"
            if self.open and self.chance.random() < 0.1:
                workflow_id = self.chance.choice(list(self.open))  # most likely still open
            for _ in range(RESENDS):
                call = await self._start(client, workflow_id)
                if call.outcome not in UNCERTAIN:
                    break
            if call.acknowledged:
                self.runs.append((workflow_id, call.answer["runId"]))
            if call.acknowledged or call.code == "WorkflowExecutionAlreadyStartedFault":
                self.open[workflow_id] = None
            await self._rest(0, 0.02)
        client.hang_up()

    async def _start(self, client: Client, workflow_id: str) -> Call:
        marker = self.journal.marker("start")
        plan = {"marker": marker, "rounds": self.chance.randrange(1, 5), "depth": 0}
        return await client.call(
            "StartWorkflowExecution",
            marker,
            {"workflowId": workflow_id},
            domain=DOMAIN,
            workflowId=workflow_id,
            workflowType=WORKFLOW,
            input=json.dumps(plan),
            tagList=[marker],
        )

    # --- deciders and workers ---

    async def _poll(self, client: Client, action: str, task_list: str, **members: Any) -> Call:
        marker = self.journal.marker("poll")
        where = {"domain": DOMAIN, "taskList": {"name": task_list}}
        return await client.call(action, marker, {}, **where, identity=marker, **members)

    async def decide(self) -> None:
        client = self.client()
        while not self._ended:
            page = {"maximumPageSize": 7} if self.chance.random() < 0.1 else {}
            poll = await self._poll(client, "PollForDecisionTask", DECIDERS, **page)
            if not poll.acknowledged or "taskToken" not in poll.answer:
                continue
            if self.chance.random() < 0.02 and not self.finishing:
                continue  # this decider dies: the task times out
            events = await self._whole_history(client, poll)
            if events is not None:
                await self._answer_decision_task(client, poll, events)
        client.hang_up()

    async def _whole_history(self, client: Client, poll: Call) -> list[dict[str, Any]] | None:
        events, answer = list(poll.answer["events"]), poll.answer
        for _ in range(200):
            if "nextPageToken" not in answer:
                return events
            call = await client.call(
                "PollForDecisionTask", **(poll.members | {"nextPageToken": answer["nextPageToken"]})
            )
            if not call.acknowledged:
                return None
            answer = call.answer
            events += answer["events"]
        return None

    async def _answer_decision_task(self, client: Client, poll: Call, events: list[dict[str, Any]]) -> None:
        marker, execution = self.journal.marker("decided"), poll.answer["workflowExecution"]
        decisions = self._decider.decide(execution["workflowId"], events)
        about = execution | {
            "startedEventId": poll.answer["startedEventId"],
            "decisions": [decision.sign for decision in decisions],
        }
        members = {
            "taskToken": poll.answer["taskToken"],
            "executionContext": marker,
            "decisions": [decision.wire for decision in decisions],
        }
        await self._send_again(client, "RespondDecisionTaskCompleted", marker, about, members)

    async def _send_again(
        self, client: Client, action: str, marker: str, about: dict[str, Any], members: dict[str, Any]
    ) -> None:
        """Sends until the outcome is known; sometimes once more, as an impatient client does."""
        for _ in range(RESENDS):
            call = await client.call(action, marker, about, **members)
            if call.outcome not in UNCERTAIN:
                break
        if self.chance.random() < 0.05:
            await client.call(action, marker, about, **members)

    async def work(self, task_list: str) -> None:
        client = self.client()
        while not self._ended:
            poll = await self._poll(client, "PollForActivityTask", task_list)
            if not poll.acknowledged or "taskToken" not in poll.answer:
                continue
            about = poll.answer["workflowExecution"] | {"startedEventId": poll.answer["startedEventId"]}
            token = {"taskToken": poll.answer["taskToken"]}
            cancel = await self._heartbeats(client, about, token)
            if self.chance.random() < 0.04:
                continue  # this worker dies
            if self.chance.random() < 0.04 and not self.finishing:
                await self._rest(1.0, 1.5)  # this one is late: its task may have timed out
            marker = self.journal.marker("worked")
            action, said = "RespondActivityTaskCompleted", {"result": marker}
            if cancel:
                action, said = "RespondActivityTaskCanceled", {"details": marker}
            elif self.chance.random() < 0.2:
                action, said = "RespondActivityTaskFailed", {"reason": "chance", "details": marker}
            await self._send_again(client, action, marker, about, token | said)
        client.hang_up()

    async def _heartbeats(self, client: Client, about: dict[str, Any], token: dict[str, Any]) -> bool:
        cancel = False
        for _ in range(self.chance.choice((0, 0, 1, 3))):
            await self._rest(0, 0.03)  # it works
            marker = self.journal.marker("beat")
            call = await client.call("RecordActivityTaskHeartbeat", marker, about, **token, details=marker)
            cancel = cancel or (call.acknowledged and call.answer["cancelRequested"])
        return cancel

    # --- callers from outside ---

    async def signal(self) -> None:
        client = self.client()
        while not self.finishing:
            if self.open:
                workflow_id = self.chance.choice(list(self.open))
                for _ in range(RESENDS):
                    marker = self.journal.marker("signal")
                    call = await client.call(
                        "SignalWorkflowExecution",
                        marker,
                        {"workflowId": workflow_id},
                        domain=DOMAIN,
                        workflowId=workflow_id,
                        signalName="knock",
                        input=marker,
                    )
                    if call.outcome not in UNCERTAIN:
                        break
                if call.code == "UnknownResourceFault":
                    self.open.pop(workflow_id, None)
            await self._rest(0, 0.02)
        client.hang_up()

    async def ask_to_cancel(self) -> None:
        client = self.client()
        while not self.finishing:
            await self._rest(0.02, 0.1)
            if self.open:
                workflow_id = self.chance.choice(list(self.open))
                about = {"workflowId": workflow_id}
                await client.call(
                    "RequestCancelWorkflowExecution", "", about, domain=DOMAIN, workflowId=workflow_id
                )
        client.hang_up()

    async def terminate(self) -> None:
        client = self.client()
        while not self.finishing:
            await self._rest(0.05, 0.3)
            if not self.runs:
                continue
            workflow_id, run_id = self.runs[-1]
            which = {"runId": run_id} if self.chance.random() < 0.5 else {}
            marker = self.journal.marker("terminated")
            await client.call(
                "TerminateWorkflowExecution",
                marker,
                {"workflowId": workflow_id, **which},
                domain=DOMAIN,
                workflowId=workflow_id,
                details=marker,
                childPolicy=self.chance.choice(("TERMINATE", "REQUEST_CANCEL", "ABANDON")),
                **which,
            )
            self.open.pop(workflow_id, None)
        client.hang_up()

    # --- names and tags ---

    async def register(self) -> None:
        """Registers, deprecates and deletes types and domains, one after the other."""
        client = self.client()
        while not self.finishing:
            kind = self.chance.choice(TYPES)
            name = self.journal.marker("name")[1:-1]
            for action, members in kind.life(name):
                if self.finishing or self.chance.random() < 0.1:
                    break
                await client.call(action, "", {"entity": (kind.kind, name)}, **members)
                await self._rest(0, 0.02)
        client.hang_up()

    async def tag(self) -> None:
        client = self.client()
        while not self.finishing:
            value = self.journal.marker("tag")[1:-1]
            await client.call(
                "TagResource", "", {"tag": value}, resourceArn=ARN, tags=[{"key": "k", "value": value}]
            )
            if self.chance.random() < 0.2:
                await client.call("UntagResource", "", {"tag": None}, resourceArn=ARN, tagKeys=["k"])
            await self._rest(0.01, 0.1)
        client.hang_up()

    # --- readers ---

    async def read(self) -> None:
        """Reads histories, which must only grow (QUALITY §2.5.H8), and makes calls that read beside the writes."""
        client = self.client()
        while not self.finishing:
            if self.runs:
                workflow_id, run_id = self.chance.choice(self.runs[-MAX_OPEN:])
                named = {"workflowId": workflow_id, "runId": run_id}
                await client.call(
                    "GetWorkflowExecutionHistory", "", dict(named), domain=DOMAIN, execution=named
                )
                await client.call(
                    "DescribeWorkflowExecution", "", dict(named), domain=DOMAIN, execution=named
                )
            await client.call(self.chance.choice(COUNTS), domain=DOMAIN, taskList={"name": LONE})
            await self._rest(0.01, 0.05)
        client.hang_up()
