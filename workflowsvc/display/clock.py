"""What time it is in a domain whose clock was turned, in words. Owns the words; nothing of a domain in real time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflowsvc.display.text import moment, span

_GOES = {
    "RUNNING": "it runs at real speed",
    "FROZEN": "it stands still",
    "SKIPPING": "it jumps when nothing is in flight",
}


def spoken_clock(clock: Mapping[str, Any], *, now: str = "") -> str:
    """An answer of DescribeClock: `2027-01-01 00:00:00, 30 d ahead of real time; it stands still`. `now` in place of
    the moment in the time zone of this machine.
    """
    now = now or moment(clock.get("now"))
    mode = str(clock.get("mode"))
    if mode == "REAL":
        return f"{now}, in real time"
    return f"{now}, {_distance(clock.get('offsetSeconds'))}; {_GOES.get(mode, mode)}{_skipped(clock)}"


def _distance(offset: object) -> str:
    if not isinstance(offset, int | float):
        return "not in real time"
    if abs(offset) < 1:
        return "beside real time"
    return f"{span(abs(offset))} {'ahead of' if offset > 0 else 'behind'} real time"


def _skipped(clock: Mapping[str, Any]) -> str:
    skipped, most = clock.get("skippedSeconds"), clock.get("skipAtMostSeconds")
    if not isinstance(skipped, int | float) or not isinstance(most, int | float):
        return ""
    return f", by {span(skipped) if skipped else 'nothing'} so far and {span(most)} at most"
