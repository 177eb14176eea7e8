"""What a wrong name may have meant, for messages to the author of a test."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def meant(name: str, known: Iterable[str]) -> str:
    """` Did you mean A or B?`; empty when nothing is like it."""
    if not name:
        return ""
    by_lower = {one.lower(): one for one in known}
    close = [by_lower[one] for one in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]
    longer = [by_lower[one] for one in sorted(by_lower) if one.startswith(name.lower())]
    found = list(dict.fromkeys([*close, *longer]))[:3]
    return f" Did you mean {' or '.join(found)}?" if found else ""
