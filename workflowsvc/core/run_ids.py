"""The public name of a run (SWF §1.3.1), made from its key and read back into it.

A runId has 46 characters: two digits and the base64 of 32 bytes. The first 8 bytes are the run's key
(core/key_layout.py), so that a call that names a run finds it by the primary key. The other 24 are random and are
compared with the stored runId, so that a runId cannot be guessed.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error

PREFIX = "22"
_LENGTH = 46


def make_run_id(run: int, random_bytes: bytes) -> str:
    """The public form; `random_bytes`: 24 of them."""
    return PREFIX + b64encode(run.to_bytes(8, "big") + random_bytes).decode("ascii")


def run_of(run_id: str) -> int | None:
    """The run's key inside a runId; None when this service cannot have made that runId."""
    if len(run_id) != _LENGTH or not run_id.startswith(PREFIX):
        return None
    try:
        raw = b64decode(run_id[2:], validate=True)
    except (Error, ValueError):
        return None
    run = int.from_bytes(raw[:8], "big")
    return run if len(raw) == 32 and run < 1 << 63 else None
