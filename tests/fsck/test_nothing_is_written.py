"""An audit, and the reading side of a copy, make no file, change none, and work where nothing can be written."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.fsck.full_database import FullDatabase
from workflowsvc import cli
from workflowsvc.fsck import audit
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.sqlite.store import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, signal, sys
from tests.fsck.full_database import FullDatabase
from workflowsvc.store.sqlite.store import SqliteStore
FullDatabase(SqliteStore(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def python(*arguments: str, **given: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(params=["closed", "killed", "killed without its index"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that no server uses: closed, or with the log that a killed server has left, in a folder of its own."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "workflowsvc.db"
    if request.param == "closed":
        FullDatabase(SqliteStore(str(path))).store.close()
        path.with_name("workflowsvc.db-lock").unlink()
        return path
    assert python("-c", KILLED, str(path)).returncode == -signal.SIGKILL
    if request.param == "killed without its index":
        path.with_name("workflowsvc.db-shm").unlink()
    return path


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


@pytest.mark.parametrize(
    "command",
    [
        ["fsck", "--store"],
        ["fsck", "--quick", "--store"],
        ["migrate", "--print", "--store"],
        ["copy", "--to", "sqlite:target.db", "--from"],
        ["copy", "--source-is-stopped", "--to", "sqlite:target.db", "--from"],
    ],
    ids=" ".join,
)
def test_what_only_reads_a_file_leaves_its_folder_as_it_was(
    path: Path, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = contents(path.parent)
    assert cli.main([*command, f"sqlite:{path}"]) == 0
    assert contents(path.parent) == before


def test_a_file_on_a_read_only_file_system_is_audited_and_copied(path: Path, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    folder, target = path.parent, tmp_path / "target.db"
    workflowsvc = f"{sys.executable} -m workflowsvc"
    script = f"""
        mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} || exit 77
        ! touch {folder}/x || exit 78
        {workflowsvc} fsck --store sqlite:{path} && {workflowsvc} copy --from sqlite:{path} --to sqlite:{target}
    """
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Nothing is wrong." in done.stdout
    assert "Both sides are audited and the same." in done.stdout


def test_a_source_that_is_being_copied_is_not_served(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By any name, although the copy cannot write to it."""
    from workflowsvc.copying.transfer import Transfer

    link = path.with_name("link.db")
    link.hardlink_to(path)
    said: list[str] = []

    def serve_meanwhile(self: Transfer) -> None:
        for name in (path, link):
            code = (
                "import sys; from workflowsvc.store.sqlite.store import SqliteStore; SqliteStore(sys.argv[1])"
            )
            said.append(python("-c", code, str(name)).stderr.splitlines()[-1])
        raise KeyboardInterrupt

    monkeypatch.setattr(Transfer, "transfer", serve_meanwhile)
    cli.main(["copy", "--from", f"sqlite:{path}", "--to", f"sqlite:{tmp_path / 'target.db'}"])
    assert [line.partition(" is in use by ")[1] for line in said] == [" is in use by "] * 2, said


def test_an_audit_begins_again_when_a_server_starts_meanwhile(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it had read was of two moments."""
    from workflowsvc.commands import fsck as command

    stores: list[SqliteStore] = []
    audits = 0

    def audit_and_serve(reader: AuditReader, *given: object) -> object:
        nonlocal audits
        audits += 1
        if not stores:
            stores.append(SqliteStore(str(path)))
            with stores[0].transaction() as tx:
                tx.put_meta("turn of something", b"")
        return audit(reader, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(command, "audit", audit_and_serve)
    try:
        assert cli.main(["fsck", "--store", f"sqlite:{path}"]) == 0
    finally:
        stores[0].close()
    assert audits == 2
    assert capsys.readouterr().out.endswith("Nothing is wrong.\n")


def test_the_newest_commits_of_a_killed_server_are_read(tmp_path: Path) -> None:
    """They are in its log alone."""
    path = tmp_path / "workflowsvc.db"
    assert python("-c", KILLED, str(path)).returncode == -signal.SIGKILL
    assert cli.main(["copy", "--from", f"sqlite:{path}", "--to", f"sqlite:{tmp_path / 'target.db'}"]) == 0
    shutil.copy(path, tmp_path / "merged.db")
    shutil.copy(f"{path}-wal", tmp_path / "merged.db-wal")
    counts: list[object] = []
    for name in ("target.db", "merged.db"):
        with closing(apsw.Connection(str(tmp_path / name))) as connection:
            counts.append(connection.execute("select count(*), max(event_id) from events").get)
    assert counts[0] == counts[1]
