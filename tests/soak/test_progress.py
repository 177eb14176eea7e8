"""While a part of the soak runs, which may take an hour, it can be seen that it does."""

from __future__ import annotations

import os

import pytest

from tests.command_line.test_terminal import output_on_a_terminal
from tests.soak.__main__ import ticking
from tests.support.waiting import until


def test_a_log_gets_lines_while_a_part_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflowsvc.display.screen.LINE_SECONDS", 0.0)
    said: list[str] = []

    def are_two() -> bool:
        said.extend(capsys.readouterr().err.splitlines())
        return len(said) >= 2

    with ticking("disk", 300, tick_seconds=0.001):
        until(are_two, "two lines")
    assert said[0].startswith("disk, seconds: ")
    assert said[0].endswith(" of 300")


def test_a_terminal_gets_a_bar_of_the_usual_time() -> None:
    script = "from tests.soak.__main__ import ticking\nwith ticking('disk', 300):\n    print('at work')"
    written = output_on_a_terminal(os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"}, "-c", script)
    assert "disk, seconds" in written
    assert "0/300" in written
    assert "at work" in written
