"""All that a store holds, read through SQLite and not through the store's own questions."""

from __future__ import annotations

from typing import Any

from workflowsvc.store.sqlite.store import SqliteStore

Dump = dict[str, list[tuple[Any, ...]]]
"""By table, its rows in one order."""


def dump(store: SqliteStore) -> Dump:
    """Every row of every table."""
    with store._exclusive_section():  # a database in memory has one connection, and this one thread at a time
        connection = store._writer
        tables = [
            name for (name,) in connection.execute("select name from sqlite_schema where type = 'table'")
        ]
        return {table: sorted(connection.execute(f'select * from "{table}"'), key=repr) for table in tables}


def differences(before: Dump, after: Dump) -> list[str]:
    """The rows that came or went, one line each."""
    lines: list[str] = []
    for table in sorted(before.keys() | after.keys()):
        old, new = before.get(table, []), after.get(table, [])
        lines += [f"{table}: - {row}" for row in old if row not in new]
        lines += [f"{table}: + {row}" for row in new if row not in old]
    return lines
