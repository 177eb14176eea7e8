"""The encoded events of recently used runs, so that a decision task is answered without asking the store.

Owns `Histories`: whole histories or none, up to a bound of memory; the least recently used leave first. Only the
writer's thread uses it, and it may be emptied at any time.
"""

from __future__ import annotations

from collections import OrderedDict

MAX_BYTES_OF_ONE = 256 << 10  # longer histories are read from the store, page by page
BYTES_OF_EVENT = 48  # of an event besides its text, measured
BYTES_OF_RUN = 400


class _History:
    __slots__ = ("bodies", "size")

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.size = BYTES_OF_RUN


class Histories:
    """By run: the bodies of events 1 to n."""

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes`: of all runs together."""
        self._histories: OrderedDict[int, _History] = OrderedDict()
        self._max_bytes = max_bytes
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return self._size

    def begin(self, run: int) -> None:
        """A run whose events will all be added, from the first."""
        self.forget(run)
        self._histories[run] = _History()
        self._size += BYTES_OF_RUN

    def add(self, run: int, bodies: list[bytes], size: int) -> None:
        """The next events of a run, of `size` bytes; ignored when its history is not kept."""
        history = self._histories.get(run)
        if history is None:
            return
        history.bodies += bodies
        size += BYTES_OF_EVENT * len(bodies)
        history.size += size
        self._size += size
        if history.size > MAX_BYTES_OF_ONE:
            self.forget(run)

    def events(self, run: int, first: int, last: int, limit: int, descending: bool) -> list[bytes] | None:
        """As `Reader.events`; None when the history of this run is not kept."""
        history = self._histories.get(run)
        if history is None:
            return None
        self._histories.move_to_end(run)
        bodies = history.bodies[max(first - 1, 0) : last]
        if descending:
            bodies.reverse()
        return bodies[:limit]

    def forget(self, run: int) -> None:
        history = self._histories.pop(run, None)
        if history is not None:
            self._size -= history.size

    def clear(self) -> None:
        self._histories.clear()
        self._size = 0

    def trim(self) -> None:
        while self._size > self._max_bytes:
            _, history = self._histories.popitem(last=False)
            self._size -= history.size
