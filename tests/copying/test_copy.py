"""`workflowsvc copy`: every row arrives, in each direction and after every interruption; wrong requests are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.fsck.full_database import FullDatabase
from tests.postgres.places import Place, admin, new_empty_place, new_place, with_option
from tests.store.test_sqlite_crash import child
from tests.world_fixture import WorldFixture, decision
from workflowsvc import cli
from workflowsvc.clock import SystemClock
from workflowsvc.copying import transfer
from workflowsvc.copying.compare import compare
from workflowsvc.node import Node
from workflowsvc.settings import Settings
from workflowsvc.store.errors import StoreError, StoreUnusable
from workflowsvc.store.interface import Store, Transaction
from workflowsvc.store.postgres import schema
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.stores import open_read_only
from workflowsvc.testing import World


@pytest.fixture
def source(tmp_path: Path) -> str:
    """An installation with rows of every kind that no server uses."""
    path = tmp_path / "source.db"
    FullDatabase(SqliteStore(str(path))).store.close()
    return f"sqlite:{path}"


@pytest.fixture
def place() -> Place:
    return new_place()


def copy(source: str, target: str, *options: str) -> int:
    return cli.main(["copy", "--from", source, "--to", target, *options])


def serves(store: str) -> bool:
    """Whether a server would start on it."""
    node = Node(Settings.from_environment({}, {"store": store}), SystemClock(), None, os.urandom)
    refusal = ""
    try:
        node.open().close()
    except StoreUnusable as reason:
        refusal = str(reason)
    finally:
        node.close()
    assert not refusal or "not finished" in refusal
    return not refusal


def require_same(left: str, right: str) -> None:
    """Row by row, lists of tags included."""
    one, other = open_read_only(left), open_read_only(right)
    with closing(one), closing(other):
        same = compare(one, other, lambda runs: None)
        assert same.domains
        assert same.types
        assert same.runs > 10
        assert same.events > 50
        assert same.tasks
        assert same.heartbeats
        assert same.messages
        assert same.entries
        with one.reader() as reader, other.reader() as copied:
            runs = reader.runs(-1, 1000)
            assert sorted(reader.tags_of(runs)) == sorted(copied.tags_of(runs)) != []
            assert reader.meta("token-key") == copied.meta("token-key") is not None


def dump(store: str) -> dict[str, list[tuple[Any, ...]]]:
    """All tables and columns, except the position of an event in the log, which names no event for clients."""
    with closing(apsw.Connection(store.removeprefix("sqlite:"))) as connection:
        tables = connection.execute("select name from sqlite_schema where type = 'table'").fetchall()
        found: dict[str, list[tuple[Any, ...]]] = {}
        for (table,) in tables:
            columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
            kept = ", ".join(column for column in columns if (table, column) != ("events", "place"))
            found[table] = sorted(connection.execute(f"select {kept} from {table}").fetchall(), key=repr)
        return found


def test_from_sqlite_to_postgresql_and_back_all_is_the_same(
    source: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert copy(source, place.dsn) == 0
    printed = capsys.readouterr().out
    assert "Both sides are audited and the same" in printed
    assert f"from {tmp_path}/source.db to postgresql://" in printed
    require_same(source, place.dsn)
    back = f"sqlite:{tmp_path / 'back.db'}"
    assert copy(place.dsn, back, "--source-is-stopped") == 0
    require_same(source, back)
    assert dump(back) == dump(source)
    further = new_place()
    assert copy(place.dsn, further.dsn, "--source-is-stopped") == 0
    require_same(source, further.dsn)
    assert serves(further.dsn)
    assert serves(back)


def test_from_file_to_file_all_is_the_same_and_the_source_is_as_it_was(source: str, tmp_path: Path) -> None:
    before = Path(source.removeprefix("sqlite:")).read_bytes()
    target = f"sqlite:{tmp_path / 'target.db'}"
    assert copy(source, target) == 0
    require_same(source, target)
    assert Path(source.removeprefix("sqlite:")).read_bytes() == before
    assert serves(target)


# --- interrupted ---


class Interrupted(BaseException):
    """Ends the copy at once, as SIGKILL would."""


@contextmanager
def interrupted_at(store_class: type[Store], number: int, *, committed: bool) -> Iterator[None]:
    """The transaction of this number is the last one of the copy; `committed` or rolled back."""
    begun = 0
    original = store_class.transaction

    @contextmanager
    def transaction(self: Store) -> Iterator[Transaction]:
        nonlocal begun
        begun += 1
        with original(self) as tx:
            yield tx
            if begun == number and not committed:
                raise Interrupted
        if begun == number:
            raise Interrupted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_class, "transaction", transaction)
        yield


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two rows, so that histories are cut into pieces."""
    for name in ("RUNS", "EVENTS", "MESSAGES", "ENTRIES", "CATALOG"):
        monkeypatch.setattr(transfer, f"{name}_BATCH_SIZE", 2)
    monkeypatch.setattr(transfer, "MAX_ROWS", 3)


