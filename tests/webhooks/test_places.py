"""How many messages are under way at once: receivers that hang take no places of others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from workflowsvc.webhooks.places import MAX_SHARED, MAX_SHARED_OF_DOMAIN, Places, Share


class Messages:
    """Each holds its place until it is cancelled."""

    def __init__(self) -> None:
        self.places = Places()
        self.tasks: list[asyncio.Task[None]] = []
        self.under_way: list[int] = []

    async def begin(self, share: Share, count: int = 1) -> int:
        """How many of them are under way then."""
        before = len(self.under_way)
        self.tasks += [asyncio.create_task(self._hang(share)) for _ in range(count)]
        await asyncio.sleep(0)
        return len(self.under_way) - before

    async def _hang(self, share: Share) -> None:
        async with share.place():
            self.under_way.append(share.domain)
            try:
                await asyncio.Event().wait()
            finally:
                self.under_way.remove(share.domain)

    async def end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)


def with_messages(work: Callable[[Messages], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        messages = Messages()
        await work(messages)
        for task in messages.tasks:
            task.cancel()
        await asyncio.wait(messages.tasks)
        assert await messages.begin(messages.places.share(1), 3) == 3, "all were given back"
        for task in messages.tasks:
            task.cancel()

    asyncio.run(run())


def test_a_domain_whose_receivers_hang_leaves_places_to_others() -> None:
    async def work(messages: Messages) -> None:
        begun = 0
        for _ in range(10):
            begun += await messages.begin(messages.places.share(1), 8)
        assert begun == 10 + MAX_SHARED_OF_DOMAIN
        assert await messages.begin(messages.places.share(2), 8) == 8

    with_messages(work)


def test_every_webhook_and_every_test_has_a_place_when_the_node_has_none() -> None:
    async def work(messages: Messages) -> None:
        for domain in range(1, 9):
            for _ in range(10):
                await messages.begin(messages.places.share(domain), 8)
        assert len(messages.under_way) == 80 + MAX_SHARED
        assert await messages.begin(messages.places.share(9), 2) == 1

    with_messages(work)


def test_a_place_that_is_given_back_goes_to_the_first_that_may_have_it() -> None:
    async def work(messages: Messages) -> None:
        one, other = messages.places.share(1), messages.places.share(1)
        await messages.begin(one, 1 + MAX_SHARED_OF_DOMAIN)
        assert await messages.begin(one, 2) == 0
        assert await messages.begin(other, 2) == 1
        gone = messages.tasks[1 + MAX_SHARED_OF_DOMAIN]
        await messages.end(gone)  # it has waited
        before = len(messages.under_way)
        await messages.end(messages.tasks[0])
        assert len(messages.under_way) == before
        assert (one.running, other.running) == (1 + MAX_SHARED_OF_DOMAIN, 1)

    with_messages(work)
