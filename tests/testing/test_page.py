"""Every Python program of docs/testing.md runs as it stands there, and says what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import boto3  # noqa: F401 - stays imported when a run within the run is over
import pytest

from tests.test_tidy import ROOT
from tests.testing.test_plugin import LOAD, QUIET
from workflowsvc.testing import service, world_service  # noqa: F401

pytest_plugins = ["pytester"]

PAGE = ROOT / "docs" / "testing.md"
PROGRAM = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs() -> dict[str, str]:
    return dict(PROGRAM.findall(PAGE.read_text(encoding="utf-8")))


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """With all programs of the page."""
    for name, text in programs().items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    return pytester.path


def test_every_block_in_python_is_a_program_with_a_name() -> None:
    assert PAGE.read_text(encoding="utf-8").count("```python\n") == len(programs()) >= 8


def test_the_tests_of_the_page_pass(folder: Path, pytester: pytest.Pytester) -> None:
    pytester.syspathinsert()
    result = pytester.runpytest_inprocess(*LOAD, *QUIET, "-W", "error")
    assert result.ret == 0
    tests = sum(text.count("def test_") for name, text in programs().items() if name.startswith("test_"))
    result.assert_outcomes(passed=tests)


def test_the_test_of_a_30_day_timer_has_ten_lines() -> None:
    lines = [line for line in programs()["test_reminders.py"].splitlines() if line]
    assert len(lines) <= 12  # with the import and the def


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("test_reminders_unittest.py", "OK"),
        ("plain.py", "WorkflowExecutionCompleted +2592000"),
        ("plain_world.py", "REGISTERED"),
    ],
)
def test_a_program_of_the_page_runs_by_itself(name: str, says: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", name],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("language", "file"),
    [
        ("js", "interop/javascript/reminder.test.mjs"),
        ("java", "interop/java/src/main/java/interop/LocalService.java"),
    ],
)
def test_a_program_in_another_language_is_one_that_make_interop_runs(language: str, file: str) -> None:
    shown = re.search(
        rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert shown is not None
    assert shown[1] == (ROOT / file).read_text(encoding="utf-8")
