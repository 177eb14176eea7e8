"""Schemas of other releases, for both databases: what only adds is served, all else is refused with words that help."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from tests.postgres.places import Place, admin, new_empty_place, new_place
from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc import cli
from workflowsvc.fsck import Options, audit
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.interface import Store
from workflowsvc.store.migrate import Migration
from workflowsvc.store.postgres import schema
from workflowsvc.store.sqlite import database_file
from workflowsvc.stores import open_read_only, open_store
from workflowsvc.testing import World

TABLES = (*schema.SPREAD, *schema.COPIED)


class Database(NamedTuple):
    """One without data, and how to do things to it behind the store's back."""

    where: str
    dialect: Any  # the module that owns its schema
    execute: Callable[[str], list[Any]]

    @property
    def newest(self) -> int:
        return self.dialect.MIGRATIONS[-1].number

    def open(self) -> Store:
        return open_store(self.where)

    def tables(self) -> set[str]:
        return {name for name in TABLES if self._has(name)}

    def _has(self, table: str) -> bool:
        try:
            self.execute(f"select 1 from {table} limit 1")
        except Exception:
            return False
        return True

    def expansion(self) -> str:
        """What a newer release might add to every table without harm to this one."""
        added = [
            f"alter table {table} add column added_later text; alter table {table} add column more integer default 7;"
            for table in sorted(self.tables())
        ]
        index = "create index added_index on executions (domain, added_later);"
        return f"-- :oldest {self.newest}\n{' '.join(added)} create table added (id integer primary key); {index}"


KINDS = ["sqlite", "postgres"]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Where the tests distribute tables, those of PostgreSQL are there already."""
    return database_of(request.param, tmp_path, new_place)


@pytest.fixture(params=KINDS)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    return database_of(request.param, tmp_path, new_empty_place)


def database_of(kind: str, folder: Path, make: Callable[[], Place]) -> Database:
    if kind == "sqlite":
        path = folder / "x.db"

        def execute_sqlite(sql: str) -> list[Any]:
            with closing(apsw.Connection(str(path))) as connection:
                return connection.execute(sql).fetchall()

        return Database(f"sqlite:{path}", database_file, execute_sqlite)
    place = make()

    def execute_postgres(sql: str) -> list[Any]:
        with admin(place.dsn) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    return Database(place.dsn, schema, execute_postgres)


@pytest.fixture
def release(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`release(sql, sql)`: a release with these migrations more takes the place of ours; `release()` is ours again."""
    ours = database.dialect.MIGRATIONS

    def become(*more: str) -> None:
        added = [
            Migration(number, f"later{number}", sql) for number, sql in enumerate(more, start=len(ours) + 1)
        ]
        monkeypatch.setattr(database.dialect, "MIGRATIONS", [*ours, *added])

    return become


def migrate(database: Database, *options: str) -> int:
    return cli.main(["migrate", "--store", database.where, *options])


