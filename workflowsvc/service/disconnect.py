"""Whether the client of a long poll has left, with one callback for it.

Used by the service, which lets go of the poll, and by HTTP, which sees the connection end. A callback instead of a
task that waits, since ten thousand polls wait at once.
"""

from __future__ import annotations

from collections.abc import Callable


class Disconnect:
    """Set once, when the client leaves."""

    __slots__ = ("_callback", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        self._callback: Callable[[], None] | None = None

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        """The client has left; setting it again does nothing."""
        if not self._is_set:
            self._is_set = True
            if self._callback is not None:
                self._callback()

    def then(self, callback: Callable[[], None]) -> None:
        """Calls back when the client leaves, at once if it has left already."""
        self._callback = callback
        if self._is_set:
            callback()
