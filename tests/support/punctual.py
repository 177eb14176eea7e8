"""A test that is marked `punctual` runs while no other test of the same run does.

Owns two lock files in a folder of the run. Each test holds the first one for reading, a punctual one for writing. On
their way to it all pass the second one, so that a punctual test that waits holds up those who come later and is not
overtaken for ever. A punctual test still shares the machine with whatever else runs on it, so it leaves as much room as
it can, too.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def first(items: list[pytest.Item]) -> None:
    """Puts the punctual tests before all others: each waits for the tests that run to end, and the next ones wait for
    it, which costs least one behind the other."""
    items.sort(key=lambda item: item.get_closest_marker("punctual") is None)


class Turns:
    """In each worker of a run; without workers tests run one by one anyway."""

    def __init__(self, folder: Path) -> None:
        self._files = [folder / name for name in ("queue.lock", "turn.lock")]

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # before pytest-timeout, so that the wait is not counted
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        alone = item.get_closest_marker("punctual") is not None
        queue, turn = self._files
        with _locked(queue, fcntl.LOCK_EX):
            held = _locked(turn, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            held.__enter__()
        try:
            return (yield)
        finally:
            held.__exit__(None, None, None)


@contextmanager
def _locked(file: Path, how: int) -> Iterator[None]:
    """The kernel lets go of the lock when the process ends, in any way."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
