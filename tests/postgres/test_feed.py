"""PostgreSQL: a feed is in the order of commits, whatever the order in which transactions begin, write and end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.postgres.places import distributed_by
from tests.store.rows import DOMAIN, execution_row, insert, run_of
from tests.store.test_feed import GENERATION, entry, names, put, read
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES, FeedPlace, FeedRow

OpenNode = Callable[[], PostgresStore]


@pytest.fixture(autouse=True)
def only_where_feeds_are_written() -> None:
    if distributed_by() is not None:
        pytest.skip("no feed is written there")


def follow(store: PostgresStore, seen: list[FeedRow]) -> None:
    """What a subscriber does: it goes on behind the last entry that it has got."""
    seen += read(store, seen[-1].position if seen else BEFORE_ALL_ENTRIES)


def test_no_entry_is_missed_when_transactions_commit_in_reverse(open_node: OpenNode) -> None:
    one, other, reading = open_node(), open_node(), open_node()
    seen: list[FeedRow] = []
    with ExitStack() as first:
        early = first.enter_context(one.transaction())
        early.put_feed([entry(0, run=1)])
        assert early.last_of_feed(DOMAIN)  # it is in the database, not committed
        put(other, entry(0, run=2))
        follow(reading, seen)
        assert seen == []  # run 1 may still come before it
    follow(reading, seen)
    assert sorted(names(seen)) == [(run_of(1), 1), (run_of(2), 1)]
    put(other, entry(0, run=3))
    follow(reading, seen)
    assert len(seen) == 3


def test_a_transaction_that_began_first_and_writes_last_is_not_passed_over(open_node: OpenNode) -> None:
    one, other, reading = open_node(), open_node(), open_node()
    insert(one, execution_row(9))
    seen: list[FeedRow] = []
    with one.transaction() as early:
        early.lock([run_of(9)])  # it has its number now
        put(other, entry(0, run=2))
        follow(reading, seen)
        early.put_feed([entry(0, run=9)])
    put(other, entry(0, run=3))
    follow(reading, seen)
    assert sorted(names(seen)) == [(run_of(2), 1), (run_of(3), 1), (run_of(9), 1)]


def test_a_run_that_goes_from_a_later_transaction_to_an_earlier_one_stays_in_order(
    open_node: OpenNode,
) -> None:
    """The second event is written by the transaction with the lower number."""
    one, other, reading = open_node(), open_node(), open_node()
    insert(one, execution_row(1))
    insert(one, execution_row(9))
    with one.transaction() as early:
        early.lock([run_of(9)])
        with other.transaction() as late:
            late.lock([run_of(1)])
            late.put_feed([entry(0, run=1, event_id=5)])
        early.lock([run_of(1)])
        early.put_feed([entry(0, run=1, event_id=6), entry(0, run=9, event_id=4)])
    rows = [row for row in read(reading) if row.run == run_of(1)]
    assert [row.event_id for row in rows] == [5, 6]


def test_an_entry_is_read_at_once_when_nothing_else_runs(open_node: OpenNode) -> None:
    """Also when transactions with higher numbers have ended before it was written."""
    one, other, reading = open_node(), open_node(), open_node()
    insert(one, execution_row(9))
    with one.transaction() as early:
        early.lock([run_of(9)])
        put(other, entry(0, run=2))
        early.put_feed([entry(0, run=9)])
    assert len(read(reading)) == 2


def test_the_end_is_before_what_an_open_transaction_will_commit(open_node: OpenNode) -> None:
    one, reading = open_node(), open_node()
    with one.transaction() as early:
        early.put_feed([entry(0, run=1)])
        assert early.last_of_feed(DOMAIN)
        with reading.reader() as reader:
            end = reader.feed_end(DOMAIN, GENERATION)
    assert names(read(reading, end)) == [(run_of(1), 1)]


def test_an_entry_from_a_database_with_higher_numbers_stands_above_the_first_free_place(
    open_node: OpenNode,
) -> None:
    """As after a restore of a dump: the node then begins a new generation."""
    store = open_node()
    with store.transaction() as tx:
        tx.copy_feed([entry(1 << 50, run=1)])
    with store.transaction() as tx:
        last = tx.last_of_feed(DOMAIN)
        assert last == FeedPlace(GENERATION, 1 << 50, run_of(1), 1)
        assert last.place > tx.first_free_place(0)
    assert read(store) == []
    with store.reader() as reader:
        assert len(reader.feed(DOMAIN, GENERATION + 1, BEFORE_ALL_ENTRIES, 9)) == 1
