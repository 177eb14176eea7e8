"""Where a node begins to look: never behind what it knows of, and from the beginning twice a second."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.postgres.places import open_empty_store
from tests.store.rows import DOMAIN, change_of, execution_row, insert, run_of, task_row
from workflowsvc.core.key_layout import POSITIONS_PER_MS
from workflowsvc.store.interface import Store
from workflowsvc.store.postgres.low_watermarks import (
    ALL,
    FULL_LOOK_MS,
    MAX_PRIORITIES,
    LowWatermark,
    Stretch,
    TaskLowWatermarks,
)
from workflowsvc.store.rows import ListKey, MessageRow, TaskRow

MAIN = ListKey(DOMAIN, "decision", "main")
LATER = FULL_LOOK_MS - 1  # within the half second after a full look


def test_a_mark_moves_behind_what_is_gone_when_that_is_committed() -> None:
    mark = LowWatermark()
    assert mark.first(0) == 0
    mark.found([(1, 10), (2, 20)], 31)
    mark.gone(1)
    mark.gone(2)
    assert mark.first(LATER) == 0
    mark.committed()
    assert mark.first(LATER) == 31
    assert mark.first(FULL_LOOK_MS) == 0
    assert mark.first(FULL_LOOK_MS + 1) == 31


def test_a_mark_stays_at_what_was_found_and_is_still_there() -> None:
    mark = LowWatermark()
    mark.first(0)
    mark.found([(1, 10), (2, 20)], 31)
    mark.gone(1)
    mark.committed()
    assert mark.first(LATER) == 20


def test_a_mark_goes_back_to_what_this_node_writes() -> None:
    mark = LowWatermark()
    mark.first(0)
    mark.found([], 31)
    mark.committed()
    mark.wrote(7)
    mark.wrote(9)
    mark.wrote(None)
    assert mark.first(LATER) == 7, "the transaction itself asks for what it has written"
    mark.committed()
    assert mark.first(LATER) == 7


def test_after_a_transaction_that_failed_all_is_looked_at() -> None:
    mark = LowWatermark()
    mark.first(0)
    mark.found([], 31)
    mark.committed()
    mark.rolled_back()
    assert mark.first(LATER) == 0


def test_a_clock_that_was_set_back_means_a_full_look() -> None:
    mark = LowWatermark()
    mark.first(1_000_000)
    mark.found([], 31)
    mark.committed()
    assert mark.first(5) == 0


def test_a_task_list_is_searched_in_stretches_that_leave_no_priority_out() -> None:
    marks = TaskLowWatermarks()
    assert marks.stretches(MAIN, 0) == ALL
    marks.took(MAIN, [task_row(1, priority=5, position=10), task_row(2, priority=0, position=20)])
    highest, lowest = 2**31 - 1, -(2**31)
    assert marks.stretches(MAIN, LATER) == [Stretch(highest, 5, 10, 5), Stretch(4, 0, 20, lowest)]
    marks.wrote(MAIN, 0, 15)
    marks.wrote(MAIN, 0, 17)
    marks.wrote(MAIN, 9, 1)
    assert [stretch.first for stretch in marks.stretches(MAIN, LATER)] == [10, 15]
    marks.rolled_back()
    assert marks.stretches(MAIN, LATER) == ALL


def test_a_look_begins_before_what_a_transaction_under_way_may_bring() -> None:
    """Another node has put it where its transaction began, and commits only now."""
    marks, now, a_moment_ago = TaskLowWatermarks(), 1_000_000, 999_800
    marks.stretches(MAIN, now)
    marks.took(MAIN, [task_row(1, position=now * POSITIONS_PER_MS)])
    (stretch,) = marks.stretches(MAIN, now + 1)
    assert a_moment_ago - 100 < stretch.first / POSITIONS_PER_MS < a_moment_ago


def test_the_highest_and_the_lowest_priority_have_nothing_beyond_them() -> None:
    marks = TaskLowWatermarks()
    marks.stretches(MAIN, 0)
    marks.took(
        MAIN, [task_row(1, priority=2**31 - 1, position=1), task_row(2, priority=-(2**31), position=2)]
    )
    assert marks.stretches(MAIN, LATER) == [
        Stretch(2**31 - 1, 2**31 - 1, 1, 2**31 - 1),
        Stretch(2**31 - 2, -(2**31), 2, -(2**31)),
    ]


def test_a_list_with_many_priorities_is_looked_at_whole() -> None:
    marks = TaskLowWatermarks()
    marks.stretches(MAIN, 0)
    marks.took(MAIN, [task_row(n, priority=n) for n in range(MAX_PRIORITIES + 1)])
    assert marks.stretches(MAIN, LATER) == ALL


steps = st.lists(
    st.tuples(st.sampled_from(["put", "take", "ready", "undone"]), st.integers(-1, 1), st.integers(1, 4)),
    max_size=40,
)


@given(steps, st.randoms(use_true_random=False))
def test_a_node_alone_takes_tasks_exactly_in_order(
    steps: list[tuple[str, int, int]], chance: random.Random
) -> None:
    """Whatever was put, made ready or undone before, by the same node."""
    store = open_empty_store()
    waiting: list[TaskRow] = []
    unready: list[TaskRow] = []
    try:
        for number, (step, priority, limit) in enumerate(steps):
            if step == "put":
                row = task_row(number, priority=priority, position=chance.randrange(1000), ready=limit > 1)
                (waiting if row.ready else unready).append(row)
                with store.transaction() as tx:
                    tx.put_tasks([row])
            elif step == "ready" and unready:
                row = unready.pop()
                waiting.append(row._replace(ready=True))
                with store.transaction() as tx:
                    tx.ready_tasks([row[:2]])  # type: ignore[list-item]
            else:
                waiting.sort(key=lambda row: (-row.priority, row.position, row.run))
                taken = take(store, limit, undone=step == "undone")
                wanted = [(row.priority, row.position) for row in waiting[:limit]]
                assert [(row.priority, row.position) for row in taken] == wanted
                if step != "undone":
                    waiting = [row for row in waiting if row not in taken]
    finally:
        store.close()


def take(store: Store, limit: int, *, undone: bool) -> list[TaskRow]:
    taken: list[TaskRow] = []
    try:
        with store.transaction() as tx:
            taken = tx.take_tasks(*MAIN, limit)
            if undone:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    return taken


def test_a_node_alone_finds_what_is_due_at_once_whenever_it_was_written() -> None:
    store = open_empty_store()
    insert(store, *(execution_row(n, wake_at=1000 + n) for n in range(1, 4)))
    with store.transaction() as tx:
        assert tx.due_runs(2000, 10) == [run_of(1), run_of(2), run_of(3)]
        tx.update_executions(
            [change_of(execution_row(n), wake_at=5000 + n) for n in (1, 2)]
        )  # 3 is set aside
    with store.transaction() as tx:
        assert tx.due_runs(2000, 10) == [run_of(3)]
        assert tx.next_wake_at() == 1003
        tx.update_executions([change_of(execution_row(3), wake_at=None)])
    with store.transaction() as tx:
        assert tx.next_wake_at() == 5001
        tx.update_executions([change_of(execution_row(2), wake_at=10)])
    with store.transaction() as tx:
        assert tx.due_runs(2000, 10) == [run_of(2)]
    store.close()


def test_a_node_alone_finds_messages_that_it_had_to_leave() -> None:
    store = open_empty_store()
    rows = [MessageRow(n, run_of(1), "k", DOMAIN, b"") for n in (10, 20, 30)]
    with store.transaction() as tx:
        tx.put_messages(rows)
    for _ in range(3):
        with store.transaction() as tx:
            assert tx.messages(9) == rows
            assert tx.delete_messages([rows[-1].id]) == 1
            tx.put_messages([rows[-1]])
    store.close()
