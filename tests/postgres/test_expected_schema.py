"""PostgreSQL: `fsck` and `doctor` name each difference of the schema, with the statement that removes it, and a damaged
schema or row ends no audit and no repair with a traceback.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

import psycopg
import pytest

from tests.postgres.places import in_parts, with_option
from tests.support.postgres_programs import require_programs
from tests.world_fixture import fill_every_table
from tools import expected_schema as tool
from tools import postgres
from workflowsvc import cli
from workflowsvc.fsck import Options, Problem, audit
from workflowsvc.store.errors import Unavailable
from workflowsvc.store.postgres import doctor, expected_schema, schema
from workflowsvc.store.postgres.read_only import PostgresReadOnlyStore
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.testing import World

NEWEST = schema.MIGRATIONS[-1].number
NOW = 0
_numbers = itertools.count(1)


class Patient(NamedTuple):
    """A database of its own, with a row in every table."""

    dsn: str
    admin: psycopg.Connection[tuple[object, ...]]

    def audited(self) -> list[Problem]:
        with closing(PostgresReadOnlyStore(self.dsn)) as store, store.reader() as reader:
            return list(audit(reader, Options(NOW, lint=False)))

    def of_schema(self) -> list[str]:
        return [problem.text for problem in self.audited() if problem.kind == "schema"]

    def bad(self) -> list[tuple[str, str]]:
        """What `doctor` says of the schema: what and the advice. The tests' server does not wait for its disk."""
        found = doctor.examine(self.admin, "here", lambda: 0)
        return [
            (finding.what, finding.advice)
            for finding in found
            if finding.level == "bad" and not re.search("clock|fsync", finding.what)
        ]

    def dump(self) -> list[object]:
        return [
            self.admin.execute(f"select t::text, xmin::text from {table} t order by 1".encode()).fetchall()
            for table in (*schema.SPREAD, *schema.COPIED)
        ]


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    require_programs()
    with postgres.running() as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("create database sound")
        fill(server.dsn("sound"))
        yield server
        server.stop("immediate")  # it need not write a hundred databases to the disk first


def fill(dsn: str) -> None:
    """Every table gets a row."""
    with closing(PostgresStore(dsn)) as store:
        fill_every_table(World(store=store))


@pytest.fixture
def new_patient(server: postgres.Server) -> Iterator[Callable[..., Patient]]:
    opened: list[psycopg.Connection[tuple[object, ...]]] = []

    def make(*damage: str) -> Patient:
        name = f"patient_{next(_numbers)}"
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"create database {name} template sound".encode())
        opened.append(psycopg.connect(server.dsn(name), autocommit=True))
        for statement in damage:
            opened[-1].execute(statement.encode())
        return Patient(server.dsn(name), opened[-1])

    yield make
    for connection in opened:
        connection.close()


