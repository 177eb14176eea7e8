"""The input of the crash audit: every call that a client made, what it carried, and its outcome.

Owns `Call` and `Journal`. Must not know what calls mean; the rules that judge them are in `tests/crash/audit*.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["acknowledged", "refused", "failed", "unknown", "hung", "under way"]
"""acknowledged: 200. refused: 4xx, so nothing may have happened. failed: 5xx. unknown: the connection was lost. After
either of these the call may have happened or not. hung: no answer within PATIENCE_SECONDS of `client.py`.
"""


@dataclass(slots=True)
class Call:
    """One request. Its times are by the clock of this machine, which the server uses too."""

    action: str
    marker: str  # unique, and carried by the event that the call records; empty if it records none
    members: dict[str, Any]
    about: dict[str, Any]  # the client's knowledge: workflowId, runId, startedEventId, decisions
    life: int  # number of starts of the server before it was sent
    sent: float = field(default_factory=time.monotonic)
    sent_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    answered: float = float("inf")
    answered_ms: int = 0
    outcome: Outcome = "under way"
    code: str = ""  # of a fault
    message: str = ""  # of a fault
    answer: Any = None  # the decoded body

    def end(self, outcome: Outcome, code: str = "", answer: Any = None, message: str = "") -> None:
        self.answered, self.answered_ms = time.monotonic(), time.time_ns() // 1_000_000
        self.outcome, self.code, self.answer, self.message = outcome, code, answer, message

    @property
    def acknowledged(self) -> bool:
        return self.outcome == "acknowledged"

    @property
    def may_have_happened(self) -> bool:
        return self.outcome in ("acknowledged", "failed", "unknown", "hung", "under way")

    def __str__(self) -> str:
        said = f" {self.code} ({self.message})" if self.code else ""
        when = f"from {self.sent_ms} to {self.answered_ms}"
        return f"{self.action} {self.marker} {self.about} {self.outcome}{said}, {when}, life {self.life}"


class Journal:
    """Calls in the order in which they were sent."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.life = 0  # of the server: how often it was started
        self._made = 0

    def marker(self, kind: str) -> str:
        """A text that no other call carries."""
        self._made += 1
        return f"~{kind}{self._made}~"

    def skip(self, earlier: Journal) -> None:
        """From now on makes no marker that an earlier journal has made."""
        self._made = max(self._made, earlier._made)

    def of(self, *actions: str) -> Iterator[Call]:
        return (call for call in self.calls if call.action in actions)

    def counts(self) -> dict[str, int]:
        """The number of calls with each outcome."""
        found: dict[str, int] = {}
        for call in self.calls:
            found[call.outcome] = found.get(call.outcome, 0) + 1
        return found
