"""The audit trail: who was refused what and why, and who has signed in, as lines of the logger `workflowsvc.access`.

Owns the form of a line and how a flood is folded: refusals of one kind are counted for ten seconds after the first, and
the count is logged then, so that none is lost in silence. Never has secrets, signatures, tokens or data of executions:
a line is made of names alone. May be used from any thread.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Literal, NamedTuple

log = logging.getLogger("workflowsvc.access")

WINDOW_SECONDS = 10.0  # in which refusals of a kind are counted after the first
MAX_LINES = 50  # of one window; kinds beyond them are counted together
MAX_KINDS = 1_000  # counted apart in one window
MAX_CHARACTERS = 300  # of one text; a name may have 256

Mode = Literal["enforce", "log"]


class Refusal(NamedTuple):
    """Texts may be anything that a client has sent as a name; they are cut and escaped. Empty: not known."""

    request_id: str
    key_id: str
    principal: str
    """Its ARN."""
    action: str
    resource: str
    reason: str
    """Why, in a few words that are ours: never the text of a fault, which may quote what the client sent."""
    mode: Mode
    """With `log` the call was carried out all the same."""
    source_ip: str = ""
    policy: str = ""
    """Which refused it, by its statement; empty when none allowed it."""
    statement: str = ""


class SignIn(NamedTuple):
    """A person has come in to the console, or has left it."""

    event: Literal["signed-in", "signed-out"]
    key_id: str
    principal: str
    """Its ARN."""
    source_ip: str


class AuditTrail:
    """Of one node."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic`: seconds since a fixed moment."""
        self._monotonic = monotonic
        self._lock = Lock()
        self._ends_at: float | None = None  # of the window; None: nothing was refused lately
        self._lines = 0
        self._folded: dict[Refusal, int] = {}  # without request id -> how many were not logged
        self._others = 0  # of kinds beyond MAX_KINDS
        self.refusals: Counter[tuple[Mode, str]] = Counter()
        """By mode and reason, since the start."""

    def refused(self, refusal: Refusal) -> None:
        """Logs it, or counts it."""
        kind = refusal._replace(request_id="")
        now = self._monotonic()
        with self._lock:
            self.refusals[refusal.mode, refusal.reason] += 1
            self._end_window(now)
            if self._ends_at is None:
                self._ends_at = now + WINDOW_SECONDS
            if kind in self._folded:
                self._folded[kind] += 1
            elif len(self._folded) >= MAX_KINDS:
                self._others += 1
            elif self._lines < MAX_LINES:
                self._lines += 1
                self._folded[kind] = 0
                _write(refusal)
            else:
                self._folded[kind] = 1

    def signed_in(self, sign_in: SignIn) -> None:
        """Logs it. Only those who have a key cause such lines."""
        line = {
            "event": sign_in.event,
            "keyId": sign_in.key_id,
            "principal": sign_in.principal,
            "sourceIp": sign_in.source_ip,
        }
        shown = {name: text[:MAX_CHARACTERS] for name, text in line.items() if text}
        log.info("%s", json.dumps(shown), extra={"fields": shown, "summary": sign_in.event})

    @property
    def has_ended(self) -> bool:
        """Whether there are counts to be logged: a caller that comes by often then calls `flush`."""
        ends_at = self._ends_at
        return ends_at is not None and self._monotonic() >= ends_at

    def flush(self) -> None:
        """Logs the counts of a window that has ended."""
        with self._lock:
            self._end_window(self._monotonic())

    def close(self) -> None:
        """Logs all counts."""
        with self._lock:
            self._end_window(None)

    def _end_window(self, now: float | None) -> None:
        if self._ends_at is None or (now is not None and now < self._ends_at):
            return
        folded = [(kind, count) for kind, count in self._folded.items() if count]
        folded.sort(key=lambda each: -each[1])
        for kind, count in folded[:MAX_LINES]:
            _write(kind, count)
        others = self._others + sum(count for _, count in folded[MAX_LINES:])
        if others:
            shown = {"event": "others-refused", "count": others}
            log.warning("%s", json.dumps(shown), extra={"fields": shown, "summary": "others-refused"})
        self._ends_at, self._lines, self._others = None, 0, 0
        self._folded = {}


def _write(refusal: Refusal, more: int = 0) -> None:
    """A JSON object on one line. `more` refusals like it were not logged."""
    line: dict[str, str | int] = {
        "event": "refused" if refusal.mode == "enforce" else "would-refuse",
        "requestId": refusal.request_id,
        "keyId": refusal.key_id,
        "principal": refusal.principal,
        "action": refusal.action,
        "resource": refusal.resource,
        "reason": refusal.reason,
        "policy": refusal.policy,
        "statement": refusal.statement,
        "sourceIp": refusal.source_ip,
    }
    shown: dict[str, str | int] = {
        name: text[:MAX_CHARACTERS] if isinstance(text, str) else text for name, text in line.items() if text
    }
    if more:
        shown["more"] = more
    log.warning("%s", json.dumps(shown), extra={"fields": shown, "summary": shown["event"]})
