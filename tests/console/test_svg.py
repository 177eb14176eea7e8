"""The geometry of the timeline: in order, in its bounds, true to scale, with gaps that fold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflowsvc.console import svg


def thing(*attempts: dict[str, Any], kind: str = "activity", name: str = "a") -> dict[str, Any]:
    return {"kind": kind, "name": name, "tone": attempts[-1]["tone"], "attempts": list(attempts)}


def attempt(
    begin: float, taken_up: float | None = None, end: float | None = None, *, waits: bool = True
) -> dict[str, Any]:
    moments = {"startTimestamp": begin, "startedTimestamp": taken_up, "closeTimestamp": end}
    return {
        **{name: moment for name, moment in moments.items() if moment is not None},
        "eventIds": [5],
        "tone": "open" if end is None else "good",
        "state": "running" if end is None else "completed",
        "waits": waits,
    }


def test_waiting_and_work_are_two_bars_end_to_end() -> None:
    (row,) = svg.draw([thing(attempt(0, 25, 100))], start=0, until=100, folds_idle=False).rows
    waiting, work = row.bars
    assert (waiting.tone, work.tone) == ("waiting", "good")
    assert waiting.x == svg.LABELS
    assert waiting.x + waiting.width == pytest.approx(work.x, abs=0.2)
    assert work.width == pytest.approx(3 * waiting.width, abs=0.5)
    assert row.title == "activity a: completed, waited 25 s, took 1 m 15 s"


def test_what_still_waits_or_works_reaches_to_now() -> None:
    picture = svg.draw([thing(attempt(0)), thing(attempt(0, 50))], start=0, until=100, folds_idle=False)
    (waiting,), (before, work) = (row.bars for row in picture.rows)
    right = svg.WIDTH - svg.RIGHT
    assert (waiting.tone, work.tone) == ("waiting", "open")
    assert waiting.x + waiting.width == pytest.approx(right, abs=0.2)
    assert work.x + work.width == pytest.approx(right, abs=0.2)
    assert before.width == pytest.approx(work.width, abs=0.2)


def test_the_picture_reaches_to_the_end_of_the_run_unless_more_rows_follow() -> None:
    things = [thing(attempt(0, 1, 2))]
    picture = svg.draw(things, start=0, until=100, folds_idle=False)
    assert picture.end == svg.WIDTH - svg.RIGHT
    assert picture.rows[0].bars[-1].x < svg.LABELS + 20
    assert svg.draw(things, start=0, until=100, folds_idle=True).gaps[-1].label == "1 m 38 s"
    part = svg.draw(things, start=0, until=100, folds_idle=False, to_end=False)
    assert part.end is None
    assert part.rows[0].bars[-1].x > svg.LABELS + 400


def test_a_time_that_is_folded_away_has_no_marks_however_long_it_was() -> None:
    """Where nothing but gaps is left, a pixel of a gap is millions of steps of the scale."""
    picture = svg.draw([], start=-1e10, until=1e11, folds_idle=True)
    assert len(picture.gaps) == 1


def test_marks_are_at_round_times_since_the_start() -> None:
    picture = svg.draw([thing(attempt(1000, 1000, 1600))], start=1000, until=1600, folds_idle=False)
    assert [tick.label for tick in picture.ticks][:3] == ["start", "+2 m", "+4 m"]
    assert all(
        second.x - first.x >= svg.MIN_TICK_GAP
        for first, second in zip(picture.ticks, picture.ticks[1:], strict=False)
    )


def test_a_year_without_events_folds_to_a_gap() -> None:
    year = 365 * 86_400
    things = [thing(attempt(0, 1, 2)), thing(attempt(year, year + 1, year + 2))]
    (gap,) = svg.draw(things, start=0, until=year + 2, folds_idle=True).gaps
    assert gap.width == svg.GAP
    assert gap.label == "364 d 23 h"
    assert svg.draw(things, start=0, until=year + 2, folds_idle=False).gaps == []


def test_labels_of_gaps_that_touch_have_a_place_of_their_own() -> None:
    things = [thing(attempt(0, 1, 2)), thing(attempt(500, 500, 501)), thing(attempt(1000, 1001, 1002))]
    picture = svg.draw(things, start=0, until=1002, folds_idle=True)
    first, second = picture.gaps
    widest_letters = 10  # of `364 d 23 h`, with 6.5 pixels each
    assert second.x - first.x >= widest_letters * 6.5
    last = picture.rows[-1]
    assert picture.height - 4 - 10 >= last.y + 4 + svg.BAR  # above the line on which the labels stand


MOMENTS = st.floats(min_value=-1e10, max_value=1e11, allow_nan=False)
ATTEMPTS = st.builds(attempt, MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, waits=st.booleans())
THINGS = st.lists(st.lists(ATTEMPTS, min_size=1, max_size=3).map(lambda found: thing(*found)), max_size=8)


@given(THINGS, MOMENTS, MOMENTS, st.booleans())
def test_any_moments_make_a_picture_within_its_bounds(
    things: list[dict[str, Any]], start: float, until: float, folds_idle: bool
) -> None:
    picture = svg.draw(things, start=start, until=until, folds_idle=folds_idle)
    assert len(picture.rows) == len(things)
    assert len(picture.ticks) <= svg.WIDTH / svg.MIN_TICK_GAP
    for row in picture.rows:
        for bar in row.bars:
            assert bar.x >= svg.LABELS - 0.2
            assert bar.x + bar.width <= svg.WIDTH + svg.MIN_BAR
            assert bar.width >= svg.MIN_BAR
