"""SQLite: every statement uses the index that the comment above it names, whatever is stored."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.store.rows import DOMAIN
from workflowsvc.store import sql, visibility
from workflowsvc.store.rows import ExecutionQuery
from workflowsvc.store.sqlite.statements import LISTING, SQL
from workflowsvc.store.sqlite.store import SqliteStore

FOLDER = Path(sql.__file__).parent / "sqlite" / "sql"

# name -> the comment below it. Pieces of visibility.sql are no statements: all combinations are tried.
COMMENTS = {
    name: comment
    for file in FOLDER.glob("*.sql")
    if file.name != "visibility.sql"
    for name, comment in re.findall(r"^-- :name (\w+)\n-- (.*(?:\n--.*)*)", file.read_text("utf-8"), re.M)
}


@pytest.fixture(scope="module")
def connection() -> Iterator[apsw.Connection]:
    with closing(SqliteStore(None)) as store:
        yield store._writer  # pyright: ignore[reportPrivateUsage]


def plan(connection: apsw.Connection, statement: str) -> list[str]:
    numbers = [int(number) for number in re.findall(r"\?(\d+)", statement)]
    parameters = max(numbers) if numbers else statement.count("?")
    rows = connection.execute(f"explain query plan {statement}", (None,) * parameters)
    return [str(row[3]) for row in rows]


def uses(step: str, index: str) -> bool:
    if "primary key" in index:
        return "PRIMARY KEY" in step
    return index.split()[0].strip(",;") in step.split()


def test_every_statement_says_which_index_it_relies_on() -> None:
    pieces = set(sql.parse((FOLDER / "visibility.sql").read_text("utf-8")))
    assert COMMENTS.keys() == set(SQL._fields)
    assert pieces == set(LISTING._fields)
    assert not COMMENTS.keys() & pieces


# Audits and repairs read whole tables.
SCANS_OF_FEW_ROWS = (
    "SCAN wanted",
    "SCAN CONSTANT ROW",
    "SCAN (subquery",
    "SCAN lists",
)  # each found by index before
AUDITS = sql.parse((FOLDER / "audit.sql").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(COMMENTS.keys() - AUDITS.keys()))
def test_a_statement_relies_on_the_index_it_names(connection: apsw.Connection, name: str) -> None:
    statement = getattr(SQL, name)
    steps = plan(connection, statement)
    if statement.startswith("insert"):
        assert steps == []
        return
    if name == "messages":
        assert steps == ["SCAN messages"]  # the oldest of all: from the beginning, in the order of the key
        return
    if name == "has_messages":
        assert steps[2:] == ["SCAN messages"]  # of which few wait
        return
    assert any(uses(step, COMMENTS[name]) for step in steps), steps
    for step in steps:
        whole_table = step.startswith("SCAN") and not step.startswith(SCANS_OF_FEW_ROWS)
        assert not whole_table, steps
        assert "TEMP B-TREE" not in step, steps


KINDS = [("OPEN", "started_at"), ("CLOSED", "started_at"), ("CLOSED", "closed_at")]
FILTERS: list[dict[str, str]] = [
    {},
    {"type_name": "Order", "type_version": "1"},
    {"close_status": "FAILED"},
    {"workflow_id": "w"},
    {"tag": "blue"},
]
QUERIES = [
    ExecutionQuery(DOMAIN, status, order_by, 0, None, ascending=ascending, **filters)
    for (status, order_by), filters, ascending in itertools.product(KINDS, FILTERS, (False, True))
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: "-".join(map(str, query[1:])))
def test_a_list_walks_an_index_in_its_order(connection: apsw.Connection, query: ExecutionQuery) -> None:
    for statement, parameters in (visibility.listing(LISTING, query), visibility.counting(LISTING, query)):
        rows = connection.execute(f"explain query plan {statement}", parameters)
        steps = [str(row[3]) for row in rows]
        if query.tag is not None:
            index = "SEARCH t USING PRIMARY KEY (domain=? AND tag=? AND list=? AND (at,run)>(?,?)"
        elif query.workflow_id is not None:
            index = "(domain=? AND workflow_id=?"
        else:
            by = "started_at" if query.order_by == "started_at" else "closed_at"
            index = f"(domain=? AND {by}>? AND {by}<?)"
        assert index in steps[0], steps
        sorts = any("TEMP B-TREE" in step for step in steps)
        assert sorts == (
            query.workflow_id is not None
            and query.tag is None
            and (query.status, query.order_by) == ("CLOSED", "started_at")
            and statement.startswith(LISTING.list_columns)
        ), steps


def test_no_connection_compiles_a_statement_anew_for_another_parameter(tmp_path: Path) -> None:
    """Otherwise a bound `limit ?` costs six times as much as all the rest of the statement."""
    with closing(SqliteStore(str(tmp_path / "x.db"))) as store:
        file = store._file  # pyright: ignore[reportPrivateUsage]
        with closing(file.open_reader()) as reader:
            for connection in (file.writer, reader):
                assert connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
