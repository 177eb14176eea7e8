"""Contract tests of the stores: executions: one open run per workflowId, what changes, when to wake, when to forget."""

from __future__ import annotations

import pytest

from tests.store.rows import (
    DOMAIN,
    change_of,
    closed_row,
    closing_of,
    event_rows,
    execution_row,
    executions,
    insert,
    run_of,
    task_row,
)
from workflowsvc.store.errors import Conflict
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import ExecutionQuery, HeartbeatRow, LockedRow, MessageRow, TaskKey

SAME_SHARD_AS_1 = 252  # all runs of a workflowId have one shard, and the store may count on it


def test_an_execution_is_read_back_as_it_was_inserted(store: Store) -> None:
    rows = [
        execution_row(1, wake_at=5, cancel_requested=True, tags=b'["a",null,"a","\\u0000"]'),
        execution_row(2, parent_workflow_id="parent", parent_run_id="22parent="),
        closed_row(3, close_status="CONTINUED_AS_NEW"),
        execution_row(4, run=(1 << 63) - 1, workflow_id="日本 \U0001f600"),
    ]
    insert(store, *rows)
    with store.reader() as reader:
        found = reader.executions([row.run for row in rows] + [run_of(99)])
    assert found == {row.run: row for row in rows}
    assert found[run_of(1)].cancel_requested is True
    assert found[run_of(2)].cancel_requested is False


