"""A store that fails is logged once with the consequence, then once a minute, and once when it is over."""

from __future__ import annotations

import logging

import pytest

from tests.failing_store import FailingStore
from workflowsvc.clock import ManualClock
from workflowsvc.engine.outage import LOOK_MS, MAX_REASON, PAUSE_MS, REPEAT_MS, Outage
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def outage(clock: ManualClock) -> Outage:
    return Outage(logging.getLogger("test"), clock, "Nothing can be written.")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_an_outage_of_an_hour_is_a_line_a_minute(
    outage: Outage, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(36_000):
        outage.failed(OSError("the disk is full"), "a start")
        clock.advance(100)
    outage.worked()
    assert said(caplog)[0] == "the store fails: the disk is full. Nothing can be written. First: a start"
    assert said(caplog)[1] == "the store still fails, since 60 s, 601 times: the disk is full"
    assert said(caplog)[-1] == "the store works again, after 3600 s and 36000 failures"
    assert len(caplog.records) == 3_600_000 // REPEAT_MS + 1


def test_what_comes_and_goes_is_logged_every_ten_seconds(
    outage: Outage, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(600):
        outage.failed(OSError("no connection"), "a start")
        outage.worked()
        clock.advance(100)
    assert len(caplog.records) == 2 * 60_000 // PAUSE_MS


def test_another_reason_is_logged_within_ten_seconds(
    outage: Outage, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for reason in ("no connection to port 1", "no connection to port 2", "wrong password", "wrong password"):
        outage.failed(OSError(reason), "a start")
        clock.advance(PAUSE_MS)
    assert [line.rpartition(": ")[2] for line in said(caplog)] == ["a start", "wrong password"]


def test_a_clock_that_is_set_back_makes_no_silence_longer(
    outage: Outage, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    outage.failed(OSError("no connection"), "a start")
    clock.step(-10 * REPEAT_MS)
    outage.failed(OSError("no connection"), "a start")
    assert len(caplog.records) == 2


def test_what_works_is_not_logged(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.worked()
    assert said(caplog) == []


def test_a_reason_of_many_lines_is_one_short_line_without_a_password(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    outage.failed(OSError("tried postgresql://u:secret@h/d\n" + "and 192.0.2.1\n" * 100), "a start")
    (line,) = said(caplog)
    assert "secret" not in line
    assert "\n" not in line
    assert len(line) < MAX_REASON + 100


def test_the_writer_says_by_itself_that_the_store_works_again(caplog: pytest.LogCaptureFixture) -> None:
    """Without a call: an idle server after an outage would otherwise say so the next morning."""
    store = FailingStore()
    world = World(store=store)
    store.refusals = 2
    with pytest.raises(ServiceUnavailable):
        world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    world.advance(ms=LOOK_MS)
    assert len(caplog.records) == 1
    world.advance(ms=LOOK_MS)
    assert [line.partition(":")[0] for line in said(caplog)] == [
        "the store fails",
        "the store works again, after 2 s and 2 failures",
    ]
    assert world.writer.next_moment() is None


def test_a_check_of_the_store_leaves_no_trace() -> None:
    store = SqliteStore(None)
    world = World(store=store)
    with store.reader() as reader:
        before = reader.every_meta()
    asked: list[object] = []
    world.writer.ask_for_write(asked.append)
    world.run()
    assert asked == [None]
    with store.reader() as reader:
        assert reader.every_meta() == before


def test_who_asks_while_the_store_fails_gets_the_reason() -> None:
    store = FailingStore()
    world = World(store=store)
    store.refusals = 2  # the batch of the command that wakes the writer, and the check
    asked: list[object] = []
    world.writer.ask_for_write(asked.append)
    world.run()
    assert [str(reason) for reason in asked] == ["the disk is full"]
