"""Closed runs that should have been deleted long ago: what `workflowsvc doctor` says of them.

Owns when that is worth a word. It reads, and changes nothing.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from workflowsvc.core.durations import DAY_MS
from workflowsvc.store.interface import Reader
from workflowsvc.store.meta import ARCHIVE

HOUR_MS = 3_600_000


class Word(NamedTuple):
    """What there is to say, and what to do about it."""

    level: Literal["ok", "note", "bad"]
    what: str
    advice: str = ""


def examine_retention(reader: Reader, now: int) -> Word:
    """Of runs whose retention ended by real time."""
    due = reader.expired(1, now, (1, -1), 1)
    late_ms = now - due[0][0] if due else 0
    archives = reader.meta(ARCHIVE) is not None
    if late_ms < DAY_MS:
        return Word(
            "ok",
            "closed runs are archived and deleted in time" if archives else "closed runs are deleted in time",
        )
    hours = late_ms // HOUR_MS
    what = f"the retention of the oldest closed run has been over for {hours:,} hours, and it is still stored"
    if archives:
        return Word(
            "bad",
            f"{what}: runs of this store are archived before they are deleted",
            "start a server with --archive, see in its log why the archive fails, or give --archive off",
        )
    return Word("note", what, "runs are deleted by a server: is one at work on this store?")
