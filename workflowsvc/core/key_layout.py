"""The layout of the numbers that key stored rows: which bits of a run and of a position mean what.

A run key has 63 bits: 41 of milliseconds since 2012, 14 that distinguish the runs of one millisecond, and 8 that
name the shard. So keys are in the order of start times, and the shard of every row that belongs to a run can be
read off its key. A position (of a task in its list, of a message in the outbox) is microseconds since the epoch,
then 10 bits of the node that made it.

`wake_at` and `purge_at` of a run, by which runs are found that are due, are milliseconds since the epoch in 48 bits. In
a domain with a clock of its own the bits above hold the number of that clock and whether something is in flight in the
run, so that the same index finds what is due by each clock, and by real time nothing of another clock
(docs/decisions/0033).

The SQL of the stores knows the shard's bits as well (`run & 255`); tests/store/test_key_layout.py holds both
together. Owns the layout alone: who counts, and what a key is used for, is not known here.
"""

from __future__ import annotations

from hashlib import blake2b

SHARD_BITS = 8
SHARDS = 1 << SHARD_BITS
_SEQUENCE_BITS = 14
_MOMENT_BITS = 41  # of milliseconds: they last until 2081
_EPOCH_MS = 1_325_376_000_000  # 2012-01-01, the year of the API

NODE_BITS = 10
POSITIONS_PER_MS = 1000 << NODE_BITS
"""A position fits into 63 bits until the year 2255."""


def first_place(at_ms: int, offset: int) -> int:
    """The place of the first run of a millisecond; `offset` differs between nodes."""
    moment = max(at_ms - _EPOCH_MS, 0) & ((1 << _MOMENT_BITS) - 1)
    return (moment << _SEQUENCE_BITS) | (offset & ((1 << _SEQUENCE_BITS) - 1))


def make_run(place: int, shard: int) -> int:
    """The key of the run at this place: everything of the place, then the shard."""
    return (place << SHARD_BITS) | shard


def shard_of(run: int) -> int:
    """The shard of everything that belongs to this run: the low bits of its key."""
    return run & (SHARDS - 1)


def shard_for(tenant: str, domain: str, workflow_id: str) -> int:
    """The shard of all runs of this workflowId: a fixed hash, so that every node and release computes the same one."""
    name = "\0".join((tenant, domain, workflow_id)).encode()
    return blake2b(name, digest_size=SHARD_BITS // 8).digest()[0]


def first_position(at_ms: int) -> int:
    """The first position of a millisecond."""
    return at_ms * POSITIONS_PER_MS


def moment_of(position: int) -> int:
    """The millisecond in which a position was made; later than that when one millisecond had more than a thousand."""
    return position // POSITIONS_PER_MS


# --- when a run is due ---

PURGE_NOW = 0
"""The `purge_at` of a run of which a part is deleted already, whatever the rules of its domain say."""

MOMENT_BITS = 48  # of milliseconds: they last until the year 10889
MAX_CLOCK = (1 << 63 - MOMENT_BITS - 1) - 1
END_OF_REAL_TIME = 1 << MOMENT_BITS
"""What is due at this value or later is due by the clock of a domain."""


def due_key(clock: int, at_ms: int, *, busy: bool = False) -> int:
    """The value of `wake_at` or `purge_at` that means this moment by clock number `clock`. `busy`: something is in
    flight in the run.
    """
    return (((clock << 1) | busy) << MOMENT_BITS) | at_ms


def due_moment(value: int) -> int:
    """The moment that a `wake_at` or `purge_at` means, by whichever clock."""
    return value & (END_OF_REAL_TIME - 1)


def clock_of(value: int) -> int:
    """The number of the clock by which it is meant; 0: real time."""
    return value >> (MOMENT_BITS + 1)
