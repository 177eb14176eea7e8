"""Contract tests of the stores: what audits read and repairs write, rows that belong to no run included."""

from __future__ import annotations

import pytest

from tests.store.rows import (
    DOMAIN,
    closed_row,
    domain_row,
    event_rows,
    execution_row,
    executions,
    insert,
    run_of,
    task_row,
    type_row,
)
from workflowsvc.store.errors import Conflict
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import HeartbeatRow, MessageRow, TagRow


def test_runs_come_page_by_page(store: Store) -> None:
    insert(store, *(execution_row(number) for number in (3, 1, 2)))
    with store.reader() as reader:
        assert reader.runs(0, 2) == [run_of(1), run_of(2)]
        assert reader.runs(run_of(2), 2) == [run_of(3)]
        assert reader.runs(run_of(3), 2) == []


def test_tasks_of_runs_are_found_whether_ready_or_not(store: Store) -> None:
    rows = [task_row(1), task_row(1, scheduled_event_id=9, kind="activity"), task_row(2, ready=False)]
    with store.transaction() as tx:
        tx.put_tasks([*rows, task_row(3)])
        assert tx.tasks_of([run_of(2), run_of(1), run_of(8)]) == rows
        assert tx.tasks_of([]) == []


def test_heartbeats_of_runs_are_found(store: Store) -> None:
    rows = [HeartbeatRow(run_of(1), 5, 100, "\0é"), HeartbeatRow(run_of(2), 6, 200, None)]
    with store.transaction() as tx:
        tx.put_heartbeats([*rows, HeartbeatRow(run_of(3), 6, 200, None)])
        assert tx.heartbeats_of([run_of(1), run_of(2)]) == rows
        assert tx.heartbeats_of([]) == []


def test_the_lists_of_tags_are_read(store: Store) -> None:
    insert(
        store, execution_row(1, tags=b'["b",null,"a","a"]'), closed_row(2, tags=b'["a"]'), execution_row(3)
    )
    with store.reader() as reader:
        found = reader.tags_of([run_of(1), run_of(2), run_of(3)])
    one, two = execution_row(1), closed_row(2)
    assert two.closed_at is not None
    assert sorted(found) == sorted(
        [
            TagRow(one.run, DOMAIN, "a", "open by start", one.started_at),
            TagRow(one.run, DOMAIN, "b", "open by start", one.started_at),
            TagRow(two.run, DOMAIN, "a", "closed by start", two.started_at),
            TagRow(two.run, DOMAIN, "a", "closed by close", two.closed_at),
        ]
    )


def test_waiting_messages_come_page_by_page(store: Store) -> None:
    rows = [MessageRow(number, run_of(1), "Signal", DOMAIN, b"{}") for number in (1, 2, 3)]
    with store.transaction() as tx:
        tx.put_messages(rows)
        assert tx.waiting_messages(0, 2) == rows[:2]
        assert tx.waiting_messages(2, 2) == rows[2:]


def test_rows_that_belong_to_no_run_are_found(store: Store) -> None:
    insert(store, execution_row(1))
    with store.transaction() as tx:
        tx.append_events([*event_rows(run_of(1), 1, 2), *event_rows(run_of(2), 1, 3)])
        tx.put_tasks([task_row(1), task_row(3)])
        tx.put_heartbeats([HeartbeatRow(run_of(1), 5, 1, None), HeartbeatRow(run_of(4), 5, 1, None)])
        assert sorted(tx.orphans(10)) == [
            ("events", run_of(2)),
            ("heartbeats", run_of(4)),
            ("tasks", run_of(3)),
        ]
        assert len(tx.orphans(1)) == 1


def test_a_sound_store_finds_nothing_wrong_with_itself(store: Store) -> None:
    insert(store, execution_row(1, tags=b'["a"]'))
    with store.reader() as reader:
        assert reader.integrity_errors(10) == []
        assert reader.orphans(10) == []


def test_a_replaced_run_is_listed_as_it_now_says(store: Store) -> None:
    insert(store, execution_row(1, tags=b'["old"]'), closed_row(2, tags=b'["kept"]'))
    row = closed_row(1, tags=b'["new"]', next_event_id=9, cancel_requested=True, wake_at=4, type_name="Other")
    with store.transaction() as tx:
        tx.replace_executions([row])
    assert executions(store, 1, 2) == {run_of(1): row, run_of(2): closed_row(2, tags=b'["kept"]')}
    with store.reader() as reader:
        assert {tag.tag for tag in reader.tags_of([run_of(1), run_of(2)])} == {"new", "kept"}
        assert reader.open_run(DOMAIN, row.workflow_id) is None


def test_a_run_cannot_be_replaced_by_a_second_open_one(store: Store) -> None:
    other = 252  # all runs of a workflowId have one shard, and the store may count on it
    insert(store, execution_row(1), closed_row(other, workflow_id="order-1"))
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.replace_executions([execution_row(other, workflow_id="order-1")])
    assert executions(store, other)[run_of(other)].closed_at is not None


def test_tags_of_a_run_can_be_taken_away(store: Store) -> None:
    insert(store, execution_row(1, tags=b'["a"]'), execution_row(2, tags=b'["a"]'))
    with store.transaction() as tx:
        tx.delete_tags_of([run_of(1)])
        assert [tag.run for tag in tx.tags_of([run_of(1), run_of(2)])] == [run_of(2)]


def test_everything_that_belongs_to_no_run_is_found(store: Store) -> None:
    domains = [domain_row(id=number, tenant=f"t{number % 2}", name=f"d{number}") for number in (3, 1, 2)]
    types = [
        type_row(domain=domain, kind=kind, name=name, version=version)
        for domain in (1, 3)
        for kind in ("activity", "workflow")
        for name in ("A", "a", "é")
        for version in ("1", "2")
    ]
    with store.transaction() as tx:
        for domain in domains:
            tx.put_domain(domain)
        for row in reversed(types):
            tx.put_type(row)
        tx.put_meta("b", b"\0")
        tx.put_meta("a", b"")
        tx.put_meta("c", b"x")
        tx.delete_meta("c")
        tx.delete_meta("nothing")
    with store.reader() as reader:
        assert reader.every_meta() == [("a", b""), ("b", b"\0")]
        assert reader.every_domain(-1, 2) == sorted(domains)[:2]
        assert reader.every_domain(2, 2) == sorted(domains)[2:]
        assert reader.every_type(None, 5) == types[:5]
        assert reader.every_type(types[4][:4], 100) == types[5:]
        assert reader.every_type(types[-1][:4], 5) == []


def test_events_are_found_under_their_numbers(store: Store) -> None:
    rows = [row for row in event_rows(run_of(1), 1, 9) if row.event_id != 4]
    with store.transaction() as tx:
        tx.append_events([*rows, *event_rows(run_of(2), 1, 3)])
        assert tx.numbered_events(run_of(1), -1, 100) == rows
        assert tx.numbered_events(run_of(1), 2, 3) == rows[2:5]
        assert tx.numbered_events(run_of(1), 9, 3) == []
