"""Contract tests of the stores: task lists and the outbox."""

from __future__ import annotations

import random

from tests.store.rows import DOMAIN, run_of, task_row
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import MessageRow, TaskKey, TaskRow


def put(store: Store, *rows: TaskRow) -> None:
    with store.transaction() as tx:
        tx.put_tasks(list(rows))


def take(store: Store, limit: int = 100) -> list[TaskRow]:
    with store.transaction() as tx:
        return tx.take_tasks(DOMAIN, "decision", "main", limit)


def test_tasks_are_taken_by_priority_then_by_position(store: Store) -> None:
    rows = [
        task_row(n, priority=priority, position=position)
        for n, (priority, position) in enumerate(
            (priority, position) for priority in (2**31 - 1, 5, 0, -5, -(2**31)) for position in (1, 2, 30)
        )
    ]
    shuffled = random.Random(4).sample(rows, len(rows))
    put(store, *shuffled)
    assert take(store, 4) == rows[:4]
    assert take(store, 1) == rows[4:5]
    assert take(store) == rows[5:]
    assert take(store) == []


def test_a_taken_task_is_gone(store: Store) -> None:
    put(store, task_row(1), task_row(2))
    with store.transaction() as tx:
        assert tx.take_tasks(DOMAIN, "decision", "main", 1) == [task_row(1)]
        assert tx.count_tasks(DOMAIN, "decision", "main") == 1
        assert tx.take_tasks(DOMAIN, "decision", "main", 1) == [task_row(2)]
        assert tx.take_tasks(DOMAIN, "decision", "main", 1) == []


def test_a_task_list_is_domain_and_kind_and_name(store: Store) -> None:
    others = [
        task_row(2, domain=8),
        task_row(3, kind="activity"),
        task_row(4, kind="lambda"),
        task_row(5, task_list="Main"),
    ]
    put(store, task_row(1), *others)
    with store.transaction() as tx:
        assert tx.count_tasks(DOMAIN, "decision", "main") == 1
        assert tx.count_tasks(DOMAIN, "decision", "nobody") == 0
        assert tx.take_tasks(DOMAIN, "decision", "main", 9) == [task_row(1)]
        for row in others:
            assert tx.take_tasks(row.domain, row.kind, row.task_list, 9) == [row]


def test_a_task_that_is_not_ready_is_counted_but_not_taken(store: Store) -> None:
    put(store, task_row(1, ready=False), task_row(2))
    assert take(store) == [task_row(2)]
    with store.transaction() as tx:
        assert tx.count_tasks(DOMAIN, "decision", "main") == 1
        tx.ready_tasks([TaskKey(run_of(1), 2), TaskKey(run_of(9), 2)])
    taken = take(store)
    assert taken == [task_row(1)]
    assert taken[0].ready is True


def test_a_task_put_again_is_replaced(store: Store) -> None:
    put(store, task_row(1))
    put(store, task_row(1, priority=3, ready=False))
    assert take(store) == []
    with store.transaction() as tx:
        assert tx.count_tasks(DOMAIN, "decision", "main") == 1


def test_tasks_go_by_key_or_with_their_run(store: Store) -> None:
    put(store, *(task_row(n, scheduled_event_id=e, position=n * 10 + e) for n in (1, 2, 3) for e in (5, 7)))
    with store.transaction() as tx:
        tx.delete_tasks([TaskKey(run_of(1), 5), TaskKey(run_of(1), 99)])
        tx.delete_tasks_of([run_of(2), run_of(99)])
        tx.delete_tasks([])
        tx.delete_tasks_of([])
        tx.ready_tasks([])
        tx.put_tasks([])
    keys = [(row.run, row.scheduled_event_id) for row in take(store)]
    assert keys == [(run_of(1), 7), (run_of(3), 5), (run_of(3), 7)]


def test_messages_are_read_by_id_until_they_are_deleted(store: Store) -> None:
    rows = [MessageRow(n * 10, run_of(n), f"kind-{n}", DOMAIN, b"\0%d" % n) for n in range(1, 6)]
    with store.transaction() as tx:
        assert tx.messages(10) == []
        tx.put_messages(rows[::-1])
        assert tx.messages(3) == rows[:3]
        assert tx.messages(10) == rows
        assert tx.delete_messages([20, 40, 999]) == 2
        assert tx.delete_messages([20]) == 0
        assert tx.delete_messages([]) == 0
    with store.transaction() as tx:
        assert tx.messages(10) == [rows[0], rows[2], rows[4]]


def test_the_tasks_ahead_of_one_are_those_that_are_handed_out_before_it(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_tasks(
            [
                task_row(1, position=1),
                task_row(2, position=2),
                task_row(3, position=3, priority=5),
                task_row(4, position=4, ready=False),
                task_row(5, position=5, priority=-5),
                task_row(6, position=6, task_list="another"),
                task_row(7, position=7, kind="activity"),
                task_row(8, position=8),
            ]
        )
    with store.reader() as reader:
        ahead = {number: reader.tasks_ahead(run_of(number), 2, 100) for number in (1, 2, 3, 5, 6, 7, 8)}
        assert ahead == {1: 1, 2: 2, 3: 0, 5: 4, 6: 0, 7: 0, 8: 3}
        assert reader.tasks_ahead(run_of(8), 2, 1) in (1, 2)
        assert reader.tasks_ahead(run_of(9), 2, 100) == 0
