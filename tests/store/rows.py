"""Rows to put into a store: complete by default, with only what a test is about spelt out.

Owns the defaults. `run_of(n)` is the n-th run in order of start.
"""

from __future__ import annotations

from typing import Any

from workflowsvc.store.interface import Store
from workflowsvc.store.rows import DomainRow, EventRow, ExecutionChange, ExecutionRow, TaskRow, TypeRow

DOMAIN = 7


def run_of(number: int) -> int:
    return (number << 20) | (number % 251)


def domain_row(**given: Any) -> DomainRow:
    row = DomainRow(DOMAIN, "tenant", "orders", "REGISTERED", None, "7", b"{}")
    return row._replace(**given)


def type_row(**given: Any) -> TypeRow:
    row = TypeRow(DOMAIN, "workflow", "Order", "1.0", "REGISTERED", None, 1000, None, b"{}")
    return row._replace(**given)


def execution_row(number: int = 1, **given: Any) -> ExecutionRow:
    row = ExecutionRow(
        run=run_of(number),
        run_id=f"22run{number}=",
        domain=DOMAIN,
        workflow_id=f"order-{number}",
        type_name="Order",
        type_version="1.0",
        tags=None,
        parent_workflow_id=None,
        parent_run_id=None,
        started_at=1000 + number,
        next_event_id=3,
        wake_at=None,
        cancel_requested=False,
        closed_at=None,
        close_status=None,
        purge_at=None,
    )
    return row._replace(**given)


def closed_row(number: int = 1, **given: Any) -> ExecutionRow:
    closed = {"closed_at": 2000 + number, "close_status": "COMPLETED", "purge_at": 9000 + number}
    return execution_row(number, **{**closed, **given})


def change_of(row: ExecutionRow, **given: Any) -> ExecutionChange:
    return ExecutionChange(*(getattr(row, name) for name in ExecutionChange._fields))._replace(**given)


def closing_of(row: ExecutionRow, at: int, **given: Any) -> ExecutionChange:
    """The change that closes this run."""
    closed = {"wake_at": None, "closed_at": at, "close_status": "COMPLETED", "purge_at": at + 7000}
    return change_of(row, **{**closed, **given})


def event_rows(run: int, first: int, last: int) -> list[EventRow]:
    return [EventRow(run, event_id, b'{"eventId":%d}' % event_id) for event_id in range(first, last + 1)]


def task_row(number: int = 1, **given: Any) -> TaskRow:
    row = TaskRow(run_of(number), 2, "decision", DOMAIN, "main", 0, 1_000_000 + number, True)
    return row._replace(**given)


def insert(store: Store, *rows: ExecutionRow) -> None:
    with store.transaction() as tx:
        tx.insert_executions(list(rows))


def executions(store: Store, *numbers: int) -> dict[int, ExecutionRow]:
    with store.reader() as reader:
        return reader.executions([run_of(number) for number in numbers])
