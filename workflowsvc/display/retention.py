"""For how long runs are kept, in words. A function of its arguments."""

from __future__ import annotations


def kept(days: object) -> str:
    """Of the `days` of a rule, or of the period with which a domain was registered."""
    if days is None:
        return "for ever"
    if days == "NONE":
        return "0 days"
    return f"{days} {'day' if str(days) == '1' else 'days'}"
