"""PostgreSQL: what cannot serve is refused with a message that says what to do; empty databases are made ready."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import conninfo

from tests.postgres.places import Place, admin, with_option
from tests.store.rows import execution_row, insert
from tools.postgres import Server
from workflowsvc.cli import context_of_process
from workflowsvc.commands import migrate as command
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.migrate import Migration, Version
from workflowsvc.store.postgres import schema
from workflowsvc.store.postgres.read_only import PostgresReadOnlyStore
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.postgres.wire import shown_address
from workflowsvc.store.sqlite.store import SqliteStore

NEWEST = schema.MIGRATIONS[-1].number


def refused(dsn: str, told: str) -> None:
    with pytest.raises(StoreUnusable, match=told):
        PostgresStore(dsn)


def test_what_is_not_an_address_is_refused() -> None:
    refused("postgresql://host:notaport/x", "(?i)cannot be used|not the address")
    refused("postgresql://?nonsense=1", "not the address of a PostgreSQL database: .*nonsense")


def test_a_server_that_is_not_there_is_told(own_server: Server) -> None:
    refused("postgresql://x@127.0.0.1:1/x", r"^postgresql://x@127.0.0.1:1/x cannot be used: .*refused")
    refused("postgresql://x@nowhere.invalid/x", "nowhere.invalid")
    refused(own_server.dsn("nobody"), 'database "nobody" does not exist')


def test_a_standby_is_refused(own_server: Server) -> None:
    refused(
        with_option(own_server.dsn(), "options", "-c default_transaction_read_only=on"), "read-only|read only"
    )


@pytest.fixture
def superuser(own_server: Server) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(own_server.dsn(), autocommit=True) as connection:
        yield connection


def test_a_database_that_cannot_hold_all_text_is_refused(
    own_server: Server, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    superuser.execute("create database latin encoding 'LATIN1' locale 'C' template template0")
    refused(own_server.dsn("latin"), "keeps text as LATIN1; UTF8 is needed")


def test_a_user_without_rights_is_told_who_can_help(
    own_server: Server, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    superuser.execute("create role stranger login")
    superuser.execute("create schema closed")
    dsn = own_server.dsn().replace("workflowsvc@", "stranger@")
    refused(
        with_option(dsn, "options", "-c search_path=closed"),
        "no schema has been selected",
    )
    superuser.execute("grant usage on schema closed to stranger")
    refused(
        with_option(dsn, "options", "-c search_path=closed"), "the user stranger may not create tables there"
    )


def test_too_few_connections_are_told(
    own_server: Server, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    superuser.execute("create role lonely login connection limit 0")
    refused(own_server.dsn().replace("workflowsvc@", "lonely@"), "too many connections for role")


def test_the_database_of_another_program_is_left_alone(place: Place) -> None:
    with admin(place.dsn) as connection:
        connection.execute("create table invoices (id int)")
    refused(place.dsn, "is the database of another program")
    with pytest.raises(StoreUnusable, match="another program"):
        migrate(place.dsn)


def test_relations_of_extensions_are_no_other_program(
    own_server: Server, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    """As the views of Citus and pg_stat_statements in `public`; here plpgsql, which every server has, owns some."""
    superuser.execute("create database extended")
    dsn = own_server.dsn("extended")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create view statements as select 1 as calls")
        connection.execute("create table settings (name text primary key)")
        connection.execute("alter extension plpgsql add view statements")
        connection.execute("alter extension plpgsql add table settings")
    with closing(PostgresStore(dsn)) as store:
        insert(store, execution_row(1))
    superuser.execute("create database occupied template extended")
    with psycopg.connect(own_server.dsn("occupied"), autocommit=True) as connection:
        connection.execute("drop table schema_versions")
    refused(own_server.dsn("occupied"), "is the database of another program")


def test_an_empty_database_gets_the_schema_and_keeps_it(place: Place) -> None:
    for _ in range(2):
        with closing(PostgresStore(place.dsn)):
            pass
    with admin(place.dsn) as connection:
        rows = connection.execute("select number, name from schema_versions order by 1").fetchall()
    assert rows == [(migration.number, migration.name) for migration in schema.MIGRATIONS]


def versions_seen(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[int, schema.Connection], None],
) -> list[int]:
    """By a node that opens this place. Behind each of its looks, which are counted, another one does something."""
    look = schema.version_of
    seen: list[int] = []

    def looked(connection: schema.Connection, where: str) -> Version:
        version = look(connection, where)
        seen.append(version.number)
        with admin(place.dsn) as other:
            meanwhile(len(seen), other)
        return version

    monkeypatch.setattr(schema, "version_of", looked)
    PostgresStore(place.dsn).close()
    return seen


def test_a_node_that_comes_second_uses_the_schema_that_was_made(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look at an empty database and its own `create table` another one commits."""

    def make_it(looks: int, other: schema.Connection) -> None:
        if looks == 2:  # the first one is that of `check`
            for statement in schema.script(schema.MIGRATIONS, first=True):
                other.execute(statement.encode())

    assert versions_seen(place, monkeypatch, make_it) == [0, 0, NEWEST]


