"""Contract tests of the stores: transactions and snapshots: all or nothing, before or after, from any thread."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.store.rows import (
    DOMAIN,
    change_of,
    event_rows,
    execution_row,
    executions,
    insert,
    run_of,
    task_row,
)
from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.store.errors import Conflict, Unavailable
from workflowsvc.store.interface import PeerStore, Store, Transaction


def write_something_everywhere(tx: Transaction) -> None:
    tx.insert_executions([execution_row(1, tags=b'["t"]')])
    tx.append_events(event_rows(run_of(1), 1, 5))
    tx.put_tasks([task_row(1)])
    tx.put_meta("key", b"value")


def is_empty(store: Store) -> bool:
    with store.reader() as reader:
        return (
            reader.executions([run_of(1)]) == {}
            and reader.events(run_of(1), 1, 9, 9) == []
            and reader.count_tasks(DOMAIN, "decision", "main") == 0
            and reader.meta("key") is None
        )


def test_an_exception_leaves_nothing_and_is_passed_on(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            write_something_everywhere(tx)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert is_empty(store)


def test_a_conflict_leaves_nothing_of_its_transaction(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            write_something_everywhere(tx)
            tx.append_events(event_rows(run_of(1), 5, 5))

    with pytest.raises(Conflict):
        fail()
    assert is_empty(store)


def test_a_conflict_is_raised_by_the_method_that_meets_it_or_when_the_block_ends(store: Store) -> None:
    """A store that sends its writes together hears of it late."""

    def fail() -> None:
        with store.transaction() as tx:
            tx.insert_executions([execution_row(1)])
            try:
                tx.insert_executions([execution_row(1)])
            except Conflict:
                raise ZeroDivisionError from None

    with pytest.raises((ZeroDivisionError, Conflict)):
        fail()
    assert executions(store, 1) == {}


def test_the_store_works_on_after_a_conflict(store: Store) -> None:
    insert(store, execution_row(1))
    for _ in range(3):
        with pytest.raises(Conflict):
            insert(store, execution_row(2), execution_row(1))
    insert(store, execution_row(2))
    assert set(executions(store, 1, 2)) == {run_of(1), run_of(2)}


def test_a_transaction_sees_its_own_writes_and_others_only_when_it_is_over(store: Store) -> None:
    with store.transaction() as tx:
        tx.insert_executions([execution_row(1)])
        tx.append_events(event_rows(run_of(1), 1, 3))
        assert tx.open_run(DOMAIN, "order-1") == run_of(1)
        assert len(tx.events(run_of(1), 1, 9, 9)) == 3
    with store.transaction() as tx:
        assert tx.open_run(DOMAIN, "order-1") == run_of(1)


def test_all_answers_of_a_reader_are_of_one_moment(store: Store) -> None:
    insert(store, execution_row(1))
    started = threading.Event()

    def write() -> None:
        started.set()
        with store.transaction() as tx:
            tx.update_executions([change_of(execution_row(1), next_event_id=99)])
            tx.insert_executions([execution_row(2)])
            tx.append_events(event_rows(run_of(1), 1, 1))

    with ThreadPoolExecutor(1) as threads:
        with store.reader() as reader:
            before = reader.executions([run_of(1)])
            writing = threads.submit(write)
            assert started.wait(PATIENCE_SECONDS)
            for _ in range(200):
                assert reader.executions([run_of(1)]) == before
                assert reader.executions([run_of(2)]) == {}
                assert reader.events(run_of(1), 1, 9, 9) == []
        writing.result(PATIENCE_SECONDS)
    assert executions(store, 1)[run_of(1)].next_event_id == 99
    assert len(executions(store, 2)) == 1


def test_what_is_not_committed_is_seen_by_no_reader(store: Store) -> None:
    """A store that cannot read beside a transaction lets the reader wait: then it sees what was committed."""
    reading = threading.Event()

    def look() -> int | None:
        reading.set()
        with store.reader() as reader:
            return reader.open_run(DOMAIN, "order-1")

    with ThreadPoolExecutor(1) as threads:
        looked: list[Future[int | None]] = []

        def fail() -> None:
            with store.transaction() as tx:
                tx.insert_executions([execution_row(1)])
                looked.append(threads.submit(look))
                assert reading.wait(PATIENCE_SECONDS)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert looked[0].result(PATIENCE_SECONDS) is None


def test_threads_may_write_and_read_as_they_like(store: Store) -> None:
    """Every thread appends to a run of its own and to one of all, and never reads half of a transaction."""
    row = execution_row(0, next_event_id=1)
    insert(store, row)
    writers, each = 4, 25

    def write(number: int) -> None:
        for event_id in range(1, each + 1):
            with store.transaction() as tx:
                shared = tx.lock([run_of(0)])[run_of(0)]
                tx.append_events(event_rows(run_of(0), shared.next_event_id, shared.next_event_id))
                tx.update_executions([change_of(row, next_event_id=shared.next_event_id + 1)])
                tx.append_events(event_rows(run_of(number), event_id, event_id))

    def read() -> None:
        for _ in range(100):
            with store.reader() as reader:
                row = reader.executions([run_of(0)])[run_of(0)]
                assert len(reader.events(run_of(0), 1, 10**6, 10**6)) == row.next_event_id - 1

    with ThreadPoolExecutor(2 * writers + 8) as threads:
        tasks = [threads.submit(write, number) for number in range(1, writers + 1)]
        tasks += [threads.submit(read) for _ in range(8)]
        for task in tasks:
            task.result(PATIENCE_SECONDS)
    with store.reader() as reader:
        assert len(reader.events(run_of(0), 1, 10**6, 10**6)) == writers * each
        for number in range(1, writers + 1):
            assert len(reader.events(run_of(number), 1, 10**6, 10**6)) == each


def test_what_a_block_gave_cannot_be_used_after_the_block(store: Store) -> None:
    with store.transaction() as tx:
        pass
    with store.reader() as reader:
        pass
    with pytest.raises(AttributeError):
        tx.put_meta("key", b"value")
    with pytest.raises(AttributeError):
        reader.meta("key")
    assert is_empty(store)


def test_a_transaction_inside_a_transaction_is_refused_rather_than_waiting_for_itself(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_meta("key", b"value")
        with pytest.raises(AssertionError), store.transaction():
            pass
        assert tx.meta("key") == b"value"
    assert not is_empty(store)


def test_a_closed_store_is_unavailable(store: Store) -> None:
    store.close()
    with pytest.raises(Unavailable), store.reader():
        pass
    with pytest.raises(Unavailable), store.transaction():
        pass
    store.close()


def test_a_store_says_where_it_keeps_its_data(store: Store) -> None:
    assert store.describe()
    assert isinstance(store, PeerStore) is store.describe().startswith("postgresql:")
