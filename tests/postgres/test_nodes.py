"""PostgreSQL: several nodes on one database do not lose, double or keep each other's work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest

from tests.postgres.places import Place, admin, with_option
from tests.store.rows import (
    DOMAIN,
    change_of,
    closing_of,
    domain_row,
    event_rows,
    execution_row,
    insert,
    run_of,
    task_row,
)
from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc.core.key_layout import shard_for
from workflowsvc.store.errors import Conflict, LockedByPeer
from workflowsvc.store.interface import Store
from workflowsvc.store.postgres import hints
from workflowsvc.store.postgres.hints import Hints
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.postgres.wire import Wire
from workflowsvc.store.rows import ExecutionRow, HeartbeatRow, ListKey, MessageRow, TaskKey, TaskRow

OpenNode = Callable[[], PostgresStore]
MAIN = ListKey(DOMAIN, "decision", "main")


@pytest.fixture
def stores() -> Iterator[ExitStack]:
    """Closes what is entered."""
    with ExitStack() as stack:
        yield stack


def take(store: Store, limit: int) -> list[TaskRow]:
    with store.transaction() as tx:
        return tx.take_tasks(*MAIN, limit)


def test_two_nodes_cannot_write_the_same_event(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, execution_row(1))
    with ThreadPoolExecutor(1) as threads:
        with one.transaction() as tx:
            tx.append_events(event_rows(run_of(1), 3, 3))
            assert tx.events(run_of(1), 3, 3, 1)  # it is in the database now, not committed

            def second() -> None:
                with other.transaction() as late:
                    late.append_events(event_rows(run_of(1), 3, 4))

            failing = threads.submit(second)
        with pytest.raises(Conflict):
            failing.result(PATIENCE_SECONDS)
    with one.reader() as reader:
        assert len(reader.events(run_of(1), 1, 9, 9)) == 1


def test_who_gets_a_lock_sees_what_its_last_holder_has_written(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, execution_row(1, next_event_id=3))
    with other.transaction() as late:
        assert late.database_time()  # it has begun
        with one.transaction() as tx:
            tx.lock([run_of(1)])
            tx.update_executions([change_of(execution_row(1), next_event_id=7)])
            tx.put_heartbeats([HeartbeatRow(run_of(1), 5, 100, "x")])
        assert late.lock([run_of(1)])[run_of(1)].next_event_id == 7
        assert late.heartbeats(run_of(1)) == [HeartbeatRow(run_of(1), 5, 100, "x")]


def test_locks_taken_crosswise_are_refused_to_both_and_neither_waits(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, execution_row(1), execution_row(2))
    with one.transaction() as tx, other.transaction() as too:
        tx.lock([run_of(1)])
        too.lock([run_of(2)])
        for each, wanted in ((tx, 2), (too, 1)):
            with pytest.raises(LockedByPeer):
                each.lock([run_of(wanted)])
        assert set(tx.lock([run_of(1)])) == {run_of(1)}  # what it holds it keeps


def test_many_locks_wanted_by_two_nodes_end_in_no_conflict(open_node: OpenNode) -> None:
    nodes = [open_node(), open_node()]
    numbers = list(range(1, 60))
    insert(nodes[0], *(execution_row(n) for n in numbers))

    def work(node: PostgresStore, order: list[int]) -> None:
        for _ in range(20):
            with node.transaction() as tx, suppress(LockedByPeer):
                assert len(tx.lock([run_of(n) for n in order])) == len(numbers)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(work, nodes[0], numbers), threads.submit(work, nodes[1], numbers[::-1])]:
            done.result(PATIENCE_SECONDS)


def test_two_nodes_cannot_start_one_workflow_twice(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, execution_row(1, workflow_id="w"))
    with pytest.raises(Conflict):
        insert(other, execution_row(252, workflow_id="w"))
    with one.transaction() as tx:
        tx.update_executions([closing_of(execution_row(1, workflow_id="w"), at=5000)])
    insert(other, execution_row(252, workflow_id="w"))


def test_tasks_that_another_node_holds_are_passed_over(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    rows = [task_row(n) for n in range(1, 7)]
    with one.transaction() as tx:
        tx.put_tasks(rows)
    with one.transaction() as tx:
        assert tx.take_tasks(*MAIN, 2) == rows[:2]
        assert take(other, 2) == rows[2:4]
        assert tx.take_tasks(*MAIN, 9) == rows[4:]
    assert take(other, 9) == []


def test_a_task_is_taken_with_its_execution_or_not_at_all(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, execution_row(1), execution_row(2))
    with one.transaction() as tx:
        tx.put_tasks([task_row(1), task_row(2)])
    with one.transaction() as tx:
        tx.lock([run_of(1)])
        with other.transaction() as beside:
            assert beside.take_tasks(*MAIN, 2) == [task_row(2)]
            with pytest.raises(LockedByPeer):
                tx.lock([run_of(2)])
            assert beside.take_tasks(*MAIN, 2) == []
            assert beside.has_locked_by_peer(MAIN)
    assert take(other, 2) == [task_row(1)]


def test_a_node_holds_no_execution_but_those_whose_tasks_it_takes(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, *(execution_row(n) for n in range(1, 7)))
    rows = [task_row(n, priority=n % 2) for n in range(1, 7)]
    with one.transaction() as tx:
        tx.put_tasks(rows)
    with one.transaction() as tx:
        assert tx.take_tasks(*MAIN, 2) == [rows[0], rows[2]]
        with other.transaction() as beside:
            assert beside.take_tasks(*MAIN, 9) == [rows[4], rows[1], rows[3], rows[5]]
            assert beside.has_locked_by_peer(MAIN)


def test_tasks_of_several_lists_are_taken_at_once_each_in_its_order(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, *(execution_row(n) for n in range(1, 10)))
    lists = {"a": (4, 1, 3), "b": (2,), "c": (5, 6)}
    rows = {
        name: [task_row(n, task_list=name, position=place) for place, n in enumerate(numbers)]
        for name, numbers in lists.items()
    }
    with one.transaction() as tx:
        tx.put_tasks([row for several in rows.values() for row in several])
    a, b, c, d = (ListKey(DOMAIN, "decision", name) for name in "abcd")
    with one.transaction() as tx:
        tx.lock([run_of(1), run_of(6)])
        with other.transaction() as beside:
            taken = beside.take_from_lists({a: 2, b: 2, c: 1, d: 5, ListKey(DOMAIN, "decision", "\0"): 1})
            assert taken == [rows["a"][0], rows["a"][2], rows["b"][0], rows["c"][0]]
            assert not any(map(beside.has_locked_by_peer, (a, b, c, d)))
            assert beside.take_from_lists({a: 1, c: 1}) == []
            assert beside.has_locked_by_peer(a)
            assert beside.has_locked_by_peer(c)
    assert take_from(one, a) == [rows["a"][1]]


def test_tasks_are_taken_from_several_lists_at_once_up_to_a_limit_for_each(open_node: OpenNode) -> None:
    one, other, none = (ListKey(DOMAIN, "decision", name) for name in ("one", "other", "none"))
    rows = [task_row(n, task_list="other" if n > 3 else "one", priority=n) for n in range(1, 6)]
    with open_node().transaction() as tx:
        tx.put_tasks(rows)
        assert tx.take_from_lists({other: 9, none: 9, one: 2}) == [rows[4], rows[3], rows[2], rows[1]]
        assert tx.take_from_lists({}) == []
        assert tx.take_from_lists({one: 9, other: 9}) == [rows[0]]


def test_what_others_have_recorded_of_a_run_comes_with_its_task(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, *(execution_row(n, next_event_id=4) for n in range(1, 7)))
    with one.transaction() as tx:
        for n in range(1, 7):
            tx.append_events(event_rows(run_of(n), 1, 3))
        tx.put_tasks([task_row(n) for n in range(1, 7)])
    for n in range(1, 7):  # first of all it does not know that there will be events
        seen = (1, 1, 3, 4, 4, 1)[n - 1]
        with other.transaction() as tx:
            tx.prefetch([], [], None, lambda _, seen=seen: seen)
            (row,) = tx.take_tasks(*MAIN, 1)
            tx.prefetch([row.run], [], None, lambda _, seen=seen: seen)
            assert tx.lock([row.run])[row.run].next_event_id == 4
            assert tx.events(row.run, seen, 3, 9) == one_event_each(row.run)[seen - 1 :]
            tx.append_events(event_rows(row.run, 4, 4))
            assert len(tx.events(row.run, 1, 4, 9)) == 4


def take_from(store: Store, key: ListKey) -> list[TaskRow]:
    with store.transaction() as tx:
        return tx.take_from_lists({key: 9})


def one_event_each(run: int) -> list[bytes]:
    return [row.body for row in event_rows(run, 1, 3)]


def test_many_runs_are_read_on_at_once_each_from_its_own_place(open_node: OpenNode) -> None:
    """With one that is unknown, one in other hands, and one that has no news, in whatever order they are asked for."""
    one, other = open_node(), open_node()
    lengths = {run_of(n): length for n, length in enumerate((3, 1, 2000, 5, 12), 1)}
    insert(one, *(execution_row(n, next_event_id=length + 1) for n, length in enumerate(lengths.values(), 1)))
    with one.transaction() as tx:
        tx.append_events([row for run, length in lengths.items() for row in event_rows(run, 1, length)])
        tx.put_heartbeats([HeartbeatRow(run_of(5), n, n, f"at {n}") for n in (9, 7)])
    seen = {run_of(1): 1, run_of(2): 2, run_of(3): 1500, run_of(4): 4, run_of(5): 1}
    with one.transaction() as holder, other.transaction() as tx:
        assert holder.lock([run_of(4)]) != {}
        tx.prefetch([run_of(n) for n in (5, 3, 9, 4, 1, 2)], [], None, lambda run: seen.get(run, 1))
        for run in (run_of(n) for n in (1, 2, 3, 5)):
            assert tx.lock([run])[run].next_event_id == lengths[run] + 1
            news = tx.events(run, seen[run], lengths[run], lengths[run] - seen[run] + 1)
            assert news == [row.body for row in event_rows(run, seen[run], lengths[run])]
        assert [row.scheduled_event_id for row in tx.heartbeats(run_of(5))] == [7, 9]
        assert tx.heartbeats(run_of(1)) == []
        assert tx.lock([run_of(9)]) == {}
        with pytest.raises(LockedByPeer):
            tx.lock([run_of(4)])


def test_what_was_prefetched_takes_no_round_trip_of_its_own(
    open_node: OpenNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_node(), open_node()
    insert(one, *(execution_row(n, next_event_id=4) for n in range(1, 8)))
    with one.transaction() as tx:
        tx.append_events([row for n in range(1, 8) for row in event_rows(run_of(n), 1, 3)])
        tx.put_tasks([task_row(n) for n in (5, 6, 7)])
    with other.transaction() as tx:
        assert tx.database_time()  # it is connected
    round_trips = 0
    exchange = Wire.exchange

    def counted(wire: Wire) -> None:
        nonlocal round_trips
        round_trips += 1
        exchange(wire)

    monkeypatch.setattr(Wire, "exchange", counted)
    with other.transaction() as tx:
        tx.prefetch([run_of(n) for n in (1, 2, 3)], [], "version", lambda _: 2)
        assert round_trips == 2  # rows, then events
        tasks = tx.take_tasks(*MAIN, 2)
        assert round_trips == 4  # found, then removed, and all that is known of their executions
        tx.prefetch([row.run for row in tasks], [], None, lambda _: 2)
        for run in (run_of(1), run_of(2), run_of(3), *(row.run for row in tasks)):
            assert tx.lock([run])[run].next_event_id == 4
            assert tx.heartbeats(run) == []
            assert tx.events(run, 2, 3, 2) == one_event_each(run)[1:]
        assert tx.meta("version") is None
        assert round_trips == 4


def test_open_runs_of_many_names_are_told_apart(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    domain = domain_row()

    def named(number: int, name: str) -> ExecutionRow:
        run = run_of(number) & ~0xFF | shard_for(domain.tenant, domain.name, name)
        return execution_row(number, run=run, workflow_id=name)

    rows = {name: named(n, name) for n, name in enumerate(("a", "b", "c"), 1)}
    with one.transaction() as tx:
        tx.put_domain(domain)
        tx.insert_executions(list(rows.values()))
        tx.update_executions([closing_of(rows["b"], 2000)])
    names = ["c", "b", "\0", "a", "", "never"]
    for _ in range(2):  # at first it does not know the shards of this domain
        with other.transaction() as tx:
            tx.prefetch([], [(DOMAIN, name) for name in names], None, lambda _: 1)
            found = [tx.open_run(DOMAIN, name) for name in names]
        assert found == [rows["c"].run, None, None, rows["a"].run, None, None]


def test_a_heartbeat_that_may_be_there_goes_with_its_activity(open_node: OpenNode) -> None:
    """None is sent for those that cannot be there; what was written meanwhile can."""
    node = open_node()
    run, other = run_of(1), run_of(2)
    insert(node, execution_row(1), execution_row(2))
    with node.transaction() as tx:
        tx.put_heartbeats([HeartbeatRow(run, 5, 1, None)])
    with node.transaction() as tx:
        tx.lock([run, other])
        tx.put_heartbeats([HeartbeatRow(other, 7, 1, None)])
        tx.delete_heartbeats([TaskKey(run, 5), TaskKey(run, 6), TaskKey(other, 7)])
        assert (tx.heartbeats(run), tx.heartbeats(other)) == ([], [])
    with node.reader() as reader:
        assert reader.heartbeats_of([run, other]) == []


def test_tasks_given_back_by_a_node_are_found_by_another_that_had_gone_past_them(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    with one.transaction() as tx:
        tx.put_tasks([task_row(n) for n in range(1, 200)])

    def take_and_fail() -> None:
        with one.transaction() as tx:
            assert len(tx.take_tasks(*MAIN, 3)) == 3
            assert take(other, 1) == [task_row(4)]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        take_and_fail()
    found: list[TaskRow] = []
    until(lambda: found.extend(take(other, 1)) or task_row(1) in found, "the task is found")
    with one.transaction() as tx:
        assert tx.take_tasks(*MAIN, 1) != []


def test_every_task_is_taken_once_by_some_node(open_node: OpenNode) -> None:
    nodes = [open_node() for _ in range(3)]
    wanted = {task_row(n, priority=n % 3) for n in range(300)}
    with nodes[0].transaction() as tx:
        tx.put_tasks(list(wanted))

    def work(node: PostgresStore) -> list[TaskRow]:
        taken: list[TaskRow] = []
        misses = 0
        while misses < 3:
            rows = take(node, 7)
            misses = 0 if rows else misses + 1
            taken += rows
        return taken

    taken = [row for node in nodes for row in take(node, 7)]
    assert len(taken) == 3 * 7
    with ThreadPoolExecutor(3) as threads:
        taken += [row for share in threads.map(work, nodes) for row in share]
    left: list[TaskRow] = []
    until(
        lambda: left.extend(take(nodes[0], 100)) or len(taken) + len(left) >= len(wanted),
        "every task is taken",
    )
    assert len(taken + left) == len(wanted)
    assert set(taken + left) == wanted


def test_due_runs_and_messages_that_another_node_holds_are_passed_over(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, *(execution_row(n, wake_at=n) for n in range(1, 5)))
    rows = [MessageRow(n, run_of(n), "kind", DOMAIN, b"") for n in range(1, 5)]
    with one.transaction() as tx:
        tx.put_messages(rows)
    with one.transaction() as tx, other.transaction() as too:
        assert tx.due_runs(100, 2) == [run_of(1), run_of(2)]
        assert too.due_runs(100, 2) == [run_of(3), run_of(4)]
        assert tx.messages(2) == rows[:2]
        assert too.messages(9) == rows[2:]


def test_a_locked_run_is_not_due_for_others(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    insert(one, execution_row(1, wake_at=1), execution_row(2, wake_at=2))
    with one.transaction() as tx, other.transaction() as too:
        tx.lock([run_of(1)])
        assert too.due_runs(100, 9) == [run_of(2)]


def test_a_hint_is_heard_by_other_nodes_and_not_by_its_own(open_node: OpenNode) -> None:
    one, other = open_node(), open_node()
    heard: list[ListKey] = []
    own: list[ListKey] = []
    one.listen(own.extend)
    other.listen(heard.extend)
    key = ListKey(DOMAIN, "activity", "l'été")
    until(lambda: one.hint([key]) or key in heard, "the hint is heard")
    assert own == []


def test_hints_go_on_after_the_connection_was_lost(
    stores: ExitStack, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "RETRY_MS", 10)
    # By the name that the sessions for hints have, so that no session of another test is ended.
    dsn = with_option(place.dsn, "application_name", place.schema)
    one, other = (stores.enter_context(closing(PostgresStore(dsn))) for _ in range(2))
    heard: list[ListKey] = []
    other.listen(heard.extend)
    until(lambda: one.hint([MAIN]) or MAIN in heard, "the hint is heard")
    with admin(place.dsn) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s",
            [place.schema],
        )
    later = MAIN._replace(name="later")
    until(lambda: one.hint([later]) or later in heard, "the later hint is heard")


def test_behind_a_hint_others_gather(
    open_node: OpenNode, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, third = open_node(), open_node()
    heard: list[ListKey] = []
    told: list[ListKey] = []
    one.listen(heard.extend)
    third.listen(told.extend)
    strange, second = MAIN._replace(name="of a stranger"), MAIN._replace(name="second")

    def notify() -> bool:
        with admin(place.dsn) as connection:
            (payload,) = hints.payloads([strange])
            connection.execute("select pg_notify('workflowsvc_' || md5(current_schema()), %s)", (payload,))
        return True

    until(lambda: notify() and strange in heard and strange in told, "both nodes have heard")
    resting, go_on = threading.Event(), threading.Event()

    def rest(_: Hints) -> None:
        resting.set()
        assert go_on.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(Hints, "rest", rest)
    one.hint([MAIN])
    assert resting.wait(PATIENCE_SECONDS)
    heard.clear()
    told.clear()
    one.hint([second])
    until(lambda: notify() and strange in told, "the other node has heard")
    assert second not in told
    assert heard == []
    go_on.set()
    until(lambda: second in told and strange in heard, "both have heard the rest")


def test_many_hints_travel_in_notifications_of_bounded_size() -> None:
    lists = [ListKey(7, "activity", "é" * 256 + str(n)) for n in range(200)]
    sent = hints.payloads(lists)
    assert all(len(payload.encode()) <= hints.MAX_BYTES for payload in sent)
    assert len(sent) < 40
    assert hints.payloads([]) == []


def test_nodes_that_start_at_once_on_an_empty_database_make_its_schema_once(open_node: OpenNode) -> None:
    with ThreadPoolExecutor(4) as threads:
        nodes = [threads.submit(open_node) for _ in range(4)]
        for node in nodes:
            insert(node.result(PATIENCE_SECONDS), execution_row(nodes.index(node)))
