"""What commands say of their store: new, found, misspelt, in memory, moved away; and of too few open files."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.fsck.full_database import FullDatabase
from tests.http.support import post
from tests.http.test_serve import ROOT, serve
from tests.support.waiting import until
from workflowsvc import cli
from workflowsvc.store.sqlite.store import SqliteStore

TYPE = {"name": "t", "version": "1"}


def start(domain: str, workflow_id: str) -> list[bytes]:
    return [
        post("RegisterDomain", {"name": domain, "workflowExecutionRetentionPeriodInDays": "1"}),
        post("RegisterWorkflowType", {"domain": domain, **TYPE}),
        post(
            "StartWorkflowExecution",
            {
                "domain": domain,
                "workflowId": workflow_id,
                "workflowType": TYPE,
                "taskList": {"name": "l"},
                "executionStartToCloseTimeout": "60",
                "taskStartToCloseTimeout": "60",
                "childPolicy": "TERMINATE",
            },
        ),
    ]


def test_a_server_says_whether_its_store_is_new_or_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    expected = ["(new)", "(0 domains, 0 open runs)", "(1 domain, 1 open run)", "(2 domains, 3 open runs)"]
    calls = [
        [],
        start("a", "w"),
        start("b", "w") + start("b", "v")[2:],
        [],
    ]
    for found, made in zip(expected, calls, strict=True):
        with serve(tmp_path, "--store", f"sqlite:{path}") as served:
            assert f"  Storage   {path} {found}\n" in served.said
            assert [served.ask(call).status for call in made] == [200] * len(made)
            served.process.terminate()
            assert served.process.wait() == 0


def test_a_store_in_memory_is_always_new(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        assert "  Storage   memory (new)\n" in served.said


@pytest.mark.parametrize(
    "command", [["migrate"], ["fsck"], ["fsck", "--repair"], ["migrate", "--print"]], ids=" ".join
)
def test_a_misspelt_file_is_not_made(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status = cli.main([*command, "--store", f"sqlite:{tmp_path / 'typo.db'}"])
    assert list(tmp_path.iterdir()) == []
    if "--print" not in command:  # it prints what would make one
        assert status in (1, 2)
        assert "typo.db is not there" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["pipe", "folder", "device", "no name"])
@pytest.mark.parametrize(
    "command", ["serve", "fsck", "fsck --repair", "migrate", "migrate --print", "copy from", "copy to"]
)
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path,
    command: str,
    what: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pipe would be waited for without end."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.mkdir("folder")
    os.symlink("/dev/null", "device")
    source = tmp_path / "sound.db"
    FullDatabase(SqliteStore(str(source))).store.close()
    before = sorted(os.listdir())
    beside_device = sorted(os.listdir("/dev"))
    store = "sqlite:" if what == "no name" else f"sqlite:{what}"
    if command.startswith("copy"):
        sides = (store, "sqlite:new.db") if command == "copy from" else (f"sqlite:{source}", store)
        words = ["copy", "--from", sides[0], "--to", sides[1]]
    else:
        words = [*command.split(), "--store", store]
    assert cli.main(words) in (1, 2)
    [said] = capsys.readouterr().err.splitlines()[-1:]
    expected = {
        "pipe": "it is not a regular file",
        "folder": "it is a directory",
        "device": "it is not a regular file",
        "no name": "sqlite:FILE",
    }
    assert expected[what] in said
    assert sorted(os.listdir()) == before
    assert sorted(os.listdir("/dev")) == beside_device
    assert not os.listdir("folder")


def test_migrate_leaves_a_file_at_the_newest_schema_as_it_is(tmp_path: Path) -> None:
    with serve(tmp_path, "--store", f"sqlite:{tmp_path / 'x.db'}") as served:
        served.process.terminate()
        served.process.wait()
    before = (tmp_path / "x.db").read_bytes()
    assert cli.main(["migrate", "--store", f"sqlite:{tmp_path / 'x.db'}"]) == 0
    assert (tmp_path / "x.db").read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [":memory:", "file::memory:?cache=shared", "file:x?mode=memory", "file:x?cache=shared&mode=memory"],
)
@pytest.mark.parametrize("command", ["serve", "fsck", "migrate", "copy"])
def test_sqlites_own_names_of_memory_make_no_file(
    tmp_path: Path,
    name: str,
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    store = f"sqlite:{name}"
    options = ["--from", store, "--to", "sqlite:y.db"] if command == "copy" else ["--store", store]
    assert cli.main([command, *options]) == 2
    assert "to keep data in memory, give --store memory\n" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [16, 24, 63])
@pytest.mark.parametrize("command", ["serve", "fsck", "fsck --repair", "migrate", "copy"])
def test_too_few_open_files_are_one_clear_line(tmp_path: Path, limit: int, command: str) -> None:
    store = f"sqlite:{tmp_path / 'x.db'}"
    options = ["--from", store, "--to", f"{store}.copy"] if command == "copy" else ["--store", store]
    ended = subprocess.run(
        [sys.executable, "-m", "workflowsvc", *command.split(), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        f"workflowsvc {command.split()[0]}: this process may have {limit} files open, and 64"
    )
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_low_limit_of_open_files_that_may_be_raised_is_raised(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")
    SqliteStore(path).close()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ended = subprocess.run(
        [sys.executable, "-m", "workflowsvc", "fsck", "--repair", "--store", f"sqlite:{path}"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (8, hard)),
    )
    assert (ended.returncode, ended.stderr) == (0, "")


# --- under a running server ---


@pytest.mark.parametrize("part", ["", "-wal"])
def test_a_server_whose_file_is_moved_away_acknowledges_nothing_and_says_so(
    tmp_path: Path, part: str
) -> None:
    path = tmp_path / "x.db"
    with serve(tmp_path, "--store", f"sqlite:{path}") as served:
        for call in start("a", "w"):
            assert served.ask(call).status == 200
        path.with_name(f"x.db{part}").rename(tmp_path / "away")
        assert {served.ask(call).status for call in start("b", "w")} == {503}
        assert f"x.db{part} was renamed, deleted or replaced while the server uses it" in served.said
        assert "Traceback" not in served.said
        (tmp_path / "away").rename(path.with_name(f"x.db{part}"))
        assert served.ask(start("c", "w")[0]).status == 200


def test_a_table_that_another_program_has_taken_away_is_503_and_a_line(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with serve(tmp_path, "--store", f"sqlite:{path}") as served:
        *register, begin = start("a", "w")
        assert [served.ask(call).status for call in register] == [200, 200]
        with closing(apsw.Connection(str(path))) as other:
            other.execute("alter table executions rename to away")
        assert served.ask(begin).status == 503
        listing = {"domain": "a", "startTimeFilter": {"oldestDate": 0}}
        assert served.ask(post("ListOpenWorkflowExecutions", listing)).status == 503
        assert "no such table" in served.said
        assert "Traceback" not in served.said


def test_a_column_that_another_program_has_renamed_is_503_and_a_line_and_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with serve(tmp_path, "--store", f"sqlite:{path}") as served:
        *register, begin = start("a", "w")
        assert [served.ask(call).status for call in register] == [200, 200]
        with closing(apsw.Connection(str(path))) as other:
            other.execute("alter table tasks rename column ready to rdy")
        ready = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        until(lambda: served.ask(begin).status == served.ask(ready).status == 503, "it is not ready")
        assert "the store fails: SQLError: table tasks has no column named ready" in served.said
        assert "Traceback" not in served.said
