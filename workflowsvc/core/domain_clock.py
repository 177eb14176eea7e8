"""The clock of a domain that does not live in real time: what time it is there, and how it is turned.

Owns `DomainClock` and its arithmetic. A domain without one lives in real time. All moments are milliseconds since the
epoch; `real` is real time. It must not know who turns a clock, nor what happens to runs when time passes.

A clock never runs backwards: every change begins with the moment that the clock showed before it, or a later one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Mode = Literal["RUNNING", "FROZEN", "SKIPPING"]

LAST_MOMENT = 253_402_300_799_000
"""9999-12-31T23:59:59Z, the last second that the programs of clients can write down."""


class DomainClock(msgspec.Struct, frozen=True, omit_defaults=True):
    """RUNNING and SKIPPING clocks run as fast as real time. A SKIPPING one also jumps to the next moment at which a run
    of the domain is due, whenever nothing is in flight there; a FROZEN one stands still.
    """

    number: int
    """Of this clock among those of all domains; from 1 (core/key_layout.py)."""
    mode: Mode
    ahead_ms: int = 0
    """Of real time, while it runs; negative behind it."""
    frozen_at: int = 0
    """The moment that a FROZEN clock shows."""
    skipped_ms: int = 0
    """By which it has jumped since it was last told to skip."""
    skip_at_most_ms: int = 0
    """The most that it may jump, until it is told anew."""
    unsorted: Literal["", "open", "closed"] = ""
    """Runs whose rows may still say in real time when they are due: all of them, closed ones, none."""
    sorted_to: tuple[int, int] | None = None
    """Start time and key of the last run whose row does not; of open or of closed ones."""

    def now(self, real: int) -> int:
        """At the last moment it stops."""
        return self.frozen_at if self.mode == "FROZEN" else min(real + self.ahead_ms, LAST_MOMENT)

    def real_time_of(self, moment: int) -> int | None:
        """When it shows this moment, unless turned before; 0: it does so already, and stands still; None: never."""
        if self.mode == "FROZEN":
            return 0 if moment <= self.frozen_at else None
        return None if moment > LAST_MOMENT else moment - self.ahead_ms

    def advanced(self, real: int, to: int) -> DomainClock:
        """Turned forward to this moment."""
        assert to >= self.now(real), "a clock never runs backwards"
        if self.mode == "FROZEN":
            return msgspec.structs.replace(self, frozen_at=to)
        return msgspec.structs.replace(self, ahead_ms=to - real)

    def frozen(self, real: int) -> DomainClock:
        return msgspec.structs.replace(self, mode="FROZEN", frozen_at=self.now(real), ahead_ms=0)

    def running(self, real: int) -> DomainClock:
        return msgspec.structs.replace(self, mode="RUNNING", ahead_ms=self.now(real) - real, frozen_at=0)

    def skipping(self, real: int, at_most_ms: int) -> DomainClock:
        return msgspec.structs.replace(
            self,
            mode="SKIPPING",
            ahead_ms=self.now(real) - real,
            frozen_at=0,
            skipped_ms=0,
            skip_at_most_ms=at_most_ms,
        )

    def skipped(self, real: int, to: int) -> DomainClock:
        """After a jump to `to`, or as far towards it as it may jump."""
        assert self.mode == "SKIPPING"
        now = self.now(real)
        by = min(to - now, self.skip_at_most_ms - self.skipped_ms, LAST_MOMENT - now)
        if by <= 0:
            return self
        return msgspec.structs.replace(self, ahead_ms=self.ahead_ms + by, skipped_ms=self.skipped_ms + by)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DomainClock).decode


def encode_clock(clock: DomainClock) -> bytes:
    return _encode(clock)


def decode_clock(stored: bytes | None) -> DomainClock | None:
    """None for a domain in real time. Raises msgspec.DecodeError for what is no clock."""
    return None if stored is None else _decode(stored)


def time_in(stored: bytes | None, real: int) -> int:
    """What time it is in a domain whose row holds this clock."""
    return real if stored is None else _decode(stored).now(real)
