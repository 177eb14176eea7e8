"""Where tests find PostgreSQL: the server of WORKFLOWSVC_TEST_DSN, or one that is started for this run.

Owns the server of the run and the schemas made in it. Every store gets a schema of its own, so a given database is not
disturbed and needs no more than the right to create schemas. Without PostgreSQL tests are skipped, and say why.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import re
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

import psycopg
import pytest
from psycopg import conninfo

from tests.support.postgres_programs import require_programs
from tools import postgres
from workflowsvc.cli import main
from workflowsvc.store.postgres.schema import COPIED, MIGRATIONS, SPREAD, script
from workflowsvc.store.postgres.store import PostgresStore

_at_exit = contextlib.ExitStack()
atexit.register(_at_exit.close)
_numbers = itertools.count(1)

PARTS = 4


@functools.cache
def server() -> postgres.Server:
    """Started once, gone with this process. For tests that stop it or read its log."""
    require_programs("; or name a database with WORKFLOWSVC_TEST_DSN")
    return _at_exit.enter_context(postgres.running())


def given_dsn() -> str | None:
    return os.environ.get("WORKFLOWSVC_TEST_DSN")


def admin(dsn: str | None = None) -> psycopg.Connection[tuple[object, ...]]:
    """An ordinary connection to the database of the tests."""
    return psycopg.connect(dsn or given_dsn() or server().dsn(), autocommit=True)


class Place(NamedTuple):
    """A schema without data and the address under which a store uses it."""

    schema: str
    dsn: str


def new_place() -> Place:
    """Without tables; or with ours, distributed, where WORKFLOWSVC_TEST_DISTRIBUTE says so."""
    place = new_empty_place()
    if distribute := distributed_by():
        assert main(["migrate", "--store", place.dsn, "--distribute", distribute]) == 0
    return place


def distributed_by() -> str | None:
    """The extension that distributes the tables of every place."""
    return os.environ.get("WORKFLOWSVC_TEST_DISTRIBUTE")


def new_empty_place() -> Place:
    """Without tables, also where those of other places are distributed."""
    schema = f"workflowsvc_test_{os.getpid()}_{next(_numbers)}"
    base = given_dsn() or server().dsn()
    with admin() as connection:
        connection.execute(f'create schema "{schema}"')
    if given_dsn():
        _at_exit.callback(_drop, schema)
    more = conninfo.conninfo_to_dict(base).get("options", "")  # of two, the last one would count
    return Place(schema, with_option(base, "options", f"{more} -c search_path={schema}".strip()))


def new_spread_place() -> Place:
    """As near to many servers as one of them comes: its tables are in parts by shard, so an index that must be unique
    has to begin with it, and plans show which parts a statement reaches into. And it says that it is Citus, so rows
    are sent one by one. Skips the test where tables are really distributed.
    """
    if distribute := distributed_by():
        pytest.skip(f"{distribute} spreads the tables of the other stores, which this one only imitates")
    place = new_empty_place()
    place = place._replace(dsn=with_option(place.dsn, "options", f"-c search_path={place.schema},pg_catalog"))
    with admin(place.dsn) as connection:
        connection.execute("create table pg_extension as select 'citus' as extname")
        for statement in script(MIGRATIONS, first=True):
            connection.execute(in_parts(statement).encode())
    return place


def in_parts(sql: str) -> str:
    """The same schema with the tables of executions in parts; what is said of their storage is left out."""
    for table in SPREAD:
        parts = "".join(
            f"create table {table}_{n} partition of {table} for values with (modulus {PARTS}, remainder {n});\n"
            for n in range(PARTS)
        )
        sql = re.sub(
            rf"(^create table {table} \(.*?^\))( with \(.*?\))?;$",
            rf"\1 partition by hash (shard);\n{parts}",
            sql,
            flags=re.MULTILINE | re.DOTALL,
        )
    return sql


def with_option(dsn: str, name: str, value: str) -> str:
    """A DSN in the form of a URL, with one more parameter."""
    return f"{dsn}{'&' if '?' in dsn else '?'}{name}={quote(value, safe='')}"


def _drop(schema: str) -> None:
    with admin() as connection:
        connection.execute(f'drop schema "{schema}" cascade')


class _Kept(NamedTuple):
    place: Place
    store: PostgresStore


_kept: dict[Callable[[], Place], list[_Kept]] = defaultdict(list)


def open_empty_store(make: Callable[[], Place] = new_place) -> PostgresStore:
    """In a schema whose last store is closed, emptied, because making tables takes longer than most tests."""
    kept = _kept[make]
    for number, (place, store) in enumerate(kept):
        if store._closed:  # pyright: ignore[reportPrivateUsage]
            empty(place)
            again = PostgresStore(place.dsn)
            kept[number] = _Kept(place, again)
            return again
    place = make()
    kept.append(_Kept(place, PostgresStore(place.dsn)))
    return kept[-1].store


def empty(place: Place) -> None:
    tables = [table for table in (*SPREAD, *COPIED) if table != "schema_versions"]
    with admin() as connection:
        connection.execute("; ".join(f'delete from "{place.schema}".{table}' for table in tables))
