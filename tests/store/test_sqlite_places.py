"""SQLite: one file has one server, by whatever name; once it is moved under a server, nothing is acknowledged."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.store import sqlite_child
from tests.store.test_sqlite_crash import ROOT, child
from workflowsvc import cli
from workflowsvc.store.errors import OutcomeUnknown, StoreInUse, StoreUnusable, Unavailable
from workflowsvc.store.sqlite import database_file
from workflowsvc.store.sqlite.store import SqliteStore

PARTS = ("", "-wal", "-shm")


def in_another_process(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_hard_link_of_a_file_in_use_is_refused_with_the_process_that_has_it(tmp_path: Path) -> None:
    path, link = tmp_path / "x.db", tmp_path / "elsewhere.db"
    with child("hold", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        link.hardlink_to(path)
        with pytest.raises(StoreInUse, match=rf"elsewhere\.db is in use by process {process.pid}\."):
            SqliteStore(str(link))
        process.kill()
    SqliteStore(str(link)).close()


def test_a_file_that_is_mounted_at_two_paths_has_one_server(tmp_path: Path) -> None:
    """As the volumes of two containers: the file alone, so that the names beside it differ."""
    mounted = tmp_path / "other folder" / "x.db"
    mounted.parent.mkdir()
    mounted.touch()
    path = tmp_path / "x.db"
    command = f"mount --bind '{path}' '{mounted}' && exec {sys.executable} -m tests.store.sqlite_child hold"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    with child("hold", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        second = subprocess.run(
            ["unshare", "-m", "sh", "-c", f"{command} '{mounted}'"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        process.kill()
    assert second.returncode != 0
    assert "StoreInUse" in second.stderr
    assert "x.db is in use by process" in second.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["fsck", "--store"],
        ["fsck", "--repair", "--store"],
        ["migrate", "--print", "--store"],
        ["copy", "--to", "sqlite:target.db", "--from"],
        ["copy", "--source-is-stopped", "--to", "sqlite:target.db", "--from"],
    ],
    ids=" ".join,
)
def test_what_reads_a_served_file_by_a_second_name_says_that_it_cannot_tell(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed last is in the log, which is beside the first name."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    path, link = tmp_path / "x.db", tmp_path / "elsewhere" / "x.db"
    with child("hold", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        link.hardlink_to(path)
        assert cli.main([*command, f"sqlite:{link}"]) == (2 if "fsck" in command else 1)
        said = capsys.readouterr()
        assert f"process {process.pid}" in said.err
        assert said.out == ""
        assert [name.name for name in link.parent.iterdir()] == ["x.db"]
        assert not (tmp_path / "target.db").exists()
        if "--repair" not in command:
            cli.main(["fsck", "--store", f"sqlite:{path}"])
            assert capsys.readouterr().err == ""
        process.kill()


def test_an_audit_beside_a_server_of_this_process_knows_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, link = tmp_path / "x.db", tmp_path / "link.db"
    with closing(SqliteStore(str(path))) as store:
        sqlite_child.commit(store, 0)
        link.hardlink_to(path)
        assert cli.main(["fsck", "--store", f"sqlite:{link}"]) == 2
        assert f"process {os.getpid()} serves it by another name" in capsys.readouterr().err
        cli.main(["fsck", "--store", f"sqlite:{path}"])
        assert capsys.readouterr().err == ""
        sqlite_child.commit(store, 1)


@pytest.mark.parametrize("what", ["no database", "another program's", "newer", "without its log"])
@pytest.mark.parametrize("command", [None, "fsck --repair", "migrate"])
def test_a_file_that_is_unfit_gets_no_files_beside_it(
    tmp_path: Path, what: str, command: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """`None`: a server."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "x.db"
    if what == "no database":
        path.write_bytes(b"A letter to my aunt.\n" * 100)
    elif what == "without its log":
        with closing(SqliteStore(str(tmp_path / "served.db"))) as store:
            sqlite_child.commit(store, 0)
            shutil.copy(tmp_path / "served.db", path)
    else:
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("create table invoices (id integer)")
            if what == "newer":
                connection.execute(f"pragma application_id = {database_file.APPLICATION_ID}")
                connection.execute("pragma user_version = 9999")
    before = path.read_bytes()
    if command is None:
        with pytest.raises(StoreUnusable):
            SqliteStore(str(path))
    else:
        assert cli.main([*command.split(), "--store", f"sqlite:{path}"]) in (1, 2)
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert [name.name for name in folder.iterdir()] == ["x.db"]
    assert path.read_bytes() == before


def test_a_lock_file_that_was_there_before_stays(tmp_path: Path) -> None:
    """It may be another process that uses it."""
    path, lock = tmp_path / "x.db", tmp_path / "x.db-lock"
    path.write_bytes(b"A letter to my aunt.\n" * 100)
    lock.touch()
    with pytest.raises(StoreUnusable):
        SqliteStore(str(path))
    assert lock.exists()


