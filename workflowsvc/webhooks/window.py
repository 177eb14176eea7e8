"""Which entries of a feed may be sent to a webhook now, which wait, and which are given up on.

Owns the order: the entries of a run go one after the other, those of others beside them. Owns the pauses, and whether a
failure is the receiver's or that of one entry: when something was delivered since the entry failed last, it is that of
the entry. A function of what it is told and of the moments that it is given: it must not know clocks, networks or
stores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from workflowsvc.engine.webhook_book import MAX_ERROR, DeadLetter
from workflowsvc.store.rows import FeedPlace, FeedRow

MAX_ENTRIES = 100  # read and not done; what is delivered behind one that fails comes again after a crash
MAX_RUNNING = 8  # messages to one receiver at once
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 300.0
MAX_RETRY_AFTER_SECONDS = 3_600.0
ATTEMPTS = 8  # of an entry, with a delivery before each: two minutes at least
GIVE_UP_SECONDS = 86_400.0  # after the first attempt


class Item:
    """An entry that is to be delivered."""

    __slots__ = (
        "attempts",
        "failed_at",
        "failures",
        "first_at",
        "is_done",
        "is_running",
        "not_before",
        "row",
        "tried_at",
    )

    def __init__(self, row: FeedRow) -> None:
        self.row = row
        self.attempts = 0
        self.failures = 0  # that were its own
        self.first_at = self.tried_at = float("-inf")
        self.failed_at = float("-inf")  # last; before the first failure, when it was tried first
        self.not_before = float("-inf")
        self.is_running = False
        self.is_done = False


class Failing(NamedTuple):
    """How it goes wrong. `since`: in seconds, as `now`."""

    since: float
    error: str


class Window:
    """Of one webhook. `now` is in seconds of a clock that is never set; `chance` gives a number from 0 to 1."""

    def __init__(self, position: FeedPlace, chance: Callable[[], float]) -> None:
        self.read_to = position
        """Where reading goes on."""
        self.failing: Failing | None = None
        self._chance = chance
        self._done_to = position
        self._items: deque[Item] = deque()
        self._running = 0
        self._is_away = False  # the receiver takes nothing
        self._resume_at = float("-inf")  # not before, while it is away
        self._failures = 0  # in a row
        self._delivered_at = float("-inf")
        self._given_up: list[DeadLetter] = []

    @property
    def room(self) -> int:
        """How many entries may be added."""
        return MAX_ENTRIES - len(self._items)

    @property
    def position(self) -> FeedPlace:
        """Up to here all was delivered or given up on; what `take_given_up` gives is to be written down with it."""
        return self._done_to if self._items else self.read_to

    @property
    def has_given_up(self) -> bool:
        """On entries that `take_given_up` has not given yet."""
        return bool(self._given_up)

    @property
    def oldest_at(self) -> int | None:
        """When the first entry was written that is not done, in milliseconds."""
        return self._items[0].row.at if self._items else None

    @property
    def is_empty(self) -> bool:
        return not self._items

    def add(self, rows: Sequence[FeedRow], read_to: FeedPlace) -> None:
        """Entries in the order of the feed, behind those that were added before."""
        self._items.extend(map(Item, rows))
        self.read_to = read_to

    def begin_anew(self, position: FeedPlace) -> None:
        """What stood before was deleted from the feed. Entries that were read are delivered nevertheless."""
        self.read_to = position

    def take(self, now: float) -> list[Item]:
        """What is to be sent now; each is reported by `delivered` or `failed`."""
        if self._is_away:
            if self._running or now < self._resume_at:
                return []
            # The one that was tried longest ago: if one entry alone is the reason, another one shows it.
            taken = sorted(self._ready(now), key=lambda item: item.tried_at)[:1]
        else:
            taken = self._ready(now)[: MAX_RUNNING - self._running]
        for item in taken:
            item.is_running = True
            item.attempts += 1
            item.tried_at = now
            if item.attempts == 1:
                item.first_at = item.failed_at = now
        self._running += len(taken)
        return taken

    def _ready(self, now: float) -> list[Item]:
        found: list[Item] = []
        runs: set[int] = set()
        for item in self._items:
            if item.is_done or item.row.run in runs:
                continue
            runs.add(item.row.run)
            if not item.is_running and item.not_before <= now:
                found.append(item)
        return found

    def next_at(self) -> float | None:
        """When `take` may give more without being told anything; None: only when something has ended or was added."""
        if self._is_away:
            return self._resume_at if self._items and not self._running else None
        waiting = [item.not_before for item in self._items if not item.is_done and not item.is_running]
        return min((at for at in waiting if at > float("-inf")), default=None)

    def delivered(self, item: Item, now: float) -> None:
        self._end(item)
        self._is_away, self._failures, self.failing = False, 0, None
        self._delivered_at = now
        self._finish(item)

    def failed(
        self, item: Item, error: str, now: float, at_ms: int, message_id: str, retry_after: float | None
    ) -> bool:
        """True when the entry is given up on. `at_ms`: the moment for people."""
        self._end(item)
        if self.failing is None:
            self.failing = Failing(now, error)
        self.failing = self.failing._replace(error=error)
        is_its_own = self._delivered_at > item.failed_at
        item.failed_at = now
        if is_its_own:
            item.failures += 1
            item.not_before = now + self._pause(item.failures, retry_after)
        else:
            self._is_away = True
            self._failures += 1
            self._resume_at = now + self._pause(self._failures, retry_after)
        if item.failures < ATTEMPTS and now - item.first_at < GIVE_UP_SECONDS:
            return False
        self._given_up.append(DeadLetter(message_id, item.row.body, at_ms, item.attempts, error[:MAX_ERROR]))
        self._finish(item)
        return True

    def take_given_up(self) -> list[DeadLetter]:
        """Since the last time; to be given back by `give_back` when it could not be written down."""
        given_up, self._given_up = self._given_up, []
        return given_up

    def give_back(self, letters: list[DeadLetter]) -> None:
        self._given_up = letters + self._given_up

    def _end(self, item: Item) -> None:
        item.is_running = False
        self._running -= 1

    def _finish(self, item: Item) -> None:
        item.is_done = True
        while self._items and self._items[0].is_done:
            self._done_to = self._items.popleft().row.position

    def _pause(self, failures: int, retry_after: float | None) -> float:
        """Seconds; from the half to the whole of it by chance, so that receivers are not asked in step."""
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20), MAX_PAUSE_SECONDS)
        pause *= 0.5 + 0.5 * self._chance()
        return pause if retry_after is None else max(pause, min(retry_after, MAX_RETRY_AFTER_SECONDS))
