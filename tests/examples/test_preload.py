"""A preloaded file is one that the service could have written: its executions can be read and finished."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bench import swf
from bench.load import WHOLE_HISTORY
from bench.preload import PARKED, preload
from bench.server import workflowsvc
from bench.swf import DOMAIN, Execution, Requests, expect, expect_empty

OPEN, CLOSED = 3, 5
ONE_TEMPLATE = 1  # of each kind is in the file too


def test_preloaded_executions_are_like_any_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        file = tmp_path / "preloaded.db"
        await preload(file, executions_open=OPEN, executions_closed=CLOSED)
        with workflowsvc(f"sqlite:{file}") as server:
            requests = Requests(server.host, server.port, PARKED)
            assert await count(requests, "Open") == OPEN + ONE_TEMPLATE
            assert await count(requests, "Closed") == CLOSED + ONE_TEMPLATE
            async with requests.connected() as connection:
                for execution in await closed(requests):
                    events = await swf.history(connection, requests, execution)
                    assert [event.eventType for event in events] == WHOLE_HISTORY
                for _ in range(OPEN + ONE_TEMPLATE):
                    answer = await connection.call(requests.poll_for_decision_task)
                    token = swf.read_decision_task(expect(answer, "PollForDecisionTask")).taskToken
                    expect_empty(
                        await connection.call(requests.complete_workflow_execution(token)), "complete"
                    )
            assert await count(requests, "Open") == 0

    asyncio.run(scenario())


async def count(requests: Requests, status: str) -> int:
    request = requests.of(
        f"Count{status}WorkflowExecutions", domain=DOMAIN, startTimeFilter={"oldestDate": 0}
    )
    async with requests.connected() as connection:
        return json.loads(expect(await connection.call(request), status))["count"]


async def closed(requests: Requests) -> list[Execution]:
    request = requests.of("ListClosedWorkflowExecutions", domain=DOMAIN, startTimeFilter={"oldestDate": 0})
    async with requests.connected() as connection:
        infos = json.loads(expect(await connection.call(request), "list"))["executionInfos"]
    return [Execution(**info["execution"]) for info in infos]
