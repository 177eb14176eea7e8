"""Any value in any column: an audit ends with a report, a repair ends too, and a server starts or says why not.

The types of SQLite's columns are laid aside while a value is stored, as a program that edits the schema may do.
"""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.world_fixture import fill_every_table
from workflowsvc import cli
from workflowsvc.clock import SystemClock
from workflowsvc.node import Node
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreError, StoreUnusable
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World

VALUES: dict[str, list[str]] = {  # by kind of value, as SQL
    "text": ["'x'", "cast(x'41ff42' as text)", "'999999999999999'"],
    "blob": ["x'00ff'"],
    "integer": ["7", "9223372036854775807"],
    "real": ["1.5"],
    "null": ["null"],
}
MAY_BE_NULL = {
    "domains.clock",
    "domains.description",
    "executions.close_status",
    "executions.closed_at",
    "executions.parent_run_id",
    "executions.parent_workflow_id",
    "executions.purge_at",
    "executions.tags",
    "executions.wake_at",
    "heartbeats.details",
    "types.deprecated_at",
    "types.description",
}
TABLES = (
    "meta",
    "domains",
    "types",
    "executions",
    "execution_tags",
    "events",
    "tasks",
    "heartbeats",
    "messages",
    "feed",
    "schema_versions",
)


def small_store(path: Path) -> None:
    """A row in every table."""
    with closing(SqliteStore(str(path))) as store:
        fill_every_table(World(store=store))


def edit_schema(connection: apsw.Connection, sql_of: dict[str, str]) -> None:
    connection.execute("pragma writable_schema = on")
    for table, sql in sql_of.items():
        connection.execute("update sqlite_schema set sql = ? where type = 'table' and name = ?", (sql, table))
    connection.execute("pragma writable_schema = reset")


def without_types(sql: str) -> str:
    loose = re.sub(r"\b(integer|text|blob)( not null)?(?! primary key)(?=[ ,\n])", "", sql)
    return re.sub(r"\)\s*strict(, without rowid)?$", lambda found: f") {(found[1] or '')[2:]}", loose)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("small") / "workflowsvc.db"
    small_store(path)
    return path.read_bytes()


def columns_of(table: str) -> list[tuple[str, str, bool]]:
    """Name, type, and whether it is SQLite's own number of the row, which is always a whole number."""
    with closing(SqliteStore(None)) as store:
        connection = store._writer  # pyright: ignore[reportPrivateUsage]
        found: list[Any] = connection.execute(f"pragma table_info({table})").fetchall()
        [sql] = connection.execute("select sql from sqlite_schema where name = ?", (table,)).fetchone() or [
            ""
        ]
        return [
            (
                str(row[1]),
                str(row[2]).lower(),
                re.search(rf"\b{row[1]} integer primary key", str(sql)) is not None,
            )
            for row in found
        ]


def store_value(path: Path, table: str, column: str, value: str) -> bool:
    """Whether the database takes it, in the first row of the table."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("pragma synchronous = off")
        tables: list[Any] = connection.execute(
            "select name, sql from sqlite_schema where type = 'table'"
        ).fetchall()
        edit_schema(connection, {name: without_types(sql) for name, sql in tables})
        keys: list[Any] = [row for row in connection.execute(f"pragma table_info({table})") if row[5]]
        listed = ", ".join(row[1] for row in keys)
        first = connection.execute(f"select {listed} from {table} order by {listed}").fetchone()
        where = " and ".join(f"{row[1]} is ?" for row in keys)
        try:
            connection.execute("pragma ignore_check_constraints = on")
            connection.execute(f"update {table} set {column} = {value} where {where}", first)
            return connection.changes() == 1
        except (apsw.ConstraintError, apsw.MismatchError):
            return False
        finally:
            edit_schema(connection, dict(tables))


def begin_to_serve(path: Path) -> None:
    """As `workflowsvc serve` does, up to its first background work."""
    node = Node(Settings(store=f"sqlite:{path}"), SystemClock(), None, lambda size: bytes(size))
    try:
        node.open()
    except (StoreUnusable, StoreError):
        return
    finally:
        node.close()


@pytest.mark.parametrize("table", TABLES)
def test_a_value_of_another_type_is_reported_and_ends_nothing(
    table: str, sound: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "workflowsvc.db"
    tried = 0
    for column, kind, is_key in columns_of(table):
        for value_kind, values in VALUES.items():
            for value in values:
                for name in ("-wal", "-shm"):
                    path.with_name(path.name + name).unlink(missing_ok=True)
                path.write_bytes(sound)
                what = f"{table}.{column} = {value}"
                if is_key and value_kind != "integer":
                    continue
                if not store_value(path, table, column, value):
                    continue
                tried += 1
                wrong = value_kind != kind and not (value == "null" and f"{table}.{column}" in MAY_BE_NULL)
                try:
                    status = cli.main(["fsck", "--store", f"sqlite:{path}"])
                    if value == ("'x'" if kind == "blob" else "x'00ff'"):
                        copy = tmp_path / column
                        words = ["--with-problems", "--from", f"sqlite:{path}", "--to", f"sqlite:{copy}"]
                        assert cli.main(["copy", *words]) in (0, 1)
                    begin_to_serve(path)
                    repaired = cli.main(["fsck", "--repair", "--store", f"sqlite:{path}"])
                except Exception as error:
                    raise AssertionError(what) from error
                printed = capsys.readouterr()
                if wrong:
                    assert status in (1, 2), (what, printed)
                assert "\ncheck " not in "\n" + printed.out, (what, printed)
                assert repaired in (0, 1, 2), what
    assert tried > len(columns_of(table))