def work(world: World, stage: WorldFixture | None = None) -> WorldFixture:
    """A bit of everything; the second time some of it is there already."""
    on = stage or WorldFixture(world)
    name = "first" if stage is None else "second"
    on.start(name, tagList=["red"])
    timer = decision("StartTimer", timerId="t", startToFireTimeout="300")
    child = decision("StartChildWorkflowExecution", workflowId=f"child of {name}", workflowType=WORKFLOW)
    activity = decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY, heartbeatTimeout="60")
    on.decide(activity, timer, child)
    task = on.ask("PollForActivityTask", taskList=LIST)
    on.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"], details="half")
    on.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
    on.ask("SignalWorkflowExecution", workflowId=name, signalName="s")
    on.ask("ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0}, tagFilter={"tag": "red"})
    on.ask("TerminateWorkflowExecution", workflowId=name)
    on.ask("ListClosedWorkflowExecutions", startTimeFilter={"oldestDate": 0})
    return on


WORKFLOW = {"name": "workflow", "version": "1"}


def require_sound(database: Database, world: World) -> None:
    with closing(open_read_only(database.where)) as onlooker, onlooker.reader() as reader:
        assert list(audit(reader, Options(world.clock.now_ms()))) == []


def test_a_schema_that_a_newer_release_has_added_to_is_served(
    database: Database, release: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Expand: the release before goes on while nodes are replaced one by one, and after a step back."""
    database.open().close()
    release(database.expansion())
    assert migrate(database) == 0
    release()
    with closing(database.open()) as store:
        world = World(store=store)
        work(world)
        require_sound(database, world)
    assert migrate(database, "--print") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert {name for (name,) in database.execute("select more from executions")} == {7}
    target = f"sqlite:{tmp_path / 'copy.db'}"
    assert cli.main(["copy", "--from", database.where, "--to", target, "--source-is-stopped"]) == 0


def test_a_node_goes_on_while_the_schema_is_expanded_beside_it(
    database: Database, release: Callable[..., None]
) -> None:
    """Its statements are prepared, and what they return must not change."""
    if database.dialect is database_file:
        pytest.skip("a file has one process: it is expanded by its next one")
    with closing(database.open()) as store:
        world = World(store=store)
        on = work(world)
        release(database.expansion())
        assert migrate(database) == 0
        release()
        work(world, on)
        require_sound(database, world)


def test_what_a_newer_release_has_contracted_is_refused_by_every_command(
    database: Database, release: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    database.open().close()
    expand, contract = database.expansion(), "drop table added;"
    release(expand, contract)
    if database.dialect is schema:
        assert migrate(database) == 0
    else:
        database.open().close()
    release(expand)
    told = (
        rf"newer release of workflowsvc \(schema {database.newest + 1}\).*up to {database.newest}\. Upgrade"
    )
    with pytest.raises(StoreUnusable, match=told):
        database.open()
    release()
    with pytest.raises(StoreUnusable, match="newer release"):
        database.open()
    with pytest.raises(StoreUnusable, match="newer release"):
        open_read_only(database.where)
    capsys.readouterr()
    for words in (["serve", "--port", "0"], ["migrate"], ["migrate", "--print"], ["fsck"]):
        assert cli.main([words[0], "--store", database.where, *words[1:]]) != 0
        said = capsys.readouterr()
        assert f"newer release of workflowsvc (schema {database.newest + 2})" in said.err
        assert said.out == ""
    release(expand, contract)
    database.open().close()


def test_an_older_schema_is_upgraded_where_no_other_node_can_be_at_work(
    database: Database, release: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    database.open().close()
    release("create table added (id integer primary key);")
    with pytest.raises(StoreUnusable, match=rf"has schema {database.newest - 1}, and this release needs"):
        open_read_only(database.where)
    if database.dialect is schema:
        with pytest.raises(StoreUnusable, match="Run `workflowsvc migrate"):
            database.open()
        assert migrate(database) == 0
        assert f"applied {database.newest:04} later{database.newest}" in capsys.readouterr().out
    database.open().close()
    open_read_only(database.where).close()
    assert database.execute("select * from added") == []
    assert migrate(database) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_what_migrate_prints_does_what_migrate_does(
    database: Database, release: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """From nothing, and from the schema before; and printing changes nothing."""
    for more in ([], ["create table added (id integer primary key)"]):
        release(*more)
        assert migrate(database, "--print") == 0
        printed = capsys.readouterr().out
        assert migrate(database, "--print") == 0
        assert capsys.readouterr().out == printed != ""
        database.execute(printed)
        assert migrate(database, "--print") == 0
        assert "nothing to do" in capsys.readouterr().out
        with closing(database.open()) as store:
            world = World(store=store, seed=len(more) + 1)
            if not more:
                work(world)
    numbers = [number for (number,) in database.execute("select number from schema_versions order by 1")]
    assert numbers == list(range(1, database.newest + 1))


def test_a_migration_that_fails_leaves_nothing_behind(
    database: Database, release: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    database.open().close()
    release("create table added (id integer primary key); select nonsense;")
    assert migrate(database) == 1
    assert "nonsense" in capsys.readouterr().err
    release()
    database.open().close()
    with pytest.raises(Exception, match="added"):
        database.execute("select * from added")


def test_migrate_leaves_what_is_not_ours_alone(
    empty_database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty_database.execute("create table invoices (id integer)")
    for options in ([], ["--print"]):
        assert migrate(empty_database, *options) == 1
        assert "the database of another program" in capsys.readouterr().err
    (tmp_path / "letter.txt").write_text("Dear reader, " * 1000)
    assert cli.main(["migrate", "--store", f"sqlite:{tmp_path / 'letter.txt'}", "--print"]) == 1
    assert "cannot be read" in capsys.readouterr().err
