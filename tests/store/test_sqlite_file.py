"""SQLite: a file is ours alone or refused with words that help; what was written is there after reopening."""

from __future__ import annotations

import re
import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.store import rows, sqlite_child
from tests.store.test_sqlite_crash import child
from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.store.errors import StoreInUse, StoreUnusable, Unavailable
from workflowsvc.store.rows import ExecutionQuery, HeartbeatRow, MessageRow
from workflowsvc.store.sqlite import database_file
from workflowsvc.store.sqlite.store import SqliteStore


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")
    open_row = rows.execution_row(1, workflow_id="w", wake_at=77, tags=b'["t"]')
    closed_row = rows.closed_row(2, tags=b'["t"]')
    heartbeat = HeartbeatRow(open_row.run, 5, 100, "half\0way")
    message = MessageRow(5, open_row.run, "signal", rows.DOMAIN, b"{}")
    with closing(SqliteStore(path)) as store, store.transaction() as tx:
        tx.put_domain(rows.domain_row())
        tx.put_type(rows.type_row())
        tx.insert_executions([open_row, closed_row])
        tx.append_events(rows.event_rows(open_row.run, 1, 3))
        tx.put_tasks([rows.task_row(1)])
        tx.put_heartbeats([heartbeat])
        tx.put_messages([message])
        tx.put_meta("key", b"value")
    with closing(SqliteStore(path)) as store, store.transaction() as tx:
        assert tx.domain("tenant", "orders") == rows.domain_row()
        assert tx.type(rows.DOMAIN, "workflow", "Order", "1.0") == rows.type_row()
        assert tx.executions([open_row.run, closed_row.run]) == {
            open_row.run: open_row,
            closed_row.run: closed_row,
        }
        assert tx.open_run(rows.DOMAIN, "w") == open_row.run
        assert tx.next_wake_at() == 77
        assert tx.next_purge_at() == closed_row.purge_at
        assert len(tx.events(open_row.run, 1, 9, 9)) == 3
        assert tx.heartbeats(open_row.run) == [heartbeat]
        assert tx.messages(9) == [message]
        assert tx.meta("key") == b"value"
        assert tx.take_tasks(rows.DOMAIN, "decision", "main", 9) == [rows.task_row(1)]
        query = ExecutionQuery(rows.DOMAIN, "CLOSED", "closed_at", 0, None, tag="t")
        assert tx.list_executions(query) == [closed_row]


def test_a_second_process_is_refused_and_told_who_has_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with child("hold", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(StoreInUse) as refusal:
            SqliteStore(str(path))
        assert str(path) in str(refusal.value)
        assert str(process.pid) in str(refusal.value)
        process.kill()
    SqliteStore(str(path)).close()  # the lock died with the process


def test_one_file_is_one_file_by_whatever_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "x.db")
    monkeypatch.chdir(tmp_path)
    with closing(SqliteStore("x.db")):
        for other in ("x.db", "./x.db", str(tmp_path / "x.db"), "link.db"):
            with pytest.raises(StoreInUse):
                SqliteStore(other)
    SqliteStore("link.db").close()


def test_a_file_that_is_not_a_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 1000)
    with pytest.raises(StoreUnusable, match=r"letter\.txt is not a SQLite database"):
        SqliteStore(str(path))
    assert path.read_text() == "Dear reader, " * 1000


def test_the_database_of_another_program_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("create table photos (id integer primary key)")
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match=r"photos\.db is the database of another program"):
        SqliteStore(str(path))
    assert path.read_bytes() == before


