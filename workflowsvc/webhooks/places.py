"""How many messages are under way at once, so that receivers that hang take no places of other webhooks.

Owns the shares. Each sender, which is that of a webhook or of a test, has a place of its own, for which it never waits;
what it sends beside that takes one of the places of its domain, and of the node.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

MAX_SHARED = 64  # of one node
MAX_SHARED_OF_DOMAIN = 16


class Places:
    """Of one node. For one event loop."""

    def __init__(self) -> None:
        self._shared = 0
        self._shared_of: Counter[int] = Counter()
        self._waiting: dict[asyncio.Future[None], Share] = {}  # in the order in which they came

    def share(self, domain: int) -> Share:
        """Of a sender."""
        return Share(self, domain)

    def _may_enter(self, share: Share) -> bool:
        return not share.running or (
            self._shared < MAX_SHARED and self._shared_of[share.domain] < MAX_SHARED_OF_DOMAIN
        )

    def _enter(self, share: Share) -> None:
        if share.running:
            self._shared += 1
            self._shared_of[share.domain] += 1
        share.running += 1

    def _leave(self, share: Share) -> None:
        share.running -= 1
        if share.running:
            self._shared -= 1
            self._shared_of[share.domain] -= 1
            if not self._shared_of[share.domain]:
                del self._shared_of[share.domain]
        for future, waiting in list(self._waiting.items()):
            if self._may_enter(waiting):
                del self._waiting[future]
                if not future.done():  # cancelled
                    self._enter(waiting)
                    future.set_result(None)

    @asynccontextmanager
    async def one(self, share: Share) -> AsyncGenerator[None]:
        if self._may_enter(share):
            self._enter(share)
        else:
            await self._wait(share)
        try:
            yield
        finally:
            self._leave(share)

    async def _wait(self, share: Share) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = share
        try:
            await future
        except asyncio.CancelledError:
            if self._waiting.pop(future, None) is None and not future.cancelled():
                self._leave(share)  # it had just been given one
            raise


class Share:
    """What a sender takes."""

    def __init__(self, places: Places, domain: int) -> None:
        self.domain = domain
        self.running = 0
        self._places = places

    def place(self) -> AbstractAsyncContextManager[None]:
        """Waits for a place, and holds it."""
        return self._places.one(self)