def test_a_node_that_comes_second_by_a_hair_looks_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table was not there yet when PostgreSQL looked for it, its type was: that is told in other words."""

    def have_a_type_for_once(looks: int, other: schema.Connection) -> None:
        if looks == 2:
            other.execute("create type schema_versions as enum ()")
        elif looks == 3:
            other.execute("drop type schema_versions")

    assert versions_seen(place, monkeypatch, have_a_type_for_once) == [0, 0, 0]


def test_a_schema_that_is_too_new_is_refused(place: Place) -> None:
    PostgresStore(place.dsn).close()
    with admin(place.dsn) as connection:
        connection.execute("insert into schema_versions values (%s, 'later', %s)", (NEWEST + 1, NEWEST + 1))
    refused(place.dsn, f"written by a newer release of workflowsvc .schema {NEWEST + 1}.*Upgrade workflowsvc")
    with pytest.raises(StoreUnusable, match="newer release"):
        migrate(place.dsn)


def test_a_newer_schema_that_only_adds_to_this_one_will_do(place: Place) -> None:
    PostgresStore(place.dsn).close()
    with admin(place.dsn) as connection:
        connection.execute("insert into schema_versions values (%s, 'later', %s)", (NEWEST + 1, NEWEST))
    with closing(PostgresStore(place.dsn)) as store:
        insert(store, execution_row(1))


def test_an_old_schema_is_refused_until_it_is_migrated(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    PostgresStore(place.dsn).close()
    added = Migration(NEWEST + 1, "more", f"-- :oldest {NEWEST}\ncreate table more (id int);")
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, added])
    refused(place.dsn, f"has schema {NEWEST}, and this release needs {NEWEST + 1}. Run `workflowsvc migrate")
    assert migrate(place.dsn) == 0
    PostgresStore(place.dsn).close()
    monkeypatch.undo()
    PostgresStore(place.dsn).close()  # a node of the release before goes on


def test_a_migration_that_fails_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    PostgresStore(place.dsn).close()
    broken = Migration(NEWEST + 1, "broken", "create table more (id int); select nonsense;")
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, broken])
    with pytest.raises(StoreUnusable, match=r"cannot be upgraded: .*nonsense"):
        migrate(place.dsn)
    monkeypatch.undo()
    PostgresStore(place.dsn).close()
    with admin(place.dsn) as connection:
        assert connection.execute("select to_regclass('more')").fetchone() == (None,)


def migrate(dsn: str, *more: str) -> int:
    context = context_of_process()
    parser = argparse.ArgumentParser()
    command.add_arguments(parser, context)
    return command.run(context, parser.parse_args(["--store", dsn, *more]))


def test_migrate_prints_sql_that_does_the_same_and_changes_nothing(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(place.dsn, "--print") == 0
    printed = capsys.readouterr().out
    with admin(place.dsn) as connection:
        assert connection.execute("select to_regclass('executions')").fetchone() == (None,)
        connection.execute(printed.encode())
    assert migrate(place.dsn, "--print") == 0
    assert "nothing to do" in capsys.readouterr().out
    with closing(PostgresStore(place.dsn)) as store:
        insert(store, execution_row(1))


SEVERAL = """
-- Two tables; the first has a comment; it ends here.
create table one (name text default 'a;b', "odd;name" int); /* nothing ; yet */ create table two (id int);
create function three() returns int language plpgsql as $body$ begin perform 1; return $$;$$::text <> ''; end $body$;
-- and nothing more;
"""


def test_a_migration_is_carried_out_one_statement_at_a_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that prepares statements takes no two at once, and Citus none about a table that it has spread."""
    PostgresStore(place.dsn).close()
    later = Migration(NEWEST + 1, "later", SEVERAL)
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, later])
    with schema.opened(place.dsn, "here") as connection:
        connection.prepare_threshold = 0
        assert schema.upgrade(connection, "here") == [later]
        assert connection.execute(
            "select to_regclass('one') is null, to_regclass('two') is null"
        ).fetchall() == [(False, False)]


def test_a_migration_is_parted_where_its_statements_end() -> None:
    parts = schema.statements_of(SEVERAL)
    assert [part.splitlines()[-1].split("(")[0] for part in parts] == [
        "create table one ",
        "/* nothing ; yet */ create table two ",
        "create function three",
    ]
    assert all(part.endswith(";") for part in parts)
    assert schema.statements_of("select 1; select 2") == ["select 1;", "select 2"]
    assert schema.statements_of("-- nothing\n;;") == []


