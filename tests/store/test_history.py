"""Contract tests of the stores: histories and heartbeats."""

from __future__ import annotations

import pytest

from tests.store.rows import event_rows, run_of
from workflowsvc.store.errors import Conflict
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import EventRow, HeartbeatRow, TaskKey


def append(store: Store, *rows: EventRow) -> None:
    with store.transaction() as tx:
        tx.append_events(list(rows))


def test_events_are_read_in_either_order_between_two_ids(store: Store) -> None:
    run = run_of(1)
    append(store, *event_rows(run_of(2), 1, 30), *event_rows(run, 1, 20), *event_rows(run_of(0), 1, 30))
    bodies = [row.body for row in event_rows(run, 1, 20)]
    with store.reader() as reader:
        assert reader.events(run, 1, 20, 100) == bodies
        assert reader.events(run, 1, 20, 100, descending=True) == bodies[::-1]
        assert reader.events(run, 5, 7, 100) == bodies[4:7]
        assert reader.events(run, 5, 7, 100, descending=True) == bodies[4:7][::-1]
        assert reader.events(run, 5, 20, 3) == bodies[4:7]
        assert reader.events(run, 5, 20, 3, descending=True) == bodies[17:][::-1]
        assert reader.events(run, 19, 999, 100) == bodies[18:]
        assert reader.events(run, 7, 6, 100) == []
        assert reader.events(run, 21, 999, 100) == []
        assert reader.events(run_of(3), 1, 999, 100) == []


def test_an_event_body_is_kept_byte_for_byte(store: Store) -> None:
    bodies = [b'{"eventTimestamp":1.497371587073E9}', b"\0\n\xff", b"", b"x" * 100_000]
    append(store, *(EventRow(run_of(1), n, body) for n, body in enumerate(bodies, 1)))
    with store.reader() as reader:
        assert reader.events(run_of(1), 1, 9, 9) == bodies


def test_events_of_many_runs_may_be_appended_in_turns(store: Store) -> None:
    for first in range(1, 40, 2):
        append(store, *(row for n in range(1, 6) for row in event_rows(run_of(n), first, first + 1)))
    with store.reader() as reader:
        for n in range(1, 6):
            assert reader.events(run_of(n), 1, 99, 99) == [row.body for row in event_rows(run_of(n), 1, 40)]


@pytest.mark.parametrize("rows", [event_rows(run_of(1), 3, 3), event_rows(run_of(1), 2, 5)])
def test_a_second_event_with_an_id_is_a_conflict(store: Store, rows: list[EventRow]) -> None:
    append(store, *event_rows(run_of(1), 1, 3))
    with pytest.raises(Conflict):
        append(store, *event_rows(run_of(2), 1, 1), *rows)
    with store.reader() as reader:
        assert len(reader.events(run_of(1), 1, 99, 99)) == 3
        assert reader.events(run_of(2), 1, 99, 99) == []


def test_two_events_with_one_id_in_one_append_are_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict):
        append(store, *event_rows(run_of(1), 1, 1), *event_rows(run_of(1), 1, 1))


def test_the_last_heartbeat_of_each_activity_is_kept(store: Store) -> None:
    run = run_of(1)
    with store.transaction() as tx:
        assert tx.heartbeats(run) == []
        tx.put_heartbeats([HeartbeatRow(run, 9, 100, "9%"), HeartbeatRow(run, 5, 100, None)])
        tx.put_heartbeats([HeartbeatRow(run_of(2), 5, 100, "other")])
        tx.put_heartbeats([HeartbeatRow(run, 9, 200, "50 \0 %")])
    with store.reader() as reader:
        assert reader.heartbeats(run) == [
            HeartbeatRow(run, 5, 100, None),
            HeartbeatRow(run, 9, 200, "50 \0 %"),
        ]


def test_heartbeats_go_by_key_or_with_their_run(store: Store) -> None:
    first, second = run_of(1), run_of(2)
    with store.transaction() as tx:
        tx.put_heartbeats([HeartbeatRow(run, n, 100, "") for run in (first, second) for n in (5, 7, 9)])
        tx.delete_heartbeats([TaskKey(first, 7), TaskKey(first, 99), TaskKey(second, 5)])
        assert [row.scheduled_event_id for row in tx.heartbeats(first)] == [5, 9]
        assert [row.scheduled_event_id for row in tx.heartbeats(second)] == [7, 9]
        tx.delete_heartbeats_of([first, run_of(3)])
        assert tx.heartbeats(first) == []
        assert len(tx.heartbeats(second)) == 2
        tx.delete_heartbeats([])
        tx.delete_heartbeats_of([])
