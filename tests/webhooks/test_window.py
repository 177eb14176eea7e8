"""Which entries may be sent when: in order for a run, with pauses, and given up on at last. No network, no clock."""

from __future__ import annotations

import pytest

from workflowsvc.store.rows import BEFORE_ALL_ENTRIES, FeedPlace, FeedRow
from workflowsvc.webhooks.window import (
    ATTEMPTS,
    GIVE_UP_SECONDS,
    MAX_RUNNING,
    PROBE_SECONDS,
    Item,
    Window,
)


def entry(place: int, run: int = 0) -> FeedRow:
    return FeedRow(1, 0, place, run or place, 1, place, "WorkflowExecutionStarted", b"{}")


@pytest.fixture
def window() -> Window:
    return Window(BEFORE_ALL_ENTRIES, lambda: 1.0)


def add(window: Window, *rows: FeedRow) -> None:
    window.add(rows, rows[-1].position)


def places(items: list[Item]) -> list[int]:
    return [item.row.place for item in items]


def fail(window: Window, item: Item, now: float, retry_after: float | None = None) -> bool:
    return window.failed(item, "down", now, round(now * 1000), f"id-{item.row.place}", retry_after)


def test_runs_go_beside_each_other_and_the_entries_of_one_behind_each_other(window: Window) -> None:
    add(window, entry(1, run=7), entry(2, run=7), entry(3, run=8))
    first, other = window.take(0)
    assert places([first, other]) == [1, 3]
    assert window.take(0) == []
    window.delivered(first, 1)
    assert places(window.take(1)) == [2]


def test_no_more_than_a_number_are_under_way(window: Window) -> None:
    add(window, *(entry(place) for place in range(1, 21)))
    taken = window.take(0)
    assert len(taken) == MAX_RUNNING
    window.delivered(taken[3], 0)
    assert places(window.take(0)) == [MAX_RUNNING + 1]


def test_the_position_is_before_the_first_that_is_not_done(window: Window) -> None:
    add(window, entry(1), entry(2), entry(3))
    one, two, three = window.take(0)
    window.delivered(two, 0)
    window.delivered(three, 0)
    assert window.position == BEFORE_ALL_ENTRIES
    assert window.oldest_at == 1
    window.delivered(one, 0)
    assert window.position == entry(3).position
    assert window.oldest_at is None


def test_entries_of_other_types_move_the_position_too(window: Window) -> None:
    window.add([], FeedPlace(0, 9, 9, 9))
    assert window.position == FeedPlace(0, 9, 9, 9)