DIFFERENCES = {
    "drop index tasks_waiting": "the index tasks_waiting is missing",
    "drop index domains_by_name; create index domains_by_name on domains (tenant, name)": (
        "the index domains_by_name is not as this release makes it"
    ),
    "drop index executions_open; create unique index executions_open on executions (shard, domain, workflow_id)": (
        "the index executions_open is not as this release makes it"
    ),
    "create unique index extra on tasks (kind, run)": "the index extra of tasks is not of workflowsvc",
    "alter table events drop constraint events_pkey": "the constraint events_pkey of events is missing",
    "alter table tasks drop constraint tasks_check": "the constraint tasks_check of tasks is missing",
    "alter table tasks add constraint few check (priority < 1000)": (
        "the constraint few of tasks is not of workflowsvc"
    ),
    "alter table tasks add foreign key (domain) references domains (id)": (
        "the constraint tasks_domain_fkey of tasks is not of workflowsvc"
    ),
    "create table bills (domain bigint references domains)": (
        "the foreign key bills_domain_fkey of the table bills refers to domains, which is not of workflowsvc"
    ),
    "alter table events set unlogged": "the table events is unlogged: a crash of the server empties it",
    "alter table executions enable row level security": (
        "row level security of the table executions is on, which can hide rows"
    ),
    "create rule forget as on delete to tasks do instead nothing": "the rule forget on tasks is not of workflowsvc",
    """
    create function nothing() returns trigger language plpgsql as 'begin return null; end';
    create trigger lost before insert on events for each row execute function nothing();
    """: "the trigger lost on events is not of workflowsvc",
    """
    create function nothing() returns trigger language plpgsql as 'begin return null; end';
    create trigger lost before insert on events for each row execute function nothing();
    alter table events disable trigger lost
    """: "the trigger lost on events is not of workflowsvc",
    "alter table tasks alter priority set default 7": "the column tasks.priority has the default 7",
    "alter table schema_versions alter applied_at drop default": (
        "the column schema_versions.applied_at has no default"
    ),
    "alter table messages alter id add generated always as identity": "the column messages.id is an identity",
    "alter table tasks alter priority type numeric": "the column tasks.priority is numeric, not integer",
    "alter table tasks alter priority type bigint": "the column tasks.priority is bigint, not integer",
    'alter table tasks alter task_list type text collate "default"': (
        'the column tasks.task_list is text, not text collate "C"'
    ),
    "alter table types alter status drop not null": "the column types.status takes null",
    "alter table heartbeats alter details set not null": "the column heartbeats.details refuses null",
    'alter table tasks add "A note" text': "the column tasks.A note is not of workflowsvc",
    "create table archived () inherits (events)": (
        "the table archived inherits from events, which then has the rows of both"
    ),
}
ONLY_A_BACKUP = {
    "drop table heartbeats": "the table heartbeats is missing",
    "drop table progress": "the table progress is missing",
    "drop table messages": "the table messages is missing",
    "drop table domains": "the table domains is missing",
    "alter table tasks drop position": "the column tasks.position is missing",
    "alter table events drop body": "the column events.body is missing",
    "delete from schema_versions; insert into schema_versions values ({newest}, 'other', 1)": (
        "schema_versions does not name the migrations that have made this schema"
    ),
}


def test_the_description_is_that_of_the_migrations(server: postgres.Server) -> None:
    with psycopg.connect(server.dsn("sound"), autocommit=True) as connection:
        assert expected_schema.FILE.read_text("utf-8") == tool.content(connection), (
            "run `python -m tools.expected_schema`"
        )


def test_the_description_was_made_after_the_newest_migration() -> None:
    """Also where there is no PostgreSQL."""
    made_of = json.loads(expected_schema.FILE.read_text("utf-8"))["migrations"]
    assert made_of == expected_schema.fingerprint(), "run `python -m tools.expected_schema`"


def test_of_a_sound_schema_nothing_is_said(new_patient: Callable[..., Patient]) -> None:
    patient = new_patient()
    assert patient.audited() == []
    assert patient.bad() == []


@pytest.mark.parametrize("damage", DIFFERENCES)
def test_a_difference_is_named_with_the_statement_that_removes_it(
    new_patient: Callable[..., Patient], damage: str
) -> None:
    told = DIFFERENCES[damage]
    patient = new_patient(damage)
    lines = patient.of_schema()
    assert len(lines) == 1, lines
    what, cure = lines[0][:-1].split(": `")
    assert what == told
    assert patient.bad() == [(told, cure)]
    patient.admin.execute(cure.encode())
    assert patient.audited() == []
    assert patient.bad() == []


@pytest.mark.parametrize("damage", ONLY_A_BACKUP)
def test_what_a_statement_cannot_bring_back_is_named(
    new_patient: Callable[..., Patient], damage: str
) -> None:
    patient = new_patient(damage.format(newest=NEWEST))
    assert f"{ONLY_A_BACKUP[damage]}: restore it from a backup" in patient.of_schema()
    assert (ONLY_A_BACKUP[damage], "restore it from a backup") in patient.bad()


