"""New run keys, runIds and positions, made from the time and one injected source of random bytes.

Owns the counters that keep runs, messages and queue positions unique and in order within a node; which bits they
fill is core/key_layout.py's. Positions of different nodes differ in their low bits. If two nodes make the same run
key, the primary key refuses the second one, and its batch is run again. With a seeded source every name is a
function of the inputs, which makes a simulation repeatable.
"""

from __future__ import annotations

from collections.abc import Callable

from workflowsvc.core.key_layout import NODE_BITS, first_place, make_run
from workflowsvc.core.run_ids import make_run_id

RandomBytes = Callable[[int], bytes]
"""As many random bytes as asked for; `os.urandom` in a server."""


class Ids:
    """Used by the writer loop's thread alone, so without a lock."""

    def __init__(self, random_bytes: RandomBytes, *, after: int = 0) -> None:
        """Positions begin behind `after`."""
        self.random_bytes = random_bytes
        self._offset = int.from_bytes(random_bytes(2), "big")  # differs between nodes that start together
        self._node = self._offset & ((1 << NODE_BITS) - 1)
        self._place = 0
        self._tick = after >> NODE_BITS

    def run(self, at_ms: int, shard: int) -> int:
        """The key of a new run."""
        self._place = max(self._place + 1, first_place(at_ms, self._offset))
        return make_run(self._place, shard)

    def run_id(self, at_ms: int, shard: int) -> str:
        """The public name of a new run; `run_of` finds the key in it."""
        return make_run_id(self.run(at_ms, shard), self.random_bytes(24))

    def position(self, at_ms: int) -> int:
        """A position behind all earlier ones of this node."""
        self._tick = max(self._tick + 1, at_ms * 1000)
        return (self._tick << NODE_BITS) | self._node

    def name(self, at_ms: int) -> int:
        """The key of a domain: made like a run's, in shard 0."""
        return self.run(at_ms, 0)

    @property
    def node_name(self) -> str:
        """What this process is called while it runs, for people: `node-3fa2`."""
        return f"node-{self._offset:04x}"
