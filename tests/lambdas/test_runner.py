"""Functions run on the event loop: a bounded number at a time, the rest queued, and the end of the last is noticed."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.engine.invoker import Ending, Invocation, Invoker, Returned
from workflowsvc.lambdas.runner import FunctionRunner
from workflowsvc.tenant import Tenant


class Gate:
    """Functions that note their call and stay until they are let go."""

    def __init__(self) -> None:
        self.came = asyncio.Semaphore(0)
        self.open = asyncio.Semaphore(0)
        self.order: list[int] = []

    async def call(self, invocation: Invocation) -> Ending | None:
        self.order.append(invocation.run)
        self.came.release()
        await self.open.acquire()
        return Returned(str(invocation.run))

    async def wait(self, count: int) -> None:
        for _ in range(count):
            await asyncio.wait_for(self.came.acquire(), PATIENCE_SECONDS)

    def let(self, count: int) -> None:
        for _ in range(count):
            self.open.release()


class Endings:
    """Stands where the engine's invoker does."""

    def __init__(self) -> None:
        self.in_time = True
        self.recorded: list[Ending | Exception] = []

    def is_in_time(self, _: Invocation) -> bool:
        return self.in_time

    def ended(self, _: Invocation, ending: Ending) -> None:
        self.recorded.append(ending)

    def could_not_call(self, _: Invocation, error: Exception) -> None:
        self.recorded.append(error)


class Running:
    """A runner with a gate behind it."""

    def __init__(self, max_running: int) -> None:
        self.gate = Gate()
        self.endings = Endings()
        self.runner = FunctionRunner(self.gate.call, max_running)
        self.runner.start()

    def begin(self, number: int) -> None:
        invocation = Invocation(number, 5, "f", "{}", Tenant().key, deadline=0)
        self.runner.begin(invocation, cast("Invoker", self.endings))

    def is_idle(self) -> bool:
        return self.runner._idle.is_set()  # pyright: ignore[reportPrivateUsage]

    async def idle(self) -> None:
        await asyncio.wait_for(self.runner.idle(), PATIENCE_SECONDS)


def test_no_more_functions_at_once_than_allowed_and_the_oldest_first() -> None:
    async def run() -> None:
        running = Running(2)
        for number in range(5):
            running.begin(number)
        await running.gate.wait(2)
        assert sorted(running.gate.order) == [0, 1]
        running.gate.let(1)
        await running.gate.wait(1)
        assert running.gate.order[2:] == [2]
        running.gate.let(4)
        await running.gate.wait(2)
        assert sorted(running.gate.order[3:]) == [3, 4]
        await running.idle()
        assert len(running.endings.recorded) == 5

    asyncio.run(run())


def test_it_is_idle_once_the_last_function_has_ended() -> None:
    async def run() -> None:
        running = Running(1)
        await running.idle()
        running.begin(1)
        running.begin(2)
        await running.gate.wait(1)
        running.gate.let(1)
        await running.gate.wait(1)
        assert not running.is_idle()
        running.gate.let(1)
        await running.idle()
        assert running.endings.recorded == [Returned("1"), Returned("2")]

    asyncio.run(run())


def test_functions_come_and_go_and_come_again() -> None:
    async def run() -> None:
        running = Running(3)
        for _ in range(2):
            for number in range(3):
                running.begin(number)
            await running.gate.wait(3)
            running.gate.let(3)
            await running.idle()

    asyncio.run(run())


def test_a_function_whose_task_has_timed_out_in_the_queue_is_not_called() -> None:
    async def run() -> None:
        running = Running(1)
        running.begin(1)
        running.begin(2)
        await running.gate.wait(1)
        running.endings.in_time = False
        running.gate.let(1)
        await running.idle()
        assert running.gate.order == [1]

    asyncio.run(run())


def test_a_bug_in_the_client_is_reported_and_the_next_function_is_called() -> None:
    async def run() -> None:
        running = Running(1)
        bug = ZeroDivisionError("on purpose")

        async def fail(_: Invocation) -> Ending | None:
            raise bug

        running.runner._call = fail  # pyright: ignore[reportPrivateUsage]
        running.begin(1)
        running.begin(2)
        await asyncio.sleep(0)
        await running.idle()
        assert running.endings.recorded == [bug, bug]

    asyncio.run(run())


def test_it_is_not_idle_while_work_is_delayed() -> None:
    async def run() -> None:
        running = Running(1)
        done: list[Any] = []
        running.runner.later(0.01, lambda: done.append(running.is_idle()))
        await asyncio.sleep(0)
        assert not running.is_idle()
        await running.idle()
        assert done == [False]

    asyncio.run(run())


def test_work_that_comes_from_another_thread_is_taken() -> None:
    async def run() -> None:
        running = Running(1)
        await asyncio.to_thread(running.begin, 7)
        await running.gate.wait(1)
        running.gate.let(1)
        await running.idle()
        assert running.gate.order == [7]

    asyncio.run(run())


def test_a_loop_that_has_ended_takes_no_work_and_breaks_nothing() -> None:
    running: list[Running] = []

    async def run() -> None:
        running.append(Running(1))

    asyncio.run(run())
    running[0].begin(1)
    running[0].runner.later(0, lambda: pytest.fail("it cannot run"))
    assert running[0].gate.order == []
