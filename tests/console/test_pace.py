"""How soon open pages ask again: at once while they are few, seldom while they would cost too much."""

from __future__ import annotations

from tests.console.browsing import Browser
from workflowsvc.clock import ManualClock
from workflowsvc.console import pace


def looked(clock: ManualClock, asked: pace.Pace, page: str, *, ms: int) -> float:
    """The pause behind a look that takes so long."""
    began = clock.monotonic()
    clock.advance(ms)
    return asked.pause(page, began)


def test_a_page_that_costs_little_asks_again_at_once() -> None:
    clock = ManualClock()
    assert looked(clock, pace.Pace(clock), "page", ms=3) == pace.SHORTEST_SECONDS


def test_all_open_pages_together_take_no_more_than_their_share() -> None:
    clock = ManualClock()
    asked = pace.Pace(clock)
    for _ in range(3):
        for number in range(20):
            pause = looked(clock, asked, str(number), ms=10)
    assert round(20 * 0.010 / pause, 3) == pace.SHARE


def test_no_page_waits_for_ever() -> None:
    clock = ManualClock()
    asked = pace.Pace(clock)
    assert {looked(clock, asked, str(number), ms=900) for number in range(5)} == {pace.LONGEST_SECONDS}


def test_pages_that_were_closed_no_longer_count() -> None:
    clock = ManualClock()
    asked = pace.Pace(clock)
    for number in range(2 * pace.MAX_PAGES):
        looked(clock, asked, str(number), ms=20)
    clock.advance(round(pace.GONE_SECONDS * 1000) + 1)
    assert looked(clock, asked, "page", ms=20) == pace.SHORTEST_SECONDS


def test_an_open_page_is_told_when_to_ask_again(browser: Browser) -> None:
    live = browser.get("/domains", hx_request="true")
    assert live.headers[pace.PAUSE_HEADER] == "1200"
    version = live.html.partition('data-version="')[2].partition('"')[0]
    assert (
        browser.get("/domains", hx_request="true", if_none_match=version).headers[pace.PAUSE_HEADER] == "1200"
    )
    assert pace.PAUSE_HEADER not in browser.get("/domains").headers
