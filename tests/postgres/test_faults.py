"""PostgreSQL goes away, comes back, hangs, or loses the answer to a commit: nothing is guessed, and all heals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import psycopg
import pytest

from tests.postgres.places import with_option
from tests.store.rows import change_of, event_rows, execution_row, executions, insert, run_of
from tests.support.tcp_proxy import BlockingTcpProxy, Cut
from tests.support.waiting import PATIENCE_SECONDS, until
from tools.postgres import Server
from workflowsvc.store.errors import Conflict, OutcomeUnknown, StoreError, Unavailable
from workflowsvc.store.postgres import wire
from workflowsvc.store.postgres.errors import ConnectionLost
from workflowsvc.store.postgres.statements import SQL
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.postgres.wire import Wire

NUMBERS = iter(range(1, 1000))


@pytest.fixture
def store(own_server: Server) -> Iterator[PostgresStore]:
    with closing(PostgresStore(own_server.dsn())) as store:
        yield store


@pytest.fixture
def proxy(own_server: Server) -> Iterator[BlockingTcpProxy]:
    proxy = BlockingTcpProxy(own_server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def through(own_server: Server, proxy: BlockingTcpProxy) -> Iterator[PostgresStore]:
    """A store behind the proxy, with a transaction behind it."""
    with closing(PostgresStore(own_server.dsn(port=proxy.port))) as store:
        insert(store, execution_row(next(NUMBERS)))
        yield store
        proxy.accept_again()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_transaction_during_which_the_server_restarts_is_unavailable_and_the_next_one_works(
    own_server: Server, store: PostgresStore, mode: str
) -> None:
    number = next(NUMBERS)

    def restart_within() -> None:
        with store.transaction() as tx:
            tx.insert_executions([execution_row(number)])
            assert tx.executions([run_of(number)])
            own_server.restart(mode)
            tx.executions([run_of(number)])

    with pytest.raises(Unavailable):
        restart_within()
    assert executions(store, number) == {}
    insert(store, execution_row(number))
    assert executions(store, number) != {}


def test_a_restart_between_transactions_is_not_noticed(own_server: Server, store: PostgresStore) -> None:
    number = next(NUMBERS)
    insert(store, execution_row(number))
    assert executions(store, number)
    own_server.restart("immediate")
    assert executions(store, number)
    with store.transaction() as tx:
        tx.update_executions([change_of(execution_row(number), next_event_id=9)])
    assert executions(store, number)[run_of(number)].next_event_id == 9


def test_without_a_server_all_is_unavailable_until_it_is_back(
    own_server: Server, store: PostgresStore
) -> None:
    number = next(NUMBERS)
    own_server.stop("immediate")
    try:
        for _ in range(2):
            with pytest.raises(Unavailable), store.transaction():
                pass
            with pytest.raises(Unavailable), store.reader():
                pass
    finally:
        own_server.start()
    insert(store, execution_row(number))
    assert executions(store, number)


def test_a_reader_whose_connection_is_lost_is_unavailable_and_the_next_one_works(
    own_server: Server, store: PostgresStore
) -> None:
    def restart_within() -> None:
        with store.reader() as reader:
            reader.next_wake_at()
            own_server.restart("immediate")
            reader.next_wake_at()

    for _ in range(6):  # more than there are connections for reading
        with pytest.raises(Unavailable):
            restart_within()
    with store.reader() as reader:
        reader.next_wake_at()


def test_a_session_that_ends_when_all_was_answered_is_a_lost_connection(
    own_server: Server, proxy: BlockingTcpProxy
) -> None:
    """As a server that crashes does it: the message comes behind all answers, and belongs to no statement."""
    with (
        closing(Wire(own_server.dsn(port=proxy.port))) as connected,
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(own_server.dsn(), autocommit=True) as admin,
    ):
        proxy.keep_back_sync()
        asked = threads.submit(connected.ask, SQL.timeline)
        waits = (
            "select 1 from pg_stat_activity where pid = %s and state = 'active' and wait_event = 'ClientRead'"
        )
        until(lambda: admin.execute(waits, [connected.pid]).fetchone(), "the server waits for the end")
        admin.execute("select pg_terminate_backend(%s)", [connected.pid])
        with pytest.raises(ConnectionLost, match="terminating connection"):
            asked.result(PATIENCE_SECONDS)


def lose(store: PostgresStore, number: int) -> None:
    with store.transaction() as tx:
        tx.insert_executions([execution_row(number)])
        tx.append_events(event_rows(run_of(number), 1, 2))


def test_a_commit_that_was_carried_out_is_committed_though_its_answer_is_lost(
    through: PostgresStore, proxy: BlockingTcpProxy
) -> None:
    """The server is asked."""
    number = next(NUMBERS)
    proxy.cut_at("commit", "after")
    lose(through, number)
    assert executions(through, number)


def test_a_commit_that_did_not_arrive_is_unavailable(through: PostgresStore, proxy: BlockingTcpProxy) -> None:
    """The server is asked, and ends the transaction if it has not noticed yet."""
    number = next(NUMBERS)
    proxy.cut_at("commit", "at")
    with pytest.raises(Unavailable):
        lose(through, number)
    assert executions(through, number) == {}
    insert(through, execution_row(number))


def test_a_commit_that_the_server_turns_into_a_rollback_is_a_conflict(store: PostgresStore) -> None:
    """It does when a statement has failed before, and reports no error then."""
    number = next(NUMBERS)

    def commit_in_spite_of_an_error() -> None:
        with store.transaction() as tx:
            tx.insert_executions([execution_row(number)])
            tx.lock([run_of(number)])
            tx.insert_executions([execution_row(number)])
            with suppress(Conflict):
                tx.executions([run_of(number)])

    with pytest.raises(Conflict, match="answered with ROLLBACK"):
        commit_in_spite_of_an_error()
    assert executions(store, number) == {}
    insert(store, execution_row(number))


@pytest.mark.parametrize(("where", "committed"), [("after", True), ("at", False), ("before", False)])
def test_a_commit_of_which_nothing_can_be_learned_is_unknown(
    through: PostgresStore, proxy: BlockingTcpProxy, where: Cut, committed: bool
) -> None:
    """No server can be asked now."""
    number = next(NUMBERS)
    proxy.cut_at("commit", where, and_refuse=True)
    with pytest.raises(OutcomeUnknown):
        lose(through, number)
    with pytest.raises(Unavailable), through.transaction():
        pass
    proxy.accept_again()
    assert bool(executions(through, number)) is committed
    insert(through, execution_row(next(NUMBERS)))


def test_the_outcome_is_unknown_when_another_server_has_taken_over(
    through: PostgresStore, proxy: BlockingTcpProxy
) -> None:
    """Its transaction ids may be those of other transactions."""
    number = next(NUMBERS)
    proxy.cut_at("commit", "after")
    through._timeline = "00000000"  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(OutcomeUnknown):
        lose(through, number)
    assert executions(through, number)


def test_the_outcome_is_unknown_when_the_server_numbers_no_transactions(
    own_server: Server, proxy: BlockingTcpProxy
) -> None:
    """As far as its catalog says, which is all that is asked of servers that only speak like PostgreSQL."""
    number = next(NUMBERS)
    direct = with_option(own_server.dsn(), "options", "-c search_path=numberless,pg_catalog")
    with psycopg.connect(own_server.dsn(), autocommit=True) as admin:
        admin.execute("create schema numberless")
        PostgresStore(direct).close()
        admin.execute("create table numberless.pg_proc (proname name)")
    with closing(PostgresStore(direct.replace(f":{own_server.port}/", f":{proxy.port}/"))) as store:
        insert(store, execution_row(next(NUMBERS)))
        proxy.cut_at("commit", "after")
        with pytest.raises(OutcomeUnknown):
            lose(store, number)
        assert executions(store, number)


def test_a_server_that_does_not_answer_is_given_up(
    through: PostgresStore, proxy: BlockingTcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = next(NUMBERS)

    def hang() -> None:
        with through.transaction() as tx:
            tx.insert_executions([execution_row(number)])
            assert tx.executions([run_of(number)])
            proxy.hold("requests")
            tx.executions([run_of(number)])

    monkeypatch.setattr(wire, "PATIENCE_MS", 200)
    with pytest.raises(Unavailable, match="has not answered"):
        hang()
    proxy.release()
    monkeypatch.undo()
    insert(through, execution_row(number))


REFUSALS: list[tuple[str, str]] = [
    ("alter system set default_transaction_read_only = on", "read-only|read only"),
    ("alter role store_user nologin", "not permitted to log in"),
    ("alter role store_user connection limit 0", "too many connections"),
]


@pytest.mark.parametrize(("cause", "reported"), REFUSALS, ids=[reported for _, reported in REFUSALS])
def test_what_refuses_connections_is_reported_and_heals(
    own_server: Server, cause: str, reported: str
) -> None:
    with psycopg.connect(own_server.dsn(), autocommit=True) as admin:

        def carry_out(statement: str) -> None:
            admin.execute("set default_transaction_read_only = off")
            admin.execute(statement.encode())
            admin.execute("select pg_reload_conf()")

        carry_out("drop database if exists refusals")
        carry_out("drop role if exists store_user")
        carry_out("create role store_user login")
        carry_out("create database refusals owner store_user")
        dsn = own_server.dsn("refusals").replace("workflowsvc@", "store_user@")
        with closing(PostgresStore(dsn)) as store:
            insert(store, execution_row(1))
            carry_out(cause)
            hang_up = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'store_user'"
            try:
                refused = False
                for _ in range(1000):  # a changed setting reaches sessions one after the other
                    admin.execute(hang_up)
                    try:
                        with store.transaction() as tx:
                            tx.put_meta("key", b"value")
                    except StoreError as error:  # of which one may be cut off while it commits
                        refused = re.search(reported, str(error)) is not None
                        if refused:
                            break
                assert refused
            finally:
                carry_out("alter system reset default_transaction_read_only")
                carry_out("alter role store_user login connection limit -1")
            until_works(store)


def until_works(store: PostgresStore) -> None:
    def works() -> bool:
        try:
            with store.transaction() as tx:
                tx.put_meta("key", b"value")
        except StoreError:
            return False
        return True

    until(works, "the store works again")
