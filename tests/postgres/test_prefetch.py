"""PostgreSQL: answers that were fetched before they are asked for are right whatever is written in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.store.rows import (
    DOMAIN,
    closed_row,
    closing_of,
    domain_row,
    event_rows,
    execution_row,
    run_of,
    task_row,
)
from workflowsvc.core.key_layout import SHARDS, shard_for
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.postgres.transaction import PostgresRepairTransaction
from workflowsvc.store.rows import ExecutionRow, ListKey

OpenNode = Callable[[], PostgresStore]
MAIN = ListKey(DOMAIN, "decision", "main")


def named(number: int, workflow_id: str) -> ExecutionRow:
    """A run in the shard of its workflowId."""
    domain = domain_row()
    run = run_of(number) & ~(SHARDS - 1) | shard_for(domain.tenant, domain.name, workflow_id)
    return execution_row(number, run=run, workflow_id=workflow_id, next_event_id=4)


A, B = named(1, "a"), named(2, "b")


@pytest.fixture
def node(open_node: OpenNode) -> PostgresStore:
    """It knows the domain, and has two runs with three events each."""
    store = open_node()
    with store.transaction() as tx:
        tx.put_domain(domain_row())
        tx.insert_executions([A, B])
        for row in (A, B):
            tx.append_events(event_rows(row.run, 1, 3))
        tx.put_meta("key", b"old")
        assert tx.open_run(DOMAIN, "a") == A.run
    return store


@pytest.fixture
def tx(node: PostgresStore) -> Iterator[PostgresRepairTransaction]:
    with node.transaction() as tx:
        yield tx


def prefetch(tx: PostgresRepairTransaction, *runs: int) -> None:
    tx.prefetch(list(runs), [(DOMAIN, "a"), (DOMAIN, "new")], "key", lambda _: 1)


def test_events_that_were_prefetched_must_be_asked_for_before_more_are_appended(node: PostgresStore) -> None:
    def append_without_asking() -> None:
        with node.transaction() as tx:
            prefetch(tx, B.run)
            tx.append_events(event_rows(B.run, 4, 4))

    with pytest.raises(AssertionError, match="not asked for before more were appended"):
        append_without_asking()
    with node.transaction() as tx:
        prefetch(tx, B.run)
        assert len(tx.events(B.run, 1, 3, 3)) == 3
        tx.append_events(event_rows(B.run, 4, 4))
        assert len(tx.events(B.run, 1, 4, 9)) == 4


def test_a_run_without_unseen_events_may_be_appended_to_at_once(node: PostgresStore) -> None:
    """Others have recorded something lately, so that events are asked for with every task."""
    with node.transaction() as tx:
        prefetch(tx, B.run)
        assert tx.events(B.run, 1, 3, 3)
        tx.put_tasks([task_row(run=A.run)])
    with node.transaction() as tx:
        tx.prefetch([], [], None, lambda _: 4)
        assert [row.run for row in tx.take_tasks(*MAIN, 1)] == [A.run]
        tx.append_events(event_rows(A.run, 4, 4))
        assert len(tx.events(A.run, 1, 4, 9)) == 4


@pytest.mark.parametrize("claiming", [False, True])
def test_the_function_that_names_the_first_unseen_event_must_not_use_the_transaction(
    node: PostgresStore, claiming: bool
) -> None:
    """It is called while statements are queued: one more among them would be carried out at the wrong moment."""
    with node.transaction() as tx:
        prefetch(tx, B.run)  # others have recorded something
        assert tx.events(B.run, 1, 3, 3)
        tx.put_tasks([task_row(run=A.run)])

    def ask_back() -> None:
        with node.transaction() as tx:
            tx.prefetch([] if claiming else [A.run], [], None, lambda run: len(tx.executions([run])))
            tx.take_tasks(*MAIN, 1)

    with pytest.raises(AssertionError, match="must not use the transaction that calls it"):
        ask_back()


def test_each_answer_is_given_once(tx: PostgresRepairTransaction) -> None:
    prefetch(tx, A.run)
    for _ in range(2):
        assert tx.open_run(DOMAIN, "a") == A.run
        assert tx.open_run(DOMAIN, "new") is None
        assert tx.meta("key") == b"old"
        assert len(tx.events(A.run, 1, 3, 3)) == 3


def test_a_run_that_starts_is_open_though_none_was(tx: PostgresRepairTransaction) -> None:
    prefetch(tx)
    row = named(3, "new")
    tx.insert_executions([row])
    assert tx.open_run(DOMAIN, "new") == row.run


def test_a_run_that_closes_is_not_open_though_it_was(tx: PostgresRepairTransaction) -> None:
    prefetch(tx)
    tx.update_executions([closing_of(A, 5000)])
    assert tx.open_run(DOMAIN, "a") is None


def test_a_replaced_run_is_as_it_now_says(tx: PostgresRepairTransaction) -> None:
    prefetch(tx)
    tx.replace_executions([closed_row(1, run=A.run, workflow_id="a")])
    assert tx.open_run(DOMAIN, "a") is None


@pytest.mark.parametrize("value", [b"new", None])
def test_a_fact_that_is_changed_is_read_as_it_now_is(
    tx: PostgresRepairTransaction, value: bytes | None
) -> None:
    prefetch(tx)
    if value is None:
        tx.delete_meta("key")
    else:
        tx.put_meta("key", value)
    assert tx.meta("key") == value


def test_events_that_are_purged_are_not_there_though_they_were(tx: PostgresRepairTransaction) -> None:
    tx.update_executions([closing_of(A, 5000)])
    prefetch(tx, A.run)
    assert not tx.purge(A.run, 1)
    assert len(tx.events(A.run, 1, 3, 3)) == 2