def test_a_lock_file_that_is_removed_while_it_is_locked_is_locked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two processes would each hold a lock of that name."""
    path, lock = tmp_path / "x.db", tmp_path / "x.db-lock"
    flock, removed = fcntl.flock, False

    def remove_meanwhile(file: int, how: int) -> None:
        nonlocal removed
        if not removed:
            removed = True
            lock.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", remove_meanwhile)
    with closing(SqliteStore(str(path))), lock.open() as other, pytest.raises(BlockingIOError):
        flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_second_try_in_the_same_process_takes_no_lock_away_from_the_first(tmp_path: Path) -> None:
    """With the first close of any descriptor of a file, POSIX drops all locks that the process has on it."""
    path, link = tmp_path / "x.db", tmp_path / "link.db"
    with closing(SqliteStore(str(path))) as store:
        sqlite_child.commit(store, 0)
        link.hardlink_to(path)
        for name in (path, link):
            with pytest.raises(StoreInUse, match=f"process {os.getpid()}"):
                SqliteStore(str(name))
        # A program that believes to be the last one with the file takes the log in, and deletes it.
        code = "import apsw, sys; apsw.Connection(sys.argv[1]).execute('select * from meta').fetchall()"
        in_another_process(code, str(path))
        assert (tmp_path / "x.db-wal").exists()
        sqlite_child.commit(store, 1)


def test_a_file_moved_away_under_a_server_keeps_its_name(tmp_path: Path) -> None:
    """No second server starts on a new file in its place, while the first one may still write."""
    path = tmp_path / "x.db"
    with child("hold", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        path.rename(tmp_path / "y.db")
        for name in ("x.db", "y.db"):
            with pytest.raises(StoreInUse):
                SqliteStore(str(tmp_path / name))
        process.kill()


# --- renamed, deleted or replaced under a running server ---


def renamed(path: Path) -> None:
    path.rename(path.with_name("away"))


def deleted(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_name("other"))
    path.with_name("other").rename(path)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("happens", [renamed, deleted, replaced])
def test_nothing_is_acknowledged_once_the_file_or_its_log_is_not_in_its_place(
    tmp_path: Path, part: str, happens: Callable[[Path], None]
) -> None:
    path = tmp_path / "x.db"
    store = SqliteStore(str(path))
    sqlite_child.commit(store, 0)
    happens(tmp_path / f"x.db{part}")
    with pytest.raises(OutcomeUnknown, match=rf"x\.db{part} was renamed, deleted or replaced"):
        sqlite_child.commit(store, 1)
    with pytest.raises(Unavailable, match="Nothing is acknowledged"):
        sqlite_child.commit(store, 2)
    with pytest.raises(Unavailable), store.reader():
        pass
    store.close()


@pytest.mark.parametrize("part", PARTS)
def test_a_file_that_is_put_back_is_served_again(tmp_path: Path, part: str) -> None:
    path = tmp_path / "x.db"
    with closing(SqliteStore(str(path))) as store:
        sqlite_child.commit(store, 0)
        renamed(tmp_path / f"x.db{part}")
        with pytest.raises(OutcomeUnknown):
            sqlite_child.commit(store, 1)
        (tmp_path / "away").rename(tmp_path / f"x.db{part}")
        assert sqlite_child.is_whole(store, 1), "it had been committed"
        sqlite_child.commit(store, 2)
    with closing(SqliteStore(str(path))) as store:
        assert all(sqlite_child.is_whole(store, number) for number in range(3))


@pytest.mark.parametrize("happens", [renamed, deleted])
def test_a_server_whose_log_is_gone_saves_it_into_the_file_when_it_stops(
    tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    path = tmp_path / "x.db"
    store = SqliteStore(str(path))
    for number in range(5):
        sqlite_child.commit(store, number)
    happens(tmp_path / "x.db-wal")
    store.close()
    with closing(SqliteStore(str(path))) as store:
        assert all(sqlite_child.is_whole(store, number) for number in range(5))


def test_the_log_of_another_file_in_its_place_is_not_deleted(tmp_path: Path) -> None:
    """An operator puts a copy in place under a running server: the copy's log is not that server's."""
    path = tmp_path / "x.db"
    store = SqliteStore(str(path))
    sqlite_child.commit(store, 0)
    for part in PARTS[:2]:
        shutil.copy(tmp_path / f"x.db{part}", tmp_path / f"copy{part}")
    sqlite_child.commit(store, 1)
    path.rename(tmp_path / "old.db")
    for part in PARTS[:2]:
        (tmp_path / f"copy{part}").rename(tmp_path / f"x.db{part}")
    store.close()
    with closing(SqliteStore(str(path))) as copied:
        assert sqlite_child.is_whole(copied, 0)
    with closing(apsw.Connection(str(tmp_path / "old.db"))) as old:
        assert old.execute("select count(*) from executions").get == 2


def test_a_missing_table_makes_the_store_unavailable(tmp_path: Path) -> None:
    """As on PostgreSQL: the cause is outside, and an operator can remove it."""
    path = tmp_path / "x.db"
    with closing(SqliteStore(str(path))) as store:
        sqlite_child.commit(store, 0)
        with closing(apsw.Connection(str(path))) as other:
            other.execute("alter table tasks rename to away")
        with pytest.raises(Unavailable, match="no such table: tasks"):
            sqlite_child.commit(store, 1)
        with closing(apsw.Connection(str(path))) as other:
            other.execute("alter table away rename to tasks")
        sqlite_child.commit(store, 1)


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ("alter table tasks rename column ready to rdy", "table tasks has no column named ready"),
        (
            "alter table executions rename column wake_at to wakes_at",
            "no such column|no column named wake_at",
        ),
        (
            "alter table tasks rename to away; create table tasks as select * from away",
            "ON CONFLICT clause does not match",
        ),
        (
            "alter table events rename to away; create view events as select * from away",
            "cannot modify events because it is a view",
        ),
    ],
)
def test_a_changed_table_makes_the_store_unavailable(tmp_path: Path, change: str, reported: str) -> None:
    path = tmp_path / "x.db"
    with closing(SqliteStore(str(path))) as store:
        sqlite_child.commit(store, 0)
        with closing(apsw.Connection(str(path))) as other:
            other.execute(change)
        with pytest.raises(Unavailable, match=reported):
            sqlite_child.commit(store, 1)
