"""Opens the store that `--store` names: sqlite:FILE, postgresql://… or memory.

Owns the forms of these names. The one module that names the classes of stores for all others, beside `testing`, which
makes stores in memory, and the commands `migrate` and `doctor`, which are about one kind of database each.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from workflowsvc.options import SettingsError
from workflowsvc.store.errors import PSYCOPG_IS_MISSING, StoreUnusable
from workflowsvc.store.interface import RepairStore
from workflowsvc.store.migrate import migrations

if TYPE_CHECKING:
    from workflowsvc.store.postgres.read_only import PostgresReadOnlyStore
    from workflowsvc.store.sqlite.read_only import SqliteReadOnlyStore

MEMORY, SQLITE, POSTGRESQL = "memory", "sqlite:", ("postgresql://", "postgres://")
_SQLITE_MEMORY = re.compile(r":memory:|file::memory:.*|file:.*[?&]mode=memory(&.*)?")


def open_store(where: str) -> RepairStore:
    """The store itself, made if it does not exist. StoreUnusable or StoreError if it cannot be opened."""
    if where.startswith(POSTGRESQL):
        require_psycopg()
        from workflowsvc.store.postgres.store import PostgresStore

        return PostgresStore(where)
    from workflowsvc.store.sqlite.store import SqliteStore

    return SqliteStore(None if where == MEMORY else sqlite_path(where))


def open_read_only(where: str, *, exclusive: bool = False) -> PostgresReadOnlyStore | SqliteReadOnlyStore:
    """The store for reading: nothing is made or written. A server may run on it at the same time unless `exclusive`."""
    if where.startswith(POSTGRESQL):
        require_psycopg()
        from workflowsvc.store.postgres.read_only import PostgresReadOnlyStore

        return PostgresReadOnlyStore(where, exclusive=exclusive)
    return open_sqlite_read_only(where, exclusive=exclusive)


def open_sqlite_read_only(where: str, *, exclusive: bool = False) -> SqliteReadOnlyStore:
    """The same for sqlite:FILE alone: its pages can be copied."""
    from workflowsvc.store.sqlite.read_only import SqliteReadOnlyStore

    return SqliteReadOnlyStore(sqlite_path(where), exclusive=exclusive)


def put_meta(path: str, key: str, value: bytes) -> None:
    """Stores one row of `meta` in a copy of a SQLite file that no server uses."""
    from workflowsvc.store.sqlite import page_copy

    page_copy.put_meta(path, key, value)


def sqlite_path(where: str) -> str:
    """The file that `sqlite:FILE` names. SettingsError without a name, and for SQLite's own names of a database in
    memory."""
    path = where.removeprefix(SQLITE)
    if not path:
        raise SettingsError(f"{where} names no file: give sqlite:FILE")
    if "\0" in path:
        raise SettingsError("the name of a file cannot hold NUL")
    if _SQLITE_MEMORY.fullmatch(path):
        raise SettingsError(
            f"{where} would be a file of that name; to keep data in memory, give --store memory"
        )
    return path


def is_there(where: str) -> bool:
    """False when `where` names a file that does not exist; what a database server has is not asked."""
    return not where.startswith(SQLITE) or os.path.exists(sqlite_path(where))


def require_there(where: str) -> None:
    """StoreUnusable when `where` names a file that does not exist, for commands that are about an existing store."""
    if not is_there(where):
        raise StoreUnusable(f"{sqlite_path(where)} is not there; `workflowsvc serve` makes it.")


def require_complete(where: str) -> None:
    """StoreUnusable for a SQLite file that says that its log is missing."""
    if where.startswith(SQLITE):
        from workflowsvc.store.sqlite.read_only import require_complete

        require_complete(sqlite_path(where))


def accept_missing_log(where: str) -> None:
    """Takes a file that was copied without its log as it is: from now on a server starts on it."""
    if where.startswith(SQLITE):
        from workflowsvc.store.sqlite.database_file import SqliteFile

        SqliteFile(sqlite_path(where), accept_missing_log=True).close()


def schema_number(where: str) -> int:
    """The number of the schema that this release makes and works with."""
    return migrations("postgres" if where.startswith(POSTGRESQL) else "sqlite")[-1].number


def require_psycopg() -> None:
    """StoreUnusable, with the command that installs it, when the driver of PostgreSQL is missing."""
    try:
        import psycopg  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise StoreUnusable(PSYCOPG_IS_MISSING) from error