def test_asking_for_no_runs_gives_none(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.executions([]) == {}
        assert tx.lock([]) == {}


def test_a_locked_row_is_the_row_as_it_stands_in_this_transaction(store: Store) -> None:
    row = execution_row()
    with store.transaction() as tx:
        tx.insert_executions([row])
        tx.update_executions([change_of(row, next_event_id=9)])
        locked = LockedRow(row.run, row.run_id, DOMAIN, row.workflow_id, 9, row.closed_at, row.purge_at)
        assert tx.lock([run_of(2), row.run]) == {row.run: locked}


def test_the_open_run_of_a_workflow_id_is_found_in_its_domain(store: Store) -> None:
    insert(store, closed_row(1, workflow_id="w"), execution_row(2, workflow_id="w"))
    with store.reader() as reader:
        assert reader.open_run(DOMAIN, "w") == run_of(2)
        assert reader.open_run(DOMAIN, "W") is None
        assert reader.open_run(8, "w") is None


def test_a_second_open_run_of_a_workflow_id_is_a_conflict(store: Store) -> None:
    insert(store, execution_row(1, workflow_id="w"))
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.insert_executions([execution_row(SAME_SHARD_AS_1, workflow_id="w")])
    insert(store, execution_row(3, workflow_id="w", domain=8))
    assert set(executions(store, 1, SAME_SHARD_AS_1, 3)) == {run_of(1), run_of(3)}


def test_two_open_runs_of_a_workflow_id_in_one_insert_are_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.insert_executions(
            [execution_row(1, workflow_id="w"), execution_row(SAME_SHARD_AS_1, workflow_id="w")]
        )
    assert executions(store, 1, SAME_SHARD_AS_1) == {}


def test_a_run_inserted_twice_is_a_conflict(store: Store) -> None:
    insert(store, execution_row(1))
    with pytest.raises(Conflict):
        insert(store, execution_row(1, workflow_id="another"))


def test_the_next_run_may_start_in_the_transaction_that_closes_the_one_before(store: Store) -> None:
    first, second = execution_row(1, workflow_id="w"), execution_row(2, workflow_id="w")
    insert(store, first)
    with store.transaction() as tx:
        tx.update_executions([closing_of(first, at=5000)])
        assert tx.open_run(DOMAIN, "w") is None
        tx.insert_executions([second])
        assert tx.open_run(DOMAIN, "w") == second.run
    with store.reader() as reader:
        assert reader.count_open(DOMAIN) == 1


def test_a_change_changes_its_columns_and_no_others(store: Store) -> None:
    row = execution_row(1, tags=b'["a"]', wake_at=10)
    insert(store, row, execution_row(2))
    change = change_of(row, next_event_id=12, wake_at=77, cancel_requested=True)
    with store.transaction() as tx:
        tx.update_executions([change])
    changed = row._replace(next_event_id=12, wake_at=77, cancel_requested=True)
    assert executions(store, 1, 2) == {run_of(1): changed, run_of(2): execution_row(2)}
    with store.transaction() as tx:
        tx.update_executions([closing_of(row, at=5000, next_event_id=14, close_status="FAILED")])
    closed = row._replace(
        next_event_id=14, wake_at=None, closed_at=5000, close_status="FAILED", purge_at=12000
    )
    assert executions(store, 1) == {run_of(1): closed}


def test_a_list_of_changes_may_mix_open_and_closing_runs(store: Store) -> None:
    rows = [execution_row(n) for n in range(1, 6)]
    insert(store, *rows)
    with store.transaction() as tx:
        tx.update_executions(
            [closing_of(row, at=5000) if row.run % 2 else change_of(row, wake_at=9) for row in rows]
        )
        tx.update_executions([])
        tx.insert_executions([])
    for row in executions(store, 1, 2, 3, 4, 5).values():
        assert (row.closed_at, row.wake_at) == ((5000, None) if row.run % 2 else (None, 9))


def test_of_several_changes_of_a_run_the_last_one_counts(store: Store) -> None:
    rows = [execution_row(n) for n in (1, 2)]
    insert(store, *rows)
    with store.transaction() as tx:
        tx.update_executions([change_of(row, wake_at=at) for at in (7, 9) for row in rows])
        tx.update_executions([change_of(rows[0], wake_at=8), closing_of(rows[0], at=5000)])
    found = executions(store, 1, 2)
    assert [found[row.run].wake_at for row in rows] == [None, 9]
    with store.reader() as reader:
        assert reader.integrity_errors(10) == []


def test_open_runs_are_counted_by_domain(store: Store) -> None:
    insert(store, execution_row(1), execution_row(2), closed_row(3), execution_row(4, domain=8))
    with store.transaction() as tx:
        assert (tx.count_open(DOMAIN), tx.count_open(8), tx.count_open(9)) == (2, 1, 0)
        tx.update_executions([closing_of(execution_row(2), at=5000)])
        assert tx.count_open(DOMAIN) == 1


def test_runs_are_due_in_the_order_of_their_deadlines(store: Store) -> None:
    insert(
        store,
        execution_row(1, wake_at=300),
        execution_row(2, wake_at=100),
        execution_row(3),
        execution_row(4, wake_at=200, domain=8),
        execution_row(5, wake_at=301),
    )
    with store.transaction() as tx:
        assert tx.next_wake_at() == 100
        assert tx.due_runs(99, 10) == []
        assert tx.due_runs(100, 10) == [run_of(2)]
        assert tx.due_runs(300, 10) == [run_of(2), run_of(4), run_of(1)]
        assert tx.due_runs(300, 2) == [run_of(2), run_of(4)]
        tx.update_executions([change_of(execution_row(2), wake_at=None)])
        assert tx.next_wake_at() == 200
        tx.update_executions([change_of(execution_row(4), wake_at=50)])
        assert tx.due_runs(50, 10) == [run_of(4)]


def test_a_store_without_deadlines_names_no_next_one(store: Store) -> None:
    insert(store, execution_row(1), closed_row(2, purge_at=None))
    with store.reader() as reader:
        assert reader.next_wake_at() is None
        assert reader.next_purge_at() is None


def test_closed_runs_expire_in_the_order_of_their_retention(store: Store) -> None:
    insert(store, closed_row(1, purge_at=300), closed_row(2, purge_at=100), closed_row(3), execution_row(4))
    with store.transaction() as tx:
        assert tx.next_purge_at() == 100
        assert tx.expired_runs(99, 10) == []
        assert tx.expired_runs(300, 10) == [run_of(2), run_of(1)]
        assert tx.expired_runs(300, 1) == [run_of(2)]


def test_a_run_is_purged_in_bounded_steps_newest_events_first(store: Store) -> None:
    run = run_of(1)
    neighbours = [closed_row(2), execution_row(3)]
    with store.transaction() as tx:
        tx.insert_executions([closed_row(1, tags=b'["t"]'), *neighbours])
        tx.append_events(event_rows(run, 1, 25))
        for row in neighbours:
            tx.append_events(event_rows(row.run, 1, 3))
    left: list[int] = []
    while True:
        with store.transaction() as tx:
            gone = tx.purge(run, 10)
            left.append(len(tx.events(run, 1, 100, 100)))
            assert (tx.executions([run]) == {}) == gone
            assert tx.events(run, 1, 100, 1) == event_rows(run, 1, 1)[0].body.splitlines() * (not gone)
        if gone:
            break
    assert left == [15, 5, 0]
    with store.transaction() as tx:
        assert tx.purge(run, 10)
        assert tx.expired_runs(10**15, 10) == [run_of(2)]
        assert set(tx.executions([run_of(2), run_of(3)])) == {run_of(2), run_of(3)}
        assert len(tx.events(run_of(2), 1, 100, 100)) == 3


def test_the_last_events_and_the_run_itself_go_in_one_step(store: Store) -> None:
    with store.transaction() as tx:
        tx.insert_executions([closed_row(1), closed_row(2)])
        tx.append_events(event_rows(run_of(1), 1, 10))
        assert tx.purge(run_of(1), 10)
        assert tx.purge(run_of(2), 10)  # a run without events
        assert tx.executions([run_of(1), run_of(2)]) == {}


def test_nothing_of_a_purged_run_is_left(store: Store) -> None:
    row = closed_row(1, tags=b'["t","u"]')
    with store.transaction() as tx:
        tx.insert_executions([row])
        tx.append_events(event_rows(row.run, 1, 3))
        tx.put_tasks([task_row(1)])
        tx.put_heartbeats([HeartbeatRow(row.run, 2, 5, "d")])
        tx.put_messages([MessageRow(1, row.run, "signal", DOMAIN, b"{}")])
        assert tx.purge(row.run, 100)
        assert tx.count_tasks(DOMAIN, "decision", "main") == 0
        assert tx.heartbeats(row.run) == []
        assert tx.tags_of([row.run]) == []
        for tag in ("t", "u"):
            query = ExecutionQuery(DOMAIN, "CLOSED", "closed_at", 0, None, tag=tag)
            assert tx.list_executions(query) == []
            assert tx.count_executions(query) == 0
        assert [message.id for message in tx.messages(10)] == [1]  # still to be delivered


def test_an_open_run_cannot_be_purged(store: Store) -> None:
    with store.transaction() as tx:
        tx.insert_executions([execution_row(1)])
        tx.append_events(event_rows(run_of(1), 1, 3))
        tx.put_tasks([task_row(1)])
    with pytest.raises(AssertionError), store.transaction() as tx:
        tx.purge(run_of(1), 100)
    with store.transaction() as tx:
        assert len(tx.events(run_of(1), 1, 9, 9)) == 3
        tx.delete_tasks([TaskKey(run_of(1), 2)])
