"""The samples and the demo do what they promise, against the real server, and report what goes wrong.

Each runs as the program that a person would start. What the histories should be stands in the samples.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import until

EXAMPLES = Path(__file__).parents[2] / "examples"
STORY_SECONDS = 240  # the demo takes 30 s on an idle machine; pytest's own limit is 300 s


def load(name: str) -> ModuleType:
    """A file of examples/, which is a folder of programs and no package."""
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))  # for what it imports
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLES / program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=STORY_SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the samples leave behind is judged at the end."""
    folder = tmp_path_factory.mktemp("service")
    store = f"sqlite:{folder / 'examples.db'}"
    service = load("service").Service(store, log=folder / "examples.log")
    try:
        service.start()
        yield service.url
    finally:
        service.stop()
    audit = subprocess.run(
        [sys.executable, "-m", "workflowsvc", "fsck", "--store", store],
        capture_output=True,
        text=True,
        check=False,
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr


@pytest.mark.parametrize("sample", ["simple.py", "timeouts.py", "terminate.py"])
def test_a_sample_is_content_with_the_service(sample: str, service: str) -> None:
    finished = run(sample, AWS_ENDPOINT_URL_SWF=service)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "WorkflowExecutionStarted" in finished.stdout


def test_the_demo_tells_its_story_and_leaves_nothing_behind(tmp_path: Path) -> None:
    finished = run("demo.py", TMPDIR=str(tmp_path))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "here the server was killed" in finished.stdout
    assert list(tmp_path.iterdir()) == []
    assert processes_started_with(str(tmp_path)) == []


@contextmanager
def in_the_first_sample(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A story in the middle of its first sample, with all processes running. As in the background of a shell script,
    Ctrl-C is ignored at its start."""
    with subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, EXAMPLES / program],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    ) as story:
        assert story.stdout is not None
        for line in story.stdout:
            if "DecisionTaskStarted" in line:
                break
        yield story


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_ends_quietly_and_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    with in_the_first_sample("demo.py", tmp_path) as demo:
        demo.send_signal(number)
        demo.send_signal(number)  # impatience changes nothing
        rest, _ = demo.communicate(timeout=STORY_SECONDS)
    assert demo.returncode == (1 if number == signal.SIGINT else 128 + number)
    assert ("All processes and files are removed" in rest) is (number == signal.SIGINT)
    assert "Traceback" not in rest
    assert "timeouts.py" not in rest, "it went on with the next sample"
    assert list(tmp_path.iterdir()) == []
    assert processes_started_with(str(tmp_path)) == []


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems do not end the children of a killed process"
)
def test_a_demo_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with in_the_first_sample("demo.py", tmp_path) as demo:
        assert len(processes_started_with(str(tmp_path))) > 3, (
            "the demo, its server, and a sample with its roles"
        )
        demo.kill()
        until(lambda: not processes_started_with(str(tmp_path)), "the end of all its processes")


@pytest.mark.parametrize("program", ["demo.py", "cluster.py"])
def test_a_story_that_is_interrupted_while_it_loads_ends_quietly(program: str) -> None:
    source = (EXAMPLES / program).read_text()
    ours = {file.stem for file in EXAMPLES.glob("*.py")}
    imported = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    assert next(name for name in imported if name in ours) == "quiet"
    interrupted = "import quiet, os, signal; os.kill(os.getpid(), signal.SIGINT)"
    done = subprocess.run(
        [sys.executable, "-c", interrupted], cwd=EXAMPLES, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_a_worker_that_is_late_blames_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL_SWF": "http://127.0.0.1:9",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }.items():
        monkeypatch.setenv(name, value)
    timeouts = load("timeouts")

    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "UnknownResourceFault"}}, "RecordActivityTaskHeartbeat")

    monkeypatch.setattr(
        timeouts, "activity_tasks", lambda *_: [{"taskToken": "of a task that has timed out"}]
    )
    monkeypatch.setattr(timeouts.swf, "record_activity_task_heartbeat", refuse)
    with pytest.raises(timeouts.Surprise, match=r"this machine is too busy.*no error of the service"):
        timeouts.worker()


def test_a_sample_without_a_service_says_so_and_fails() -> None:
    finished = run(
        "simple.py", AWS_ENDPOINT_URL_SWF="http://127.0.0.1:9"
    )  # the discard port: no process listens there
    assert finished.returncode == 1
    assert "Is the service running" in finished.stderr


def test_a_history_that_differs_is_told_line_by_line() -> None:
    support = load("support")
    event = {
        "eventId": 1,
        "eventType": "WorkflowExecutionSignaled",
        "workflowExecutionSignaledEventAttributes": {"signalName": "rain"},
    }
    support.expect_history([event], "1 WorkflowExecutionSignaled signalName=rain input=absent")
    with pytest.raises(support.Surprise) as surprise:
        support.expect_history([event], "1 WorkflowExecutionSignaled signalName=snow")
    assert "- " in str(surprise.value)
    assert "signalName=snow" in str(surprise.value)
    assert "signalName=rain" in str(surprise.value)
    with pytest.raises(support.Surprise):
        support.expect_history([event], "1 WorkflowExecutionSignaled\n2 DecisionTaskScheduled")
    with pytest.raises(support.Surprise):
        support.expect_history([event, event], "1 WorkflowExecutionSignaled")


def test_a_call_that_should_be_refused_but_is_accepted_is_told() -> None:
    support = load("support")
    with pytest.raises(support.Surprise, match="it was accepted"), support.refused("AnyFault", "any text"):
        pass


def processes_started_with(folder: str) -> list[str]:
    """Command lines of living processes that have this folder in their environment, as all of a demo have."""
    lines: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if folder.encode() in (process / "environ").read_bytes():
                lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has just ended
    return lines
