"""The outcome of a client: passed, failed with a reason, or skipped because it could not be tried.

Owns the two exceptions that end a client's run early and the closing table. A client that could not be
installed is skipped with the reason, never passed.
"""

from __future__ import annotations

import sys
from typing import NamedTuple


class Skipped(Exception):
    """The client could not be tried on this machine; the text says why."""


class Failed(Exception):
    """The client, or a history that it made, is not as it must be; the text says what differs."""


class Outcome(NamedTuple):
    """One line of the closing table."""

    client: str
    verdict: str  # "passed", "failed" or "skipped"
    seconds: float
    remark: str  # what was checked, or the reason of a failure or a skip


def require(condition: object, message: str) -> None:
    """Go on only if `condition` holds; otherwise the client has failed with `message`."""
    if not condition:
        raise Failed(message)


def require_equal(found: object, expected: object, what: str) -> None:
    """Go on only if `found` is what was `expected`; the message shows both."""
    if found != expected:
        raise Failed(f"{what}: expected {expected!r}, found {found!r}")


def say(text: str = "") -> None:
    """Print one line immediately, to show the progress of a slow client."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def closing_table(outcomes: list[Outcome]) -> str:
    """The table of all outcomes, one line each, and below it the line that counts them."""
    width = max(len(outcome.client) for outcome in outcomes)
    lines = [
        f"{name:<{width}}  {verdict:<7}  {seconds:6.1f} s  {remark}".rstrip()
        for name, verdict, seconds, remark in outcomes
    ]
    count = {verdict: sum(outcome.verdict == verdict for outcome in outcomes) for verdict in VERDICTS}
    lines += ["", ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS)]
    return "\n".join(lines)


VERDICTS = ("passed", "failed", "skipped")
