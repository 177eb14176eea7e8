"""Ready for many servers: what is done to an execution names its shard, and nothing needs more than one server.

A database with its tables in parts by shard stands for one that is spread: plans show which parts a statement reaches
into. The contract tests run on such a database, too (tests/store/conftest.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from tests.postgres.places import PARTS, Place, admin, new_place, new_spread_place
from tests.postgres.test_plans import WITHOUT_TABLES
from tests.store.rows import DOMAIN, execution_row, insert, run_of, task_row
from workflowsvc.store import visibility
from workflowsvc.store.postgres.schema import COPIED, SPREAD
from workflowsvc.store.postgres.server import Server, server_of
from workflowsvc.store.postgres.statements import (
    LISTING,
    OF_MANY,
    OF_ONE_ROW,
    SQL,
    PostgresStatements,
    Statement,
    listing,
)
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.postgres.wire import PLANNER
from workflowsvc.store.rows import ExecutionQuery

Connection = psycopg.Connection[tuple[object, ...]]

# They read all shards, without locks, because what they ask is not about one execution. Each part gives its own by an
# index, at most as many as are wanted.
OF_ALL_SHARDS = {
    "count_open": "how many of a domain",
    "next_wake_at": "the earliest deadline",
    "next_purge_at": "the earliest end of a retention",
    "next_wake_from": "the earliest deadline by a clock",
    "next_purge_from": "the earliest end of a retention by a clock",
    "due_runs": "the earliest deadlines",
    "expired_runs": "the earliest ends of retentions",
    "count_tasks": "how many on a list",
    "candidate_tasks": "the first on a list",
    "next_task_list": "the first list by name",
    "backlog": "how many on a list, by priority",
    "first_task_behind": "the first on the first list",
    "tasks_ahead": "how many before one on a list",
    "messages": "the oldest",
    "has_messages": "whether one waits in a domain",
    "waiting_messages": "the oldest, for audits",
    "delete_messages_by_id": "for repairs: of what was not read before only the id is known",
}
# They lock in several shards, and are never sent to servers that spread the tables.
ON_ONE_SERVER = {"free_tasks", "lock_due_runs", "lock_expired_runs", "lock_messages"}
OF_SEVERAL_SHARDS = ON_ONE_SERVER | {statement.name.decode() for statement in OF_MANY.values()}
OF_TABLES = [name for name in PostgresStatements._fields if not name.startswith(WITHOUT_TABLES)]
OF_EXECUTIONS = [
    name for name in OF_TABLES if re.search(rf"\b(?:{'|'.join(SPREAD)})\b", getattr(SQL, name).text.decode())
]
OF_ONE_SHARD = [name for name in OF_EXECUTIONS if name not in OF_ALL_SHARDS and name not in ON_ONE_SERVER]
FORBIDDEN = re.compile(
    r"nextval|\bserial\b|sequence|identity|advisory|notify|\breferences\b|trigger|foreign", re.I
)


def text_of(name: str) -> str:
    return statement_of(name).text.decode()


def statement_of(name: str) -> Statement:
    """As it is sent to a database that is spread."""
    return OF_ONE_ROW.get(name.encode(), getattr(SQL, name))


@pytest.fixture(scope="module")
def spread() -> Place:
    place = new_spread_place()
    store = PostgresStore(place.dsn)
    insert(store, *(execution_row(n, tags=b'["a"]') for n in range(1, 40)))
    with store.transaction() as tx:
        tx.put_tasks([task_row(n) for n in range(1, 40)])
    store.close()
    return place


@pytest.fixture
def connection(spread: Place) -> Iterator[Connection]:
    with admin(spread.dsn) as connection:
        connection.prepare_threshold = None
        for name, setting in PLANNER.items():
            connection.execute("select set_config(%s, %s, false)", (name, setting))
        yield connection


def parts_reached(connection: Connection, statement: Statement, shard: int) -> set[str]:
    """The last part of the names of the tables that would be touched if it were carried out."""
    values = {"shard": str(shard), "run": str((7 << 8) | shard)}
    types = re.findall(r"\$(\d+)::([a-z]+(?:\[\])?)", statement.text.decode())
    kinds = {int(number): kind for number, kind in types}
    given = [
        f"{values.get(name, '1') if kinds[n] not in ('text', 'bytea', 'boolean') else 'null'}::{kinds[n]}"
        for n, name in enumerate(statement.parameters, 1)
    ]
    connection.execute("deallocate all")
    connection.execute(b"prepare planned as " + statement.text)
    call = f"explain (costs off) execute planned{'(' + ', '.join(given) + ')' if given else ''}"
    plan = "\n".join(str(row[0]) for row in connection.execute(call.encode()))
    return set(re.findall(rf" Scan(?: Backward)?(?: using \w+)? on (?:{'|'.join(SPREAD)})_(\d+)\b", plan))


@pytest.mark.parametrize("name", OF_ONE_SHARD)
def test_a_statement_names_one_shard_and_reaches_one_part(connection: Connection, name: str) -> None:
    statement = statement_of(name)
    of_shard = statement.parameters.index("shard") + 1
    assert set(re.findall(r"\$\d+::smallint(?:\[\])?", statement.text.decode())) == {f"${of_shard}::smallint"}
    if name.encode() in OF_ONE_ROW:
        return  # plans do not tell into which part a row goes
    reached = [parts_reached(connection, statement, shard) for shard in range(16)]
    assert all(len(parts) == 1 for parts in reached), reached
    assert len(set.union(*reached)) == PARTS


def test_statements_for_one_server_are_sent_to_none_that_spreads(
    open_node: Callable[[], PostgresStore], spread: Place
) -> None:
    for dsn, wanted in ((spread.dsn, set[str]()), (None, OF_SEVERAL_SHARDS)):
        with ExitStack() as stores:
            one, other = (open_node() if dsn is None else PostgresStore(dsn) for _ in range(2))
            for store in (one, other):
                stores.callback(store.close)
            numbers = range(50, 61)  # a node holds a few more than it takes
            insert(one, *(execution_row(n) for n in numbers))
            with one.transaction() as tx:
                tx.put_tasks([task_row(n, task_list="wanted") for n in numbers])
            with one.transaction() as tx, other.transaction() as too:
                for each, runs in ((tx, [run_of(58)]), (too, [run_of(59), run_of(60)])):
                    assert len(each.take_tasks(DOMAIN, "decision", "wanted", 1)) == 1
                    assert each.open_run(DOMAIN, "nothing") is None
                    each.prefetch(runs, [], None, lambda _: 1)
                    each.due_runs(5, 1)
                    each.expired_runs(5, 1)
                    each.messages(1)
            wire: Any = other._writer  # pyright: ignore[reportPrivateUsage]
            assert {name.decode() for name in wire._prepared} & OF_SEVERAL_SHARDS == wanted


@pytest.mark.parametrize("name", OF_ALL_SHARDS)
def test_what_reads_all_shards_locks_and_joins_nothing(name: str) -> None:
    text = text_of(name)
    assert "for update" not in text
    assert "join" not in text
    assert "unnest" not in text
    assert not text.startswith(("insert", "update"))
    assert text.startswith("delete") is (name == "delete_messages_by_id")


def test_lists_join_on_the_shard_and_those_of_a_workflow_name_it(connection: Connection) -> None:
    for given in ({}, {"tag": "t"}, {"workflow_id": "w"}):
        for status, order_by in (("OPEN", "started_at"), ("CLOSED", "started_at"), ("CLOSED", "closed_at")):
            query = ExecutionQuery(DOMAIN, status, order_by, 0, None, **given)  # type: ignore[arg-type]
            statement = listing(visibility.listing(LISTING, query)[0])
            text = statement.text.decode()
            assert text.count("join") == len(re.findall(r"p\.shard = |where shard = t\.shard", text))
            if "workflow_id" in given:
                assert len(parts_reached(connection, statement, 5)) == 1


@pytest.mark.parametrize("name", OF_TABLES)
def test_nothing_needs_what_only_one_server_has(name: str) -> None:
    assert not FORBIDDEN.search(getattr(SQL, name).text.decode())


def test_the_schema_needs_nothing_that_only_one_server_has() -> None:
    place = new_place()
    PostgresStore(place.dsn).close()
    here = "relnamespace = current_schema()::regnamespace"
    with admin(place.dsn) as connection:
        for asked in (
            f"select relname from pg_class where {here} and relkind = 'S'",
            f"select conname from pg_constraint join pg_class as c on conrelid = c.oid where {here} and contype = 'f'",
            f"select tgname from pg_trigger join pg_class on tgrelid = pg_class.oid where {here}",
        ):
            assert connection.execute(asked.encode()).fetchall() == []  # type: ignore[arg-type]
        unique = connection.execute(
            "select c.relname, a.attname from pg_index as i join pg_class as c on c.oid = i.indrelid"
            " join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"
            f" where i.indisunique and c.{here}"
        ).fetchall()
    tables = {str(table) for table, _ in unique}
    assert tables == {*SPREAD, *COPIED}
    assert all((column == "shard") is (table in SPREAD) for table, column in unique)


@pytest.mark.parametrize(
    ("version", "citus", "has_functions", "found"),
    [
        ("PostgreSQL 17.2 on x86_64-pc-linux-gnu", False, True, Server(False, True)),
        ("PostgreSQL 17.2 on x86_64-pc-linux-gnu", True, True, Server(True, False)),
        ("PostgreSQL 17.2 on x86_64-pc-linux-gnu", False, False, Server(False, False)),
        ("PostgreSQL 15.2-YB-2025.1.0.0-b0 on x86_64", False, True, Server(False, False)),
        ("CockroachDB CCL v25.1.0", False, True, Server(False, False)),
    ],
)
def test_what_follows_from_the_kind_of_server(
    version: str, citus: bool, has_functions: bool, found: Server
) -> None:
    assert server_of(version, citus=citus, has_functions=has_functions) == found


def test_rows_are_sent_one_by_one_where_each_has_its_server() -> None:
    assert {name.decode() for name in OF_ONE_ROW} == {
        "insert_executions",
        "put_progress",
        "put_execution_tags",
        "append_events",
        "put_heartbeats",
        "put_tasks",
        "put_messages",
    }
    one = OF_ONE_ROW[b"put_tasks"]
    assert b"unnest" not in one.text
    assert b"values (\n" in one.text
    assert b"$1::smallint,\n" in one.text
    assert b"on conflict (shard, run, scheduled_event_id) do update" in one.text
    assert one.parameters == SQL.put_tasks.parameters
    assert len(one.encoders) == len(one.parameters)