def test_a_file_of_a_newer_release_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    SqliteStore(str(path)).close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("user_version", 999)
    with pytest.raises(StoreUnusable, match=r"newer release of workflowsvc \(schema 999\)"):
        SqliteStore(str(path))
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.pragma("user_version") == 999


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="it is a directory"):
        SqliteStore(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/no/such/folder/x.db", "/proc/x.db", "/dev/null/x.db"])
def test_a_place_where_no_file_can_be_made_is_refused(path: str) -> None:
    with pytest.raises(StoreUnusable, match=path):
        SqliteStore(path)


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch()
    with closing(SqliteStore(str(path))) as store:
        sqlite_child.commit(store, 1)


def test_the_names_of_sqlite_for_memory_are_ordinary_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a file costs no data."""
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:x?mode=memory"):
        with closing(SqliteStore(name)) as store:
            sqlite_child.commit(store, 1)
        with closing(SqliteStore(name)) as store:
            assert sqlite_child.is_whole(store, 1)


def test_a_refused_file_can_be_opened_once_it_is_fit(tmp_path: Path) -> None:
    """The refusal kept neither the lock nor a connection."""
    path = tmp_path / "x.db"
    path.write_text("not a database, for sure " * 100)
    with pytest.raises(StoreUnusable):
        SqliteStore(str(path))
    path.unlink()
    SqliteStore(str(path)).close()


def test_all_settings_of_a_connection_hold(tmp_path: Path) -> None:
    """Also those behind one that answers with its new value."""
    words = {"full": 2, "memory": 2, "off": 0, "on": 1}
    with closing(SqliteStore(str(tmp_path / "x.db"))) as store:
        writer = store._writer  # pyright: ignore[reportPrivateUsage]
        with closing(store._file.open_reader()) as reader:  # pyright: ignore[reportPrivateUsage]
            for connection, script in (
                (writer, database_file.WRITER_SETTINGS),
                (reader, database_file.READER_SETTINGS),
            ):
                settings = dict(re.findall(r"pragma (\w+) = ([-\w]+);", script))
                assert "trusted_schema" in settings
                expected = {
                    name: words[text] if text in words else int(text) for name, text in settings.items()
                }
                assert {name: connection.pragma(name) for name in settings} == expected


def test_a_commit_is_on_the_disk_before_it_is_answered(tmp_path: Path) -> None:
    with closing(SqliteStore(str(tmp_path / "x.db"))) as store:
        writer = store._writer  # pyright: ignore[reportPrivateUsage]
        assert writer.pragma("journal_mode") == "wal"
        assert writer.pragma("synchronous") == 2  # full


def test_a_stranger_who_locks_the_file_makes_it_unavailable_for_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "BUSY_MS", 20)
    path = str(tmp_path / "x.db")
    with closing(SqliteStore(path)) as store, closing(apsw.Connection(path)) as stranger:
        sqlite_child.commit(store, 0)
        stranger.execute("begin immediate")
        with pytest.raises(Unavailable):
            sqlite_child.commit(store, 1)
        with store.reader() as reader:
            assert reader.executions([rows.run_of(0)])  # reading goes on
        stranger.execute("rollback")
        sqlite_child.commit(store, 1)
        assert sqlite_child.is_whole(store, 1)


def test_a_file_that_a_stranger_has_locked_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "BUSY_MS", 20)
    path = str(tmp_path / "x.db")
    SqliteStore(path).close()
    with closing(apsw.Connection(path)) as stranger:
        stranger.execute("begin exclusive")
        with pytest.raises(StoreUnusable, match="locked by another program"):
            SqliteStore(path)


def test_readers_wait_for_a_free_connection(tmp_path: Path) -> None:
    """More readers than connections at once: all are served."""
    with closing(SqliteStore(str(tmp_path / "x.db"))) as store:
        sqlite_child.commit(store, 0)
        at_once = threading.Barrier(12)
        found: list[bool] = []

        def read() -> None:
            at_once.wait(PATIENCE_SECONDS)
            with store.reader() as reader:
                found.append(rows.run_of(0) in reader.executions([rows.run_of(0)]))

        threads = [threading.Thread(target=read) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert found == [True] * 12


def test_readers_read_beside_a_running_transaction(tmp_path: Path) -> None:
    """In one thread even: a reader of a file never waits for the writer."""
    with closing(SqliteStore(str(tmp_path / "x.db"))) as store:
        sqlite_child.commit(store, 0)
        with store.transaction() as tx:
            tx.put_meta("key", b"new")
            with store.reader() as reader:
                assert reader.meta("key") is None
        with store.reader() as reader:
            assert reader.meta("key") == b"new"
