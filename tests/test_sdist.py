"""The source distribution is whole: it holds every file of the project, and its tests run where there is no git."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_SECONDS
from tests.test_tidy import ROOT, committed


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that an unpacked source distribution makes."""
    folder = tmp_path_factory.mktemp("sdist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def test_it_holds_every_file_of_the_project(unpacked: Path) -> None:
    missing = [
        name
        for name in (path.relative_to(ROOT).as_posix() for path in committed())
        if not (unpacked / name).is_file()
    ]
    assert not missing, missing


def test_its_own_tests_find_its_files_without_git(unpacked: Path) -> None:
    tests = ["tests/test_tidy.py", "tests/test_docs.py", "tests/test_citations.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = str(unpacked)
    ran = subprocess.run(
        command, cwd=unpacked, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "skipped" not in ran.stdout, ran.stdout
