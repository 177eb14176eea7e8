"""Work that may take long, such as a count of a million runs: pages show what it has found, and never wait for it.

Owns when such work is done again: at most a twentieth of the time goes into one question, whatever the number of open
pages that ask it. Must not know what is looked for.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from workflowsvc.clock import Clock

Publish = Callable[[Any], None]
"""Shows what was found so far."""

Work = Callable[[Publish], Awaitable[Any]]
"""Returns what was found in the end. Raises Fault."""

PATIENCE_SECONDS = 0.08  # of a page: its first byte is due after 0.15 s
REST = 20  # times the work's own time: what is asked for again and again takes a twentieth of the time
MAX_REST_SECONDS = 120.0
MAX_REMEMBERED = 300  # questions
MAX_AT_WORK = 4  # of them: the service searches with two threads


class Found(NamedTuple):
    """`value` is None while nothing is known."""

    value: Any
    is_complete: bool


class _Entry:
    """One question."""

    def __init__(self) -> None:
        self.value: Any = None
        self.is_complete = False
        self.fresh_until = 0.0
        self.task: asyncio.Task[None] | None = None

    def publish(self, value: Any) -> None:
        if not self.is_complete:  # a whole answer that is a little old is better than half of a new one
            self.value = value


class Lookups:
    """Of one console."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._at_work = asyncio.Semaphore(MAX_AT_WORK)
        self._tasks: set[asyncio.Task[None]] = set()

    async def look(self, key: Hashable, work: Work) -> Found:
        """What `work` has found, lately or so far; it is begun when it was not yet. Raises what it has raised."""
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        self._forget()
        if entry.task is None and not (entry.is_complete and self._clock.monotonic() < entry.fresh_until):
            entry.task = asyncio.get_running_loop().create_task(self._do(entry, work))
            self._tasks.add(entry.task)
            entry.task.add_done_callback(partial(self._end, entry))
        if (task := entry.task) is not None:
            await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
            if task.done() and (error := task.exception()) is not None:
                self._entries.pop(key, None)
                raise error
        return Found(entry.value, entry.is_complete)

    def _end(self, entry: _Entry, task: asyncio.Task[None]) -> None:
        entry.task = None
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a page that still waits raises it; without this look, asyncio would log it

    async def _do(self, entry: _Entry, work: Work) -> None:
        async with self._at_work:
            began = self._clock.monotonic()
            value = await work(entry.publish)
            ended = self._clock.monotonic()
        entry.value, entry.is_complete = value, True
        entry.fresh_until = ended + min((ended - began) * REST, MAX_REST_SECONDS)

    def _forget(self) -> None:
        """The questions that were not asked for longest; work that is under way ends by itself."""
        while len(self._entries) > MAX_REMEMBERED:
            self._entries.popitem(last=False)
