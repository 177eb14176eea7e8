"""Runs the functions of Lambda tasks on the event loop: a bounded number at a time, the rest queued.

Owns the queue, in which tenants take turns and the oldest function of each comes first, and the bound. Must not know
how a function is called (`client.py`), nor what its ending changes (`engine/invoker.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from workflowsvc.engine.invoker import Ending, Invocation, Invoker
from workflowsvc.fair_queue import FairQueue

Call = Callable[[Invocation], Awaitable[Ending | None]]
"""Calls the function and waits for it, at most until the invocation's deadline. None when it has not answered."""


class FunctionRunner:
    """`begin` and `later` may be called from any thread, once `start` has run on the event loop."""

    def __init__(self, call: Call, max_running: int) -> None:
        self._call = call
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: FairQueue[str, tuple[Invocation, Invoker]] = FairQueue(max_running)
        self._running: set[asyncio.Task[None]] = set()
        self._delayed = 0  # calls of `later` whose time has not come
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        """From now on functions run on the running event loop."""
        self._loop = asyncio.get_running_loop()

    async def idle(self) -> None:
        """Returns when no function runs or waits, and no work is delayed."""
        await self._idle.wait()

    def begin(self, invocation: Invocation, invoker: Invoker) -> None:
        """Calls the function when a place is free and it is its tenant's turn; the invoker gets its ending."""
        self._on_loop(self._enqueue, invocation, invoker)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Does this work, which must not block, after a delay."""
        self._on_loop(self._delay, seconds, work)

    def _on_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        assert self._loop is not None, "start() comes first"
        with suppress(RuntimeError):  # the loop was closed: the process ends, and open tasks time out
            self._loop.call_soon_threadsafe(function, *arguments)

    # --- on the event loop ---

    def _enqueue(self, invocation: Invocation, invoker: Invoker) -> None:
        self._queue.put(invocation.tenant, (invocation, invoker))
        self._fill()

    def _fill(self) -> None:
        while (taken := self._queue.take()) is not None:
            tenant, (invocation, invoker) = taken
            task = asyncio.get_running_loop().create_task(self._run(invocation, invoker))
            self._running.add(task)  # the event loop keeps no reference of its own
            task.add_done_callback(partial(self._ended, tenant))
        self._note_idle()

    def _ended(self, tenant: str, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._queue.done(tenant)
        self._fill()

    async def _run(self, invocation: Invocation, invoker: Invoker) -> None:
        if not invoker.is_in_time(invocation):
            return
        try:
            ending = await self._call(invocation)
        except Exception as error:
            invoker.could_not_call(invocation, error)
        else:
            if ending is not None:
                invoker.ended(invocation, ending)

    def _delay(self, seconds: float, work: Callable[[], None]) -> None:
        self._delayed += 1
        self._note_idle()
        asyncio.get_running_loop().call_later(seconds, self._do_delayed, work)

    def _do_delayed(self, work: Callable[[], None]) -> None:
        self._delayed -= 1
        work()
        self._note_idle()

    def _note_idle(self) -> None:
        if self._queue or self._delayed:
            self._idle.clear()
        else:
            self._idle.set()
