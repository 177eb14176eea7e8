"""The two forms of a run's name: the internal number and the public runId (SWF §1.3.1).

A runId is 46 characters: two digits and the base64 of 32 bytes. The first 8 bytes are the internal number, so
that a call that names a run finds it by the primary key; the rest is random, and compared with the stored
runId, so it cannot be guessed.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from hashlib import blake2b

PREFIX = "22"
_LENGTH = 46
_EPOCH_MS = 1_325_376_000_000  # 2012-01-01, the year of the API: 41 bits of milliseconds last until 2081
_COUNTER_BITS = 14
_SHARD_BITS = 8


def first_place(at_ms: int, offset: int) -> int:
    """Where the runs of a millisecond begin: time, then `offset`, in which nodes differ."""
    moment = max(at_ms - _EPOCH_MS, 0) & ((1 << 41) - 1)
    return (moment << _COUNTER_BITS) | (offset & ((1 << _COUNTER_BITS) - 1))


def make_run(place: int, shard: int) -> int:
    """The internal number: ordered by place, with the shard in its low bits."""
    return (place << _SHARD_BITS) | shard


def make_run_id(run: int, chance: bytes) -> str:
    """The public form; `chance` is 24 random bytes."""
    return PREFIX + b64encode(run.to_bytes(8, "big") + chance).decode("ascii")


def run_of(run_id: str) -> int | None:
    """The internal number inside a runId, None when this service cannot have made it."""
    if len(run_id) != _LENGTH or not run_id.startswith(PREFIX):
        return None
    try:
        raw = b64decode(run_id[2:], validate=True)
    except (Error, ValueError):
        return None
    run = int.from_bytes(raw[:8], "big")
    return run if len(raw) == 32 and run < 1 << 63 else None


def shard_for(tenant: str, domain: str, workflow_id: str) -> int:
    """The shard of everything that belongs to this workflowId: a fixed hash, never Python's salted one."""
    name = "\0".join((tenant, domain, workflow_id)).encode()
    return blake2b(name, digest_size=1).digest()[0]
