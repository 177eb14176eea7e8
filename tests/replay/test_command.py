"""`workflowsvc replay` as a program: what it prints, writes and ends with, and that the decider ends with it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc import cli

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "tests.replay.decider_program"]


class Ended(NamedTuple):
    status: int
    out: str
    err: str


Replay = Callable[..., Ended]


@pytest.fixture
def replay(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Replay:
    """The command line in this process."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("WORKFLOWSVC_PORT", "1")  # of another server: not ours

    def call(*words: str | Path) -> Ended:
        status = cli.main(["replay", *map(str, words)])
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return Ended(status, said.out, said.err)

    return call


def test_a_program_that_decides_the_same_ends_with_0(
    replay: Replay, recorded: list[Path], tmp_path: Path
) -> None:
    junit = tmp_path / "replay.xml"
    ended = replay(*recorded, "--junit", junit, "--json", "--", *PROGRAM, "right")
    assert ended.status == 0
    *found, summary = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["status"] for one in found] == ["SAME"] * 3
    assert (summary["recordings"], summary["statuses"]) == (3, {"SAME": 3})
    assert "the decider polls" in ended.err
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "0")
    assert {case.get("classname") for case in suite} == {"workflow:1"}


def test_a_difference_is_shown_side_by_side_and_ends_with_1(
    replay: Replay, recorded: list[Path], tmp_path: Path
) -> None:
    junit = tmp_path / "replay.xml"
    ended = replay(recorded[0], "--task-list", "list", "--junit", junit, "--", *PROGRAM, "dollars")
    assert ended.status == 1
    lines = [line.rstrip() for line in ended.out.splitlines()]
    assert lines[0].startswith("DIFFERS order-1, run 22")
    assert lines[1].startswith("  at event 10 DecisionTaskCompleted, after event 7 ActivityTaskCompleted")
    assert lines[2] == "  decision 1, ScheduleActivityTask bill activity, differs in input"
    assert [line.split() for line in lines[3:4]] == [["recorded", "now"]]
    assert '"currency": "EUR"' in lines[5]
    assert '"currency": "USD"' in lines[5]
    assert lines[6].split() == ["2", "ScheduleActivityTask", "pack", "activity"] * 2
    assert lines[-1] == "1 recording, 2 decision tasks compared: 1 differs"
    (case,) = ElementTree.parse(junit).getroot()
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == lines[2].strip()
    assert '"USD"' in str(failure.text)


def test_what_if_prints_what_is_decided_now(replay: Replay, recorded: list[Path]) -> None:
    ended = replay(recorded[0], "--from", "10", "--", *PROGRAM, "right")
    assert ended.status == 0
    assert "  decided now:\n    1 ScheduleActivityTask bill activity\n" in ended.out
    assert '        input = {"amount": 12, "currency": "EUR"}\n' in ended.out


def test_a_program_that_ends_early_ends_the_replay_with_4(replay: Replay, recorded: list[Path]) -> None:
    ended = replay(*recorded, "--", sys.executable, "-c", "raise SystemExit(3)")
    assert ended.status == 4
    assert f"{sys.executable} ended with status 3 before it had answered everything" in ended.out


def test_wrong_arguments_end_with_2(replay: Replay, recorded: list[Path], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for words, message in (
            ([recorded[0], "--port", port], "cannot listen on 127.0.0.1"),
            ([recorded[0], "--port", "x"], "--port"),
            ([recorded[0], "--timeout", "0"], "--timeout must be from 1 s"),
            ([recorded[0], "--timeout", "soon"], "--timeout: 'soon' is no span of time"),
            ([recorded[0], "--parallel", "0"], "--parallel: '0' is no whole number"),
            ([recorded[0], "--from", "x"], "--from: 'x' is no whole number"),
            ([*recorded, "--from", "4"], "--from is about one decision"),
            ([recorded[0], "--from", "5"], "has no decision task that was started or completed with event 5"),
            ([recorded[0], "--ignore", "nothing"], "--ignore: 'nothing' names no member"),
            ([recorded[0], "--junit", tmp_path / "no" / "x"], "--junit"),
            ([recorded[0], "--type", "workflow:2"], "is of the workflow type workflow:1, not of workflow:2"),
            ([tmp_path / "none.json"], "there is no such file or folder"),
            ([recorded[0], "--", tmp_path / "none"], "cannot be started: No such file or directory"),
        ):
            ended = replay(*words)
            assert ended.status == 2, (words, ended)
            assert message in ended.err + ended.out, (words, ended)


def test_recordings_without_a_decision_are_no_success(
    replay: Replay, recorded: list[Path], tmp_path: Path
) -> None:
    events = json.loads(recorded[0].read_text())["events"][:2]
    (tmp_path / "new.json").write_text(json.dumps({"events": events}))
    ended = replay(tmp_path / "new.json")
    assert (ended.status, "no recording has a decision" in ended.err) == (2, True)


def test_other_machines_are_not_let_in_by_accident(
    replay: Replay, recorded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKFLOWSVC_HOST", "0.0.0.0")
    ended = replay(recorded[0])
    assert ended.status == 2
    assert "can be reached from other machines" in ended.err


def test_a_signal_ends_the_replay_and_its_program(recorded: list[Path], tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    script = f"import os, time; open({str(noted)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-m", "workflowsvc", "replay", str(recorded[0]), "--", sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr:
        while "endpoint" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)  # `timeout` and `make` send it twice
        assert process.wait(PATIENCE_SECONDS) == 130
    if noted.exists() and noted.read_text():
        with pytest.raises(ProcessLookupError):
            os.kill(int(noted.read_text()), 0)
