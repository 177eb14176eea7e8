"""Long work behind pages: shown while it goes on, done again seldom, ended when no page asks, and never in the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from workflowsvc.clock import ManualClock
from workflowsvc.console.lookups import ABANDONED_SECONDS, Found, Lookups, Publish
from workflowsvc.faults import UnknownResourceFault


class Slow:
    """Work that goes on when it is let."""

    def __init__(self, clock: ManualClock, took_ms: int = 0) -> None:
        self.begun = 0
        self.ended = asyncio.Event()
        self.go_on = asyncio.Event()
        self._clock = clock
        self._took_ms = took_ms

    async def __call__(self, publish: Publish) -> Any:
        self.begun += 1
        try:
            publish("some")
            await self.go_on.wait()
            self._clock.advance_to(self._clock.now_ms() + self._took_ms)
            publish("more")
            return f"all {self.begun}"
        finally:
            self.ended.set()


def test_a_page_shows_what_is_found_so_far_then_all() -> None:
    async def scene() -> None:
        clock = ManualClock()
        lookups, work = Lookups(clock), Slow(clock)
        assert await lookups.look("x", work) == Found("some", False)
        assert await lookups.look("x", work) == Found("some", False)
        work.go_on.set()
        assert await lookups.look("x", work) == Found("all 1", True)
        assert work.begun == 1

    asyncio.run(scene())


def test_work_that_took_long_rests_for_forty_times_as_long() -> None:
    async def scene() -> None:
        clock = ManualClock()
        lookups, work = Lookups(clock), Slow(clock, took_ms=100)
        work.go_on.set()
        for seconds, begun in ((0.0, 1), (3.9, 1), (0.2, 2)):
            clock.advance_to(clock.now_ms() + round(seconds * 1000))
            assert await lookups.look("x", work) == Found(f"all {begun}", True)

    asyncio.run(scene())


def test_two_questions_that_are_asked_again_and_again_rest_twice_as_long() -> None:
    async def scene() -> None:
        clock = ManualClock()
        lookups, one, other = Lookups(clock), Slow(clock, took_ms=100), Slow(clock, took_ms=100)
        one.go_on.set()
        other.go_on.set()
        for seconds, begun in ((0.0, 1), (4.1, 2), (4.1, 2), (4.1, 3)):
            clock.advance_to(clock.now_ms() + round(seconds * 1000))
            assert await lookups.look("one", one) == Found(f"all {begun}", True)
            await lookups.look("other", other)

    asyncio.run(scene())


def test_an_old_answer_is_shown_while_a_new_one_is_made() -> None:
    async def scene() -> None:
        clock = ManualClock()
        lookups, work = Lookups(clock), Slow(clock)
        work.go_on.set()
        await lookups.look("x", work)
        work.go_on.clear()
        assert await lookups.look("x", work) == Found("all 1", True)
        work.go_on.set()
        assert await lookups.look("x", work) == Found("all 2", True)

    asyncio.run(scene())


def test_work_ends_when_no_page_asks_for_it_any_more() -> None:
    async def scene() -> None:
        clock = ManualClock()
        lookups, work = Lookups(clock), Slow(clock)
        await lookups.look("x", work)
        clock.advance_to(clock.now_ms() + round((ABANDONED_SECONDS + 1) * 1000))
        work.go_on.set()
        await work.ended.wait()
        assert await lookups.look("x", work) == Found("all 2", True)

    asyncio.run(scene())


def test_what_fails_is_raised_once_and_tried_again() -> None:
    async def scene() -> None:
        lookups = Lookups(ManualClock())

        async def fails(_: Publish) -> Any:
            raise UnknownResourceFault("gone")

        async def works(_: Publish) -> Any:
            return "here"

        with pytest.raises(UnknownResourceFault):
            await lookups.look("x", fails)
        assert await lookups.look("x", works) == Found("here", True)

    asyncio.run(scene())


def test_questions_are_forgotten_when_there_are_too_many() -> None:
    async def scene() -> None:
        lookups = Lookups(ManualClock())

        async def works(_: Publish) -> Any:
            return "here"

        for number in range(1_000):
            assert await lookups.look(number, works) == Found("here", True)
        assert len(lookups) < 500

    asyncio.run(scene())
