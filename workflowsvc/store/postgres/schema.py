"""The schema of a PostgreSQL store: which version a database has, and bringing it to the newest.

Owns the table `schema_versions` and the refusal of databases that are not fit. A schema that a newer release has only
added to is accepted, so that nodes can be upgraded one by one (migrate.py).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Generator
from contextlib import contextmanager

import psycopg

from workflowsvc.store.errors import StoreUnusable, Unavailable
from workflowsvc.store.migrate import Migration, Version, migrations, pending
from workflowsvc.store.postgres.primary import Row, connect, one_line

Connection = psycopg.Connection[Row]

MIGRATIONS = migrations("postgres")
OLDEST_SERVER = 130000  # pg_xact_status and pg_current_xact_id

_CREATE_VERSIONS = """create table schema_versions (
    number integer not null primary key,
    name text not null,
    oldest integer not null,
    applied_at timestamptz not null default now()
)"""

# Which of them is raised depends on how far the statement had come when the other node committed: a row in a catalog,
# the table, or the type that every table has.
_DONE_BY_ANOTHER = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
)

# How the tables are placed on many servers (docs/postgresql.md): those of executions are spread by shard, so that all
# rows of an execution are on one server; the others are small and copied to all servers.
SPREAD = ("executions", "progress", "execution_tags", "events", "tasks", "heartbeats", "messages")
COPIED = ("domains", "types", "meta", "schema_versions", "feed")  # no feed is written there


def check(dsn: str, where: str) -> None:
    """Returns when the database can be used: an empty one is given the newest schema. Raises StoreUnusable."""
    with opened(dsn, where) as connection:
        version = version_of(connection, where)
        if version.number == 0:
            upgrade(connection, where)
        elif missing := missing_from(version, where):
            raise StoreUnusable(too_old(where, version, missing))


def too_old(where: str, version: Version, missing: list[Migration]) -> str:
    """The message about a database that lacks these migrations."""
    return (
        f"{where} has schema {version.number}, and this release needs {missing[-1].number}. "
        f"Run `workflowsvc migrate --store {shlex.quote(where)}` first."
    )


def opened(dsn: str, where: str) -> Connection:
    """An ordinary connection to a server that is fit to be used."""
    try:
        connection = connect(dsn).connection
    except Unavailable as error:
        raise StoreUnusable(f"{where} cannot be used: {error}.") from error
    try:
        _refuse_unfit(connection, where)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def failing_for(where: str) -> Generator[None]:
    """Turns errors of PostgreSQL inside the block into StoreUnusable."""
    try:
        yield
    except psycopg.Error as error:
        raise StoreUnusable(f"{where} cannot be used: {one_line(error)}.") from error


def _refuse_unfit(connection: Connection, where: str) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise StoreUnusable(
            f"{where} is PostgreSQL {connection.info.server_version // 10000}; 13 or newer is needed."
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreUnusable(f"{where} keeps text as {encoding}; UTF8 is needed (createdb --encoding UTF8).")


def version_of(connection: Connection, where: str) -> Version:
    """Refuses the database of another program."""
    with failing_for(where):
        row = connection.execute(
            "select to_regclass('schema_versions') is not null,"
            " exists (select 1 from pg_class as c where relnamespace = quote_ident(current_schema())::regnamespace"
            " and relkind in ('r', 'p', 'v', 'm')"
            # What an extension has made is no other program's: those of Citus and pg_stat_statements are in `public`.
            " and not exists (select 1 from pg_depend where classid = 'pg_class'::regclass and objid = c.oid"
            " and deptype = 'e'))"
        ).fetchone()
        assert row is not None
        ours, occupied = row
        if not ours and occupied:
            raise StoreUnusable(
                f"{where} is the database of another program: give workflowsvc one of its own."
            )
        if not ours:
            return Version(0, 0)
        row = connection.execute("select max(number), max(oldest) from schema_versions").fetchone()
        assert row is not None
        if row[0] is None:
            return Version(0, 0)
        if not all(type(number) is int for number in row):
            raise StoreUnusable(
                f"{where}: schema_versions holds something else than whole numbers: restore the table from a backup."
            )
        return Version(*row)


def missing_from(version: Version, where: str) -> list[Migration]:
    """The migrations that the database lacks. Refuses one that this release cannot work with."""
    return pending(MIGRATIONS, version, where)


def upgrade(connection: Connection, where: str) -> list[Migration]:
    """Brings the schema to the newest version, all of the way or not at all; what was done. Several nodes may do it at
    once: one is first, the others find it done."""
    for attempt in range(2):
        try:
            with connection.transaction():
                version = version_of(connection, where)
                todo = missing_from(version, where)
                for statement in script(todo, first=version.number == 0):
                    connection.execute(statement.encode())
                return todo
        except _DONE_BY_ANOTHER as error:
            if attempt:
                raise StoreUnusable(f"{where} cannot be upgraded: {one_line(error)}.") from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise StoreUnusable(
                f"{where}: the user {connection.info.user} may not create tables there ({one_line(error)}). "
                "Run `workflowsvc migrate` as the owner of the database."
            ) from error
        except psycopg.Error as error:
            raise StoreUnusable(f"{where} cannot be upgraded: {one_line(error)}.") from error
    raise AssertionError


def script(todo: list[Migration], *, first: bool) -> list[str]:
    """The statements of these migrations, to be carried out one by one in one transaction. Citus takes no two at once
    that concern tables which it has spread.
    """
    statements = [_CREATE_VERSIONS] if first else []
    for migration in todo:
        statements += [*statements_of(migration.sql), migration.record]
    return statements


_COMMENT = r"--[^\n]*|/\*.*?\*/"
_PARTED = re.compile(rf"""{_COMMENT}|'[^']*'|"[^"]*"|(\$\w*\$).*?\1|;""", re.DOTALL)


