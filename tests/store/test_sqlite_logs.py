"""SQLite: a file that is incomplete without its log says so, and no other file does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.store import sqlite_child
from tests.store.test_sqlite_crash import ROOT, assert_sound, child
from workflowsvc import cli
from workflowsvc.store.errors import StoreUnusable
from workflowsvc.store.sqlite import log_trailer
from workflowsvc.store.sqlite.store import SqliteStore

COMMITS = 7


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A file with COMMITS acknowledged commits that a server uses."""
    path = tmp_path / "served.db"
    with closing(SqliteStore(str(path))) as store:
        for number in range(COMMITS):
            sqlite_child.commit(store, number)
        yield path


def copied(path: Path, name: str, *parts: str) -> Path:
    target = path.with_name(name)
    for part in ("", *parts):
        shutil.copy(f"{path}{part}", f"{target}{part}")
    return target


def require_complete(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["fsck", "--store", f"sqlite:{path}"])
    assert "incomplete" not in capsys.readouterr().out
    with closing(SqliteStore(str(path))) as store:
        assert all(sqlite_child.is_whole(store, number) for number in range(COMMITS))
    assert_sound(path)


def require_reported(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By serve, fsck, fsck --repair, copy and migrate; and none of them changes it."""
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match=r"is incomplete: its log \w+\.db-wal is not beside it"):
        SqliteStore(str(path))
    store = f"sqlite:{path}"
    assert cli.main(["fsck", "--store", store]) == 1
    assert "files     stays       database: it is incomplete: its log" in capsys.readouterr().out
    serving = subprocess.run(
        [sys.executable, "-m", "workflowsvc", "serve", "--store", store, "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert serving.returncode == 1
    assert "is incomplete: its log" in serving.stderr
    assert cli.main(["fsck", "--repair", "--store", store]) == 2
    assert cli.main(["migrate", "--store", store]) == 1
    for more in ([], ["--with-problems"], ["--source-is-stopped"]):
        assert cli.main(["copy", "--from", store, "--to", f"{store}.target", *more]) == 1
    said = capsys.readouterr().err
    assert said.count(" is incomplete: its log ") == said.count("--repair --accept-missing-log") == 5, said
    assert not path.with_name(f"{path.name}.target").exists()
    assert path.read_bytes() == before


def test_a_file_copied_without_its_log_while_it_is_served_is_reported(
    served: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require_reported(copied(served, "copy.db"), capsys)


def test_a_file_whose_log_is_empty_is_reported(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied(served, "copy.db")
    path.with_name("copy.db-wal").touch()
    require_reported(path, capsys)


def test_a_killed_server_whose_log_is_deleted_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.db"
    with child("commit", path) as process:
        assert process.stdout is not None
        for _ in range(COMMITS):
            process.stdout.readline()
        process.kill()
    (tmp_path / "x.db-wal").unlink()
    require_reported(path, capsys)


def test_a_file_in_the_middle_of_many_checkpoints_is_reported_or_complete(tmp_path: Path) -> None:
    """A plain copy after each commit, of a server that takes its log in every few pages unless a reader holds it up,
    says that it is incomplete, or has all."""
    path = tmp_path / "x.db"
    reported = 0
    with closing(SqliteStore(str(path))) as store:
        store._writer.wal_autocheckpoint(40)  # pyright: ignore[reportPrivateUsage]
        for number in range(60):
            if number % 20 < 10:
                sqlite_child.commit(store, number)
            else:
                with store.reader() as reader:
                    reader.meta("x")  # the snapshot begins
                    sqlite_child.commit(store, number)
            copy = copied(path, "copy.db")
            try:
                with closing(SqliteStore(str(copy))) as found:
                    assert sqlite_child.is_whole(found, number), number
            except StoreUnusable:
                reported += 1
    assert 0 < reported < 60


def test_what_is_missing_can_be_accepted(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied(served, "copy.db")
    store = f"sqlite:{path}"
    assert cli.main(["fsck", "--store", store, "--accept-missing-log"]) == 2
    assert cli.main(["fsck", "--store", store, "--repair", "--accept-missing-log"]) in (0, 1)
    capsys.readouterr()
    assert cli.main(["fsck", "--store", store]) in (0, 1)
    assert "incomplete" not in capsys.readouterr().out
    SqliteStore(str(path)).close()


def test_a_file_with_its_log_is_complete(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_complete(copied(served, "copy.db", "-wal"), capsys)


def test_a_file_into_which_another_program_has_taken_the_log_is_complete(
    served: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `sqlite3 FILE` does, when an operator looks into what a killed server has left."""
    path = copied(served, "copy.db", "-wal")
    assert_sound(path)
    assert not path.with_name("copy.db-wal").exists()
    require_complete(path, capsys)


def test_a_file_that_was_closed_is_complete_and_ends_with_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.db"
    with closing(SqliteStore(str(path))) as store:
        for number in range(COMMITS):
            sqlite_child.commit(store, number)
        assert not log_trailer.is_whole_pages(path.stat().st_size)
    assert log_trailer.is_whole_pages(path.stat().st_size)
    assert sorted(os.listdir(tmp_path)) == ["x.db", "x.db-lock"]
    require_complete(copied(path, "copy.db"), capsys)


@pytest.mark.parametrize("how", ["vacuum into", "backup"])
def test_a_copy_that_sqlite_makes_of_a_served_file_is_complete(
    served: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ways to copy that docs/copy.md names."""
    copy = served.with_name("copy.db")
    with closing(apsw.Connection(str(served), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        if how == "vacuum into":
            connection.execute("vacuum into ?", (str(copy),))
        else:
            with (
                closing(apsw.Connection(str(copy))) as target,
                target.backup("main", connection, "main") as backup,
            ):
                backup.step(-1)
    require_complete(copy, capsys)
