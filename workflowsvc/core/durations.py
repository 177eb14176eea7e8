"""Durations as SWF writes them: a string of seconds, or NONE (reference 3.5)."""

from __future__ import annotations


def milliseconds(text: str | None) -> int | None:
    """The duration in milliseconds; None when it is absent or NONE and so never ends."""
    return None if text is None or text == "NONE" else int(text) * 1000
