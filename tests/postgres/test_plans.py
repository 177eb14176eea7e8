"""PostgreSQL: every statement uses the indexes that the comment above it names, whatever is stored and counted."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.postgres.places import admin, new_place
from tests.store.measure import fill
from tests.store.rows import DOMAIN, task_row
from workflowsvc.store import sql, visibility
from workflowsvc.store.postgres.statements import LISTING, OF_MANY, SQL, PostgresStatements, listing
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.postgres.wire import PLANNER
from workflowsvc.store.rows import ExecutionQuery

Connection = psycopg.Connection[tuple[object, ...]]

TEXT = "".join(
    path.read_text("utf-8") for path in (Path(sql.__file__).parent / "postgres" / "sql").glob("*.sql")
)
COMMENTS = dict(re.findall(r"^-- :name (\w+)\n((?:--.*\n)*)", TEXT, re.MULTILINE))
INDEXES = re.compile(
    r"\b(?:\w+_pkey|executions_\w+|progress_by_\w+|tasks_\w+|messages_in_\w+|domains_by_\w+|execution_tags_in_order)\b"
)
NEW_ROWS = ("put_", "insert_", "append_")
WITHOUT_TABLES = (
    "begin",
    "commit",
    "rollback",
    "moment",
    "transaction",
    "timeline",
    "end_transaction",
    "exclusion",
    "feed_places",
    "waits_for_replication",
    "pause",
    "write_to_log",
    "invalid",
    "measurements",
    "savepoint",
    "schema_",
)


@pytest.fixture(scope="module", params=["new", "counted empty, then filled", "filled", "filled and counted"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """As the store has it: with its settings for the planner."""
    place = new_place()
    store = PostgresStore(place.dsn)
    if request.param == "counted empty, then filled":
        with admin(place.dsn) as connection:
            connection.execute("vacuum analyze")
    if request.param != "new":
        fill(store, 10_000, random.Random(1))
        with store.transaction() as tx:
            tx.put_tasks([task_row(n, position=n) for n in range(5000)])
    store.close()
    with admin(place.dsn) as connection:
        if request.param == "filled and counted":
            connection.execute("analyze")
        connection.prepare_threshold = None  # its own prepared statements would be deallocated with ours
        for name, setting in PLANNER.items():
            connection.execute("select set_config(%s, %s, false)", (name, setting))
        yield connection


def plan(connection: Connection, statement: bytes) -> str:
    nulls = ", ".join(["null"] * len(set(re.findall(rb"\$\d+", statement))))
    connection.execute("deallocate all")
    connection.execute(b"prepare planned as " + statement)
    rows = connection.execute(f"explain (costs off) execute planned{f'({nulls})' if nulls else ''}".encode())
    return "\n".join(str(row[0]) for row in rows)


def used_in(found: str) -> set[str]:
    return set(re.findall(r" using (\w+)", found))


def indexes_named(name: str) -> set[str]:
    return set(INDEXES.findall(COMMENTS[name]))


@pytest.mark.parametrize(
    "name",
    [name for name in PostgresStatements._fields if not name.startswith(WITHOUT_TABLES)],
)
def test_a_statement_uses_the_indexes_that_are_named_above_it(connection: Connection, name: str) -> None:
    found = plan(connection, getattr(SQL, name).text)
    assert indexes_named(name), "say which index it relies on"
    assert "Seq Scan" not in found, found
    assert "Join Filter" not in found, found  # a join the wrong way round, without an index inside
    if name.startswith(NEW_ROWS):  # plans do not name the indexes that refuse doubles
        assert " using " not in found, found
    else:
        assert used_in(found) >= indexes_named(name), found


@pytest.mark.parametrize("name", [name.decode() for name in OF_MANY])
def test_many_keys_are_looked_up_one_after_the_other(connection: Connection, name: str) -> None:
    found = plan(connection, OF_MANY[name.encode()].text)
    assert found.startswith("Nested Loop\n  ->  Function Scan on keys\n"), found
    assert used_in(found) >= indexes_named(name), found
    assert "Seq Scan" not in found, found
    assert "Join Filter" not in found, found
    assert "Sort" not in found, found
    assert found.count("LockRows") == (name == "try_lock_execution"), found


def test_a_claim_is_decided_before_a_row_is_looked_for(connection: Connection) -> None:
    """Each subquery once: inside of a join the choice would be made again for each row of the other side."""
    found = plan(connection, SQL.claim_task.text)
    deleted, *decided = found.split("InitPlan")
    assert len(decided) == 3, found
    assert "One-Time Filter: ($" in deleted + decided[-1], found
    assert "SubPlan" not in found
    assert found.count("LockRows") == 2


def test_free_tasks_are_found_by_a_walk_that_can_end_anywhere(connection: Connection) -> None:
    """Nothing is read to its end before the first row comes; and each execution is looked up by its key."""
    found = plan(connection, SQL.free_tasks.text)
    assert "Sort" not in found, found
    assert "hashed" not in found, found
    assert found.count("LockRows") == 1, found
    assert found.startswith("Limit"), found


FILTERS = [{}, {"type_name": "t"}, {"tag": "t"}, {"workflow_id": "w"}, {"close_status": "FAILED"}]


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("given", FILTERS, ids=str)
def test_a_list_walks_one_index_in_its_order(
    connection: Connection, given: dict[str, str], ascending: bool
) -> None:
    kinds = [("OPEN", "started_at"), ("CLOSED", "started_at"), ("CLOSED", "closed_at")]
    for (status, order_by), after in itertools.product(kinds, (None, (5000, 7))):
        query = ExecutionQuery(DOMAIN, status, order_by, 0, None, ascending=ascending, after=after, **given)
        text, _ = visibility.listing(LISTING, query)
        source = next(name for name in LISTING._fields[2:] if getattr(LISTING, name) in text)
        for which in (text, visibility.counting(LISTING, query)[0]):
            found = plan(connection, listing(which).text)
            assert used_in(found) >= indexes_named(source), found
            assert "Seq Scan" not in found, found
        sorts = "Sort" in plan(connection, listing(text).text)
        assert not sorts or "workflow_id" in given, "pages would read all rows before them"
