"""Why a policy is refused: where in its text, and the reason.

Owns the error that all parts of the policy parser raise, and the hint at what was probably meant. Must not know any
rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MAX_SHOWN = 80  # characters of a refused text that a reason repeats


class PolicyError(ValueError):
    """A policy that is refused as a whole (QUALITY §4.2)."""

    def __init__(self, position: str, reason: str) -> None:
        super().__init__(f"{position}: {reason}")
        self.position = position
        """`Statement[1].Condition.StringEqualz`, with indexes from zero; `line 3, column 7` for what is not JSON."""
        self.reason = reason


def shown(text: str) -> str:
    """`text` in quotes, cut, with whatever is not printable as an escape."""
    whole = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
    return '"' + "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in whole) + '"'


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "X"?`, or nothing when no known name is near."""
    by_lower = {each.lower(): each for each in known}
    near = get_close_matches(name[:MAX_SHOWN].lower(), by_lower, n=1, cutoff=0.7)
    return f'; did you mean "{by_lower[near[0]]}"?' if near else ""
