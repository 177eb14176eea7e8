"""What `make demo` shows while it installs: a bar on a terminal, little in a log, and what pip says when it fails."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_tidy import ROOT

TOOL = ROOT / "tools" / "install_lock.py"
PIP = """
import sys
assert sys.argv[-3:-1] == ["--require-hashes", "-r"], sys.argv
print("Collecting msgspec==0.21.0 (from -r lock.txt (line 1))")
print("  Downloading msgspec.whl (1 MB)")
print("Requirement already satisfied: rich==14.0.0 in ./lib")
print("Installing collected packages: msgspec", flush=True)
print("no space left", file=sys.stderr)
sys.exit(int(open("status").read()))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pip.py").write_text(PIP)
    (tmp_path / "lock.txt").write_text(
        "msgspec==0.21.0 \\\n    --hash=sha256:00\nrich==14.0.0 \\\n    --hash=sha256:00\n"
    )
    (tmp_path / "status").write_text("0")
    return tmp_path


def install(folder: Path, **streams: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(TOOL), "--require-hashes", "-r", "lock.txt"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "80"}, text=True, **streams,
    )  # fmt: skip


def test_a_terminal_gets_a_bar_that_goes_away(folder: Path) -> None:
    reading, writing = pty.openpty()
    installing = install(folder, stderr=writing)
    os.close(writing)
    written = b""
    while True:
        try:
            part = os.read(reading, 65_536)
        except OSError:  # the process has ended
            break
        written += part
    os.close(reading)
    assert installing.wait(60) == 0
    shown = written.decode().split("\r\x1b[K")
    assert shown[1] == f"  [{'#' * 12}{'-' * 12}] 1 of 2 packages: msgspec"
    assert shown[2] == f"  [{'#' * 24}] 2 of 2 packages: rich"
    assert shown[-1] == ""


def test_a_log_gets_neither_a_bar_nor_what_pip_says(folder: Path) -> None:
    installing = install(folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert installing.communicate(timeout=60) == ("", "")
    assert installing.returncode == 0


def test_a_long_installation_leaves_lines_in_a_log(folder: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['x']\n"
        "from tools import install_lock; install_lock.LINE_SECONDS = 0.0\n"
        "sys.exit(install_lock.main(['--require-hashes', '-r', 'lock.txt']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr.splitlines()[:2] == ["  1 of 2 packages: msgspec", "  2 of 2 packages: rich"]


def test_what_pip_says_is_printed_when_it_fails(folder: Path) -> None:
    (folder / "status").write_text("3")
    installing = install(folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, err = installing.communicate(timeout=60)
    assert installing.returncode == 3
    assert "no space left" in err
    assert "Downloading msgspec.whl" in err


def test_make_installs_its_locks_with_it() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    for lock in ("requirements/demo.txt", "requirements/dev.txt"):
        assert f"$(INSTALL) --require-hashes -r {lock}" in recipe
