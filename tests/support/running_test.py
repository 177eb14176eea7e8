"""A test worker that crashes names its test: a note of what each worker is doing, which outlives the worker.

pytest-xdist names the first test that the worker had not finished, and names none when it had finished all that it had
been given: the crash of a fixture's end or of the interpreter's. The note has the phase too. Without xdist there is
nothing to do: pytest's own output ends with the test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

KEY = "note_of_the_running_test"


class Notes:
    """In the process that leads the workers, if there are any: one file for each of them."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._crashes: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="workflowsvc-running-tests-")
        node.workerinput[KEY] = str(Path(self._folder.name) / node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        if error:
            note = Path(node.workerinput[KEY])
            said = note.read_text() if note.exists() else "before its first test"
            self._crashes.append(f"worker {node.gateway.id} has crashed {said}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for crash in self._crashes:
            terminalreporter.write_line(crash, red=True)

    def pytest_unconfigure(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


class Note:
    """In a worker: keeps its file up to date."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _write(self, said: str) -> None:
        """In place of what was there; fifty thousand times in a run."""
        data = said.encode()
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        try:
            return (yield)
        finally:
            self._write(f"after {item.nodeid}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._write(f"in the setup of {item.nodeid}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        self._write(f"in {item.nodeid}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        self._write(f"in the teardown of {item.nodeid}")


def note_of(config: pytest.Config) -> Path | None:
    """The file of this worker, in a folder of the run; None in a process that is no worker."""
    given = getattr(config, "workerinput", None)
    return None if given is None else Path(given[KEY])
