"""Durations as SWF writes them: a string of seconds or of days, or NONE (SWF §3.5)."""

from __future__ import annotations


def milliseconds(text: str | None) -> int | None:
    """The duration in milliseconds; None when it is absent or NONE, that is unlimited."""
    return None if text is None or text == "NONE" else int(text) * 1000


DAY_MS = 86_400_000


def retention_days(text: str) -> int:
    """The days that a domain keeps closed runs; NONE means 0 (SWF §2.1)."""
    return 0 if text == "NONE" else int(text)


def retention_ms(text: str, min_ms: int) -> int:
    """The time that a closed run is kept, in milliseconds; `min_ms` when the domain keeps none (SWF §15.22)."""
    return max(retention_days(text) * DAY_MS, min_ms)