def test_migrate_prints_how_citus_spreads_every_table(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(place.dsn, "--print", "--distribute", "citus") == 0
    printed = capsys.readouterr().out
    tables = set(re.findall(r"^create table (\w+)", printed, re.MULTILINE))
    spread = set(re.findall(r"create_distributed_table\('(\w+)', 'shard'", printed))
    copied = set(re.findall(r"create_reference_table\('(\w+)'\)", printed))
    assert spread | copied == tables
    assert not spread & copied
    for table in tables:
        columns = re.search(rf"^create table {table} \((.*?)^\)", printed, re.MULTILINE | re.DOTALL)
        assert columns is not None
        assert ("shard smallint not null" in columns[1]) is (table in spread)
        key = re.search(r"primary key \((\w+)", columns[1])
        assert table in copied or (key is not None and key[1] == "shard")
    unique = re.findall(r"^create unique index \w+ on (\w+) \((\w+)", printed, re.MULTILINE)
    assert all(column == "shard" for table, column in unique if table in spread)


def test_migrate_spreads_what_is_not_spread_yet(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """On a database that has Citus in name only: its functions note what they are called with."""
    dsn = with_option(place.dsn, "options", f"-c search_path={place.schema},pg_catalog")
    PostgresStore(place.dsn).close()
    with admin(dsn) as connection:
        connection.execute(
            "create table pg_extension as select 'citus' as extname;"
            "create table pg_dist_partition (logicalrelid regclass, colocated text);"
            "create function create_reference_table(what regclass) returns void language sql as"
            " 'insert into pg_dist_partition values ($1)';"
            "create function create_distributed_table(what regclass, by text, colocate_with text) returns void"
            " language sql as 'insert into pg_dist_partition values ($1, $3)'"
        )
        assert migrate(dsn, "--distribute", "citus") == 0
        assert "distributed by shard" in capsys.readouterr().out
        connection.execute("delete from pg_dist_partition where logicalrelid = 'tasks'::regclass")
        assert migrate(dsn, "--print", "--distribute", "citus") == 0
        printed = capsys.readouterr().out
        assert re.findall(r"create_\w+\('(\w+)'", printed) == ["tasks"]
        assert migrate(dsn, "--distribute", "citus") == 0
        assert "distributed by shard" in capsys.readouterr().out
        spread = connection.execute("select logicalrelid::text, colocated from pg_dist_partition").fetchall()
        others = dict.fromkeys(schema.SPREAD[1:], "executions")
        copied = dict.fromkeys(schema.COPIED)
        assert len(spread) == len(dict(spread))
        assert dict(spread) == {"executions": "none", **others, **copied}
        assert migrate(dsn, "--distribute", "citus") == 0
        assert "distributed already" in capsys.readouterr().out
        assert migrate(dsn, "--print", "--distribute", "citus") == 0
        assert "nothing to do" in capsys.readouterr().out


def test_migrate_without_citus_says_so(place: Place) -> None:
    with pytest.raises(StoreUnusable, match="no Citus"):
        migrate(place.dsn, "--distribute", "citus")


def test_migrate_of_sqlite_prints_and_applies(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    where = f"sqlite:{tmp_path}/w.db"
    assert migrate(where, "--print") == 0
    assert "create table executions" in capsys.readouterr().out
    with pytest.raises(StoreUnusable, match=r"w\.db is not there"):
        migrate(where)
    SqliteStore(f"{tmp_path}/w.db").close()
    assert migrate(where) == 0
    assert migrate(where, "--print") == 0
    assert "nothing to do" in capsys.readouterr().out
    for wrong in ("memory", "mysql://x"):
        with pytest.raises(StoreUnusable, match="no schema to migrate"):
            migrate(wrong)
    with pytest.raises(StoreUnusable, match="cannot be distributed"):
        migrate(where, "--distribute", "citus")


def test_advice_names_the_schema_and_can_be_pasted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    PostgresStore(place.dsn).close()
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, Migration(NEWEST + 1, "later", "")])
    with pytest.raises(StoreUnusable) as refusal:
        PostgresReadOnlyStore(place.dsn)
    advice = re.search(r"Run `(.+)` first", str(refusal.value))
    assert advice is not None
    words = shlex.split(advice[1])
    assert words[:3] == ["workflowsvc", "migrate", "--store"]
    shown = conninfo.conninfo_to_dict(words[3])
    assert shown["options"] == f"-csearch_path={place.schema}"


SCHEMA_OPTIONS = {
    "options=-csearch_path%3Dflows": "-csearch_path=flows",
    "options=-c%20search_path%3Dflows,public%20-c%20role%3Downer": "-csearch_path=flows,public",
    "options=--search-path%3Da%20-c%20search_path%3Db%5C%20c": "-csearch_path=b\\ c",
    "options=-c%20role%3Downer": None,
}


@pytest.mark.parametrize(("option", "shown"), SCHEMA_OPTIONS.items())
def test_a_shown_address_has_the_schema(option: str, shown: str | None) -> None:
    for address in ("postgresql://me@h:5/flows?", "postgresql:///flows?host=/tmp&port=5&"):
        again = conninfo.conninfo_to_dict(shown_address(f"{address}{option}"))
        assert again.get("options") == shown
        assert again["dbname"] == "flows"
        assert again["port"] == "5"


def test_no_password_is_ever_shown() -> None:
    secret = "postgresql://me:geheim@db.example:5433,other/flows?sslmode=require"
    assert shown_address(secret) == "postgresql://me@db.example:5433,other/flows"
    assert "geheim" not in shown_address("host=/tmp user=me password=geheim dbname=flows")
