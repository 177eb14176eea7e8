"""New names and positions, made from time and one injected source of random bytes.

Owns the counters that keep runs, messages and queue positions unique and in order within a node. Between nodes
positions differ in their low bits; should two nodes draw the same number, the primary key refuses one of two equal
runs, and its batch is run again. With a seeded source every name is a function of the inputs, which is what makes a
simulation repeatable.
"""

from __future__ import annotations

from collections.abc import Callable

from workflowsvc.core.run_ids import first_place, make_run, make_run_id
from workflowsvc.store.rows import NODE_BITS, POSITIONS_PER_MS

RandomBytes = Callable[[int], bytes]
"""(number of bytes): random bytes; `os.urandom` in a server."""


def first_position(at_ms: int) -> int:
    """Where the positions of a millisecond begin."""
    return at_ms * POSITIONS_PER_MS


def moment_of(position: int) -> int:
    """The millisecond in which a position was made, or a later one when there were more than a thousand."""
    return position // POSITIONS_PER_MS


class Ids:
    """Used by the writer's thread alone, so without a lock."""

    def __init__(self, random_bytes: RandomBytes, *, after: int = 0) -> None:
        """Positions begin behind `after`."""
        self.random_bytes = random_bytes
        self._offset = int.from_bytes(random_bytes(2), "big")  # two nodes that start together differ
        self._node = self._offset & ((1 << NODE_BITS) - 1)
        self._place = 0
        self._tick = after >> NODE_BITS

    def run(self, at_ms: int, shard: int) -> int:
        """The internal number of a new run."""
        self._place = max(self._place + 1, first_place(at_ms, self._offset))
        return make_run(self._place, shard)

    def run_id(self, at_ms: int, shard: int) -> str:
        """The public name of a new run; `run_of` finds the internal number in it."""
        return make_run_id(self.run(at_ms, shard), self.random_bytes(24))

    def position(self, at_ms: int) -> int:
        """A place behind all earlier ones: microseconds since the epoch, then the node."""
        self._tick = max(self._tick + 1, at_ms * 1000)
        return (self._tick << NODE_BITS) | self._node

    def name(self, at_ms: int) -> int:
        """The internal number of a domain."""
        return self.run(at_ms, 0)