@pytest.mark.parametrize("damage", [*DIFFERENCES, *ONLY_A_BACKUP])
def test_a_repair_of_another_schema_ends_with_a_report_and_writes_nothing(
    new_patient: Callable[..., Patient], damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    patient = new_patient(damage.format(newest=NEWEST), "analyze")
    tables = patient.dump() if damage in DIFFERENCES else None
    status = cli.main(["fsck", "--repair", "--store", patient.dsn])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err
    assert status == 1
    assert "\nschema    stays" in f"\n{printed.out}"
    assert "problem" in printed.out.splitlines()[-1]
    assert tables is None or patient.dump() == tables


OTHER_TYPES = {
    "bigint": ["numeric", "text"],
    "smallint": ["text"],
    "integer": ["numeric", "text"],
    "boolean": ["text", "integer using 1"],
    "bytea": ["text using 'x'", "integer using 7"],
    'text collate "C"': ["bytea using '\\x41'", "bigint using 7"],
    "text": ["bytea using '\\x41'"],
    "timestamp with time zone": ["text"],
}


@pytest.mark.parametrize("table", expected_schema.expected())
def test_nulls_and_values_of_other_types_are_reported_and_end_nothing(
    new_patient: Callable[..., Patient], table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In all rows of the table, one column after the other, without constraints and indexes."""
    patient = new_patient(f"create table bare as table {table}", f"drop table {table}")

    def reported(told: str, damage: str) -> None:
        patient.admin.execute(f"create table {table} as table bare; {damage}".encode())
        status = cli.main(["fsck", "--store", patient.dsn])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err, damage
        assert "Error: " not in printed.out, printed.out
        if table == "schema_versions" and status == 2:
            assert printed.err  # without its numbers a schema cannot be judged
        else:
            assert status == 1, (damage, printed)
            assert told in printed.out, (damage, printed.out)
        patient.admin.execute(f"drop table {table}".encode())

    for column, made in expected_schema.expected()[table].columns.items():
        which = f"the column {table}.{column}"
        if made.not_null:
            reported(f"{which} takes null", f"update {table} set {column} = null")
        for other in OTHER_TYPES[made.type]:
            reported(f"{which} is ", f"alter table {table} alter {column} type {other}")


def test_each_row_that_cannot_be_read_is_one_line(new_patient: Callable[..., Patient]) -> None:
    patient = new_patient(
        "alter table messages alter body drop not null",
        "update messages set body = null",
        "alter table types alter status drop not null",
        "update types set status = null where kind = 'activity'",
    )
    found = [problem.text for problem in patient.audited() if "cannot be read" in problem.text]
    assert sorted(text.removeprefix("message ").lstrip("0123456789 ") for text in found) == [
        "cannot be read: its body is nothing, which it cannot be",
        "cannot be read: its status is nothing, which it cannot be",
    ]


def test_what_does_not_need_an_altered_column_is_audited(new_patient: Callable[..., Patient]) -> None:
    patient = new_patient(
        "alter table heartbeats alter at type numeric",
        "alter table types alter created_at type numeric",
        "delete from tasks",
        "update domains set retention = 'soon'",
    )
    assert [problem.kind for problem in patient.audited()] == ["schema"] * 2 + ["catalog"]
    patient.admin.execute("update domains set retention = '1'")
    assert "is on no list" in " ".join(problem.text for problem in patient.audited())


def test_an_altered_column_is_an_error_of_its_statement_alone(new_patient: Callable[..., Patient]) -> None:
    """Also to a node: it answers 503, and the connection takes the next statement."""
    patient = new_patient("alter table domains alter id type numeric")
    with closing(PostgresStore(patient.dsn)) as store:
        for _ in range(2):
            with (
                store.transaction() as tx,
                pytest.raises(Unavailable, match="the type of id is not one that"),
            ):
                tx.domains("", "REGISTERED", None, 10, False)
            with store.transaction() as tx:
                assert tx.meta("token-key") is not None


def test_an_index_that_is_not_ready_is_damage(new_patient: Callable[..., Patient]) -> None:
    patient = new_patient(
        "update pg_index set indisready = false where indexrelid = 'executions_open'::regclass"
    )
    assert [problem.text for problem in patient.audited()] == [
        "the index executions_open is not valid: `reindex index` makes it anew"
    ]
    assert patient.bad() == [
        ("the index executions_open is not valid", "reindex index concurrently executions_open")
    ]


def test_what_a_newer_release_has_added_is_no_difference(new_patient: Callable[..., Patient]) -> None:
    """A rolling upgrade: migrations have run that only add, nodes and tools of this release go on."""
    added = f"insert into schema_versions values ({NEWEST + 1}, 'later', {NEWEST})"
    patient = new_patient(
        added,
        "alter table tasks add color text not null default 'red'",
        "create index tasks_by_color on tasks (color)",
        "create table colors (name text)",
        "alter table domains alter description set default ''",
    )
    assert patient.audited() == []
    assert patient.bad() == []
    patient.admin.execute("drop index tasks_waiting; alter table events set unlogged")
    assert [text.partition(":")[0] for text in patient.of_schema()] == [
        "the index tasks_waiting is missing",
        "the table events is unlogged",
    ]


def test_tables_in_parts_and_those_of_others_are_no_difference(new_patient: Callable[..., Patient]) -> None:
    """As near to Citus as one server comes (places.new_spread_place), where the parts stand beside their tables."""
    patient = new_patient(
        "create schema spread",
        "set search_path = spread, pg_catalog",
        "create table pg_extension as select 'citus' as extname",
        *[in_parts(statement) for statement in schema.script(schema.MIGRATIONS, first=True)],
    )
    patient = patient._replace(dsn=with_option(patient.dsn, "options", "-c search_path=spread,pg_catalog"))
    assert patient.audited() == []
    assert patient.bad() == []
    patient.admin.execute("alter table events_1 set unlogged; drop index tasks_waiting")
    assert [text.partition(":")[0] for text in patient.of_schema()] == [
        "the index tasks_waiting is missing",
        "the table events_1 is unlogged",
    ]


@pytest.mark.parametrize(
    ("quoted", "option"),
    [("other", "other"), ('"Work Flow"', '"Work\\ Flow"'), ('"say ""flow"""', '"say\\ ""flow"""')],
)
def test_a_schema_of_another_name_is_compared(
    new_patient: Callable[..., Patient], quoted: str, option: str
) -> None:
    """Two schemas of a database are two stores, whatever their names."""
    patient = new_patient(f"create schema {quoted}", f"set search_path = {quoted}")
    patient = patient._replace(dsn=with_option(patient.dsn, "options", f"-c search_path={option}"))
    PostgresStore(patient.dsn).close()
    assert patient.audited() == []
    patient.admin.execute("drop index tasks_waiting; alter table public.events set unlogged")
    assert [text.partition(":")[0] for text in patient.of_schema()] == ["the index tasks_waiting is missing"]


def test_an_audit_needs_no_right_but_to_read(
    server: postgres.Server, new_patient: Callable[..., Patient]
) -> None:
    patient = new_patient("drop index tasks_waiting", "revoke all on schema public from public")
    patient.admin.execute(
        "create role auditor login; grant usage on schema public to auditor;"
        " grant select on all tables in schema public to auditor"
    )
    reading = patient._replace(dsn=patient.dsn.replace("workflowsvc@", "auditor@"))
    assert [text.partition(":")[0] for text in reading.of_schema()] == ["the index tasks_waiting is missing"]


def test_servers_that_describe_themselves_in_other_words_are_asked_for_tables_only(
    new_patient: Callable[..., Patient],
) -> None:
    patient = new_patient("drop index tasks_waiting", "drop table heartbeats")

    def ask(statement: tool.Statement) -> tool.Rows:
        assert statement.name == b"schema_tables"
        return patient.admin.execute(statement.text).fetchall()

    found = [what for what, _ in expected_schema.compare(ask, in_full=False)]
    assert found == ["the table heartbeats is missing"]
