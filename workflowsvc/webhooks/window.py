"""Which entries of a feed may be sent to a webhook now, which wait, and which are given up on.

Owns the order: the entries of a run go one after the other, those of others beside them. Owns the pauses, and whether a
failure is the receiver's or that of one entry: when something was delivered since the entry failed last, it is that of
the entry; while one run alone has failed since the last delivery, it may be either, and that run alone waits. A
function of what it is told and of the moments that it is given: it must not know clocks, networks or stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from workflowsvc.engine.webhook_book import MAX_ERROR, DeadLetter
from workflowsvc.store.rows import FeedPlace, FeedRow

MAX_ENTRIES = 100  # read and not done
MAX_RUNNING = 8  # messages to one receiver at once
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 300.0
PROBE_SECONDS = 10.0  # after a failure, until a receiver that is away gets an entry that was never tried
MAX_RETRY_AFTER_SECONDS = 3_600.0
ATTEMPTS = 8  # of an entry, with a delivery before each: two minutes at least
GIVE_UP_SECONDS = 86_400.0  # after the first attempt


class Item:
    """An entry that is to be delivered."""

    __slots__ = (
        "attempts",
        "done_to",
        "failed_at",
        "failures",
        "first_at",
        "is_running",
        "not_before",
        "row",
        "tried_at",
    )

    def __init__(self, row: FeedRow) -> None:
        self.row = row
        self.done_to = row.position  # the last entry that is done behind it, before the next one that is not
        self.attempts = 0
        self.failures = 0  # that were its own
        self.first_at = self.tried_at = float("-inf")
        self.failed_at = float("-inf")  # last; before the first failure, when it was tried first
        self.not_before = float("-inf")
        self.is_running = False


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
        self._items: list[Item] = []  # that are not done
        self._running = 0
        # Runs whose entries failed since the last delivery, and not on their own.
        self._suspects: set[int] = set()
        self._is_away = False  # the receiver takes nothing
        self._resume_at = float("-inf")  # when a suspect may be tried again, and all others while it is away
        self._probe_at = float("-inf")  # when an entry may be tried for the first time, while it is away
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
        taken = [item for item in self._heads() if self._not_before(item) <= now]
        if self._is_away:
            # The one that was tried longest ago: if some entries alone are the reason, another one shows it.
            taken.sort(key=lambda item: item.tried_at)
        taken = taken[: max(self._max_running - self._running, 0)]
        for item in taken:
            item.is_running = True
            item.attempts += 1
            item.tried_at = now
            if item.attempts == 1:
                item.first_at = item.failed_at = now
        self._running += len(taken)
        return taken

    @property
    def _max_running(self) -> int:
        return 1 if self._is_away else MAX_RUNNING

    def _heads(self) -> Iterator[Item]:
        """The first entry of each run that is not done, unless it is under way."""
        runs: set[int] = set()
        for item in self._items:
            if item.row.run not in runs:
                runs.add(item.row.run)
                if not item.is_running:
                    yield item

    def _not_before(self, item: Item) -> float:
        if item.row.run in self._suspects:
            return self._resume_at
        if not self._is_away:
            return item.not_before
        return max(item.not_before, self._resume_at if item.attempts else self._probe_at)

    def next_at(self) -> float | None:
        """When `take` may give more without being told anything; None: only when something has ended or was added."""
        if self._running >= self._max_running:
            return None
        return min(map(self._not_before, self._heads()), default=None)

    def delivered(self, item: Item, now: float) -> None:
        self._end(item)
        self._suspects.clear()
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
            self._suspect(item.row.run, now, retry_after)
        if item.failures < ATTEMPTS and now - item.first_at < GIVE_UP_SECONDS:
            return False
        self._given_up.append(DeadLetter(message_id, item.row.body, at_ms, item.attempts, error[:MAX_ERROR]))
        self._suspects.discard(item.row.run)
        self._finish(item)
        return True

    def _suspect(self, run: int, now: float, retry_after: float | None) -> None:
        """The receiver is away, or this entry is bad. Two that have failed, or a pause that the receiver has asked for,
        speak for the former.
        """
        self._suspects.add(run)
        self._is_away = self._is_away or len(self._suspects) > 1 or retry_after is not None
        self._failures += 1
        self._resume_at = now + self._pause(self._failures, retry_after)
        self._probe_at = now + min(max(PROBE_SECONDS, retry_after or 0), MAX_RETRY_AFTER_SECONDS)

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
        """What is done behind another one that is not takes no place: the other one knows how far it goes."""
        index = self._items.index(item)
        del self._items[index]
        if index:
            self._items[index - 1].done_to = item.done_to
        else:
            self._done_to = item.done_to

    def _pause(self, failures: int, retry_after: float | None) -> float:
        """Seconds; from the half to the whole of it by chance, so that receivers are not asked in step."""
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20), MAX_PAUSE_SECONDS)
        pause *= 0.5 + 0.5 * self._chance()
        return pause if retry_after is None else max(pause, min(retry_after, MAX_RETRY_AFTER_SECONDS))
