"""Whatever a row, table or page holds, an audit ends with a report: one line for what is wrong, and no traceback."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, NoReturn

import apsw
import pytest

from tests.fsck.full_database import FullDatabase
from tests.postgres.places import admin, new_place
from workflowsvc import cli
from workflowsvc.fsck import catalog
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.sqlite.audit_reads import SqliteAuditReader
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World

audit_module = importlib.import_module("workflowsvc.fsck.audit")  # the package has a function of each name
repair_module = importlib.import_module("workflowsvc.fsck.repair")

TEXT_LINE = re.compile(r"(\w+) +(repairable|stays) +(.+)")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A full database that no server uses."""
    path = tmp_path_factory.mktemp("full") / "workflowsvc.db"
    FullDatabase(SqliteStore(str(path))).store.close()
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, full: bytes) -> Path:
    """A copy of it to be damaged."""
    path = tmp_path / "workflowsvc.db"
    path.write_bytes(full)
    return path


def execute(path: Path, *statements: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        for statement in statements:
            connection.execute(statement)


def lines(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """The lines of the report but for the last one, which says what was read."""
    status = cli.main(["fsck", "--store", f"sqlite:{path}", *options])
    printed = capsys.readouterr()
    assert printed.err == ""
    *found, last = printed.out.splitlines()
    assert status == (1 if found else 0)
    assert last.endswith("Nothing is wrong.") == (not found)
    assert all(TEXT_LINE.fullmatch(line) for line in found)
    return found


class Damage(NamedTuple):
    statements: tuple[str, ...]
    said: str  # part of a line
    only: bool = True  # it is the only line


DAMAGES = {
    "a runId that is not UTF-8": Damage(
        ("update executions set run_id = cast(x'ff41' as text) where workflow_id = 'idle'",),
        "its runId is not UTF-8",
        only=False,  # messages about it have another runId
    ),
    "a workflowId that is not UTF-8": Damage(
        ("update executions set workflow_id = cast(x'ff41' as text) where workflow_id = 'closed'",),
        "its workflowId is not UTF-8",
    ),
    "a retention that is no number": Damage(
        ("update domains set retention = 'soon'",),
        "its retention 'soon' is neither a number of days nor NONE",
    ),
    "a retention without end": Damage(
        ("update domains set retention = '999999999999999'",), "its retention '999999999999999' is neither"
    ),
    "a time without end": Damage(
        (
            "update events set body = cast(replace(cast(body as text), 'E9,', 'E90,') as blob)"
            " where run = (select run from executions where workflow_id = 'idle')",
        ),
        "has a time that there is not",
    ),
    "a negative retention": Damage(("update domains set retention = '-5'",), "its retention '-5'"),
    "a missing table": Damage(("drop table tasks",), "the table tasks is missing", only=False),
    "a missing index": Damage(("drop index executions_by_wake",), "the index executions_by_wake is missing"),
    "a missing index that the audit needs": Damage(
        ("drop index executions_closed_workflow",),
        "the index executions_closed_workflow is missing",
        only=False,
    ),
    "an index that is not unique": Damage(
        ("drop index events_by_run", "create index events_by_run on events (run, event_id)"),
        "the index events_by_run is not as this release makes it",
    ),
    "a column more": Damage(
        ("alter table tasks add column colour text",), "the table tasks is not as this release makes it"
    ),
    "deleted types": Damage(
        ("delete from types where kind = 'workflow'",), "and no call has deleted it", only=False
    ),
    "deleted activity types": Damage(
        ("delete from types where kind = 'activity'",), "and no call has deleted it"
    ),
    "type defaults that cannot be read": Damage(
        ("update types set defaults = cast('{' as blob) where kind = 'workflow'",),
        "its defaults cannot be read",
        only=False,
    ),
    "type defaults of another shape": Damage(
        ("""update types set defaults = cast('{"defaultTaskList":7}' as blob) where kind = 'activity'""",),
        "its defaults cannot be read",
    ),
    "a type of no domain": Damage(
        ("update types set domain = 5 where kind = 'activity'",),
        "belongs to domain 5, which there is not",
        only=False,
    ),
    "a type of a status that there is not": Damage(
        ("update types set status = 'GONE' where kind = 'activity'",), "its status is 'GONE'"
    ),
    "a domain of a status that there is not": Damage(
        ("update domains set status = 'GONE'",), "its status is 'GONE'"
    ),
    "a tenant that is none": Damage(
        ("update domains set tenant = 'somewhere'",),
        "its tenant 'somewhere' is no account and region",
        only=False,
    ),
    "no token key": Damage(
        ("delete from meta where key = 'token-key'",), "the key of all tokens is not there"
    ),
    "a long token key": Damage(
        ("update meta set value = zeroblob(33) where key = 'token-key'",),
        "the key of all tokens has 33 bytes, not 32",
    ),
    "set-aside tasks that cannot be read": Damage(
        ("insert into meta values ('tasks-set-aside', x'7b')",), "tasks-set-aside cannot be read"
    ),
    "domain tags that cannot be read": Damage(
        ("update domains set tags = cast('[]' as blob)",), "its resource tags cannot be read"
    ),
    "a foreign trigger": Damage(
        ("create trigger spy after insert on events begin delete from tasks; end",),
        "the trigger spy is not of workflowsvc",
    ),
    "a foreign table": Damage(
        ("create table invoices (id integer)",), "the table invoices is not of workflowsvc"
    ),
    "another list of migrations": Damage(
        ("update schema_versions set name = 'another'",), "schema_versions does not name the migrations"
    ),
    "an event kept under another number": Damage(
        (
            "update events set event_id = 99 where event_id = (select max(event_id) from events as e where e.run ="
            " events.run) and run = (select run from executions where workflow_id = 'idle')",
        ),
        "is kept under number 99",
    ),
    "an event before the first": Damage(
        (
            "insert into events (run, event_id, body) select run, -4, x'' from executions where workflow_id = 'idle'",
        ),
        "event 1 of the stored ones is none",
    ),
    "a run with a negative key": Damage(
        (
            "insert into executions select -7, 'r', domain, 'w', type_name, type_version, tags, null, null, started_at,"
            " 3, null, 0, null, null, null from executions limit 1",
        ),
        "its runId does not hold its key -7",
        only=False,
    ),
    "details of a heartbeat that are not UTF-8": Damage(
        ("update heartbeats set details = x'ff'",), "the details of the heartbeat of event"
    ),
    "tags of a run that are not UTF-8": Damage(
        (
            "update execution_tags set tag = x'ff' where tag = cast('blue' as blob) and list = 'open by start'",
        ),
        "is not listed under",
        only=False,
    ),
    "a message that is not UTF-8": Damage(
        ("update messages set body = x'22ff22' where id = (select min(id) from messages)",),
        "cannot be read",
        only=False,
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_what_cannot_be_read_or_is_not_ours_is_one_line(
    path: Path, damage: Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(path, *damage.statements)
    found = lines(path, capsys)
    assert any(damage.said in line for line in found), found
    if damage.only:
        assert len(found) == 1, found
    lines(path, capsys, "--quick")
    with_json = cli.main(["fsck", "--store", f"sqlite:{path}", "--json"])
    assert with_json == 1
    assert len(json.loads(capsys.readouterr().out)["problems"]) == len(found)


# Of these columns any value is possible: nothing else says what it was.
FREE = {
    ("domains", "description"),
    ("events", "place"),
    ("feed", "at"),
    ("feed", "generation"),
    ("feed", "number"),
    ("feed", "place"),
    ("feed", "run"),  # of one that is not there any more
    ("heartbeats", "at"),
    ("heartbeats", "details"),
    ("messages", "id"),
    ("schema_versions", "oldest"),
    ("tasks", "position"),
    ("types", "created_at"),
    ("types", "deprecated_at"),
    ("types", "description"),
}
VALUES = {
    "text": ["cast(x'41ff42' as text)", "''", "'Order'"],
    "blob": ["x'ff00'", "x''", "zeroblob(70)"],
    "integer": ["-5", "9223372036854775807", "7"],
}


def columns() -> list[tuple[str, str, str]]:
    """Each table, column and value to put there."""
    with closing(SqliteStore(None)) as store:
        connection = store._writer  # pyright: ignore[reportPrivateUsage]
        tables = [
            name for (name,) in connection.execute("select name from sqlite_schema where type = 'table'")
        ]
        return [
            (str(table), str(column), value)
            for table in tables
            for _, column, kind, *_ in connection.execute(f"pragma table_info({table})")
            for value in VALUES[str(kind).lower()]
        ]


@pytest.mark.parametrize(("table", "column", "value"), columns())
def test_any_value_in_any_column_ends_with_a_report(
    path: Path, table: str, column: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One row is changed, the last one of its table, and of `meta` the key of all tokens: its others hold any value.
    What follows from a history, or must be readable, is noticed. A repair comes to an end too."""
    with closing(apsw.Connection(str(path))) as connection:
        key = [row[1] for row in connection.execute(f"pragma table_info({table})") if row[5]]
        listed = ", ".join(f"{name} desc" for name in key)
        row = connection.execute(f"select {', '.join(key)} from {table} order by {listed} limit 1").get
        row = ("token-key",) if table == "meta" else row if isinstance(row, tuple) else (row,)
        where = " and ".join(f"{name} is ?" for name in key)
        if connection.execute(f"select {column} is {value} from {table} where {where}", row).get:
            pytest.skip("it is this value")
        try:
            connection.execute(f"update {table} set {column} = {value} where {where}", row)
        except apsw.ConstraintError:
            pytest.skip("the database does not take this value")
        assert connection.changes() == 1
    found = lines(path, capsys)
    if (table, column) not in FREE:
        assert found, "it is not noticed"
    assert cli.main(["fsck", "--repair", "--store", f"sqlite:{path}"]) in (0, 1, 2)


def test_a_type_that_a_call_has_deleted_is_not_missed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(SqliteStore(str(path))) as store:
        world = World(store=store)
        with store.reader() as reader:
            types = reader.every_type(None, 100)
        for row in types:
            action = f"{row.kind.capitalize()}Type"
            name = {f"{row.kind}Type": {"name": row.name, "version": row.version}}
            world.call(f"Deprecate{action}", domain="d", **name)
            world.call(f"Delete{action}", domain="d", **name)
    assert types
    assert lines(path, capsys) == []


def test_pages_that_cannot_be_read_are_lines_and_the_others_are_audited(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each page in turn is overwritten with garbage."""
    sound = path.read_bytes()
    audited = 0
    for page in range(1, len(sound) // 4096):
        path.write_bytes(sound[: page * 4096] + b"\xa5" * 4096 + sound[(page + 1) * 4096 :])
        status = cli.main(["fsck", "--store", f"sqlite:{path}"])
        printed = capsys.readouterr()
        assert status in (1, 2), page
        assert "Traceback" not in printed.err
        audited += status == 1
    assert audited > len(sound) // 4096 * 0.8


def test_pages_that_have_changed_places_are_reported(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is a sound page of another table or index, so that columns hold what they cannot."""
    sound = path.read_bytes()
    pages = [sound[place : place + 4096] for place in range(0, len(sound), 4096)]
    for first in range(1, len(pages) - 1):
        swapped = [*pages[:first], pages[first + 1], pages[first], *pages[first + 2 :]]
        if swapped == pages:
            continue
        path.write_bytes(b"".join(swapped))
        capsys.readouterr()
        assert cli.main(["fsck", "--quick", "--store", f"sqlite:{path}"]) in (1, 2), first
        assert "\ncheck " not in "\n" + capsys.readouterr().out, first
        assert cli.main(["fsck", "--quick", "--repair", "--store", f"sqlite:{path}"]) in (1, 2), first


def test_rows_that_are_out_of_order_do_not_come_again_and_again(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In each table and index in turn, the entries of a page are in reverse."""
    sound = path.read_bytes()
    with closing(apsw.Connection(str(path))) as connection:
        roots = [int(str(page)) for (page,) in connection.execute("select rootpage from sqlite_schema")]
    tried = 0
    for number, start in enumerate((page - 1) * 4096 for page in roots):
        header = {0x0D: 8, 0x0A: 8, 0x05: 12, 0x02: 12}[sound[start]]  # of leaves; of inner pages
        entries = int.from_bytes(sound[start + 3 : start + 5], "big")
        if entries < 2:
            continue
        tried += 1
        first, end = start + header, start + header + 2 * entries
        pointers = [sound[place : place + 2] for place in range(first, end, 2)]
        damaged = sound[:first] + b"".join(reversed(pointers)) + sound[end:]
        for words in (
            ["fsck", "--quick", "--store"],
            ["fsck", "--quick", "--repair", "--store"],
            ["copy", "--with-problems", "--to", f"sqlite:{tmp_path / f'{number}.db'}", "--from"],
        ):
            path.write_bytes(damaged)
            assert cli.main([*words, f"sqlite:{path}"]) in (1, 2), (number, words)
        capsys.readouterr()
    assert tried > 10


def test_an_error_that_no_check_foresees_is_a_line_and_the_audit_goes_on(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each check in turn, and in a repair: the others find what they find."""

    def broken(*_: object, **__: object) -> NoReturn:
        raise LookupError("not\nforeseen")

    def broken_check(*_: object, **__: object) -> Iterator[NoReturn]:
        yield broken()

    execute(path, "delete from tasks", "update domains set status = 'GONE'")
    before = path.read_bytes()
    everything = {*lines(path, capsys)}
    places: list[tuple[object, str]] = [
        (audit_module, "_check_files"),
        (audit_module, "compare"),
        (audit_module, "_check_rules"),
        (audit_module, "_check_orphans"),
        (catalog, "_type"),
        (catalog, "_domain"),
        (catalog, "_meta"),
        (SqliteAuditReader, "schema_errors"),
        (SqliteAuditReader, "runs"),
        (SqliteAuditReader, "waiting_messages"),
        (SqliteAuditReader, "every_type"),
        (SqliteAuditReader, "every_meta"),
        (SqliteAuditReader, "orphans"),
        (SqliteAuditReader, "integrity_errors"),
    ]
    for place, name in places:
        with monkeypatch.context() as patch:
            patch.setattr(place, name, broken if place is SqliteAuditReader else broken_check)
            found = lines(path, capsys)
        assert [line for line in found if "LookupError: not foreseen" in line], name
        assert everything & {*found}, name
    assert path.read_bytes() == before
    with monkeypatch.context() as patch:
        patch.setattr(repair_module, "_write", broken)
        assert cli.main(["fsck", "--repair", "--store", f"sqlite:{path}"]) == 1
    said = capsys.readouterr()
    assert "the repair of run " in said.out
    assert said.err == ""


def test_set_aside_tasks_that_cannot_be_read_are_repaired(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(path, "insert into meta values ('tasks-set-aside', x'7b')")
    with (
        closing(SqliteStore(str(path))) as store,
        pytest.raises(StoreUnusable, match="fsck --repair` mends it"),
    ):
        World(store=store)
    assert cli.main(["fsck", "--store", f"sqlite:{path}", "--repair"]) == 0


def test_a_database_with_another_schema_is_not_repaired(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows would be written by statements that expect other tables and indexes."""
    execute(path, "drop index executions_by_wake", "delete from tasks")
    before = path.read_bytes()
    assert cli.main(["fsck", "--store", f"sqlite:{path}", "--repair"]) == 1
    assert "on no list" in capsys.readouterr().out
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update domains set retention = 'soon'", "its retention 'soon' is neither"),
        ("update domains set tags = '[]'", "its resource tags cannot be read"),
        ("update domains set description = '\\xff'", "cannot be read behind"),
        ("update types set defaults = '{' where kind = 'activity'", "its defaults cannot be read"),
        ("delete from types where kind = 'activity'", "and no call has deleted it"),
        ("delete from meta where key = 'token-key'", "the key of all tokens is not there"),
        ("insert into meta values ('tasks-set-aside', '{')", "tasks-set-aside cannot be read"),
        ("update heartbeats set details = '\\xff'", "cannot be read: 'utf-8' codec"),
    ],
)
def test_on_postgresql_too_damage_ends_with_a_report(
    path: Path, statement: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and the rest is audited; tests/postgres/test_expected_schema.py has the schema's own damage."""
    place = new_place()
    assert cli.main(["copy", "--from", f"sqlite:{path}", "--to", place.dsn]) == 0
    capsys.readouterr()
    with admin(place.dsn) as connection:
        connection.execute(statement.encode())
    assert cli.main(["fsck", "--store", place.dsn]) == 1
    report = capsys.readouterr().out
    assert [line for line in report.splitlines() if said in line], report
    # Without its domain, what a feed tells cannot be judged either.
    assert len([line for line in report.splitlines() if not line.startswith("feed ")]) == 2
