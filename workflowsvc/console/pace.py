"""How soon an open page may ask again: all open pages together take a small part of the server's time.

Owns the time that looks take, by page, and the pause that follows from it. Must not know what a page shows. A look is
timed by the clock, so that its pause grows where the server is busy, and API calls come first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from workflowsvc.clock import Clock

PAUSE_HEADER = "x-look-again-ms"  # of an answer for an open page; console.js reads it
SHARE = 0.03  # of the time, for all open pages
SHORTEST_SECONDS = (
    1.2  # with what an answer may be old (lookups.py), a page shows what has happened within two seconds
)
LONGEST_SECONDS = 10.0
NEWEST_WEIGHT = 0.3  # of the last look in the average: one slow look says little
GONE_SECONDS = 3 * LONGEST_SECONDS  # a page that has not asked for that long is no longer open
MAX_PAGES = 400


class _Open(NamedTuple):
    """An open page."""

    asked_at: float
    seconds: float
    """That a look takes."""


class Pace:
    """Of one console."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pages: OrderedDict[Hashable, _Open] = OrderedDict()

    def pause(self, page: Hashable, began: float) -> float:
        """Seconds until this page asks again. `began`: when its look has begun, by the clock's `monotonic`."""
        now = self._clock.monotonic()
        known, seconds = self._pages.get(page), now - began
        if known is not None:
            seconds = NEWEST_WEIGHT * seconds + (1 - NEWEST_WEIGHT) * known.seconds
        self._pages[page] = _Open(now, seconds)
        self._pages.move_to_end(page)
        self._forget(now)
        taken = sum(one.seconds for one in self._pages.values())
        return min(max(taken / SHARE, SHORTEST_SECONDS), LONGEST_SECONDS)

    def _forget(self, now: float) -> None:
        """The pages that were closed, and the oldest while there are too many."""
        while len(self._pages) > MAX_PAGES or now - next(iter(self._pages.values())).asked_at > GONE_SECONDS:
            self._pages.popitem(last=False)