def test_a_receiver_that_is_away_is_asked_with_one_entry_after_growing_pauses(window: Window) -> None:
    add(window, entry(1), entry(2), entry(3))
    for item in window.take(0):
        fail(window, item, 0)
    now, pauses = 0.0, []
    for _ in range(10):
        at = window.next_at()
        assert at is not None
        pauses.append(at - now)
        now = at
        assert window.take(now - 0.01) == []
        (item,) = window.take(now)
        assert window.next_at() is None
        assert not fail(window, item, now)
    assert pauses == [4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert window.failing is not None
    assert window.failing.since == 0
    (item,) = window.take(now + 300)
    window.delivered(item, now + 300)
    assert window.failing is None
    assert len(window.take(now + 300)) == 2


def test_an_entry_that_fails_while_others_are_delivered_is_given_up_on(window: Window) -> None:
    add(window, entry(1), entry(2, run=1))
    now, failures = 0.0, 0
    (bad,) = window.take(now)
    while not fail(window, bad, now):
        failures += 1
        add(window, entry(100 + failures))
        now += 1_000
        taken = window.take(now)
        (good,) = [item for item in taken if item is not bad]
        window.delivered(good, now)
        if bad not in taken:
            assert window.take(now) == [bad]
        now += 1
    assert failures == ATTEMPTS
    (letter,) = window.take_given_up()
    assert (letter.event_id, letter.attempts, letter.error) == ("id-1", ATTEMPTS + 1, "down")
    assert window.position == entry(1).position
    assert places(window.take(now)) == [2]


def test_a_delivery_before_an_outage_gives_up_no_entry(window: Window) -> None:
    add(window, entry(1), entry(2, run=1), entry(3), entry(4))
    first, second, third = window.take(0)
    window.delivered(second, 1)
    fail(window, first, 2)
    fail(window, third, 2)
    now = 2.0
    for _ in range(3 * ATTEMPTS):
        at = window.next_at()
        assert at is not None
        now = max(now, at)
        for item in window.take(now):
            assert item.row.place in (1, 4)
            assert not fail(window, item, now)
    assert now > 600
    assert window.position == BEFORE_ALL_ENTRIES


def test_an_entry_that_fails_for_a_day_is_given_up_on(window: Window) -> None:
    add(window, entry(1))
    (item,) = window.take(0)
    assert not fail(window, item, GIVE_UP_SECONDS - 400)
    (item,) = window.take(GIVE_UP_SECONDS)
    assert fail(window, item, GIVE_UP_SECONDS)
    letters = window.take_given_up()
    assert len(letters) == 1
    assert not window.has_given_up
    window.give_back(letters)
    assert window.take_given_up() == letters


def test_one_bad_entry_does_not_hold_up_the_others(window: Window) -> None:
    """Alone, it looks as if the receiver were away; the next entry is sent at once, and shows that it is not."""
    add(window, entry(1), entry(2, run=1))
    (bad,) = window.take(0)
    now = 0.0
    for _ in range(9):
        fail(window, bad, now)
        at = window.next_at()
        assert at is not None
        now = at
        assert window.take(now) == [bad]
    fail(window, bad, now)
    add(window, entry(3))
    assert window.next_at() != now + 300
    (good,) = window.take(now)
    assert good.row.place == 3
    window.delivered(good, now)
    assert window.take(now) == [bad]
    fail(window, bad, now)
    add(window, entry(4))
    assert places(window.take(now)) == [4]
    assert window.position == BEFORE_ALL_ENTRIES


def test_several_bad_entries_hold_up_a_new_one_for_seconds(window: Window) -> None:
    """They look like a receiver that is away; each new entry may show that it is not."""
    add(window, entry(1), entry(2))
    now = 0.0
    for _ in range(20):
        for item in window.take(now):
            fail(window, item, now)
        at = window.next_at()
        assert at is not None
        now = at
    for item in window.take(now):
        fail(window, item, now)
    add(window, entry(3), entry(4, run=3), entry(5))
    assert window.next_at() == now + PROBE_SECONDS
    assert window.take(now + PROBE_SECONDS - 1) == []
    (probe,) = window.take(now + PROBE_SECONDS)
    assert probe.row.place == 3
    assert window.next_at() is None
    window.delivered(probe, now + PROBE_SECONDS)
    assert places(window.take(now + PROBE_SECONDS)) == [1, 2, 4, 5]


def test_a_receiver_that_is_away_gets_each_new_entry_once_before_its_pause_is_over(window: Window) -> None:
    add(window, *(entry(place) for place in range(1, 21)))
    now, tried = 0.0, list[int]()
    while now < 600:
        for item in window.take(now):
            tried.append(item.row.place)
            fail(window, item, now)
        at = window.next_at()
        assert at is not None
        assert at > now
        now = at
    assert set(tried) == set(range(1, 21))
    assert len(tried) <= 20 + 12


def test_a_bad_entry_of_a_busy_feed_is_given_up_on_while_all_others_go_on(window: Window) -> None:
    """However many are delivered behind it."""
    now, number, delivered = 0.0, 1, 0
    add(window, entry(1))
    while not window.has_given_up:
        rows = [entry(number + place) for place in range(1, window.room + 1)]
        number += len(rows)
        window.add(rows, entry(number).position)
        taken = window.take(now)
        assert taken
        for item in taken:
            if item.row.place == 1:
                fail(window, item, now)
            else:
                window.delivered(item, now + 0.05)
                delivered += 1
        now += 0.1
        assert now < 600
        assert window.position in {BEFORE_ALL_ENTRIES, entry(1).position} or window.has_given_up
    assert delivered > 1_000
    (letter,) = window.take_given_up()
    assert letter.event_id == "id-1"
    assert window.position.place == delivered + 1


def test_what_is_done_behind_another_one_counts_when_that_is_done(window: Window) -> None:
    add(window, *(entry(place) for place in range(1, 7)))
    items = window.take(0)
    for index in (4, 2, 1):
        window.delivered(items[index], 0)
    assert window.position == BEFORE_ALL_ENTRIES
    window.delivered(items[0], 0)
    assert window.position == entry(3).position
    window.delivered(items[3], 0)
    assert window.position == entry(5).position
    window.delivered(items[5], 0)
    assert window.position == entry(6).position
    assert window.is_empty


def test_nothing_is_looked_for_while_no_more_may_be_under_way(window: Window) -> None:
    """Entries whose pause is over wait for one that ends; looking at them again and again would keep the node busy."""
    for now in (0.0, 0.5):
        first = 1 + round(now * 100)
        add(window, *(entry(place) for place in range(first, first + MAX_RUNNING)))
        good, *bad = window.take(now)
        window.delivered(good, now + 0.1)
        for item in bad:
            fail(window, item, now + 0.2)
    assert len(window.take(10_000)) == MAX_RUNNING
    assert window.take(10_000) == []
    assert window.next_at() is None


def test_a_receiver_may_ask_for_a_longer_pause_within_bounds(window: Window) -> None:
    add(window, entry(1))
    (item,) = window.take(0)
    fail(window, item, 0, retry_after=50)
    assert window.next_at() == 50
    (item,) = window.take(50)
    fail(window, item, 50, retry_after=1e9)
    assert window.next_at() == 50 + 3_600


def test_pauses_differ_by_chance() -> None:
    chances = iter([0.0, 0.5])
    window = Window(BEFORE_ALL_ENTRIES, lambda: next(chances))
    add(window, entry(1))
    (item,) = window.take(0)
    fail(window, item, 0)
    assert window.next_at() == 0.5
    (item,) = window.take(0.5)
    fail(window, item, 0.5)
    assert window.next_at() == 0.5 + 1.5
