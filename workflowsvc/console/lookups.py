"""Work that may take long, such as a count of a million runs: pages show what it has found, and never wait for it.

Owns when such work is done again: at most a fortieth of the time goes into all questions together, whatever the number
of open pages that ask them. Must not know what is looked for.
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
"""Shows what was found so far; ends the work when no page asks for it any more."""

Work = Callable[[Publish], Awaitable[Any]]
"""Returns what was found in the end. Raises Fault."""

PATIENCE_SECONDS = 0.08  # of a page: its first byte is due after 0.15 s
REST = 40  # times the work's own time, and the number of questions that are asked again and again
MAX_REST_SECONDS = 600.0
ASKED_AGAIN_SECONDS = 5.0
# So that many tabs with one page cost about as much as one. Open pages ask every 1.2 s: they stay below two seconds.
MIN_REST_SECONDS = 0.6
MIN_WORK_SECONDS = 0.001  # what is faster is done each time
MAX_REMEMBERED = 300  # questions
MAX_AT_WORK = 16  # of them; each is a chain of short calls, so that quick ones pass long ones
MAX_KNOWN_SECONDS = 600.0  # what no page has asked for since is not shown beside another page
ABANDONED_SECONDS = 30.0  # after the last page that has asked, long work ends with what it has found


class Found(NamedTuple):
    """`value` is None while nothing is known."""

    value: Any
    is_complete: bool


class _Abandoned(Exception):
    """No page asks any more."""


class _Entry:
    """One question."""

    def __init__(self) -> None:
        self.value: Any = None
        self.is_complete = False
        self.took_seconds = 0.0
        self.fresh_until = 0.0
        self.found_at = 0.0
        self.asked_at = 0.0
        self.task: asyncio.Task[None] | None = None


class Lookups:
    """Of one console."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._at_work = asyncio.Semaphore(MAX_AT_WORK)
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._entries)

    async def look(
        self,
        key: Hashable,
        work: Work,
        max_rest: float | None = None,
        *,
        min_rest: float = 0.0,
        patience: float = PATIENCE_SECONDS,
    ) -> Found:
        """What `work` has found, lately or so far; it is begun when it was not yet. Raises what it has raised. Nothing
        that was found more than `max_rest` seconds ago is shown, if that is given; what was found less than `min_rest`
        seconds ago is not looked for again."""
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        entry.asked_at = self._clock.monotonic()
        self._forget()
        if max_rest is not None and entry.asked_at - entry.found_at > max_rest:
            entry.value, entry.is_complete = None, False
        fresh_until = max(entry.fresh_until, entry.found_at + min_rest)
        if (entry.task is None or entry.task.done()) and not (
            entry.is_complete and self._clock.monotonic() < fresh_until
        ):
            entry.task = asyncio.get_running_loop().create_task(self._do(entry, work))
            self._tasks.add(entry.task)
            entry.task.add_done_callback(partial(self._end, entry))
        if (task := entry.task) is not None:
            await asyncio.wait({task}, timeout=patience)
            if task.done() and (error := task.exception()) is not None:
                self._entries.pop(key, None)
                raise error
        return Found(entry.value, entry.is_complete)

    def known(self, key: Hashable, max_rest: float | None = None) -> Found | None:
        """What was found lately, without any work; as `look` would show it."""
        entry = self._entries.get(key)
        if entry is None or (max_rest is not None and self._clock.monotonic() - entry.found_at > max_rest):
            return None
        if self._clock.monotonic() - entry.found_at > MAX_KNOWN_SECONDS:
            return None
        return Found(entry.value, entry.is_complete)

    def _end(self, entry: _Entry, task: asyncio.Task[None]) -> None:
        if entry.task is task:
            entry.task = None
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a page that still waits raises it; without this look, asyncio would log it

    async def _do(self, entry: _Entry, work: Work) -> None:
        async with self._at_work:
            began = self._clock.monotonic()
            try:
                value = await work(partial(self._publish, entry))
            except _Abandoned:
                return
            ended = self._clock.monotonic()
        entry.value, entry.is_complete, entry.found_at = value, True, ended
        entry.took_seconds = ended - began
        entry.fresh_until = ended + self._rest_after(entry.took_seconds, ended)

    def _publish(self, entry: _Entry, value: Any) -> None:
        if not entry.is_complete:  # a whole answer that is a little old is better than half of a new one
            entry.value, entry.found_at = value, self._clock.monotonic()
        if self._clock.monotonic() - entry.asked_at > ABANDONED_SECONDS:
            raise _Abandoned

    def _forget(self) -> None:
        """The questions that were not asked for longest; work that is under way ends by itself."""
        while len(self._entries) > MAX_REMEMBERED:
            self._entries.popitem(last=False)

    def _rest_after(self, took_seconds: float, now: float) -> float:
        """How long an answer is good that took so long to find, in seconds."""
        if took_seconds < MIN_WORK_SECONDS:
            return 0.0
        questions = sum(
            entry.took_seconds >= MIN_WORK_SECONDS and now - entry.asked_at < ASKED_AGAIN_SECONDS
            for entry in self._entries.values()
        )
        return min(max(took_seconds * REST * max(questions, 1), MIN_REST_SECONDS), MAX_REST_SECONDS)
