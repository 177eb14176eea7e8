"""The log of refused calls: what was refused and why, for whom, and never what a caller sent as data.

Owns which refusals are logged: a client may repeat a refused call a thousand times a second, and each client another
one. Must not know how an answer is made.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflowsvc.clock import Clock

log = logging.getLogger("workflowsvc.calls")

REPEAT_SECONDS = 10.0  # until a refusal like one before is logged again
BURST, LINES_PER_SECOND = (
    50,
    1.0,
)  # of all refusals: a server that starts may refuse one registration after another
MAX_KINDS = 1_000  # kinds of refusals that are remembered
MAX_BODY_BYTES = 65_536  # in which names are looked for; the event loop reads that in 0.2 ms
MAX_CHARACTERS = 300  # of one text; a name may have 256


class _Execution(msgspec.Struct):
    workflowId: str | None = None
    runId: str | None = None


class _Names(msgspec.Struct):
    """The members of all inputs that name what a call is about."""

    domain: str | None = None
    name: str | None = None
    workflowId: str | None = None
    runId: str | None = None
    execution: _Execution | None = None


_names_in = msgspec.json.Decoder(_Names).decode


class _Like:
    """What is remembered of refusals of one kind."""

    __slots__ = ("silent_until", "unlogged")

    def __init__(self) -> None:
        self.silent_until = 0.0
        self.unlogged = 0


class RefusalLog:
    """Of one server; belongs to the event loop."""

    def __init__(self, clock: Clock, logger: logging.Logger = log) -> None:
        self._clock = clock
        self._log = logger
        self._kinds: dict[object, _Like] = {}
        self._lines = float(BURST)
        self._lines_at = 0.0
        self._unlogged = 0  # of kinds that were forgotten

    def write(
        self,
        kind: object,
        text: Callable[[], str],
        *,
        level: int = logging.INFO,
        fields: Callable[[], dict[str, Any]] | None = None,
    ) -> bool:
        """Logs a refusal unless one of its kind, or too many of any, have just been logged; whether it did. The text is
        made only then, and so are the fields, which say the same for machines.
        """
        if not self._log.isEnabledFor(level):
            return False
        like = self._kinds.get(kind)
        now = self._clock.monotonic()
        if like is None:
            if len(self._kinds) >= MAX_KINDS:
                self._unlogged += sum(each.unlogged for each in self._kinds.values())
                self._kinds.clear()
            like = self._kinds[kind] = _Like()
        if now < like.silent_until or not self._has_line(now):
            like.unlogged += 1
            return False
        like.silent_until = now + REPEAT_SECONDS
        extra = (
            {}
            if fields is None
            else {"fields": fields() | ({"more": like.unlogged} if like.unlogged else {})}
        )
        before = f"; {like.unlogged} more like it before" if like.unlogged else ""
        if self._unlogged:
            before += f"; {self._unlogged} others before"
        like.unlogged = self._unlogged = 0
        self._log.log(level, "%s%s", text(), before, extra=extra)
        return True

    def _has_line(self, now: float) -> bool:
        self._lines = min(BURST, self._lines + (now - self._lines_at) * LINES_PER_SECOND)
        self._lines_at = now
        if self._lines < 1:
            return False
        self._lines -= 1
        return True


def names(body: bytes, workflow_id: str | None, run_id: str | None) -> str:
    """`, domain d, workflowId w`: what a call is about, as far as its body says so, or its task token."""
    found = _Names()
    if len(body) <= MAX_BODY_BYTES:
        try:
            found = _names_in(body or b"{}")
        except (ValueError, RecursionError):
            found = _Names()  # the fault says what is wrong with it
    execution = found.execution or _Execution()
    given = (
        ("domain", found.domain),
        ("name", found.name),
        ("workflowId", workflow_id or found.workflowId or execution.workflowId),
        ("runId", run_id or found.runId or execution.runId),
    )
    return "".join(f", {what} {printable(text)}" for what, text in given if text)


def printable(text: str) -> str:
    """On one line, and of bounded length."""
    text = text[:MAX_CHARACTERS]
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
