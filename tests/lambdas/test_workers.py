"""Threads that wait for functions: so many at once, the rest in line, and somebody is told when all is done."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from workflowsvc.engine.workers import Workers

PATIENCE_SECONDS = 20.0


class Gate:
    """Work that notes its coming and stays until it is let go."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self.open = threading.Semaphore(0)
        self.order: list[int] = []

    def work(self, number: int) -> Callable[[], None]:
        def stay() -> None:
            self.order.append(number)
            self.came.release()
            assert self.open.acquire(timeout=PATIENCE_SECONDS)

        return stay

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self.came.acquire(timeout=PATIENCE_SECONDS)

    def let(self, count: int) -> None:
        self.open.release(count)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def idle(workers: Workers) -> threading.Event:
    told = threading.Event()
    workers.when_idle(told.set)
    return told


def test_no_more_work_at_once_than_allowed_and_the_oldest_first(gate: Gate) -> None:
    workers = Workers(2, "test")
    for number in range(5):
        workers.begin(gate.work(number))
    gate.wait(2)
    assert sorted(gate.order) == [0, 1]
    gate.let(1)
    gate.wait(1)
    assert gate.order[2:] == [2]
    gate.let(4)
    gate.wait(2)
    assert sorted(gate.order[3:]) == [3, 4]
    assert idle(workers).wait(PATIENCE_SECONDS)


def test_somebody_is_told_once_the_last_piece_is_done(gate: Gate) -> None:
    workers = Workers(1, "test")
    assert idle(workers).is_set()
    workers.begin(gate.work(1))
    workers.begin(gate.work(2))
    gate.wait(1)
    told = idle(workers)
    gate.let(1)
    gate.wait(1)
    assert not told.is_set()
    gate.let(1)
    assert told.wait(PATIENCE_SECONDS)


def test_threads_end_with_the_work_and_come_again_with_it(gate: Gate) -> None:
    workers = Workers(3, "test-ending")
    for _ in range(2):
        for number in range(3):
            workers.begin(gate.work(number))
        gate.wait(3)
        gate.let(3)
        assert idle(workers).wait(PATIENCE_SECONDS)


def test_a_machine_without_threads_delays_work_and_breaks_nothing(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = Workers(1, "test")

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        workers.begin(gate.work(1))
    gate.let(2)
    workers.begin(gate.work(2))
    gate.wait(2)
    assert gate.order == [1, 2]
    assert idle(workers).wait(PATIENCE_SECONDS)
