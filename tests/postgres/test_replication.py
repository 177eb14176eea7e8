"""Synchronous replication: what no standby has confirmed is not acknowledged, whatever happens to the wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from tests.postgres.pair import Pair, running_pair
from tests.store.rows import execution_row, executions, insert
from tests.support.tcp_proxy import BlockingTcpProxy
from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc.store.errors import OutcomeUnknown, Unavailable
from workflowsvc.store.postgres import doctor, doctor_replication, outcome, wire
from workflowsvc.store.postgres.store import PostgresStore

NUMBERS = iter(range(1, 1000))
ENDINGS = ["pg_cancel_backend", "pg_terminate_backend"]


@pytest.fixture(scope="module")
def module_pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


@pytest.fixture
def pair(module_pair: Pair) -> Iterator[Pair]:
    """With the standby at work before and after the test."""
    yield module_pair
    module_pair.start_standby()
    until(lambda: not module_pair.waiting(), "no commit waits")


@pytest.fixture
def proxy(pair: Pair) -> Iterator[BlockingTcpProxy]:
    with closing(BlockingTcpProxy(pair.primary.port)) as proxy:
        yield proxy


@pytest.fixture
def store(pair: Pair, proxy: BlockingTcpProxy) -> Iterator[PostgresStore]:
    """Behind the proxy, with a transaction behind it."""
    with closing(PostgresStore(pair.primary.dsn(port=proxy.port))) as store:
        insert(store, execution_row(next(NUMBERS)))
        yield store


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def begin(threads: ThreadPoolExecutor, store: PostgresStore, number: int) -> Future[None]:
    """A transaction that is carried out in a thread."""
    return threads.submit(insert, store, execution_row(number))


def is_committed(pair: Pair, number: int) -> bool:
    """Whether it can be read on both servers; the standby confirms it somewhat earlier."""
    found = f"select 1 from executions where workflow_id = 'order-{number}'"
    return bool(pair.ask(pair.primary, found)) and bool(pair.ask(pair.standby, found))


def serves_again(pair: Pair, store: PostgresStore) -> None:
    """Once the standby is back, all that had waited is committed, and the store writes."""
    pair.start_standby()
    until(lambda: not pair.waiting(), "no commit waits")
    insert(store, execution_row(next(NUMBERS)))


def test_a_commit_that_no_standby_confirms_is_unknown_and_goes_on_waiting(
    pair: Pair, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = next(NUMBERS)
    pair.standby.stop()
    monkeypatch.setattr(wire, "PATIENCE_MS", 2000)
    with pytest.raises(OutcomeUnknown, match="has not answered"):
        insert(store, execution_row(number))
    until(lambda: len(pair.waiting()) == 1, "one commit waits")
    assert executions(store, number) == {}
    monkeypatch.undo()
    serves_again(pair, store)
    until(lambda: is_committed(pair, number), "it is committed")


def test_a_node_whose_commit_waits_for_a_standby_begins_no_other(
    pair: Pair, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would keep a session of the server waiting, until it has none left."""
    pair.standby.stop()
    monkeypatch.setattr(wire, "PATIENCE_MS", 2000)
    with pytest.raises(OutcomeUnknown):
        insert(store, execution_row(next(NUMBERS)))
    until(lambda: len(pair.waiting()) == 1, "one commit waits")
    monkeypatch.undo()
    for _ in range(3):
        with pytest.raises(Unavailable, match="still waits for synchronous replication"):
            insert(store, execution_row(next(NUMBERS)))
    assert len(pair.waiting()) == 1
    serves_again(pair, store)


def test_a_commit_whose_connection_is_lost_while_it_waits_is_unknown_and_goes_on_waiting(
    pair: Pair, store: PostgresStore, proxy: BlockingTcpProxy, threads: ThreadPoolExecutor
) -> None:
    number = next(NUMBERS)
    pair.standby.stop()
    written = begin(threads, store, number)
    session = pair.await_waiting()
    proxy.cut()
    with pytest.raises(OutcomeUnknown):
        written.result(PATIENCE_SECONDS)
    assert pair.waiting() == {session}
    serves_again(pair, store)
    until(lambda: is_committed(pair, number), "it is committed")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_commit_whose_wait_is_cut_short_is_unknown(
    pair: Pair,
    store: PostgresStore,
    threads: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    """The server then says COMMIT with a warning, or nothing, and counts the transaction as committed."""
    monkeypatch.setattr(outcome, "REPLICATION_PATIENCE_MS", 2000)
    pair.standby.stop()
    written = begin(threads, store, next(NUMBERS))
    pair.ask(pair.primary, f"select {ending}({pair.await_waiting()})")
    with pytest.raises(OutcomeUnknown):
        written.result(PATIENCE_SECONDS)
    serves_again(pair, store)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_commit_whose_wait_is_cut_short_is_committed_when_a_later_one_is_confirmed(
    pair: Pair,
    store: PostgresStore,
    threads: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    number = next(NUMBERS)
    monkeypatch.setattr(outcome, "REPLICATION_PATIENCE_MS", round(PATIENCE_SECONDS * 1000))
    pair.standby.stop()
    written = begin(threads, store, number)
    ended = pair.await_waiting()
    pair.ask(pair.primary, f"select {ending}({ended})")
    pair.await_waiting(besides=frozenset({ended}))
    assert not written.done()
    pair.start_standby()
    written.result(PATIENCE_SECONDS)
    until(lambda: is_committed(pair, number), "it is committed")


def test_the_doctor_says_that_commits_wait_and_does_not_advise_to_end_them(
    pair: Pair, store: PostgresStore, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_replication, "REPLICATION_SECONDS", 0)
    monkeypatch.setattr(doctor, "LONG_SNAPSHOT_SECONDS", 0)
    pair.standby.stop()
    written = begin(threads, store, next(NUMBERS))
    pair.await_waiting()
    with psycopg.connect(pair.primary.dsn(), autocommit=True) as connection:
        found = doctor.examine(connection, "here", lambda: 0)
    pair.start_standby()
    written.result(PATIENCE_SECONDS)
    (finding,) = [finding for finding in found if "wait for synchronous replication" in finding.what]
    assert finding.level == "bad"
    assert "start a standby" in finding.advice
    assert not [finding for finding in found if "pg_terminate_backend" in finding.advice]
