"""`workflowsvc doctor` of a SQLite file finds what endangers it, and is content when all is well."""

from __future__ import annotations

import os
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from workflowsvc import cli
from workflowsvc.backups.age import examine_backups
from workflowsvc.backups.folder import name_at
from workflowsvc.store.examination import Finding
from workflowsvc.store.sqlite import doctor
from workflowsvc.store.sqlite.store import SqliteStore

HOUR_MS = 3_600_000
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "store.db"
    SqliteStore(str(place)).close()
    place.chmod(0o600)
    return place


def mounts(kind: str = "ext4", options: str = "rw,relatime", at: str = "/") -> str:
    return (
        f"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n25 22 0:21 / {at} {options} shared:7 - {kind} x rw\n"
    )


def bad(file: Path, text: str | None) -> list[Finding]:
    found = doctor.examine(str(file), text)
    assert all(finding.advice or finding.level == "ok" for finding in found), found
    return [finding for finding in found if finding.level == "bad"]


def test_a_sound_file_on_a_disk_of_its_own_has_nothing_bad(file: Path) -> None:
    assert not bad(file, mounts())
    assert not [finding for finding in doctor.examine(str(file), mounts()) if finding.level != "ok"]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("nfs4", "rw", "network"),
        ("9p", "rw", "network"),
        ("tmpfs", "rw", "in memory"),
        ("ext4", "rw,nobarrier", "barriers"),
        ("overlay", "rw", "container"),
    ],
)
def test_a_file_system_that_may_lose_commits_is_bad(file: Path, kind: str, options: str, said: str) -> None:
    (finding,) = bad(file, mounts(kind, options, str(file.parent)))
    assert said in finding.what


def test_the_nearest_mount_counts_also_with_blanks_in_its_name() -> None:
    text = mounts("nfs4", at="/a\\040b")
    assert doctor.find_mount("/a b/store.db", text) == doctor.Mount("nfs4", frozenset({"rw", "relatime"}))
    found = doctor.find_mount("/a bc/store.db", text)
    assert found is not None
    assert found.kind == "ext4"


def test_a_disk_that_is_nearly_full_is_bad(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: Usage(1 << 40, 0, 1 << 33))
    (finding,) = bad(file, mounts())
    assert "free on its disk" in finding.what


def test_a_log_that_grows_is_reported(file: Path) -> None:
    with Path(f"{file}-wal").open("wb") as log:
        log.truncate(3 << 30)  # of a file with holes: no disk is used
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "_file", lambda path: iter([Finding("ok", "schema 1")]))
        patch.setattr(doctor, "_unused", lambda path: iter([]))
        (finding,) = bad(file, mounts())
    assert finding.what == "the log has 3,072.0 MiB"


def test_a_file_that_all_may_read_is_reported(file: Path) -> None:
    file.chmod(0o644)
    file.parent.chmod(0o755)
    assert "every user" in str(doctor.examine(str(file), mounts()))


def test_pages_that_are_unused_are_counted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MANY_UNUSED_BYTES", 100_000)
    store = SqliteStore(str(file))
    with closing(store):
        with store.transaction() as tx:
            tx.put_meta("large", b"x" * 1_000_000)
        with store.transaction() as tx:
            tx.delete_meta("large")
    (note,) = [finding for finding in doctor.examine(str(file), mounts()) if finding.level == "note"]
    assert "of the file are unused" in note.what


@pytest.mark.parametrize(("hours_ago", "is_bad"), [(1, False), (2.4, False), (2.6, True), (None, True)])
def test_backups_that_are_old_are_bad(tmp_path: Path, hours_ago: float | None, is_bad: bool) -> None:
    now = 1_795_982_340_000
    if hours_ago is not None:
        (tmp_path / name_at(round(now - hours_ago * HOUR_MS))).write_text("")
    found = list(examine_backups(str(tmp_path), str(tmp_path / "store.db"), now, 60.0))
    assert found[0][0] == is_bad
    assert (hours_ago is None) == ("on the disk of the store" not in str(found))


def test_the_command_prints_all_of_it(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORKFLOWSVC_BACKUP_TO", raising=False)
    backups = tmp_path / "backups"
    backups.mkdir()
    assert cli.main(["doctor", "--store", f"sqlite:{file}", "--backups", str(backups)]) == 1
    printed = capsys.readouterr().out
    assert "holds no backup" in printed
    assert "1 found that must be mended" in printed
    assert cli.main(["doctor", "--store", f"sqlite:{file}.other"]) == 1
    assert "is not there" in capsys.readouterr().out
    assert not os.path.exists(f"{file}.other")
    assert cli.main(["doctor", "--store", "memory"]) == 1
