"""`workflowsvc backup` and `restore`: what was acknowledged before is there, what clients saw after it is refused."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.fsck.full_database import FullDatabase
from tests.world_fixture import LIST, WorldFixture
from workflowsvc import cli
from workflowsvc.backups import folder
from workflowsvc.backups.epochs import find_epoch
from workflowsvc.backups.pace import Pace
from workflowsvc.faults import ValidationException
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.stores import open_read_only
from workflowsvc.testing import World


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store with rows of every kind that no server uses."""
    path = tmp_path / "store.db"
    FullDatabase(SqliteStore(str(path))).store.close()
    return path


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    place = tmp_path / "backups"
    place.mkdir()
    return place


def backup(file: Path, to: Path, *options: str) -> int:
    return cli.main(["backup", "--store", f"sqlite:{file}", "--to", str(to), *options])


def restore(source: Path, file: Path, *options: str) -> int:
    return cli.main(["restore", str(source), "--store", f"sqlite:{file}", *options])


def rows(file: Path) -> dict[str, list[object]]:
    """All tables but `meta`, read as a server would read them."""
    with closing(apsw.Connection(str(file))) as connection:
        tables = connection.execute("select name from sqlite_schema where type = 'table' and name <> 'meta'")
        return {
            table: connection.execute(f"select * from {table}").fetchall() for (table,) in tables.fetchall()
        }


def listed(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if path.name != folder.LOCK)


