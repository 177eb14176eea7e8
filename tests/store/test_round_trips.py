"""Contract tests of the stores: whatever text, bytes and numbers the interface allows come back as they went in."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.store.rows import DOMAIN, domain_row, execution_row, run_of, task_row, type_row
from workflowsvc.model.shapes import CloseStatus
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import (
    DomainRow,
    EventRow,
    ExecutionRow,
    HeartbeatRow,
    MessageRow,
    TaskRow,
    TypeRow,
)

unicode = st.characters(exclude_categories=["Cs"])  # a lone surrogate is refused long before a store sees it
free_text = st.none() | st.text(unicode, max_size=60)
name = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)  # SWF §3.4
number = st.integers(0, (1 << 63) - 1)
maybe = st.none() | number

domains = st.builds(
    DomainRow,
    id=number,
    tenant=name,
    name=name,
    status=st.sampled_from(["REGISTERED", "DEPRECATED"]),
    description=free_text,
    retention=name,
    tags=st.binary(max_size=60),
)
types = st.builds(
    TypeRow,
    domain=number,
    kind=st.sampled_from(["workflow", "activity"]),
    name=name,
    version=name,
    status=st.sampled_from(["REGISTERED", "DEPRECATED"]),
    description=free_text,
    created_at=number,
    deprecated_at=maybe,
    defaults=st.binary(max_size=60),
)
executions = st.builds(
    ExecutionRow,
    run=number,
    run_id=name,
    domain=number,
    workflow_id=name,
    type_name=name,
    type_version=name,
    tags=st.sampled_from([None, b"[]", b"[null]", b'["\\u0000","\xc3\xa9","a"]']),
    parent_workflow_id=st.none() | name,
    parent_run_id=st.none() | name,
    started_at=number,
    next_event_id=number,
    wake_at=maybe,
    cancel_requested=st.booleans(),
    closed_at=maybe,
    close_status=st.none() | st.sampled_from(get_args(CloseStatus)),
    purge_at=maybe,
)
tasks = st.builds(
    TaskRow,
    run=number,
    scheduled_event_id=number,
    kind=st.sampled_from(["decision", "activity", "lambda"]),
    domain=number,
    task_list=name,
    priority=st.integers(-(2**31), 2**31 - 1),
    position=number,
    ready=st.just(True),
)
events = st.builds(EventRow, run=number, event_id=number, body=st.binary(max_size=200))
heartbeats = st.builds(HeartbeatRow, run=number, scheduled_event_id=number, at=number, details=free_text)
messages = st.builds(
    MessageRow, id=number, run=number, kind=name, domain=number, body=st.binary(max_size=200)
)


class RollBack(Exception):
    """Ends an example, so that the next one finds an empty store."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # see RollBack
@given(domains, types, executions, tasks, events, heartbeats, messages)
def test_rows_come_back_as_they_went_in(
    store: Store,
    domain: DomainRow,
    type_: TypeRow,
    execution: ExecutionRow,
    task: TaskRow,
    event: EventRow,
    heartbeat: HeartbeatRow,
    message: MessageRow,
) -> None:
    assume(execution.domain != domain.id)  # else the shard of the run would have to be that of its workflowId

    def example() -> None:
        with store.transaction() as tx:
            tx.put_domain(domain)
            tx.put_type(type_)
            tx.insert_executions([execution])
            tx.put_tasks([task])
            tx.append_events([event])
            tx.put_heartbeats([heartbeat])
            tx.put_messages([message])
            assert tx.domain(domain.tenant, domain.name) == domain
            assert tx.domains_by_id([domain.id]) == {domain.id: domain}
            assert tx.type(type_.domain, type_.kind, type_.name, type_.version) == type_
            assert tx.executions([execution.run]) == {execution.run: execution}
            found = tx.open_run(execution.domain, execution.workflow_id)
            assert found == (execution.run if execution.closed_at is None else None)
            assert tx.take_tasks(task.domain, task.kind, task.task_list, 1) == [task]
            assert tx.events(event.run, event.event_id, event.event_id, 1) == [event.body]
            assert tx.heartbeats(heartbeat.run) == [heartbeat]
            assert tx.messages(1) == [message]
            raise RollBack

    with pytest.raises(RollBack):
        example()


def test_values_as_large_as_they_may_be_are_kept_whole(store: Store) -> None:
    """Limits of SWF §3.3, in characters of four bytes."""
    wide = "\U0001f600"
    execution = execution_row(
        workflow_id=wide * 256, type_name=wide * 256, type_version=wide * 64, tags=b'["' + b"x" * 5000 + b'"]'
    )
    heartbeat = HeartbeatRow(run_of(1), 5, 100, wide * 32_768)
    domain = domain_row(name=wide * 256, description=wide * 1024)
    type_ = type_row(name=wide * 256, version=wide * 64, description=wide * 1024, defaults=b"x" * 10_000)
    task = task_row(task_list=wide * 256)
    body = b"x" * 1_000_000
    with store.transaction() as tx:
        tx.put_domain(domain)
        tx.put_type(type_)
        tx.insert_executions([execution])
        tx.put_heartbeats([heartbeat])
        tx.put_tasks([task])
        tx.append_events([EventRow(run_of(1), 1, body)])
    with store.transaction() as tx:
        assert tx.domain("tenant", domain.name) == domain
        assert tx.type(DOMAIN, "workflow", type_.name, type_.version) == type_
        assert tx.executions([execution.run]) == {execution.run: execution}
        assert tx.heartbeats(run_of(1)) == [heartbeat]
        assert tx.take_tasks(DOMAIN, "decision", task.task_list, 1) == [task]
        assert tx.events(run_of(1), 1, 1, 1) == [body]


def test_equal_looking_names_are_different_names(store: Store) -> None:
    """Names compare by code point: no case folding, no normal form, no trimming."""
    names = ["order", "Order", "order ", "é", "e\u0301", "ﬁ", "fi", "1", "01"]
    with store.transaction() as tx:
        tx.insert_executions([execution_row(n, workflow_id=name) for n, name in enumerate(names)])
    with store.reader() as reader:
        assert [reader.open_run(DOMAIN, name) for name in names] == [run_of(n) for n in range(len(names))]
