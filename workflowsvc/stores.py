"""Opens the store that `--store` names: sqlite:FILE, postgresql://… or memory.

Owns the forms of these names. The one module that names the classes of stores for all others, beside `testing`, which
makes stores in memory, and the commands `migrate` and `doctor`, which are about one kind of database each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.store.errors import PSYCOPG_IS_MISSING, StoreUnusable
from workflowsvc.store.interface import RepairStore

if TYPE_CHECKING:
    from workflowsvc.store.postgres.read_only import PostgresReadOnlyStore
    from workflowsvc.store.sqlite.read_only import SqliteReadOnlyStore

MEMORY, SQLITE, POSTGRESQL = "memory", "sqlite:", ("postgresql://", "postgres://")


def open_store(where: str) -> RepairStore:
    """The store itself, made if it does not exist. StoreUnusable or StoreError if it cannot be opened."""
    if where.startswith(POSTGRESQL):
        require_psycopg()
        from workflowsvc.store.postgres.store import PostgresStore

        return PostgresStore(where)
    from workflowsvc.store.sqlite.store import SqliteStore

    return SqliteStore(None if where == MEMORY else where.removeprefix(SQLITE))


def open_read_only(where: str, *, exclusive: bool = False) -> PostgresReadOnlyStore | SqliteReadOnlyStore:
    """The store for reading: nothing is made or written. A server may run on it at the same time unless `exclusive`."""
    if where.startswith(POSTGRESQL):
        require_psycopg()
        from workflowsvc.store.postgres.read_only import PostgresReadOnlyStore

        return PostgresReadOnlyStore(where, exclusive=exclusive)
    from workflowsvc.store.sqlite.read_only import SqliteReadOnlyStore

    return SqliteReadOnlyStore(where.removeprefix(SQLITE), exclusive=exclusive)


def require_psycopg() -> None:
    """StoreUnusable, with the command that installs it, when the driver of PostgreSQL is missing."""
    try:
        import psycopg  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise StoreUnusable(PSYCOPG_IS_MISSING) from error
