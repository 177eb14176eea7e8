"""The timeline of a run as numbers for an SVG: where each bar, each mark of time and each folded gap is drawn.

Owns the geometry, as a function of its arguments. The template draws it with attributes alone, as the content security
policy allows no styles (QUALITY §5.4); colours are classes of the style sheet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from workflowsvc.display.text import printable, span

Thing = Mapping[str, Any]
"""A row of the timeline as `pages/run_lines.py` gathers it."""

WIDTH = 1200
LABELS = 260  # the column at the left
RIGHT = 12
TOP = 26  # the scale
ROW = 22
BAR = 14
MARKS = ("signal",)  # kinds of rows that are moments and no work
MIN_BAR = 3  # what took no time can be seen, too
LABEL_LETTERS = 34
MAX_TICKS = 9
MIN_TICK_GAP = 70  # between the labels of two marks
GAP = 68  # the width of a gap in which nothing happened: that of its longest label, as two may touch
GAP_LABEL = 14  # below the rows
MIN_GAP_SHARE = 0.06  # of the whole time: a shorter gap is not folded
STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_419_200),
)
"""Seconds between two marks, of which people think in."""


class Bar(NamedTuple):
    """A span of one attempt: it waits, or it is at work."""

    x: float
    width: float
    tone: str
    """open, good, bad or neutral; `waiting` before a worker takes it up; `mark` of what has come from elsewhere."""


class Row(NamedTuple):
    """One activity, timer, child, signal or Lambda task."""

    y: int
    label: str
    event_id: int
    """The event that it began with."""
    title: str
    """What it is, and how long each attempt waited and took, in words."""
    tone: str
    bars: list[Bar]


class Tick(NamedTuple):
    """A mark of the scale."""

    x: float
    seconds: float
    label: str


class Gap(NamedTuple):
    """A time in which nothing happened, drawn shorter than it was."""

    x: float
    width: float
    label: str


class Timeline(NamedTuple):
    """All of a picture."""

    width: int
    height: int
    rows: list[Row]
    ticks: list[Tick]
    gaps: list[Gap]
    end: float | None
    """Where the run ends, or now; None when what comes later is not on the picture."""


def draw(
    things: Sequence[Thing],
    *,
    start: float,
    until: float,
    folds_idle: bool,
    from_start: bool = True,
    to_end: bool = True,
) -> Timeline:
    """The picture of these rows. `start`: of the run, from which the labels of the scale count. `until`: its end, or
    now, where what is open ends. `from_start`, `to_end`: whether the picture begins and ends where the run does, so
    that the time before and behind the rows can be seen."""
    moments = set(_moments(things, until))
    if from_start or not moments:
        moments.add(start)
    if to_end or len(moments) == 1:
        moments.add(until)
    scale = _Scale(sorted(moments), folds_idle=folds_idle)
    rows = [_row(number, thing, scale, until) for number, thing in enumerate(things)]
    height = TOP + ROW * len(rows) + 6 + (GAP_LABEL if scale.gaps else 0)
    end = round(scale.x(max(until, scale.first)), 1) if to_end else None
    return Timeline(WIDTH, height, rows, _ticks(scale, start, to_end=to_end), scale.gaps, end)


def _moments(things: Iterable[Thing], until: float) -> Iterable[float]:
    for thing in things:
        for attempt in thing["attempts"]:
            for name in ("startTimestamp", "startedTimestamp", "closeTimestamp"):
                if attempt.get(name) is not None:
                    yield attempt[name]
            if attempt.get("closeTimestamp") is None:
                yield until


class _Scale:
    """From moments to places on the picture."""

    def __init__(self, moments: Sequence[float], *, folds_idle: bool) -> None:
        self.first, self.last = moments[0], max(moments[-1], moments[0] + 0.001)
        folded = self._idle(moments) if folds_idle else []
        room = WIDTH - LABELS - RIGHT - GAP * len(folded)
        shown = self.last - self.first - sum(end - begin for begin, end in folded)
        # Pieces of the way: the moment and the place at which each begins.
        self._at, self._x, self._slopes = [self.first], [float(LABELS)], [room / max(shown, 0.001)]
        self.gaps: list[Gap] = []
        self._folded = folded
        for begin, end in folded:
            x = self.x(begin)
            self.gaps.append(Gap(round(x, 1), GAP, span(end - begin)))
            self._at += [begin, end]
            self._x += [x, x + GAP]
            self._slopes += [GAP / (end - begin), self._slopes[0]]

    def _idle(self, moments: Sequence[float]) -> list[tuple[float, float]]:
        """The longest gaps between moments, in their order; no more than leave room for what happens between them."""
        long = (self.last - self.first) * MIN_GAP_SHARE
        gaps = [(begin, end) for begin, end in pairwise(moments) if end - begin > long]
        return gaps[: (WIDTH - LABELS) // (2 * GAP)]

    def x(self, moment: float) -> float:
        piece = max(bisect_right(self._at, moment) - 1, 0)
        return self._x[piece] + (moment - self._at[piece]) * self._slopes[piece]

    def behind(self, moment: float) -> float | None:
        """When the gap is over that this moment is folded into; None when it is in none."""
        return next((end for begin, end in self._folded if begin <= moment < end), None)

    @property
    def seconds_per_pixel(self) -> float:
        return 1 / self._slopes[0]


def _row(number: int, thing: Thing, scale: _Scale, until: float) -> Row:
    bars: list[Bar] = []
    for attempt in thing["attempts"]:
        bars += _bars(attempt, scale, until, "mark" if thing["kind"] in MARKS else attempt["tone"])
    name = f"{thing['kind']} {thing['name']}".strip()
    first, last = thing["attempts"][0], thing["attempts"][-1]
    return Row(
        y=TOP + ROW * number,
        label=printable(name, limit=LABEL_LETTERS),
        event_id=first["eventIds"][0],
        title=f"{printable(name, limit=80)}: {'; '.join(_words(attempt) for attempt in thing['attempts'][-3:])}",
        tone=last["tone"],
        bars=bars,
    )


def _bars(attempt: Thing, scale: _Scale, until: float, tone: str) -> list[Bar]:
    begin = attempt.get("startTimestamp")
    if begin is None:
        return []
    end = attempt.get("closeTimestamp")
    end = until if end is None else end
    taken_up = attempt.get("startedTimestamp")
    found: list[Bar] = []
    if attempt["waits"]:
        found.append(_bar(scale, begin, end if taken_up is None else taken_up, "waiting"))
        if taken_up is None and attempt["tone"] == "open":
            return found
    found.append(_bar(scale, end if taken_up is None and attempt["waits"] else taken_up or begin, end, tone))
    return found


def _bar(scale: _Scale, begin: float, end: float, tone: str) -> Bar:
    x = scale.x(begin)
    return Bar(round(x, 1), round(max(scale.x(max(end, begin)) - x, MIN_BAR), 1), tone)


def _words(attempt: Thing) -> str:
    begin, taken_up, end = (
        attempt.get(name) for name in ("startTimestamp", "startedTimestamp", "closeTimestamp")
    )
    said = [attempt["state"]]
    if attempt["waits"] and begin is not None and (taken_up or end) is not None:
        said.append(f"waited {span((taken_up or end or begin) - begin)}")
    since = taken_up if attempt["waits"] else begin
    if end is not None and since is not None and end > since:
        said.append(f"took {span(end - since)}")
    return ", ".join(said)


def _ticks(scale: _Scale, start: float, *, to_end: bool) -> list[Tick]:
    """Marks at round times since the start of the run, some of them with a label each."""
    wanted = (WIDTH - LABELS) / MAX_TICKS * scale.seconds_per_pixel
    step = next((step for step in STEPS if step >= wanted), None) or STEPS[-1] * -(-wanted // STEPS[-1])
    found: list[Tick] = []
    number = -(-(scale.first - start) // step)
    # Folded gaps are passed over, not walked through: they may be a year long.
    while (moment := start + number * step) <= scale.last:
        x = scale.x(moment)
        if (behind := scale.behind(moment)) is not None:
            number = max(number + 1, -(-(behind - start) // step))
            continue
        # The end has a label of its own.
        if x <= WIDTH - RIGHT - MIN_TICK_GAP * (1 if to_end else 0.5) and (
            not found or x - found[-1].x >= MIN_TICK_GAP
        ):
            found.append(Tick(round(x, 1), moment, f"+{span(moment - start)}" if number else "start"))
        number += 1
    return found
