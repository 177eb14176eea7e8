"""Which of several hosts is the primary: it is found although another one hangs, and an old one is not used again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from tests.postgres.pair import Pair, running_pair
from tests.store.rows import execution_row, executions, insert
from tests.support.waiting import PATIENCE_SECONDS
from tools.postgres import Server
from workflowsvc.store.errors import StoreError, Unavailable
from workflowsvc.store.postgres import wire
from workflowsvc.store.postgres.primary import connect, hosts_of
from workflowsvc.store.postgres.store import PostgresStore

NUMBERS = iter(range(1, 1000))


def address(*servers: Server) -> str:
    return f"postgresql://workflowsvc@{','.join(f'127.0.0.1:{server.port}' for server in servers)}/postgres"


@pytest.fixture
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


@pytest.fixture
def store(pair: Pair) -> Iterator[PostgresStore]:
    """It has written to the primary and read from it."""
    with closing(PostgresStore(address(pair.primary, pair.standby))) as store:
        number = next(NUMBERS)
        insert(store, execution_row(number))
        assert executions(store, number)
        yield store


def promote(pair: Pair) -> None:
    """The standby, whether or not the old primary goes on."""
    pair.ask(pair.standby, "select pg_promote()")


def has(pair: Pair, server: Server, number: int) -> bool:
    return bool(pair.ask(server, f"select 1 from executions where workflow_id = 'order-{number}'"))


def test_a_primary_that_hangs_is_left_for_its_standby(
    pair: Pair, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its connections open. A node that waited for an answer would give up for another reason, and later."""
    monkeypatch.setattr(wire, "PATIENCE_MS", round(PATIENCE_SECONDS * 500))
    pair.primary.freeze()
    with ThreadPoolExecutor(1) as threads:
        written = threads.submit(insert, store, execution_row(next(NUMBERS)))
        promote(pair)
        with pytest.raises(StoreError, match="another one has become the primary"):
            written.result(PATIENCE_SECONDS)
    number = next(NUMBERS)
    insert(store, execution_row(number))
    assert has(pair, pair.standby, number)


def test_of_two_primaries_a_node_uses_the_one_that_was_promoted_last(pair: Pair) -> None:
    PostgresStore(pair.primary.dsn()).close()  # makes the tables
    promote(pair)
    for hosts in ((pair.primary, pair.standby), (pair.standby, pair.primary)):
        number = next(NUMBERS)
        with closing(PostgresStore(address(*hosts))) as store:
            insert(store, execution_row(number))
        assert has(pair, pair.standby, number)


def test_connections_to_an_old_primary_are_not_used_when_a_newer_is_known(
    pair: Pair, store: PostgresStore
) -> None:
    """The commit that waits for a standby shows that there is a newer one. What only reads must not go on with the old
    one then, which still answers."""
    promote(pair)
    with pytest.raises(StoreError, match="another one has become the primary"):
        insert(store, execution_row(next(NUMBERS)))
    number = next(NUMBERS)
    insert(store, execution_row(number))
    assert not has(pair, pair.primary, number)
    assert executions(store, number)


def test_a_node_that_has_seen_a_newer_primary_does_not_write_to_an_old_one(
    pair: Pair, store: PostgresStore
) -> None:
    """As a standby that has taken over is down, and its old primary was started by mistake."""
    pair.primary.kill()
    promote(pair)
    with suppress(Unavailable):  # unless it has noticed already that its connection was lost
        insert(store, execution_row(next(NUMBERS)))
    insert(store, execution_row(next(NUMBERS)))
    pair.standby.stop("immediate")
    pair.primary.start()
    for _ in range(2):
        with pytest.raises(Unavailable, match="is no longer the primary: it is on timeline 1"):
            insert(store, execution_row(next(NUMBERS)))


def test_the_errors_of_all_hosts_are_reported(pair: Pair) -> None:
    pair.primary.stop()
    with pytest.raises(Unavailable, match=r"refused.*; .*read-only|read-only.*; .*refused"):
        connect(address(pair.primary, pair.standby))


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://a/x", [("a", None, None)]),
        ("postgresql://a,b/x", [("a", None, None), ("b", None, None)]),
        ("host=a,b port=1 dbname=x", [("a", None, "1"), ("b", None, "1")]),
        ("host=a,b port=1,2 dbname=x", [("a", None, "1"), ("b", None, "2")]),
        ("host=a,b hostaddr=::1,::2", [("a", "::1", None), ("b", "::2", None)]),
        ("hostaddr=::1,::2", [(None, "::1", None), (None, "::2", None)]),
        ("host=a,b port=1,2,3", [("a,b", None, "1,2,3")]),  # libpq says what is wrong
        ("host=a,b target_session_attrs=any", [("a,b", None, None)]),  # a standby will do
        ("host=/run/a,/run/b", [("/run/a", None, None), ("/run/b", None, None)]),
    ],
)
def test_each_host_of_an_address_is_asked(dsn: str, hosts: list[tuple[str | None, ...]]) -> None:
    found = hosts_of(dsn)
    assert [(host.get("host"), host.get("hostaddr"), host.get("port")) for host in found] == hosts
    asked_for = "any" if "any" in dsn else "read-write"
    assert all(host["target_session_attrs"] == asked_for for host in found)
