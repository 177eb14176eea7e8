"""SQLite: what was acknowledged survives `kill -9`, a torn log and a full disk; the rest leaves no trace."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.store import sqlite_child
from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.store.errors import Unavailable
from workflowsvc.store.sqlite import database_file
from workflowsvc.store.sqlite.store import SqliteStore

ROOT = Path(__file__).resolve().parents[2]


def child(what: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.sqlite_child", what, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def assert_sound(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.pragma("integrity_check") == "ok"


def test_kill_9_in_the_middle_of_commits_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    chance = random.Random(9)
    acknowledged = -1
    for _ in range(6):
        with child("commit", path) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 120)):
                acknowledged = int(process.stdout.readline())
            process.kill()
            rest = process.stdout.read().split("\n")[:-1]  # what it still said before it died
            acknowledged = int(rest[-1]) if rest else acknowledged
        with closing(SqliteStore(str(path))) as store:
            assert all(sqlite_child.is_whole(store, number) for number in range(acknowledged + 1))
            sqlite_child.is_whole(store, acknowledged + 1)  # either all of it or nothing
            assert not sqlite_child.is_whole(store, acknowledged + 2)
        assert_sound(path)
    assert acknowledged > 50


def test_a_log_torn_anywhere_gives_the_commits_before_the_tear(tmp_path: Path) -> None:
    """What a power cut may leave of writes that were not yet synced."""
    path, copy = tmp_path / "x.db", tmp_path / "copy.db"
    sizes: list[int] = []
    with closing(SqliteStore(str(path))) as store:
        with closing(apsw.Connection(str(path))) as other:
            other.execute("select * from meta").fetchall()  # until then it knows of no log
            other.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)  # the schema is in the file itself
        assert (tmp_path / "x.db-wal").stat().st_size == 0
        for number in range(12):
            sqlite_child.commit(store, number)
            sizes.append((tmp_path / "x.db-wal").stat().st_size)
        log = (tmp_path / "x.db-wal").read_bytes()
        file = path.read_bytes()
    chance = random.Random(1)
    tears = [0, 10, 32, *sizes, *(chance.randrange(len(log)) for _ in range(12))]
    for tear in tears:
        copy.write_bytes(file)
        torn = log[:tear] + bytes(min(1000, len(log) - tear))
        (tmp_path / "copy.db-wal").write_bytes(torn)
        whole = sum(size <= tear for size in sizes)
        with closing(SqliteStore(str(copy))) as store:
            found = [sqlite_child.is_whole(store, number) for number in range(12)]
        assert found == [True] * whole + [False] * (12 - whole), tear
        assert_sound(copy)


def test_a_full_disk_is_unavailable_and_all_is_well_when_there_is_room_again(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.sqlite_child", "full", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    committed = int(done.stdout.splitlines()[-1])
    assert committed > 5
    with closing(SqliteStore(str(path))) as store:
        assert all(sqlite_child.is_whole(store, number) for number in range(committed + 1))
        assert not sqlite_child.is_whole(store, committed + 1)
    assert_sound(path)


def commits(store: SqliteStore, number: int) -> bool:
    try:
        sqlite_child.commit(store, number)
    except Unavailable:
        return False
    return True


@pytest.mark.parametrize("name", [None, "x.db"])
def test_a_store_that_may_not_grow_is_unavailable_until_it_may(tmp_path: Path, name: str | None) -> None:
    with closing(SqliteStore(name and str(tmp_path / name))) as store:
        writer: Any = store._writer  # pyright: ignore[reportPrivateUsage]
        sqlite_child.commit(store, 0)
        writer.pragma("max_page_count", writer.pragma("page_count") + 5)
        number = next(number for number in range(1, 10_000) if not commits(store, number))
        assert sqlite_child.is_whole(store, number - 1)
        assert not sqlite_child.is_whole(store, number)
        writer.pragma("max_page_count", 2**31)
        sqlite_child.commit(store, number)
        assert sqlite_child.is_whole(store, number)


def test_a_log_that_a_reader_has_made_long_becomes_short_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = database_file.WRITER_SETTINGS.replace("67108864", "8388608")
    assert settings != database_file.WRITER_SETTINGS
    monkeypatch.setattr(database_file, "WRITER_SETTINGS", settings)
    log = tmp_path / "x.db-wal"
    with closing(SqliteStore(str(tmp_path / "x.db"))) as store:

        def write(number: int) -> None:
            with store.transaction() as tx:
                tx.put_meta(f"fact {number}", b"x" * 2_000_000)

        with store.reader() as reader:
            assert reader.meta("fact 0") is None  # an old state, which is kept in the log from now on
            for number in range(15):
                write(number)
            assert log.stat().st_size > 30_000_000
        for number in range(15, 20):
            write(number)
        assert log.stat().st_size <= 8 << 20


def test_the_log_is_taken_into_the_file_again_and_again(tmp_path: Path) -> None:
    """Also while people read; else it would grow until the disk is full."""
    path = tmp_path / "x.db"
    with closing(SqliteStore(str(path))) as store:
        for number in range(30):
            with store.transaction() as tx:
                tx.put_meta(f"fact {number}", b"x" * 2_000_000)
            with store.reader() as reader:
                assert reader.meta(f"fact {number}") is not None
        assert (tmp_path / "x.db-wal").stat().st_size < 24_000_000
    assert not (tmp_path / "x.db-wal").exists()  # a store that was closed is one file
    assert shutil.copy(path, tmp_path / "moved.db")
    with closing(SqliteStore(str(tmp_path / "moved.db"))) as moved, moved.reader() as reader:
        assert reader.meta("fact 29") is not None
