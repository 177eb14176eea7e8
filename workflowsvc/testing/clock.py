"""The clock of a test's domain, to be turned by the test.

Owns how a test writes spans and moments. What happens when time passes is the service's: docs/clocks.md.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Call = Callable[..., Any]
"""A call of the service about the domain: (operation, **members) -> answer."""


class DomainClock:
    """What time it is in one domain. Each method returns the moment in it."""

    def __init__(self, call: Call) -> None:
        self._call = call

    @property
    def now(self) -> datetime:
        """The moment in the domain, in UTC."""
        return _moment(self._call("DescribeClock"))

    @property
    def mode(self) -> str:
        """`REAL` until the clock is touched, then `RUNNING`, `FROZEN` or `SKIPPING`."""
        mode: str = self._call("DescribeClock")["mode"]
        return mode

    def advance(
        self,
        span: timedelta = timedelta(),
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        to: datetime | None = None,
    ) -> datetime:
        """Lets this much time pass, or all time until `to`. Whatever is due on the way happens at its own moment,
        without waiting for deciders and workers. ValueError for a span that is not positive, TypeError for both, or
        for a moment without a time zone."""
        whole = span + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if to is None:
            if whole <= timedelta():
                raise ValueError(f"a clock is advanced by a positive span, not by {whole}")
            return self._turn("AdvanceClock", seconds=whole.total_seconds())
        if whole:
            raise TypeError("advance takes a span or `to`, not both")
        if to.tzinfo is None:
            raise TypeError(f"{to!r} has no time zone, as datetime(2030, 1, 1, tzinfo=UTC) has")
        return self._turn("AdvanceClock", to=to.timestamp())

    def freeze(self) -> datetime:
        """Time stands still until the clock is turned."""
        return self._turn("FreezeClock")

    def run(self) -> datetime:
        """Time passes as on other clocks, from the moment that it is now."""
        return _moment(self._call("RunClock"))

    def skip(self, at_most: timedelta | None = None) -> datetime:
        """Time passes, and whenever no decider and no worker has anything to do, it jumps to the next moment at which
        something is due. It jumps no further than `at_most` in all; then the clock runs on. TypeError for a bound that
        is no timedelta."""
        if at_most is not None and not isinstance(at_most, timedelta):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"at_most is a span, as timedelta(days=90) is, not {at_most!r}")
        bound = {} if at_most is None else {"atMostSeconds": at_most.total_seconds()}
        return self._turn("SkipClock", **bound)

    def _turn(self, operation: str, **members: Any) -> datetime:
        """Without asking back: a domain of a test has no runs but the test's own."""
        return _moment(self._call(operation, yes=True, **members))


def _moment(detail: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(detail["now"], UTC)
