"""docs/access.md: its commands work in the order in which they stand there, and print what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
BLOCK = re.compile(r"^```(sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_page_work_and_print_what_it_says(tmp_path: Path) -> None:
    blocks = [(kind, text) for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    said = next(text for kind, text in blocks if text.startswith("allowed: "))
    script = "".join(text for kind, text in blocks if kind)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "SWF_", "WORKFLOWSVC_"))
    }
    start = f'set -eu\nworkflowsvc() {{ "{sys.executable}" -m workflowsvc "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", start + script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert "2 secrets were encrypted anew" in done.stdout
    keys = {name: (tmp_path / f"{name}.env").read_text() for name in ("admin", "mailer")}
    for text in keys.values():
        assert re.fullmatch(r"AWS_ACCESS_KEY_ID=AKIA\w{16}\nAWS_SECRET_ACCESS_KEY=\S{40}\n", text)
    assert (tmp_path / "access.json").exists()
