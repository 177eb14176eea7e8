"""Whether writes work again after one has failed: when that may be believed, and how large a check has to be.

Owns both rules. A check that is small fits into the last free pages of a full disk, and no check uses what a batch of a
client uses, such as a table that is missing. Must not know how a check is written.
"""

from __future__ import annotations

# Beside its data, a batch writes the pages of 4 KiB of its tables and indexes: 15 of them for one start.
PAGES_BYTES = 65_536
MAX_CHECK_BYTES = 1_048_576  # of data, once a second while an outage lasts: nothing for a disk, or a network
# Clients try again sooner than this, and the service must be back soon after its store, though it sees no calls.
HOLD_MS = 3_000


class WriteCheck:
    """Of the writer loop alone."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes that a check writes: as many as the largest batch that has failed in this outage."""
        self._hold_until: int | None = None

    def failed(self, now: int, size: int) -> None:
        """A batch with this many bytes of data has failed; `now` in milliseconds since the epoch."""
        self.size = min(max(self.size, PAGES_BYTES + size), MAX_CHECK_BYTES)
        self._hold_until = now + HOLD_MS

    def committed(self) -> None:
        """A client's batch has written something: it is known better than by waiting."""
        self._hold_until = None

    def worked(self, now: int) -> bool:
        """A check has been written: whether the outage is over. A clock that is set back makes none longer."""
        if self._hold_until is not None and self._hold_until - HOLD_MS <= now < self._hold_until:
            return False
        self.size, self._hold_until = 0, None
        return True
