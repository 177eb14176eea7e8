"""`workflowsvc migrate`: bring a database to the schema of this release, or show the SQL that would.

Owns the command's options and what it prints. A server makes the schema of an empty database by itself, and that of a
SQLite file is always brought up to date when it is opened; a PostgreSQL database that has data is changed only by this
command, because other nodes work with it.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing

from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.migrate import Migration, Version, pending

POSTGRES = ("postgresql://", "postgres://")
SQLITE = "sqlite:"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        default=os.environ.get("WORKFLOWSVC_STORE"),
        required="WORKFLOWSVC_STORE" not in os.environ,
        metavar="WHERE",
        help="postgresql://… or sqlite:FILE, as for serve [WORKFLOWSVC_STORE]",
    )
    parser.add_argument("--print", action="store_true", help="print the SQL and change nothing")
    parser.add_argument(
        "--distribute", choices=["citus"], help="then spread the tables over the servers of a Citus cluster"
    )


def run(args: argparse.Namespace) -> int:
    where: str = args.store
    if where.startswith(POSTGRES):
        return _postgres(where, only_print=args.print, distribute=args.distribute is not None)
    if args.distribute is not None:
        raise StoreUnusable(f"{where} cannot be distributed: only PostgreSQL can.")
    if not where.startswith(SQLITE):
        raise StoreUnusable(f"{where} has no schema to migrate: give postgresql://… or sqlite:FILE.")
    return _sqlite(where.removeprefix(SQLITE), only_print=args.print)


def _postgres(dsn: str, *, only_print: bool, distribute: bool) -> int:
    from workflowsvc.store.postgres import schema
    from workflowsvc.store.postgres.wire import without_password

    where = without_password(dsn)
    with schema.opened(dsn, where) as connection:
        if only_print:
            version = schema.version_of(connection, where)
            todo = schema.missing_from(version, where)
            statements = schema.script(todo, first=version.number == 0)
            _say_sql(statements, schema.distribution() if distribute else [])
            return 0
        _say_done(where, schema.upgrade(connection, where), schema.MIGRATIONS[-1].number)
        if distribute:
            done = schema.distribute(connection, where)
            _say(f"{where}: distributed by shard." if done else f"{where} is distributed already.")
    return 0


def _sqlite(path: str, *, only_print: bool) -> int:
    from workflowsvc.store.sqlite import database_file as schema

    todo = pending(schema.MIGRATIONS, _version_of_file(path), path)
    if only_print:
        _say_sql(schema.script(todo), [])
        return 0
    schema.SqliteFile(path).close()
    _say_done(path, todo, schema.MIGRATIONS[-1].number)
    return 0


def _version_of_file(path: str) -> Version:
    import apsw

    from workflowsvc.store.sqlite.database_file import version_of

    if not os.path.exists(path):
        return Version(0, 0)
    try:
        with closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            return version_of(connection, path)
    except apsw.Error as error:
        raise StoreUnusable(f"{path} cannot be read: {error}.") from error


def _say_sql(statements: list[str], distribution: list[str]) -> None:
    if not statements and not distribution:
        _say("-- nothing to do: the schema is the newest that this release knows")
    if statements:
        _say("\n\n".join(["begin;", *(statement.rstrip(";") + ";" for statement in statements), "commit;"]))
    for call in distribution:
        _say(f"{call};")


def _say_done(where: str, done: list[Migration], newest: int) -> None:
    for migration in done:
        _say(f"{where}: applied {migration.number:04} {migration.name}.")
    if not done:
        _say(f"{where}: nothing to do, this release knows schemas up to {newest}.")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
