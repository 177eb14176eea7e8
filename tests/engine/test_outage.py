"""A store that fails is logged once with the consequence, then once a minute, and once when it is over."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.failing_store import FailingStore
from workflowsvc.clock import ManualClock
from workflowsvc.engine.outage import LOOK_MS, MAX_REASON, PAUSE_MS, REPEAT_MS, Outage
from workflowsvc.engine.write_check import HOLD_MS, MAX_CHECK_BYTES, PAGES_BYTES, WriteCheck
from workflowsvc.faults import ServiceUnavailable, UnknownResourceFault
from workflowsvc.store.errors import StatementRefused, StoreError
from workflowsvc.store.interface import RepairTransaction
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.testing import World

TYPE = {"name": "t", "version": "1"}


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
    world.advance(ms=HOLD_MS)
    assert [line.partition(":")[0] for line in said(caplog)] == [
        "the store fails",
        "the store works again, after 4 s and 2 failures",
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


# --- when it is over ---


class NearlyFull(SqliteStore):
    """Of a value of `meta`, `room` bytes fit; while `broken` is set, nothing else that is written is committed."""

    def __init__(self) -> None:
        super().__init__(None)
        self.room = 10**9
        self.broken = False
        self.checks: list[int] = []  # bytes
        self.refusal: Exception | None = None
        self.takes_time: Callable[[], object] = lambda: None

    @contextmanager
    def transaction(self) -> Iterator[RepairTransaction]:
        with super().transaction() as tx:
            put_meta = tx.put_meta
            checks = 0

            def put(key: str, value: bytes) -> None:
                nonlocal checks
                checks += 1
                self.checks.append(len(value))
                if self.refusal is not None:
                    raise self.refusal
                if len(value) > self.room:
                    raise StoreError("the disk is full")
                put_meta(key, value)

            tx.put_meta = put  # type: ignore[method-assign]
            yield tx
            if self.broken and not checks:
                self.takes_time()
                raise StoreError("no such table: tasks")


@pytest.fixture
def nearly_full() -> NearlyFull:
    return NearlyFull()


@pytest.fixture
def world(nearly_full: NearlyFull) -> World:
    world = World(store=nearly_full)
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    world.call("RegisterWorkflowType", domain="d", **TYPE)
    return world


def begin(world: World, workflow_id: str, size: int = 10) -> None:
    world.call(
        "StartWorkflowExecution",
        domain="d",
        workflowId=workflow_id,
        workflowType=TYPE,
        taskList={"name": "l"},
        executionStartToCloseTimeout="3600",
        taskStartToCloseTimeout="NONE",
        childPolicy="TERMINATE",
        input="x" * size,
    )


def fail(world: World, store: NearlyFull, size: int = 10) -> None:
    store.broken = True
    with pytest.raises(ServiceUnavailable):
        begin(world, "refused", size)
    store.broken = False


@pytest.mark.parametrize("size", [10, 20_000])
def test_an_outage_is_over_only_when_what_failed_would_fit(
    world: World, nearly_full: NearlyFull, size: int
) -> None:
    fail(world, nearly_full, size)
    nearly_full.room = PAGES_BYTES + size - 1
    world.advance(ms=10 * HOLD_MS)
    assert world.writer.store_fails
    begin(world, "small")  # proves nothing about larger ones
    world.advance(ms=10 * HOLD_MS)
    assert world.writer.store_fails
    nearly_full.room = PAGES_BYTES + size + 1_000  # for the rest of the event
    world.advance(ms=LOOK_MS)
    assert not world.writer.store_fails


def test_the_largest_batch_that_failed_decides_up_to_a_bound(world: World, nearly_full: NearlyFull) -> None:
    for size in (30_000, 10):
        fail(world, nearly_full, size)
    world.advance(ms=LOOK_MS)
    assert nearly_full.checks[-1] > 30_000
    world.advance(ms=HOLD_MS)
    assert not world.writer.store_fails
    fail(world, nearly_full)
    world.advance(ms=LOOK_MS)
    assert nearly_full.checks[-1] < 30_000 + PAGES_BYTES  # an outage that is over decides nothing
    check = WriteCheck()
    check.failed(0, 10**9)
    assert check.size == MAX_CHECK_BYTES


def test_a_check_that_works_is_not_believed_just_after_a_client_s_write_has_failed(
    world: World, nearly_full: NearlyFull
) -> None:
    """A table may be missing that no check uses."""
    for _ in range(5):
        fail(world, nearly_full)
        world.advance(ms=HOLD_MS - 1)
        assert world.writer.store_fails
    world.advance(ms=LOOK_MS)
    assert not world.writer.store_fails


def test_a_batch_that_fails_slowly_is_not_followed_by_a_check_at_once(
    world: World, nearly_full: NearlyFull
) -> None:
    """The clock moves while a batch runs, which is no clock that was set back."""
    nearly_full.takes_time = lambda: world.clock.advance(5)
    nearly_full.checks.clear()
    fail(world, nearly_full)
    assert world.writer.store_fails
    assert nearly_full.checks == []


def test_a_client_s_write_that_works_ends_the_wait(world: World, nearly_full: NearlyFull) -> None:
    fail(world, nearly_full)
    with pytest.raises(UnknownResourceFault):
        world.call("DeprecateDomain", name="unknown")  # writes nothing, so it shows nothing
    world.advance(ms=LOOK_MS)
    assert world.writer.store_fails
    begin(world, "accepted")
    world.advance(ms=LOOK_MS)
    assert not world.writer.store_fails


def test_who_asks_is_answered_whatever_the_check_meets(world: World, nearly_full: NearlyFull) -> None:
    asked: list[object] = []
    refusal = nearly_full.refusal = StatementRefused("no unique constraint")
    world.writer.ask_for_write(asked.append)
    world.run()
    assert asked == [refusal]


def test_a_check_needs_the_room_of_its_size(tmp_path: Path) -> None:
    """Though its row is deleted by the transaction that writes it."""
    with closing(SqliteStore(str(tmp_path / "x.db"))) as store:
        log = tmp_path / "x.db-wal"
        sizes: list[int] = []
        for _ in range(2):  # the first one fills what the log had already
            with store.transaction() as tx:
                tx.put_meta("check", os.urandom(200_000))
                tx.delete_meta("check")
            sizes.append(log.stat().st_size)
        assert sizes[1] - sizes[0] > 200_000
