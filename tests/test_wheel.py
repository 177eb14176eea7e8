"""The wheel is pure and whole: pip alone installs it without a compiler, and no file of the package lacks."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.support.waiting import PATIENCE_SECONDS
from tests.test_tidy import ROOT, committed


def test_the_wheel_is_pure_and_holds_every_file_of_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        (entry_points,) = (name for name in inside if name.endswith(".dist-info/entry_points.txt"))
        assert "workflowsvc = workflowsvc.__main__:main" in archive.read(entry_points).decode()
    expected = {path.relative_to(ROOT).as_posix() for path in committed("workflowsvc")}
    assert expected <= inside, sorted(expected - inside)
    assert {name.split("/")[0] for name in inside if ".dist-info/" not in name} == {"workflowsvc"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in inside)
