"""`workflowsvc migrate`: brings a database to the schema of this release, or prints the SQL for that.

Owns the command's options and what it prints. A server makes the schema of an empty database by itself, and a SQLite
file is brought up to date whenever it is opened; this command makes no file. A PostgreSQL database with data is changed
only by this command, because other nodes use it.
"""

from __future__ import annotations

import argparse
import os

from workflowsvc.commands.context import CommandContext
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.migrate import Migration, Version, pending
from workflowsvc.stores import POSTGRESQL, SQLITE, require_there, sqlite_path


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    parser.add_argument(
        "--store",
        default=context.environment.get("WORKFLOWSVC_STORE"),
        required="WORKFLOWSVC_STORE" not in context.environment,
        metavar="WHERE",
        help="postgresql://… or sqlite:FILE, as for serve [WORKFLOWSVC_STORE]",
    )
    parser.add_argument("--print", action="store_true", help="print the SQL and change nothing")
    parser.add_argument(
        "--distribute",
        choices=["citus"],
        help="afterwards distribute the tables over the servers of a Citus cluster",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    where: str = arguments.store
    if where.startswith(POSTGRESQL):
        _postgres(context, where, only_print=arguments.print, distribute=arguments.distribute is not None)
        return 0
    if arguments.distribute is not None:
        raise StoreUnusable(f"{where} cannot be distributed: only PostgreSQL can.")
    if not where.startswith(SQLITE):
        raise StoreUnusable(f"{where} has no schema to migrate: give postgresql://… or sqlite:FILE.")
    if not arguments.print:
        require_there(where)
    _sqlite(context, sqlite_path(where), only_print=arguments.print)
    return 0


def _postgres(context: CommandContext, dsn: str, *, only_print: bool, distribute: bool) -> None:
    from workflowsvc.store.postgres import schema
    from workflowsvc.store.postgres.wire import shown_address

    where = shown_address(dsn)
    with schema.opened(dsn, where) as connection:
        if only_print:
            version = schema.version_of(connection, where)
            todo = schema.missing_from(version, where)
            statements = schema.script(todo, first=version.number == 0)
            context.write(_script(statements, schema.distribution(connection, where) if distribute else []))
            return
        context.write(_done(where, schema.upgrade(connection, where), schema.MIGRATIONS[-1].number))
        if distribute:
            done = schema.distribute(connection, where)
            context.write(
                f"{where}: distributed by shard.\n" if done else f"{where} is distributed already.\n"
            )


def _sqlite(context: CommandContext, path: str, *, only_print: bool) -> None:
    from workflowsvc.store.sqlite import database_file as schema

    todo = pending(schema.MIGRATIONS, _version_of_file(path), path)
    if only_print:
        context.write(_script(schema.script(todo), []))
        return
    schema.SqliteFile(path).close()
    context.write(_done(path, todo, schema.MIGRATIONS[-1].number))


def _version_of_file(path: str) -> Version:
    from workflowsvc.store.sqlite.read_only import version_of_file

    return version_of_file(path) if os.path.exists(path) else Version(0, 0)


def _script(statements: list[str], distribution: list[str]) -> str:
    """SQL that psql or sqlite3 can run as it is: the schema in one transaction, then each call by itself."""
    if not statements and not distribution:
        return "-- nothing to do: the schema is the newest that this release knows\n"
    parts: list[str] = []
    if statements:
        parts.append(
            "\n\n".join(["begin;", *(statement.rstrip(";") + ";" for statement in statements), "commit;"])
        )
    return "".join(f"{part}\n" for part in [*parts, *(f"{call};" for call in distribution)])


def _done(where: str, done: list[Migration], newest: int) -> str:
    if not done:
        return f"{where}: nothing to do, this release knows schemas up to {newest}.\n"
    return "".join(f"{where}: applied {migration.number:04} {migration.name}.\n" for migration in done)
