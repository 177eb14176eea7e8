"""`workflowsvc fsck`: reads a file while a server uses it, repairs it only on request and alone, and reports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.fsck.full_database import FullDatabase
from workflowsvc.cli import main
from workflowsvc.store.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A full database that no server uses."""
    path = tmp_path / "workflowsvc.db"
    FullDatabase(SqliteStore(str(path))).store.close()
    return path


def execute(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


def fsck(path: Path | str, *options: str) -> int:
    return main(["fsck", "--store", f"sqlite:{path}", *options])


def test_a_sound_database_is_said_to_be_sound(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fsck(path) == 0
    report = capsys.readouterr().out
    assert str(path) in report
    assert report.endswith("Nothing is wrong.\n")
    assert "0 runs" not in report


def test_without_repair_nothing_is_written(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    execute(path, "delete from tasks")
    before = path.read_bytes()
    assert fsck(path) == 1
    assert path.read_bytes() == before
    report = capsys.readouterr().out
    assert "on no list" in report
    assert "repairable" in report
    assert "task (" in report.splitlines()[-1]


def test_with_repair_it_is_as_it_was(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    execute(path, "delete from tasks", "update executions set wake_at = null")
    assert fsck(path, "--repair") == 0
    assert "repaired. Nothing is wrong.\n" in capsys.readouterr().out
    assert fsck(path) == 0


def test_what_cannot_be_repaired_is_still_a_problem(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    execute(path, "delete from tasks", "delete from events where event_id = 2")
    assert fsck(path, "--repair") == 1
    report = capsys.readouterr().out
    assert "stays" in report
    assert "repaired." in report


def test_programs_get_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    execute(path, "delete from execution_tags")
    assert fsck(path, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["database"] == str(path)
    assert report["repaired"] is None
    assert {problem["kind"] for problem in report["problems"]} == {"tag"}
    assert all(problem["repairable"] for problem in report["problems"])
    assert fsck(path, "--json", "--repair") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    assert report["repaired"] > 0


def test_quick_leaves_the_rules_of_histories_alone(path: Path) -> None:
    execute(path, "update events set body = cast(replace(body, 'E9', 'E8') as blob) where event_id = 2")
    assert fsck(path) == 1
    execute(path, "update events set body = cast(replace(body, 'E8', 'E9') as blob) where event_id = 2")
    assert fsck(path, "--quick") == 0


def test_an_index_that_disagrees_with_its_table_is_reported(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the schema does not know the index, rows change without it."""
    hide = "delete from sqlite_schema where name = 'executions_by_wake'"
    keep = "create table kept as select * from sqlite_schema where name = 'executions_by_wake'"
    execute(path, keep, "pragma writable_schema = on", hide)
    execute(path, "update executions set wake_at = wake_at + 1 where wake_at is not null")
    execute(path, "pragma writable_schema = on", "insert into sqlite_schema select * from kept")
    assert fsck(path) == 1
    assert "executions_by_wake" in capsys.readouterr().out


def test_a_server_may_run_beside_an_audit_but_not_beside_a_repair(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SqliteStore(str(path))
    try:
        assert fsck(path) == 0
        assert fsck(path, "--repair") == 2
        assert "in use by process" in capsys.readouterr().err
    finally:
        store.close()


def test_what_a_killed_server_left_is_read_without_a_server(tmp_path: Path) -> None:
    """Its newest commits are in the log beside the file."""
    path = tmp_path / "workflowsvc.db"
    code = (
        "import os, signal, sys\n"
        "from tests.fsck.full_database import FullDatabase\n"
        "from workflowsvc.store.sqlite.store import SqliteStore\n"
        "FullDatabase(SqliteStore(sys.argv[1]))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).resolve().parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert path.with_name("workflowsvc.db-wal").stat().st_size > 0
    assert fsck(path) == 0
    assert path.with_name("workflowsvc.db-wal").stat().st_size > 0, "the log is left for the server"


@pytest.mark.parametrize("content", [None, b"", b"no database at all, but long enough to be looked at" * 99])
def test_what_is_no_database_of_ours_cannot_be_examined(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.db"
    if content is not None:
        path.write_bytes(content)
    assert fsck(path) == 2
    assert str(path) in capsys.readouterr().err
    assert path.exists() == (content is not None), "nothing is made"


def test_a_database_of_another_program_or_release_is_left_alone(path: Path) -> None:
    execute(path, "pragma user_version = 99")
    assert fsck(path) == 2
    assert fsck(path, "--repair") == 2
    execute(path, "pragma user_version = 1", "pragma application_id = 5")
    assert fsck(path) == 2


def test_memory_cannot_be_examined(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fsck", "--store", "memory"]) == 2
    assert "memory" in capsys.readouterr().err


def test_a_broken_file_is_a_problem_and_no_traceback(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(content)
    assert fsck(path) == 2
    assert "malformed" in capsys.readouterr().err