def test_a_backup_that_is_restored_has_every_row(
    file: Path, backups: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(file)
    assert backup(file, backups, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["problems"] == []
    assert made["runs"] > 10
    assert listed(backups) == [os.path.basename(made["path"]), os.path.basename(made["path"]) + ".sha256"]
    assert os.stat(made["path"]).st_mode & 0o077 == 0, "others can read the key of all tokens"
    restored = tmp_path / "restored.db"
    assert restore(backups, restored) == 0
    assert "Epoch 1 begins" in capsys.readouterr().out
    assert rows(restored) == before
    assert cli.main(["fsck", "--store", f"sqlite:{restored}"]) == 0
    assert not [name for name in listed(tmp_path) if "restoring" in name]


def test_a_backup_of_a_store_in_use_is_of_one_moment_and_does_not_hold_up_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two steps of the copy the service starts runs: none of them is in it, and nothing of it is torn."""
    full = FullDatabase(SqliteStore(str(tmp_path / "store.db")))
    names = iter(range(10_000))
    with full.store.reader() as reader:
        before = len(reader.runs(-1, 10_000))
    monkeypatch.setattr("workflowsvc.store.sqlite.page_copy.PAGES_PER_STEP", 4)
    monkeypatch.setattr(Pace, "spend", lambda self, size: full.on.start(f"meanwhile-{next(names)}"))
    try:
        assert backup(tmp_path / "store.db", tmp_path / "backup.db") == 0
        started = next(names)
        assert started > 5
        with full.store.reader() as reader:
            assert len(reader.runs(-1, 10_000)) >= before + started
    finally:
        full.store.close()
    copy = open_read_only(f"sqlite:{tmp_path / 'backup.db'}")
    with closing(copy), copy.reader() as reader:
        assert len(reader.runs(-1, 10_000)) == before


def test_tokens_from_before_a_restore_are_refused_and_new_ones_work(tmp_path: Path) -> None:
    """The restored service gives out the task again that clients saw after the backup, with the same event ids."""
    first = SqliteStore(str(tmp_path / "store.db"))
    on = WorldFixture(World(store=first))
    for number in range(3):
        on.start(f"w{number}")
    page = on.ask("ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0}, maximumPageSize=1)
    assert backup(tmp_path / "store.db", tmp_path / "backup.db") == 0
    lost = on.ask("PollForDecisionTask", taskList=LIST)
    first.close()
    assert restore(tmp_path / "backup.db", tmp_path / "restored.db") == 0

    second = SqliteStore(str(tmp_path / "restored.db"))
    with closing(second):
        world = World(store=second)

        def ask(operation: str, **members: object) -> object:
            return world.call(operation, on.tenant, **members)

        again = ask("PollForDecisionTask", domain="d", taskList=LIST)
        assert again["startedEventId"] == lost["startedEventId"]  # type: ignore[index]
        assert again["workflowExecution"] == lost["workflowExecution"]  # type: ignore[index]
        with pytest.raises(ValidationException, match="Invalid token"):
            ask("RespondDecisionTaskCompleted", taskToken=lost["taskToken"])
        with pytest.raises(ValidationException, match="Invalid token"):
            ask(
                "ListOpenWorkflowExecutions",
                domain="d",
                startTimeFilter={"oldestDate": 0},
                maximumPageSize=1,
                nextPageToken=page["nextPageToken"],
            )
        ask("RespondDecisionTaskCompleted", taskToken=again["taskToken"])  # type: ignore[index]


def test_no_server_starts_on_a_backup_and_trying_leaves_it_as_it_is(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "backup.db"
    assert backup(file, copy) == 0
    before = copy.read_bytes()
    assert cli.main(["serve", "--port", "0", "--store", f"sqlite:{copy}"]) == 1
    assert copy.read_bytes() == before
    assert cli.main(["copy", "--from", f"sqlite:{copy}", "--to", f"sqlite:{tmp_path / 'other.db'}"]) == 1
    assert backup(copy, tmp_path / "again.db") == 1


def test_epochs_are_counted(file: Path, tmp_path: Path) -> None:
    assert backup(file, tmp_path / "1.db") == 0
    assert restore(tmp_path / "1.db", tmp_path / "a.db") == 0
    assert backup(tmp_path / "a.db", tmp_path / "2.db") == 0
    assert restore(tmp_path / "2.db", tmp_path / "b.db") == 0
    assert cli.main(["restore", "--in-place", "--store", f"sqlite:{tmp_path / 'b.db'}"]) == 0
    store = SqliteStore(str(tmp_path / "b.db"))
    with closing(store), store.reader() as reader:
        epoch = find_epoch(reader)
    assert epoch is not None
    assert epoch.number == 3
    assert epoch.backup is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda copy: copy.write_bytes(copy.read_bytes()[:-1] + b"x"), "is damaged: its SHA-256"),
        (lambda copy: copy.with_name("b.db.sha256").unlink(), "is not there"),
        (lambda copy: copy.with_name("b.db.sha256").write_text("?"), "holds no checksum"),
        (lambda copy: copy.unlink(), "cannot be copied"),
    ],
)
def test_a_damaged_backup_is_not_restored(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: object, message: str
) -> None:
    assert backup(file, tmp_path / "b.db") == 0
    damage(tmp_path / "b.db")  # type: ignore[operator]
    before = listed(tmp_path)
    assert restore(tmp_path / "b.db", tmp_path / "restored.db") == 1
    assert message in capsys.readouterr().err
    assert listed(tmp_path) == before, "something was made"


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
def test_nothing_that_is_there_is_replaced(file: Path, tmp_path: Path, ending: str) -> None:
    """A log that was left behind would be taken for the restored store's."""
    assert backup(file, tmp_path / "b.db") == 0
    (tmp_path / f"restored.db{ending}").write_text("mine")
    assert restore(tmp_path / "b.db", tmp_path / "restored.db") == 1
    assert (tmp_path / f"restored.db{ending}").read_text() == "mine"


def test_a_backup_with_problems_is_kept_but_nothing_is_removed_for_it(
    file: Path, backups: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (backups / folder.name_at(0)).write_text("older")
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute("delete from tasks")
    assert backup(file, backups, "--keep", "1") == 1
    printed = capsys.readouterr().out
    assert "is on no list" in printed
    assert (backups / folder.name_at(0)).exists()
    assert restore(backups, tmp_path / "restored.db") == 1
    assert restore(backups, tmp_path / "restored.db", "--with-problems") == 0


def test_older_backups_are_removed_and_strangers_and_half_ones_are_told_apart(
    file: Path, backups: Path
) -> None:
    for second in range(4):
        name = folder.name_at(second * 1000)
        (backups / name).write_text("older")
        (backups / f"{name}.sha256").write_text("older")
    (backups / f"{folder.name_at(9_000)}.part").write_text("interrupted")
    (backups / f"{folder.name_at(9_000)}.sha256").write_text("interrupted")
    (backups / "mine.db").write_text("mine")
    assert backup(file, backups, "--keep", "2", "--audit", "none") == 0
    names = listed(backups)
    assert names[:3] == ["mine.db", folder.name_at(3_000), f"{folder.name_at(3_000)}.sha256"]
    assert len(names) == 5


def test_one_backup_at_a_time_is_made_in_a_folder(
    file: Path, backups: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with folder.locked(str(backups)):
        assert backup(file, backups) == 1
    assert "another backup is being written" in capsys.readouterr().err
    assert listed(backups) == []


def test_too_little_room_is_reported_before_anything_is_written(
    file: Path, backups: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr("workflowsvc.commands.backup.shutil.disk_usage", lambda place: usage)
    assert backup(file, backups) == 1
    assert "MiB free" in capsys.readouterr().err
    assert listed(backups) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backup", "--store", "memory", "--to", "x"], "in memory cannot be backed up"),
        (["backup", "--store", "postgresql://db/x", "--to", "x"], "pg_dump"),
        (["backup", "--store", "sqlite:s.db", "--to", "x", "--keep", "0"], "give 1 or more"),
        (["backup", "--store", "sqlite:s.db", "--to", "x", "--mib-per-second", "nan"], "give 0"),
        (["restore", "--store", "memory", "x"], "into memory"),
        (["restore", "--store", "sqlite:s.db"], "give a backup"),
        (["restore", "--store", "sqlite:s.db", "--in-place", "x"], "give no backup"),
        (["restore", "--store", "postgresql://db/x", "x"], "workflowsvc copy"),
        (["serve", "--store", "memory", "--backup-to", "."], "in memory cannot be backed up"),
        (["serve", "--store", "sqlite:s.db", "--backup-to", "not/there"], "is no folder"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(arguments) == 2
    assert message in capsys.readouterr().err
