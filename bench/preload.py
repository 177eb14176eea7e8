"""A SQLite file with very many executions in it, made in a minute or two instead of an hour of calls.

Two templates, one closed and one open, are made through the API like any other execution. Then their rows
are copied through `store.interface`, as the engine writes them, with other names and times: the service could have
written the same file. Together with `bench/budget.py` this is the only part of the bench that knows the service's code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from bench import swf
from bench.connection import Client
from bench.server import workflowsvc
from bench.swf import DOMAIN, Requests, Unexpected, expect, expect_empty
from workflowsvc.core.key_layout import first_place, make_run, shard_for
from workflowsvc.core.run_ids import make_run_id
from workflowsvc.store.interface import Store, Transaction
from workflowsvc.store.rows import EventRow, ExecutionQuery, ExecutionRow, TaskRow
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant

BATCH = 2_000  # executions in a commit; more is not faster
PER_MILLISECOND = 1_000  # executions; well below the number of run ids in a millisecond (core/key_layout.py)
A_YEAR_SECONDS = 31_536_000
PARKED = "parked"  # the task list of the open executions, which has no poller

Row = TypeVar("Row")


class Template(NamedTuple):
    """The rows of one execution."""

    row: ExecutionRow
    events: list[bytes]


async def preload(file: Path, *, executions_open: int, executions_closed: int) -> None:
    """Fills the file with executions of the type and domain of the load."""
    with workflowsvc(f"sqlite:{file}") as server:
        await make_templates(Requests(server.host, server.port, PARKED, payload="x" * 100))
    store: Store = SqliteStore(str(file))
    try:
        closed, waiting = read_templates(store)
        earliest = min(closed.row.started_at, waiting.row.started_at)
        earliest -= (executions_open + executions_closed) // PER_MILLISECOND + 1
        numbers = itertools.count()
        names = copies(earliest, numbers, closed.row)
        in_batches(store, itertools.islice(names, executions_closed), lambda t, rows: put(t, closed, rows))
        names = copies(earliest, numbers, waiting.row)
        in_batches(store, itertools.islice(names, executions_open), lambda t, rows: put(t, waiting, rows))
    finally:
        store.close()


async def make_templates(requests: Requests) -> None:
    """One complete workflow of the load, and one that has only been started."""
    await swf.register(requests)
    async with requests.connected() as connection:
        await start(connection, requests, "template-closed")
        for respond in (requests.schedule_activity_task, requests.complete_workflow_execution):
            answer = await connection.call(requests.poll_for_decision_task)
            token = swf.read_decision_task(expect(answer, "PollForDecisionTask")).taskToken
            expect_empty(await connection.call(respond(token)), "RespondDecisionTaskCompleted")
            if respond == requests.schedule_activity_task:
                answer = await connection.call(requests.poll_for_activity_task)
                token = swf.read_activity_task(expect(answer, "PollForActivityTask")).taskToken
                request = requests.respond_activity_task_completed(token)
                expect_empty(await connection.call(request), "RespondActivityTaskCompleted")
        await start(connection, requests, "template-open")


async def start(connection: Client, requests: Requests, workflow_id: str) -> None:
    request = requests.of(
        "StartWorkflowExecution",
        domain=DOMAIN,
        workflowId=workflow_id,
        workflowType=swf.TYPE,
        taskList={"name": PARKED},
        input=requests.payload,
        executionStartToCloseTimeout=str(A_YEAR_SECONDS),
    )
    expect(await connection.call(request), "StartWorkflowExecution")


def read_templates(store: Store) -> tuple[Template, Template]:
    """The templates: the closed one and the open one."""
    found: list[Template] = []
    with store.reader() as reader:
        domain = reader.domain(Tenant().key, DOMAIN)
        assert domain is not None
        for status in ("CLOSED", "OPEN"):
            rows = reader.list_executions(ExecutionQuery(domain.id, status, "started_at", 0, None))
            if len(rows) != 1:
                raise Unexpected(f"{len(rows)} {status} executions instead of one template")
            events = reader.events(rows[0].run, 1, rows[0].next_event_id, rows[0].next_event_id)
            found.append(Template(rows[0], events))
    return found[0], found[1]


def copies(earliest_ms: int, numbers: Iterator[int], template: ExecutionRow) -> Iterator[ExecutionRow]:
    """Rows like the template, endlessly, each later than the one before."""
    for number in numbers:
        workflow_id = f"stored-{number}"
        shard = shard_for(Tenant().key, DOMAIN, workflow_id)
        at_ms = earliest_ms + number // PER_MILLISECOND
        run = make_run(first_place(at_ms, number % PER_MILLISECOND), shard)
        yield template._replace(
            run=run,
            run_id=make_run_id(run, number.to_bytes(24, "big")),
            workflow_id=workflow_id,
            started_at=at_ms,
        )


def put(transaction: Transaction, template: Template, rows: list[ExecutionRow]) -> None:
    """The executions with their events, and a waiting decision task for each that is open."""
    transaction.insert_executions(rows)
    transaction.append_events(
        [
            EventRow(row.run, number, body)
            for row in rows
            for number, body in enumerate(template.events, start=1)
        ]
    )
    if template.row.closed_at is None:
        transaction.put_tasks(
            [
                TaskRow(row.run, 2, "decision", row.domain, PARKED, 0, row.started_at * 1000 + index, True)
                for index, row in enumerate(rows)
            ]
        )


def in_batches(store: Store, rows: Iterator[Row], put: Callable[[Transaction, list[Row]], None]) -> None:
    """All rows, some thousand in each commit."""
    while batch := list(itertools.islice(rows, BATCH)):
        with store.transaction() as transaction:
            put(transaction, batch)
