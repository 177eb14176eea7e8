"""Runs are in the archive before they are deleted: on each store, whatever fails in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import pytest

from tests.own_api.asking import own
from tests.own_api.conftest import Stage
from tests.own_api.test_clocks import wait
from tests.own_api.test_deletion import problems, rows
from tests.own_api.test_imports import bring, made
from tests.own_api.test_retention import DAY, FAIL, closed, is_known, listed, put
from tests.world_archive import all_rounds, archiver, call_in
from tests.world_fixture import decision
from workflowsvc.archive import archiver as archiving
from workflowsvc.archive.archiver import Archiver
from workflowsvc.archive.folder import Folder
from workflowsvc.archive.form import read_run
from workflowsvc.archive.names import read_name
from workflowsvc.archive.overdue import examine_retention
from workflowsvc.archive.place import PlaceFailed
from workflowsvc.engine import archiving as leases
from workflowsvc.engine.archiving import end_retention, set_archives, take_lease
from workflowsvc.engine.command_queue import Command
from workflowsvc.service.own import deletion
from workflowsvc.store.interface import PeerStore
from workflowsvc.testing import World
from workflowsvc.testing.world import PendingAnswer

OVER = 10 * DAY + 1  # of the retention of the fixture's domain


class Failing(Folder):
    """A folder that takes nothing while `reason` is set."""

    reason = ""
    tries = 0
    refuses: Callable[[str], bool] = staticmethod(lambda name: True)

    def put(self, name: str, write: Callable[[BinaryIO], None]) -> int:
        self.tries += 1
        if self.reason and self.refuses(name):
            raise PlaceFailed(self.reason)
        return super().put(name, write)


@pytest.fixture
def failing(folder: Folder) -> Failing:
    return Failing(folder.describe())


def names(folder: Folder) -> list[str]:
    """The workflowIds in the archive."""
    found = [read_name(each.name) for each in folder.list("")]
    return [name.workflow_id or "?" for name in found if name is not None]


def contents(folder: Folder) -> list[tuple[Any, list[dict[str, Any]]]]:
    found: list[tuple[Any, list[dict[str, Any]]]] = []
    for each in folder.list(""):
        with folder.open(each.name) as source:
            head, events = read_run(source)
            found.append((head, list(events)))
    return found


def test_a_run_is_archived_as_it_was_read_and_deleted_then(stage: Stage, folder: Folder) -> None:
    on = stage()
    run_id = on.start("a/b", tagList=["red"], input="two apples")
    on.decide(*[decision("RecordMarker", markerName="m", details="é\n\N{WHITE SMILING FACE}")] * 3)
    on.ask("TerminateWorkflowExecution", workflowId="a/b")
    events = on.history(run_id, "a/b")
    named = {"workflowId": "a/b", "runId": run_id}
    info = on.ask("DescribeWorkflowExecution", execution=named)["executionInfo"]
    by = archiver(on.world, folder)
    all_rounds(by)
    assert names(folder) == [], "its retention is not over"
    wait(on, OVER)
    assert len(rows(on.world.store)) == 1, "no duty deletes what is not archived"
    assert not is_known(on, run_id, "a/b"), "but its retention is over"
    assert listed(on) == []
    all_rounds(by)
    ((head, archived),) = contents(folder)
    assert archived == events
    assert (head.account, head.region, head.domain, head.events) == (*on.tenant, "d", len(events))
    (found,) = [read_name(each.name) for each in folder.list("")]
    assert found is not None
    assert (found.workflow_id, found.run_id, found.domain) == ("a/b", run_id, "d")
    assert head.execution_info.workflow_type.name == info["workflowType"]["name"]
    assert head.execution_info.tag_list == ["red"]
    assert head.execution_info.close_timestamp == info["closeTimestamp"]
    assert rows(on.world.store) == []
    assert problems(on) == []
    figures = on.world.state.archive
    assert (figures.archived.value, figures.failures.value, on.world.state.purged.value) == (1, 0, 1)
    assert figures.written_bytes.value == sum(each.size for each in folder.list(""))


def test_nothing_is_deleted_while_the_archive_fails(
    stage: Stage, failing: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    on = stage()
    run_ids = {name: closed(on, name) for name in ("a", "b", "c")}
    by = archiver(on.world, failing)
    wait(on, OVER)
    failing.reason = "the disk is full"
    pauses = [by.round()]
    for _ in range(3):
        wait(on, 61)
        pauses.append(by.round())
    assert pauses == [2.0, 4.0, 8.0, 16.0]
    assert len(rows(on.world.store)) == 3
    assert problems(on) == []
    figures = on.world.state.archive
    assert figures.fails
    assert figures.oldest_due_at is not None
    assert failing.tries <= 3 + 3, "one at a time, once it fails"
    logged = [record.message for record in caplog.records if record.name == "workflowsvc.retention"]
    assert logged[0].startswith("the archive fails: the disk is full. No closed run is deleted until")
    assert len(logged) == 4, "once, then once a minute"
    failing.reason = ""
    wait(on, 61)
    all_rounds(by)
    assert names(failing) == ["a", "b", "c"]
    assert rows(on.world.store) == []
    assert (figures.fails, figures.oldest_due_at) == (False, None)
    assert caplog.messages[-1].startswith("the archive works again, after")
    assert run_ids.keys() == {"a", "b", "c"}


def test_one_run_that_cannot_be_written_keeps_no_other_from_the_archive(
    stage: Stage, failing: Failing
) -> None:
    on = stage()
    for name in ("bad", "good", "better"):
        closed(on, name)
    failing.reason, failing.refuses = "a name that the disk refuses", lambda name: "/bad," in name
    by = archiver(on.world, failing)
    wait(on, OVER)
    all_rounds(by)
    assert names(failing) == ["better", "good"]
    assert len(rows(on.world.store)) == 1
    assert not on.world.state.archive.fails
    assert on.world.state.archive.oldest_due_at is not None


def test_a_run_that_is_refused_alone_does_not_stop_those_behind_it(stage: Stage, failing: Failing) -> None:
    on = stage()
    closed(on, "bad")
    failing.reason, failing.refuses = "a name that the disk refuses", lambda name: "/bad," in name
    by = archiver(on.world, failing)
    wait(on, OVER)
    by.round()
    assert on.world.state.archive.fails
    closed(on, "good")
    wait(on, OVER)
    for _ in range(3):
        by.round()
    assert names(failing) == ["good"]
    assert not on.world.state.archive.fails


def test_a_crash_between_writing_and_deleting_leaves_one_object(stage: Stage, folder: Folder) -> None:
    on = stage()
    closed(on)

    class Killed(Exception):
        pass

    def die(run: Any) -> Any:
        raise Killed

    by = archiver(on.world, folder)
    wait(on, OVER)
    by._has_lease()
    by._call = die
    with pytest.raises(Killed):
        by.round()
    (before,) = [folder.open(each.name).read() for each in folder.list("")]
    assert len(rows(on.world.store)) == 1
    on.world.restart()
    wait(on, 61)  # several nodes: until the lease of the one that died is over
    all_rounds(archiver(on.world, folder))
    (after,) = [folder.open(each.name).read() for each in folder.list("")]
    assert before == after
    assert rows(on.world.store) == []


def test_a_long_history_is_deleted_in_pieces_that_a_crash_does_not_make_whole(
    stage: Stage, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "EVENTS_PER_COMMAND", 10)
    monkeypatch.setattr(archiving, "EVENTS_PER_READ", 7)
    on = stage()
    on.start()
    on.decide(*(decision("RecordMarker", markerName=str(number)) for number in range(40)))
    on.ask("TerminateWorkflowExecution", workflowId="w")
    by = archiver(on.world, folder)
    wait(on, OVER)

    def only_that(run: Any) -> Any:
        answer = PendingAnswer()
        on.world.writer.submit(Command(run, answer))
        on.world.writer.step()
        return answer.output()

    by._has_lease()
    by._call = only_that
    by.round()
    assert len(rows(on.world.store)) == 1, "a part of it"
    assert problems(on) == []
    ((head, events),) = contents(folder)
    assert len(events) == head.events > 40
    on.world.restart()
    on.world.state.archives_here = True
    on.world.run()
    assert rows(on.world.store) == [], "the duty goes on with what is begun"
    assert names(folder) == ["w"]


def test_a_run_that_a_caller_deletes_is_not_archived(
    stage: Stage, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "EVENTS_AT_FIRST", 2)
    on = stage()
    by = archiver(on.world, folder)
    run_id = closed(on)
    own(on, "DeleteExecution", execution={"workflowId": "w", "runId": run_id})
    wait(on, 5)
    all_rounds(by)
    assert (names(folder), rows(on.world.store)) == ([], [])
    closed(on)
    own(on, "DeleteDomain", force=True)
    wait(on, OVER)
    all_rounds(by)
    assert (names(folder), rows(on.world.store)) == ([], [])


def test_runs_that_a_rule_keeps_are_not_archived(stage: Stage, folder: Folder) -> None:
    on = stage()
    failed, completed = closed(on, "failed", FAIL), closed(on, "completed")
    by = archiver(on.world, folder)
    on.world.clock.advance((OVER - 2) * 1000)
    put(on, closeStatus="FAILED", forever=True)
    wait(on, 100)
    all_rounds(by)
    assert names(folder) == ["completed"]
    assert (is_known(on, failed, "failed"), is_known(on, completed, "completed")) == (True, False)
    assert problems(on) == []


def test_a_rule_that_comes_after_the_writing_keeps_the_run(stage: Stage, folder: Folder) -> None:
    on = stage()
    run_id = closed(on)
    by = archiver(on.world, folder)
    wait(on, OVER)
    call = by._call
    by._has_lease()

    def rule_first(run: Any) -> Any:
        put(on, forever=True)
        return call(run)

    by._call = rule_first
    by.round()
    wait(on, 10)
    assert names(folder) == ["w"]
    assert is_known(on, run_id)
    assert problems(on) == []


def test_retention_by_the_clock_of_a_domain(stage: Stage, folder: Folder) -> None:
    on = stage()
    by = archiver(on.world, folder)
    own(on, "AdvanceClock", seconds=1, yes=True)
    closed(on)
    own(on, "AdvanceClock", seconds=OVER)
    assert len(rows(on.world.store)) == 1
    all_rounds(by)
    assert names(folder) == ["w"]
    assert rows(on.world.store) == []
    with on.world.store.reader() as reader:
        (domain,) = reader.clocked_domains()
    assert domain.name == "d"


def test_imported_histories_are_deleted_without_an_archive(stage: Stage, folder: Folder) -> None:
    on = stage()
    bring(on, {"events": made(on)})
    by = archiver(on.world, folder)
    wait(on, 36_600 * DAY)
    all_rounds(by)
    assert names(folder) == ["made"]
    assert rows(on.world.store) == []


def test_a_damaged_history_is_left_where_it_is(
    stage: Stage, folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    on = stage()
    if isinstance(on.world.store, PeerStore):
        pytest.skip("the damage is done with SQLite's means")
    closed(on, "damaged")
    closed(on, "sound")
    keys = rows(on.world.store)
    by = archiver(on.world, folder)
    wait(on, OVER)
    _lose_event(on.world, keys[0], 2)
    all_rounds(by)
    all_rounds(by)
    assert names(folder) == ["sound"]
    assert rows(on.world.store) == [keys[0]]
    said = [message for message in caplog.messages if "cannot be archived, and is not deleted" in message]
    assert len(said) == 1
    assert "events 1 to" in said[0]


def _lose_event(world: World, run: int, event: int) -> None:
    """As a damaged disk would."""
    store: Any = world.store
    with store.transaction() as tx:
        tx._queries.write("delete from events where run = ?1 and event_id = ?2", (run, event))


def test_when_archiving_is_switched_off_runs_are_deleted_without_it(stage: Stage, folder: Folder) -> None:
    on = stage()
    closed(on)
    archiver(on.world, folder)
    wait(on, OVER)
    on.world.restart()  # a node without an archive
    on.world.run()
    assert len(rows(on.world.store)) == 1, "it follows what the store says"
    call_in(on.world)(lambda work: set_archives(work, False))
    on.world.run()
    assert rows(on.world.store) == []
    assert names(folder) == []


def test_one_node_of_several_archives(stage: Stage) -> None:
    on = stage()
    call = call_in(on.world)
    taken = call(lambda work: take_lease(work, "one"))
    assert taken == on.world.clock.now_ms() + leases.LEASE_MS
    assert call(lambda work: take_lease(work, "other")) is None
    on.world.clock.advance(leases.LEASE_MS // 2)
    assert call(lambda work: take_lease(work, "one")) is not None
    on.world.clock.advance(leases.LEASE_MS + 1)
    assert call(lambda work: take_lease(work, "other")) is not None
    assert call(lambda work: take_lease(work, "one")) is None


def test_what_is_due_is_asked_again_before_a_run_is_deleted(stage: Stage) -> None:
    on = stage()
    run_id = closed(on)
    (key,) = rows(on.world.store)
    call = call_in(on.world)
    assert call(lambda work: end_retention(work, [leases.Expired(key, True)])) == 1
    assert is_known(on, run_id), "its retention is not over"


def test_a_round_of_a_node_without_the_lease_does_nothing(stage: Stage, folder: Folder) -> None:
    on = stage()
    closed(on)
    by = archiver(on.world, folder)
    wait(on, OVER)
    call_in(on.world)(lambda work: take_lease(work, "another node"))
    alone = on.world.state.coordination.poll_store_ms is None
    by.round()
    assert names(folder) == (["w"] if alone else [])
    wait(on, 61)
    all_rounds(by)
    assert names(folder) == ["w"]
    assert isinstance(by, Archiver)


def test_doctor_says_that_runs_wait_for_an_archive(stage: Stage, folder: Folder) -> None:
    on = stage()

    def said() -> tuple[str, str]:
        with on.world.store.reader() as reader:
            found = examine_retention(reader, on.world.clock.now_ms())
        assert found.advice or found.level == "ok"
        return found.level, found.what

    closed(on)
    assert said() == ("ok", "closed runs are deleted in time")
    by = archiver(on.world, folder)
    assert said() == ("ok", "closed runs are archived and deleted in time")
    wait(on, OVER)
    assert said()[0] == "ok", "it waits for the next round"
    wait(on, DAY)
    level, what = said()
    assert (level, "has been over for 24 hours, and it is still stored: runs of this store" in what) == (
        "bad",
        True,
    )
    wait(on, 61)
    all_rounds(by)
    assert said()[0] == "ok"