def is_finished(target: str) -> bool:
    with closing(SqliteStore(target.removeprefix("sqlite:"))) as store, store.reader() as reader:
        return bool(reader.every_meta()) and reader.meta(transfer.UNFINISHED) is None


@pytest.mark.usefixtures("small_batches")
def test_a_copy_that_is_interrupted_anywhere_is_not_served_and_goes_on(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    went_on = 0
    for number in range(1, 1000):
        target = f"sqlite:{tmp_path / f'target{number}.db'}"
        committed = bool(number % 2)
        try:
            with interrupted_at(SqliteStore, number, committed=committed):
                copy(source, target)
        except Interrupted:
            if committed and is_finished(target):
                break  # the last transaction was the one that ends the copy
            if number > 1 and (number % 20 == 0 or number < 5):
                assert not serves(target)
            assert copy(source, target) == 0
            require_same(source, target)
            went_on += "Going on with a copy" in capsys.readouterr().out
        else:
            break
    assert number > 30, "the batches were small"
    assert went_on > 25


@pytest.mark.usefixtures("small_batches")
def test_a_copy_into_postgresql_goes_on_too(source: str, place: Place) -> None:
    from workflowsvc.store.postgres.store import PostgresStore

    for number, committed in ((1, True), (9, False), (11, True)):
        with pytest.raises(Interrupted), interrupted_at(PostgresStore, number, committed=committed):
            copy(source, place.dsn)
    assert not serves(place.dsn)
    assert copy(source, place.dsn) == 0
    require_same(source, place.dsn)
    assert serves(place.dsn)


def test_a_copy_that_was_begun_from_another_installation_is_refused(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, target = tmp_path / "other.db", f"sqlite:{tmp_path / 'target.db'}"
    FullDatabase(SqliteStore(str(other))).store.close()
    execute(other, "update meta set value = x'00' where key = 'token-key'")
    with pytest.raises(Interrupted), interrupted_at(SqliteStore, 2, committed=True):
        copy(source, target)
    assert copy(f"sqlite:{other}", target) == 1
    assert "a part of another installation" in capsys.readouterr().err
    assert copy(target, f"sqlite:{tmp_path / 'further.db'}") == 1
    assert "not finished" in capsys.readouterr().err


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize(
    "change",
    [
        "update heartbeats set details = x'61'",
        "update tasks set position = position + 1",
        "insert into meta values ('turn of x', x'')",
    ],
)
def test_a_source_that_has_changed_since_is_noticed(
    source: str, tmp_path: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts and audits are the same before and after; only the comparison of rows differs."""
    path, target = source.removeprefix("sqlite:"), f"sqlite:{tmp_path / 'target.db'}"
    with pytest.raises(Interrupted), interrupted_at(SqliteStore, 30, committed=True):
        copy(source, target)
    execute(path, change)
    assert copy(source, target) == 1
    assert "copy anew" in capsys.readouterr().err
    assert not serves(target)


# --- refused ---


def execute(path: Path | str, *statements: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        for statement in statements:
            connection.execute(statement)


def refused(
    capsys: pytest.CaptureFixture[str], source: str, target: str, reason: str, status: int = 1
) -> None:
    assert copy(source, target) == status
    said = capsys.readouterr().err
    assert said.startswith("workflowsvc copy: ")
    assert reason in said


def test_what_makes_no_sense_is_refused(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"sqlite:{tmp_path / 'target.db'}"
    refused(capsys, "memory", target, "in memory cannot be copied", 2)
    refused(capsys, source, "memory", "in memory cannot be copied", 2)
    refused(capsys, source, "mysql://x", "store", 2)
    refused(capsys, source, source, "are the same store", 2)
    (tmp_path / "link.db").symlink_to(tmp_path / "source.db")
    refused(capsys, source, f"sqlite:{tmp_path / 'link.db'}", "are the same store", 2)
    monkeypatch.chdir(tmp_path)
    refused(capsys, source, "sqlite:source.db", "are the same store", 2)
    refused(capsys, source, "postgresql://?nonsense=1", "not the address of a PostgreSQL database")
    refused(capsys, source, "postgresql://x:geheim@127.0.0.1:1/x", "refused")
    refused(capsys, "postgresql://x@127.0.0.1:1/x", target, "refused")
    refused(capsys, f"sqlite:{tmp_path / 'nowhere.db'}", target, "is not there")
    assert not (tmp_path / "nowhere.db").exists()
    assert not (tmp_path / "target.db").exists()


def test_a_store_without_anything_is_refused(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = f"sqlite:{tmp_path / 'target.db'}"
    place = new_empty_place()
    SqliteStore(str(tmp_path / "empty.db")).close()
    refused(capsys, f"sqlite:{tmp_path / 'empty.db'}", target, "holds nothing")
    assert not (tmp_path / "target.db").exists()
    refused(capsys, place.dsn, target, "is empty")
    with admin(place.dsn) as connection:
        assert connection.execute("select to_regclass('meta')").fetchone() == (None,)  # nor was anything made


def test_a_target_with_anything_is_refused(
    source: str, tmp_path: Path, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    used = f"sqlite:{tmp_path / 'used.db'}"
    assert serves(used)  # for a moment, which has made a key of its own
    refused(capsys, source, used, "is not empty")
    assert serves(place.dsn)
    refused(capsys, source, place.dsn, "is not empty")
    execute(tmp_path / "used.db", "delete from meta")
    assert copy(source, used) == 0


def test_a_file_that_a_server_uses_is_refused(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = Path(source.removeprefix("sqlite:")), f"sqlite:{tmp_path / 'target.db'}"
    with child("hold", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        refused(capsys, source, target, f"is in use by process {process.pid}")
        process.kill()
    with child("hold", tmp_path / "busy.db") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        refused(capsys, source, f"sqlite:{tmp_path / 'busy.db'}", f"is in use by process {process.pid}")
        process.kill()
    assert copy(source, target) == 0


def test_a_database_that_nodes_use_is_refused(
    source: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = f"sqlite:{tmp_path / 'target.db'}"
    assert copy(source, place.dsn) == 0
    node = Node(Settings.from_environment({}, {"store": place.dsn}), SystemClock(), None, os.urandom)
    node.open()
    capsys.readouterr()
    refused(capsys, place.dsn, target, "sessions of workflowsvc are connected to it")
    node.close()
    assert not (tmp_path / "target.db").exists()


def test_schemas_of_other_releases_are_refused_on_both_sides(
    source: str,
    place: Place,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newer = tmp_path / "newer.db"
    SqliteStore(str(newer)).close()
    execute(newer, "pragma user_version = 999")
    target = f"sqlite:{tmp_path / 'target.db'}"
    refused(capsys, f"sqlite:{newer}", target, "999")
    refused(capsys, source, f"sqlite:{newer}", "newer release of workflowsvc (schema 999)")
    (tmp_path / "strange.db").write_text("not a database " * 100)
    refused(capsys, f"sqlite:{tmp_path / 'strange.db'}", target, "is not a SQLite database")
    assert copy(source, place.dsn) == 0
    capsys.readouterr()
    with admin(place.dsn) as connection:
        connection.execute("insert into schema_versions values (999, 'later', 999)")
    refused(capsys, place.dsn, target, "newer release of workflowsvc (schema 999)")
    refused(capsys, source, place.dsn, "newer release of workflowsvc (schema 999)")
    with admin(place.dsn) as connection:
        connection.execute("delete from schema_versions where number = 999")
    more = schema.Migration(schema.MIGRATIONS[-1].number + 1, "more", "")
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, more])
    refused(capsys, place.dsn, target, "Run `workflowsvc migrate")
    refused(capsys, source, place.dsn, "Run `workflowsvc migrate")


def test_a_target_without_rights_is_reported(
    source: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    role = f"{place.schema}_reader"
    with admin(place.dsn) as connection:
        if connection.execute("select rolcreaterole from pg_roles where rolname = user").fetchone() != (
            True,
        ):
            pytest.skip("the user of WORKFLOWSVC_TEST_DSN may not make roles")
        connection.execute(f"create role {role} login; grant usage on schema {place.schema} to {role}")
        try:
            user = with_option(place.dsn, "user", role)
            refused(capsys, source, user, f"the user {role} may not create tables there")
            assert cli.main(["migrate", "--store", place.dsn]) == 0
            connection.execute(f"grant select on all tables in schema {place.schema} to {role}")
            refused(capsys, source, user, "permission denied")
        finally:
            connection.execute(f"drop owned by {role}; drop role {role}")
    assert copy(source, place.dsn) == 0


def test_a_source_with_something_wrong_is_refused_unless_asked_for(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = source.removeprefix("sqlite:"), f"sqlite:{tmp_path / 'target.db'}"
    execute(
        path,
        "delete from tasks",
        "delete from events where event_id = 2 and run = (select max(run) from events)",
    )
    assert copy(source, target) == 1
    printed = capsys.readouterr()
    assert "on no list" in printed.out
    assert "fsck --repair" in printed.err
    assert cli.main(["fsck", "--store", source, "--repair"]) == 1
    assert copy(source, target) == 1
    assert copy(source, target, "--with-problems") == 0
    require_same(source, target)
    execute(path, "delete from executions where run = (select min(run) from executions)")
    assert copy(source, f"sqlite:{tmp_path / 'orphans.db'}", "--with-problems") == 1
    assert "audit of the copy says something else" in capsys.readouterr().err


def test_a_target_that_fails_is_reported_and_goes_on_later(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = f"sqlite:{tmp_path / 'target.db'}"

    def full(self: object, tx: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(transfer._Batch, "write", full)
        refused(capsys, source, target, "the disk is full")
    assert not serves(target)
    assert copy(source, target) == 0


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            "update executions set run_id = cast(x'ff' as text) where workflow_id = 'idle'",
            "a text that is not UTF-8",
        ),
        ("update domains set name = cast(x'ff' as text)", "a text that is not UTF-8"),
        ("drop table heartbeats", "no such table: heartbeats"),
        ("drop table domains", "no such table: domains"),
        ("drop table meta", "no such table: meta"),
    ],
)
def test_what_cannot_be_copied_is_said_in_one_line(
    source: str, tmp_path: Path, damage: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(source.removeprefix("sqlite:"), damage)
    target = f"sqlite:{tmp_path / 'target.db'}"
    assert copy(source, target) == 1
    capsys.readouterr()
    assert copy(source, target, "--with-problems") == 1
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1


def test_clocks_of_domains_are_copied_with_what_is_due_by_them(tmp_path: Path) -> None:
    path = tmp_path / "source.db"
    with closing(SqliteStore(str(path))) as store:
        on = WorldFixture(World(store=store))
        on.ask("WorkflowSvc.FreezeClock")
        run_id = on.start()
        on.decide(decision("StartTimer", timerId="t", startToFireTimeout="60"))
    target = tmp_path / "target.db"
    assert copy(f"sqlite:{path}", f"sqlite:{target}") == 0
    with closing(SqliteStore(str(target))) as store:
        on.world = World(store=store)
        on.ask("WorkflowSvc.AdvanceClock", seconds=60)
        assert "TimerFired" in on.types(run_id)