def statements_of(sql: str) -> list[str]:
    """The statements of a migration, each with its semicolon and the comments before it. It knows quotes and dollar
    quotes; a migration has no backslash in quotes, no comment in a comment and no `begin atomic`.
    """
    ends = [found.end() for found in _PARTED.finditer(sql) if found[0] == ";"]
    pieces = [sql[begin:end].strip() for begin, end in zip([0, *ends], [*ends, len(sql)], strict=True)]
    return [piece for piece in pieces if re.sub(_COMMENT, "", piece, flags=re.DOTALL).strip(" \n;")]


def distribution(connection: Connection, where: str) -> list[str]:
    """What makes Citus spread the tables over its servers, but for those that are spread, each to be carried out in a
    transaction of its own; all that belongs to one shard stays together.
    """
    done = _spread_tables(connection, where)
    first = SPREAD[0]
    calls = {table: f"create_reference_table('{table}')" for table in COPIED}
    # A group of its own: by default they would join any other tables spread by a smallint in this database.
    calls[first] = f"create_distributed_table('{first}', 'shard', colocate_with => 'none')"
    for table in SPREAD[1:]:
        calls[table] = f"create_distributed_table('{table}', 'shard', colocate_with => '{first}')"
    return [f"select {call}" for table, call in calls.items() if table not in done]


def _spread_tables(connection: Connection, where: str) -> set[str]:
    with failing_for(where):
        if connection.execute("select to_regclass('pg_dist_partition')").fetchone() == (None,):
            return set()  # Citus is not there yet
        spread = connection.execute(
            "select relname from pg_dist_partition join pg_class as c on c.oid = logicalrelid::oid"
            " where relnamespace = quote_ident(current_schema())::regnamespace"
        )
        return {row[0] for row in spread}


def distribute(connection: Connection, where: str) -> bool:
    """Spreads the tables that are not spread yet: what was done before one fails stays done. False when there was
    none.
    """
    try:
        if connection.execute("select 1 from pg_extension where extname = 'citus'").fetchone() is None:
            raise StoreUnusable(f"{where} has no Citus: `create extension citus` first.")
        calls = distribution(connection, where)
        for call in calls:
            connection.execute(call.encode())
        return bool(calls)
    except psycopg.Error as error:
        raise StoreUnusable(f"{where} cannot be distributed: {one_line(error)}.") from error
