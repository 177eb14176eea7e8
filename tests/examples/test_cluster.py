"""`make cluster` does what it promises, with whatever PostgreSQL is there, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import psycopg
import pytest

from tests.examples.test_examples import STORY_SECONDS, in_the_first_sample, processes_started_with, run
from tests.support.postgres_programs import require_programs
from tools import postgres


@pytest.fixture(autouse=True)
def programs() -> Path:
    return require_programs()


def test_the_cluster_tells_its_story_and_leaves_nothing_behind(tmp_path: Path) -> None:
    finished = run("cluster.py", TMPDIR=str(tmp_path))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "was killed; it is not started again" in finished.stdout
    assert "Nothing is wrong." in finished.stdout
    assert list(tmp_path.iterdir()) == []
    assert processes_started_with(str(tmp_path)) == []


def test_a_cluster_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    with in_the_first_sample("cluster.py", tmp_path) as cluster:
        cluster.send_signal(signal.SIGINT)
        rest, _ = cluster.communicate(timeout=STORY_SECONDS)
    assert cluster.returncode == 1
    assert "All processes and files are removed" in rest
    assert list(tmp_path.iterdir()) == []
    assert processes_started_with(str(tmp_path)) == []


def test_a_cluster_without_postgresql_says_how_to_get_it(tmp_path: Path) -> None:
    finished = run("cluster.py", TMPDIR=str(tmp_path), WORKFLOWSVC_POSTGRES_BIN=str(tmp_path))
    assert finished.returncode == 1
    assert f"there are no PostgreSQL programs in {tmp_path}" in finished.stderr


@pytest.mark.skipif(
    os.geteuid() != 0, reason="who is not root runs PostgreSQL as himself, and reaches what he finds"
)
def test_programs_in_the_home_of_root_are_copied_to_where_postgresql_may_run_them(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a package in a virtual environment is, where only root may look."""
    home = tmp_path / "home"
    hidden = home / "package" / "pginstall" / "bin"
    hidden.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        shutil.copy(programs / name, hidden / name)
    home.chmod(0o700)
    seen = tmp_path / "seen"
    seen.mkdir()
    copied = postgres.within_reach(hidden, seen)
    assert copied == seen / "programs" / "package" / "pginstall" / "bin"
    assert sorted(file.name for file in copied.iterdir()) == ["initdb", "postgres"]
    assert postgres.within_reach(programs, seen) == programs


@pytest.mark.parametrize("package", postgres.PACKAGES)
def test_the_programs_of_a_python_package_will_do(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on machines that have no PostgreSQL of their own."""
    monkeypatch.setattr(postgres, "PACKAGES", [package])
    monkeypatch.setattr(postgres.shutil, "which", lambda name: None)
    monkeypatch.setattr(postgres, "INSTALLED", ())
    monkeypatch.delenv("WORKFLOWSVC_POSTGRES_BIN", raising=False)
    try:
        programs = postgres.find_programs()
    except postgres.NoPostgres:
        pytest.skip(f"the package {package} is not installed")
    assert package in programs.parts
    with postgres.running() as server, psycopg.connect(server.dsn()) as connection:
        assert connection.info.server_version >= 130000
