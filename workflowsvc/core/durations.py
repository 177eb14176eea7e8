"""Durations as SWF writes them: a string of seconds or of days, or NONE (SWF §3.5)."""

from __future__ import annotations


def milliseconds(text: str | None) -> int | None:
    """The duration in milliseconds; None when it is absent or NONE, that is unlimited."""
    return None if text is None or text == "NONE" else int(text) * 1000


DAY_MS = 86_400_000


def retention_ms(days: str) -> int:
    """The time that a closed run is kept, in milliseconds; NONE, like "0", means not at all (SWF §2.1)."""
    return 0 if days == "NONE" else int(days) * DAY_MS
