"""Histories as pages read them: folded from their first event once, then only what is new; any event without the rest.

Owns what is kept of a history, for how long, and how events in its middle are found: page tokens that lead there are
kept. Must not know pages. Each page still asks the service for an event in its visitor's name, so what is kept shows
nothing to those who may no longer see it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from workflowsvc.display.history import CATEGORIES, CLOSING, Folding, Line, category

if TYPE_CHECKING:
    from workflowsvc.clock import Clock
    from workflowsvc.console.visit import Visit

Event = dict[str, Any]
Execution = dict[str, str]

PATIENCE_SECONDS = 0.08  # of a page: its first byte is due after 0.15 s
MAX_AWAITED = 2_500  # events that are left to fold: more take longer than a page waits
BEHIND_SECONDS = 0.1  # about the time that the page takes
BLOCK = 500  # events that are folded at once: some milliseconds, in which no other call is answered
PAGE_SIZE = 1000  # the largest of GetWorkflowExecutionHistory
MAX_FOLDED = 60_000  # events of one history; twice what SWF allows. Of a longer one only the end is folded
MAX_KEPT = 200_000  # events of all histories together: about 60 MB
MAX_AGE_SECONDS = 72_000.0  # page tokens hold for 24 hours (SWF §2)
TAIL = 500  # events at the end that are folded by themselves, while the others are not yet
MAX_DERIVED = 8  # lists of lines
MAX_NOTE = 600  # letters of a note that are kept; payloads may have 32,768


class History:
    """All that is kept of one history."""

    def __init__(self) -> None:
        self._folding = Folding()
        self._ids: dict[str, list[int]] = {name: [] for name in CATEGORIES}
        self._tokens: list[tuple[int, str]] = []  # the event that the token's page begins with
        self.read = 0
        """Events folded so far: those with ids up to it."""
        self.first: Event | None = None
        self.closing: Event | None = None
        self._derived: dict[Hashable, Any] = {}

    @property
    def lines(self) -> list[Line]:
        return self._folding.lines

    def add(self, event: Event) -> None:
        """The next event."""
        line = self._folding.add(event)
        line.note = line.note[:MAX_NOTE]
        self._derived.clear()
        self.read += 1
        if self.read == 1:
            self.first = event
        if event.get("eventType") in CLOSING:
            self.closing = event
        self._ids[category(line.kind)].append(self.read)

    def derived(self, what: Hashable, make: Callable[[list[Line]], Any]) -> Any:
        """What is made of all lines, made again only when there are new events: open pages ask every second."""
        if what not in self._derived:
            if len(self._derived) >= MAX_DERIVED:
                self._derived.clear()
            self._derived[what] = make(self.lines)
        return self._derived[what]

    def line_of(self, event_id: int) -> Line | None:
        """What the event belongs to; None while it is not folded."""
        return self._folding.line_of(event_id)

    def note_token(self, first: int, token: str) -> None:
        """This token leads to the page that begins with this event."""
        if not self._tokens or first > self._tokens[-1][0]:
            self._tokens.append((first, token))

    def nearest_token(self, event_id: int) -> tuple[int, str | None]:
        """Where to begin reading to come to this event: the first event there, and the token that leads to it."""
        index = bisect_right(self._tokens, event_id, key=lambda kept: kept[0])
        return self._tokens[index - 1] if index else (1, None)

    def ids(self, chosen: Collection[str], before: int, after: int, limit: int) -> list[int]:
        """See Source."""
        found: list[int] = []
        for name in chosen:
            ids = self._ids.get(name, [])
            low, high = bisect_right(ids, after), bisect_left(ids, before)
            found += ids[low : min(high, low + limit)] if after else ids[max(low, high - limit) : high]
        found.sort()
        return found[:limit] if after else found[-limit:]

    def children(self) -> dict[str, int]:
        """How many children are in which state."""
        return self.derived("children", _children)


def _children(lines: list[Line]) -> dict[str, int]:
    return dict(Counter(line.state for line in lines if line.kind == "child"))


class Folded(NamedTuple):
    """The things of a history, in the order in which they began."""

    history: History
    is_whole: bool
    """False while only the end is known: what began before it has no name, and is not counted."""
    read: int
    """Events folded so far."""

    @property
    def lines(self) -> list[Line]:
        return self.history.lines


class Source(Protocol):
    """A history that can be shown."""

    @property
    def history(self) -> History:
        """What is known of it."""
        ...

    @property
    def total(self) -> int:
        """The number of its events."""
        ...

    async def folded(self) -> Folded: ...

    async def events(self, first: int, last: int) -> list[Event]:
        """Those with these ids, the smaller ones first."""
        ...

    async def ids(self, chosen: Collection[str], *, before: int, after: int, limit: int) -> list[int]:
        """Ids between these two of events of the chosen categories: the last `limit` of them, or the first ones when
        only `after` is given. The smaller ones first."""
        ...


class _Entry:
    """A history that is kept, and the work of reading on in it."""

    def __init__(self, since: float) -> None:
        self.history = History()
        self.since = since
        self.task: asyncio.Task[None] | None = None


class Histories:
    """Those that the pages of one console have shown lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, visit: Visit, domain: str, execution: Execution, total: int) -> RunHistory:
        """The history of a run that has `total` events now. Raises Fault."""
        caller = visit.session.caller
        key_id = None if caller.key is None else (caller.key.id, caller.key.principal.id)
        key = (caller.tenant, key_id, domain, execution["workflowId"], execution["runId"])
        entry, now = self._entries.get(key), self._clock.monotonic()
        if entry is None or now - entry.since > MAX_AGE_SECONDS:
            entry = self._entries[key] = _Entry(now)
        self._entries.move_to_end(key)
        self._forget()
        run = RunHistory(visit, domain, execution, entry.history, total)
        if run.is_whole and total:
            await run.events(total, total)  # nothing is read, but the service says whether this visitor may
        if entry.history.read < total <= MAX_FOLDED and entry.task is None:
            is_long = total - entry.history.read > MAX_AWAITED
            entry.task = asyncio.get_running_loop().create_task(
                _read_behind(run) if is_long else run.read_on()
            )
            self._tasks.add(entry.task)
            entry.task.add_done_callback(partial(self._end, key, entry))
        if (task := entry.task) is not None and total - entry.history.read <= MAX_AWAITED:
            await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
            if task.done() and (error := task.exception()) is not None:
                raise error
        return run

    def _end(self, key: Hashable, entry: _Entry, task: asyncio.Task[None]) -> None:
        entry.task = None
        self._tasks.discard(task)
        # A page that still waits raises it; without this look, asyncio would log it.
        if task.cancelled() or task.exception() is not None:
            self._entries.pop(key, None)

    def _forget(self) -> None:
        """Those that were not shown for longest; the one that is shown now stays."""
        kept = sum(entry.history.read for entry in self._entries.values())
        while kept > MAX_KEPT and len(self._entries) > 1:
            _, entry = self._entries.popitem(last=False)
            kept -= entry.history.read


