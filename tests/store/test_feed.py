"""Contract tests of the stores: the feeds of domains."""

from __future__ import annotations

import pytest

from tests.store.rows import DOMAIN, run_of
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES, FeedPlace, FeedRow

GENERATION = 3


def entry(place: int, run: int = 1, event_id: int = 1, domain: int = DOMAIN) -> FeedRow:
    body = b'{"detail":"\xc3\xa9 and \\u0000"}'
    return FeedRow(
        domain, GENERATION, place, run_of(run), event_id, 5000 + place, "WorkflowExecutionStarted", body
    )


@pytest.fixture(autouse=True)
def only_where_feeds_are_written(store: Store) -> None:
    with store.transaction() as tx:
        if not tx.can_feed:
            pytest.skip("this database cannot say which transactions have ended")


def put(store: Store, *rows: FeedRow) -> None:
    with store.transaction() as tx:
        tx.put_feed(list(rows))


def read(store: Store, after: FeedPlace = BEFORE_ALL_ENTRIES, limit: int = 100) -> list[FeedRow]:
    with store.reader() as reader:
        return reader.feed(DOMAIN, GENERATION, after, limit)


def names(rows: list[FeedRow]) -> list[tuple[int, int]]:
    return [(row.run, row.event_id) for row in rows]


def test_entries_are_read_in_the_order_in_which_they_were_committed(store: Store) -> None:
    put(store, entry(10, run=2), entry(11, run=2, event_id=7))
    put(store, entry(12, run=1))
    put(store, entry(13, run=3, domain=DOMAIN + 1))
    rows = read(store)
    assert names(rows) == [(run_of(2), 1), (run_of(2), 7), (run_of(1), 1)]
    first = entry(10, run=2)
    assert rows[0]._replace(place=10) == first


def test_a_reader_goes_on_behind_any_entry(store: Store) -> None:
    for number in range(1, 8):
        put(store, entry(number, run=number))
    rows = read(store)
    for number, row in enumerate(rows, 1):
        assert read(store, row.position) == rows[number:]
        assert read(store, row.position, limit=2) == rows[number : number + 2]


def test_the_end_stands_behind_what_is_there_and_before_what_comes(store: Store) -> None:
    with store.reader() as reader:
        end = reader.feed_end(DOMAIN, GENERATION)
    put(store, entry(10))
    (row,) = read(store, end)
    with store.reader() as reader:
        end = reader.feed_end(DOMAIN, GENERATION)
    assert end >= row.position
    put(store, entry(11, event_id=2))
    assert names(read(store, end)) == [(run_of(1), 2)]


def test_entries_of_an_earlier_generation_stand_before_all_others(store: Store) -> None:
    put(store, entry(10, run=1))
    put(store, entry(1 << 60, run=2)._replace(generation=GENERATION - 1))
    assert names(read(store)) == [(run_of(2), 1), (run_of(1), 1)]
    with store.transaction() as tx:
        last = tx.last_of_feed(DOMAIN)
        assert last is not None
        assert last.run == run_of(1)
        assert tx.last_of_feed(DOMAIN + 1) is None


def test_what_was_deleted_is_gone_and_the_rest_stays(store: Store) -> None:
    for number in range(1, 5):
        put(store, entry(number, run=number), entry(number, run=number, domain=DOMAIN + 1))
    rows = read(store)
    with store.transaction() as tx:
        tx.delete_feed(DOMAIN, rows[1].position)
    assert read(store) == rows[2:]
    with store.reader() as reader:
        assert len(reader.feed(DOMAIN + 1, GENERATION, BEFORE_ALL_ENTRIES, 9)) == 4


def test_what_is_not_committed_is_in_no_feed(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            tx.put_feed([entry(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read(store) == []


def test_no_entry_is_written_below_the_first_free_place(store: Store) -> None:
    put(store, entry(10))
    with store.transaction() as tx:
        last = tx.last_of_feed(DOMAIN)
        assert last is not None
        free = tx.first_free_place(11)
        assert last.place <= free
    put(store, entry(11, event_id=2))
    assert read(store)[-1].place >= free
