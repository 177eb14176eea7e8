"""What tests start ends with them, also when they are killed; a crash names its test; a punctual test runs alone.

Each test runs pytest in a process of its own on a file of its own, with the plugins of this project.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_SECONDS, until
from tools.guard import PROC, VARIABLE, marked

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="the guard reads /proc")


@contextmanager
def pytest_on(folder: Path, program: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """pytest on this program, in a process group of its own that ends with the block."""
    file = folder / "test_it.py"
    file.write_text("import os, pathlib, signal, subprocess, sys, time\nimport pytest\n\n" + program)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml")]
    process = subprocess.Popen(
        [*command, f"--rootdir={folder}", *options, str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def output_of(folder: Path, program: str, *options: str) -> str:
    with pytest_on(folder, program, *options) as process:
        return process.communicate(timeout=PATIENCE_SECONDS)[0]


STARTS_A_CHILD = """
def test_that_starts_a_child():
    here = pathlib.Path(__file__).parent
    # In a session of its own, as a grandchild: neither a signal to the group nor the parent's death reaches it.
    subprocess.run(["sh", "-c", "sleep 600 & echo $! >child"], cwd=here, start_new_session=True)
    (here / "ready").touch()
"""


def is_alive(folder: Path) -> bool:
    """Whether the child of STARTS_A_CHILD runs; the file of a zombie's environment is empty."""
    try:
        return bool((PROC / (folder / "child").read_text().strip() / "environ").read_bytes())
    except OSError:
        return False


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_what_a_test_has_started_ends_when_the_tests_are_killed(tmp_path: Path, workers: str) -> None:
    with pytest_on(tmp_path, STARTS_A_CHILD + "    time.sleep(600)\n", workers) as process:
        until((tmp_path / "ready").exists, "the child runs")
        assert is_alive(tmp_path)
        process.kill()
        process.wait()
        until(lambda: not is_alive(tmp_path), "the child has ended")


def test_a_process_that_is_left_running_is_an_error_that_names_it(tmp_path: Path) -> None:
    program = """
from tests.support import waiting

def test_that_leaves_a_child():
    waiting.PATIENCE_SECONDS = 0  # the child does not end by itself
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    (pathlib.Path(__file__).parent / "child").write_text(str(child.pid))
"""
    said = output_of(tmp_path, program, "-n0")
    assert "left running by tests: ['sleep 600']" in said
    assert "1 passed, 1 error" in said
    until(lambda: not is_alive(tmp_path), "the child has ended")


def test_a_worker_that_crashes_names_what_it_was_doing(tmp_path: Path) -> None:
    program = """
@pytest.fixture
def fixture():
    yield
    os._exit(1)

def test_that_is_killed():
    os.kill(os.getpid(), signal.SIGKILL)

def test_whose_fixture_ends_the_process(fixture):
    pass
"""
    said = output_of(tmp_path, program, "-n1")
    assert "worker gw0 has crashed in test_it.py::test_that_is_killed" in said
    assert "worker gw1 has crashed in the teardown of test_it.py::test_whose_fixture_ends_the_process" in said


def test_a_worker_that_crashes_after_its_last_test_names_that_one(tmp_path: Path) -> None:
    program = """
@pytest.fixture(scope="session")
def end():
    yield
    os.kill(os.getpid(), signal.SIGKILL)

def test_last(end):
    pass
"""
    said = output_of(tmp_path, program, "-n1")
    assert "worker gw0 has crashed in the teardown of test_it.py::test_last" in said


def test_a_punctual_test_runs_while_no_other_does(tmp_path: Path) -> None:
    program = """
HERE = pathlib.Path(__file__).parent

def run(name):
    running = HERE / f"running-{name}"
    running.touch()
    others = sorted(file.name for file in HERE.glob("running-*") if file != running)
    for _ in range(100):  # gives the other worker time to come, which makes no difference to a test that passes
        time.sleep(0.001)
        others += [file.name for file in HERE.glob("running-*") if file != running]
    running.unlink()
    return others

@pytest.mark.parametrize("number", range(12))
def test_ordinary(number):
    run(number)

@pytest.mark.punctual
@pytest.mark.parametrize("number", range(12))
def test_punctual(number):
    assert run(f"punctual-{number}") == []
"""
    # They come by turns here, not the punctual ones first.
    (tmp_path / "conftest.py").write_text(
        "import re, pytest\n\n\n@pytest.hookimpl(trylast=True)\ndef pytest_collection_modifyitems(items):\n"
        "    items.sort(key=lambda item: int(re.search('[0-9]+', item.name)[0]))\n"
    )
    said = output_of(tmp_path, program, "-n3")
    assert "24 passed" in said, said


def test_the_mark_is_in_the_environment_of_children_alone() -> None:
    mark = os.environ[VARIABLE]
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        names = {process.name for process in marked(mark)}
        assert str(child.pid) in names
        assert str(os.getpid()) not in names