async def _read_behind(run: RunHistory) -> None:
    """Folds a long history when the page that has asked for it is answered: it does not wait for that."""
    await asyncio.sleep(BEHIND_SECONDS)
    await run.read_on()


class RunHistory:
    """The history of a stored run, for one visit; a Source."""

    def __init__(self, visit: Visit, domain: str, execution: Execution, history: History, total: int) -> None:
        self._visit = visit
        self._domain = domain
        self._execution = execution
        self.history = history
        self._total = total

    @property
    def total(self) -> int:
        return self._total

    @property
    def is_whole(self) -> bool:
        return self.history.read >= self._total

    async def read_on(self) -> None:
        """Folds what is not yet folded. Raises Fault."""
        history = self.history
        while history.read < self._total:
            events = await self.events(history.read + 1, min(history.read + BLOCK, self._total))
            if not events:
                return  # the history was deleted meanwhile
            for event in events:
                history.add(event)

    async def folded(self) -> Folded:
        if not self.is_whole:
            tail = await self._tail()
            if not self.is_whole:  # the rest may have been read meanwhile
                return Folded(tail, is_whole=False, read=self.history.read)
        return Folded(self.history, is_whole=True, read=self.history.read)

    async def _tail(self) -> History:
        """The end of the history, folded by itself."""
        tail = History()
        for event in await self.events(max(1, self._total - TAIL + 1), self._total):
            tail.add(event)
        return tail

    async def ids(self, chosen: Collection[str], *, before: int, after: int, limit: int) -> list[int]:
        if self.is_whole:
            return self.history.ids(chosen, before, after, limit)
        tail = await self._tail()
        first = max(1, self._total - TAIL + 1)
        found = tail.ids(chosen, max(before - first + 1, 0), 0, TAIL)
        return [event_id + first - 1 for event_id in found if event_id + first - 1 > after][-limit:]

    async def events(self, first: int, last: int) -> list[Event]:
        begin, token = self.history.nearest_token(first)
        if self._total - first < last - begin:
            found = await self._backwards(first)
        else:
            found = await self._onwards(begin, token, last)
        return [event for event in found if first <= event["eventId"] <= last]

    async def _onwards(self, begin: int, token: str | None, last: int) -> list[Event]:
        """From an event with a known token on."""
        found: list[Event] = []
        while begin <= last:
            page = await self._page(token, min(PAGE_SIZE, last - begin + 1))
            found += page["events"]
            begin += len(page["events"])
            token = page.get("nextPageToken")
            if token is None:
                break
            self.history.note_token(begin, token)
        return found

    async def _backwards(self, first: int) -> list[Event]:
        """From the end."""
        found: list[Event] = []
        token: str | None = None
        size = self._total - first + 1
        while not found or found[-1]["eventId"] > first:
            page = await self._page(token, max(1, min(PAGE_SIZE, size - len(found))), newest_first=True)
            found += page["events"]
            token = page.get("nextPageToken")
            if token is None:
                break
        found.reverse()
        return found

    async def _page(self, token: str | None, size: int, *, newest_first: bool = False) -> Any:
        return await self._visit.swf(
            "GetWorkflowExecutionHistory",
            domain=self._domain,
            execution=self._execution,
            maximumPageSize=size,
            reverseOrder=newest_first,
            nextPageToken=token,
        )


class FileHistory:
    """A history from a file, which the service does not store; a Source."""

    def __init__(self, events: list[Event]) -> None:
        """`events` are numbered from 1 on."""
        self.history = History()
        self._bodies: list[bytes] = []  # a fifth of the memory that dicts would take
        for event in events:
            self.history.add(event)
            self._bodies.append(msgspec.json.encode(event))
        self.size = sum(map(len, self._bodies))
        """Bytes."""

    @property
    def total(self) -> int:
        return len(self._bodies)

    async def folded(self) -> Folded:
        return Folded(self.history, is_whole=True, read=self.total)

    async def ids(self, chosen: Collection[str], *, before: int, after: int, limit: int) -> list[int]:
        return self.history.ids(chosen, before, after, limit)

    async def events(self, first: int, last: int) -> list[Event]:
        return [msgspec.json.decode(body) for body in self._bodies[max(first, 1) - 1 : max(last, 0)]]

    @property
    def text(self) -> bytes:
        """As GetWorkflowExecutionHistory answers it."""
        return b'{"events":[' + b",".join(self._bodies) + b"]}"
