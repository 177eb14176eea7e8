"""Batches: all that a search finds is signaled, canceled, terminated, run again or deleted, once, at a limited rate."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import pytest

from tests.failing_store import FailingStore
from tests.own_api.asking import own
from tests.own_api.conftest import Stage
from tests.postgres.places import new_place
from tests.world_fixture import WorldFixture, attributes, decision
from workflowsvc.clock import ManualClock
from workflowsvc.core.rules import APPLY
from workflowsvc.faults import (
    LimitExceededFault,
    OperationNotPermittedFault,
    UnknownResourceFault,
    ValidationException,
)
from workflowsvc.service.own import batch_work, batches
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.testing import World

TIMER = decision("StartTimer", timerId="t", startToFireTimeout="60")


def stocked(stage: Stage, runs: int = 7, **given: Any) -> WorldFixture:
    """A domain with open runs that are alike."""
    on = stage(**given)
    for number in range(runs):
        on.start(f"w{number}")
    return on


def begin(on: WorldFixture, operation: str = "TERMINATE", /, **members: Any) -> str:
    given = {
        "reason": "wrong prices",
        "filter": {"workflowIdBeginsWith": "w"},
        "ratePerSecond": 1000,
    } | members
    return own(on, "StartBatch", operation=operation, **given)["batchId"]


def describe(on: WorldFixture, batch_id: str, **members: Any) -> dict[str, Any]:
    return own(on, "DescribeBatch", batchId=batch_id, **members)


def let_it_end(on: WorldFixture, batch_id: str, seconds: int = 60) -> dict[str, Any]:
    on.world.advance(seconds=seconds)
    answer = describe(on, batch_id, maximumPageSize=1000)
    assert answer["batch"]["status"] == "COMPLETED"
    return answer


def open_runs(on: WorldFixture) -> int:
    return own(on, "CountExecutions", filter={"executionStatus": "OPEN"})["count"]


# --- the operations ---


def test_terminate_ends_each_run_with_the_reason_in_its_history(stage: Stage) -> None:
    on = stocked(stage)
    on.start("other")
    answer = let_it_end(on, begin(on, details="see ticket", childPolicy="ABANDON"))
    assert (answer["batch"]["succeeded"], answer["batch"]["failed"]) == (7, 0)
    assert [result["execution"]["workflowId"] for result in answer["results"]] == [f"w{n}" for n in range(7)]
    assert open_runs(on) == 1
    for result in answer["results"]:
        closing = attributes(on.history(result["execution"]["runId"], result["execution"]["workflowId"])[-1])
        assert (closing["reason"], closing["details"]) == ("wrong prices", "see ticket")
        assert closing["childPolicy"] == "ABANDON"


def test_signal_sends_its_input_or_the_reason(stage: Stage) -> None:
    on = stocked(stage, runs=2)
    let_it_end(on, begin(on, "SIGNAL", signalName="wake", input="now"))
    answer = let_it_end(on, begin(on, "SIGNAL", signalName="wake"))
    execution = answer["results"][0]["execution"]
    signals = [
        attributes(event)
        for event in on.history(execution["runId"], execution["workflowId"])
        if event["eventType"] == "WorkflowExecutionSignaled"
    ]
    assert [signal["input"] for signal in signals] == ["now", "wrong prices"]


def test_request_cancel_asks_each_open_run(stage: Stage) -> None:
    on = stocked(stage, runs=3)
    let_it_end(on, begin(on, "REQUEST_CANCEL"))
    assert own(on, "CountExecutions", filter={"cancelRequested": True})["count"] == 3


def test_rerun_starts_each_closed_run_again_and_names_the_new_one(stage: Stage) -> None:
    on = stocked(stage, runs=3)
    let_it_end(on, begin(on))
    on.start("w1")  # so that this one cannot be started again
    answer = let_it_end(on, begin(on, "RERUN", filter={"closeStatuses": ["TERMINATED"]}))
    assert (answer["batch"]["succeeded"], answer["batch"]["failed"]) == (2, 1)
    results = {result["execution"]["workflowId"]: result for result in answer["results"]}
    assert results["w1"]["status"] == "FAILED"
    assert results["w1"]["error"] == "WorkflowExecutionAlreadyStartedFault"
    for name in ("w0", "w2"):
        found = own(on, "DescribeExecutionState", execution={"workflowId": name})
        assert found["execution"]["runId"] == results[name]["newRunId"]


def test_the_reason_is_a_tag_of_the_runs_that_are_started_again_if_there_is_room(stage: Stage) -> None:
    on = stage()
    full = ["1", "2", "3", "4", "5"]
    tags = {"w0": [], "w1": ["old"], "w2": ["wrong prices"], "w3": full}
    for name, given in tags.items():
        on.start(name, tagList=given)
    let_it_end(on, begin(on))
    answer = let_it_end(on, begin(on, "RERUN"))
    assert answer["batch"]["succeeded"] == 4
    found = {}
    for result in answer["results"]:
        name = result["execution"]["workflowId"]
        found[name] = attributes(on.history(result["newRunId"], name)[0])["tagList"]
    assert found == {
        "w0": ["wrong prices"],
        "w1": ["old", "wrong prices"],
        "w2": ["wrong prices"],
        "w3": full,
    }
    assert own(on, "CountExecutions", filter={"tagsAll": ["wrong prices"]})["count"] == 4


@pytest.mark.parametrize("operation", ["SIGNAL", "REQUEST_CANCEL", "TERMINATE", "RERUN", "DELETE"])
def test_the_log_says_what_a_batch_is_about_to_do_and_has_done_and_why(
    stage: Stage, caplog: pytest.LogCaptureFixture, operation: str
) -> None:
    on = stocked(stage, runs=3)
    if operation in ("RERUN", "DELETE"):
        let_it_end(on, begin(on))
    caplog.clear()
    with caplog.at_level(logging.INFO, "workflowsvc.batches"):
        signal = {"signalName": "wake", "input": "now"} if operation == "SIGNAL" else {}
        batch_id = begin(on, operation, **signal)
        let_it_end(on, batch_id)
    begun, over = (record.getMessage() for record in caplog.records if record.name == "workflowsvc.batches")
    assert begun.startswith(f"batch {batch_id} of domain {on.domain} was started: {operation} of 3 runs")
    assert over.startswith(
        f"batch {batch_id} of domain {on.domain} is over (COMPLETED): {operation} done for 3 runs"
    )
    assert begun.endswith("reason: 'wrong prices'")
    assert over.endswith("reason: 'wrong prices'")


def test_a_stopped_batch_is_logged_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    on = stocked(stage, runs=3)
    batch_id = begin(on, ratePerSecond=1)
    with caplog.at_level(logging.INFO, "workflowsvc.batches"):
        for _ in range(2):
            own(on, "StopBatch", batchId=batch_id)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "workflowsvc.batches"]
    assert "is over (STOPPED): TERMINATE done for" in line


def test_delete_deletes_closed_runs_alone(stage: Stage) -> None:
    on = stocked(stage, runs=3)
    on.ask("TerminateWorkflowExecution", workflowId="w1")
    answer = let_it_end(on, begin(on, "DELETE"))
    assert answer["batch"]["succeeded"] == 1
    assert own(on, "CountExecutions", groupBy="STATUS")["groups"] == [{"key": "OPEN", "count": 2}]


def test_runs_that_are_started_later_are_left_alone(stage: Stage) -> None:
    on = stocked(stage, runs=3)
    batch_id = begin(on, ratePerSecond=1)
    on.world.advance(ms=1_500)
    on.start("w9")
    let_it_end(on, batch_id)
    assert open_runs(on) == 1


# --- dry runs ---


def test_a_dry_run_counts_and_names_some_and_changes_nothing(stage: Stage) -> None:
    on = stocked(stage, runs=13)
    answer = own(
        on, "StartBatch", operation="TERMINATE", reason="r", filter={"workflowIdBeginsWith": "w"}, dryRun=True
    )
    assert (answer["matching"], answer["countIsComplete"]) == (13, True)
    assert len(answer["examples"]) == 10
    assert "batchId" not in answer
    on.world.advance(seconds=60)
    assert open_runs(on) == 13
    assert own(on, "ListBatches")["batches"] == []


# --- pace, stop, change ---


def test_a_batch_keeps_to_its_rate_which_can_be_changed_meanwhile(stage: Stage) -> None:
    on = stocked(stage, runs=30)
    batch_id = begin(on, ratePerSecond=2)
    on.world.advance(seconds=4)
    done = describe(on, batch_id)["batch"]["succeeded"]
    assert 8 <= done <= 9
    own(on, "UpdateBatch", batchId=batch_id, ratePerSecond=10)
    on.world.advance(seconds=1)
    assert 9 <= describe(on, batch_id)["batch"]["succeeded"] - done <= 11
    assert describe(on, batch_id)["batch"]["ratePerSecond"] == 10
    let_it_end(on, batch_id)


def test_a_stopped_batch_does_nothing_more_and_keeps_what_it_has_done(stage: Stage) -> None:
    on = stocked(stage, runs=30)
    batch_id = begin(on, ratePerSecond=2)
    on.world.advance(seconds=3)
    own(on, "StopBatch", batchId=batch_id)
    stopped = describe(on, batch_id)["batch"]
    assert stopped["status"] == "STOPPED"
    assert stopped["closeTimestamp"] == on.world.clock.now_ms() / 1000
    on.world.advance(seconds=60)
    own(on, "StopBatch", batchId=batch_id)  # again: stays as it is
    assert describe(on, batch_id)["batch"] == stopped
    assert open_runs(on) == 30 - stopped["succeeded"]
    with pytest.raises(OperationNotPermittedFault, match="The batch is STOPPED"):
        own(on, "UpdateBatch", batchId=batch_id, ratePerSecond=5)


def test_other_calls_pass_between_the_pieces(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_work, "ROWS_PER_SLICE", 2)
    monkeypatch.setattr(batch_work, "SLICES_PER_PIECE", 1)
    on = stocked(stage, runs=9)
    batch_id = begin(on, filter={"workflowId": "w8"})
    assert describe(on, batch_id)["batch"]["status"] in ("RUNNING", "COMPLETED")
    assert let_it_end(on, batch_id)["batch"]["succeeded"] == 1


# --- nothing is lost, nothing is done twice ---


def signals(on: WorldFixture) -> Counter[str]:
    """How many signals each run got."""
    found: Counter[str] = Counter()
    for run in own(on, "SearchExecutions", maximumPageSize=1000)["executions"]:
        named = run["execution"]
        events = on.world.history(on.domain, named["workflowId"], named["runId"])
        found[named["workflowId"]] = sum(
            event["eventType"] == "WorkflowExecutionSignaled" for event in events
        )
    return found


def test_a_batch_goes_on_after_a_crash_and_does_nothing_twice(stage: Stage) -> None:
    on = stocked(stage, runs=20)
    batch_id = begin(on, "SIGNAL", signalName="s", ratePerSecond=5)
    for _ in range(8):
        on.world.advance(ms=700)
        on.world.restart()
    assert describe(on, batch_id)["batch"]["status"] in ("RUNNING", "COMPLETED")
    let_it_end(on, batch_id)
    assert set(signals(on).values()) == {1}


def test_a_piece_that_was_not_committed_is_done_again_and_once() -> None:
    store = FailingStore()
    on = WorldFixture(World(store=store))
    for number in range(12):
        on.start(f"w{number}")
    batch_id = begin(on, "SIGNAL", signalName="s", ratePerSecond=3)
    for _ in range(4):
        store.refusals = 1
        on.world.advance(seconds=2)
    let_it_end(on, batch_id)
    assert set(signals(on).values()) == {1}


def test_a_bug_in_one_run_is_its_result_and_the_others_are_done(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = stocked(stage, runs=4)
    rule = APPLY["WorkflowExecutionSignaled"]

    def bug(execution: Any, *event: Any) -> None:
        assert execution.workflow_id != "w2", "broken on purpose"
        rule(execution, *event)

    monkeypatch.setitem(APPLY, "WorkflowExecutionSignaled", bug)
    answer = let_it_end(on, begin(on, "SIGNAL", signalName="s"))
    errors = {result["execution"]["workflowId"]: result.get("error") for result in answer["results"]}
    assert errors == {"w0": None, "w1": None, "w2": "The execution is quarantined", "w3": None}


def test_two_nodes_share_the_batches_and_do_each_run_once() -> None:
    place, clock = new_place(), ManualClock()
    one = WorldFixture(World(store=PostgresStore(place.dsn), clock=clock, seed=1))
    other = World(store=PostgresStore(place.dsn), clock=clock, seed=2)
    for number in range(20):
        one.start(f"w{number}")
    batch_id = begin(one, "SIGNAL", signalName="s", ratePerSecond=4)
    for _ in range(60):
        clock.advance(200)
        other.run()
        one.world.run()
    assert describe(one, batch_id)["batch"]["status"] == "COMPLETED"
    assert set(signals(one).values()) == {1}


def test_another_node_goes_on_with_the_batch_of_one_that_has_died() -> None:
    place, clock = new_place(), ManualClock()
    one = WorldFixture(World(store=PostgresStore(place.dsn), clock=clock, seed=1))
    other = World(store=PostgresStore(place.dsn), clock=clock, seed=2)
    other.run()
    for number in range(20):
        one.start(f"w{number}")
    batch_id = begin(one, ratePerSecond=10)
    for _ in range(100):
        clock.advance(200)
        other.run()  # the first one is not heard of any more
    answer = other.call("WorkflowSvc.DescribeBatch", domain="d", batchId=batch_id)
    assert answer["batch"]["succeeded"] == 20


# --- what is answered about batches ---


def test_results_and_batches_come_in_pages_the_newest_batch_first(stage: Stage) -> None:
    on = stocked(stage, runs=25)
    ids = [begin(on, "SIGNAL", signalName="s") for _ in range(3)]
    for batch_id in ids:
        let_it_end(on, batch_id)
    found: list[str] = []
    token, pages = None, 0
    while pages == 0 or token:
        page = describe(on, ids[0], maximumPageSize=10, nextPageToken=token)
        token, pages = page.get("nextPageToken"), pages + 1
        found += [result["execution"]["workflowId"] for result in page["results"]]
    assert found == [f"w{number}" for number in range(25)]
    assert pages == 3
    listed: list[str] = []
    token, pages = None, 0
    while pages == 0 or token:
        page = own(on, "ListBatches", maximumPageSize=2, nextPageToken=token)
        token, pages = page.get("nextPageToken"), pages + 1
        listed += [batch["batchId"] for batch in page["batches"]]
    assert listed == ids[::-1]
    assert own(on, "ListBatches", status="RUNNING")["batches"] == []
    assert len(own(on, "ListBatches", status="COMPLETED")["batches"]) == 3


def test_a_batch_is_described_with_what_was_asked(stage: Stage) -> None:
    on = stocked(stage, runs=2)
    batch_id = begin(on, ratePerSecond=1)
    batch = describe(on, batch_id)["batch"]
    assert batch["filter"] == {"workflowIdBeginsWith": "w"}
    assert (batch["operation"], batch["reason"], batch["matching"]) == ("TERMINATE", "wrong prices", 2)
    assert batch["startTimestamp"] == on.world.clock.now_ms() / 1000


def test_old_batches_make_room_and_too_many_at_once_are_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_KEPT", 3)
    monkeypatch.setattr(batches, "MAX_RUNNING", 2)
    on = stocked(stage, runs=2)
    ids = [begin(on, "SIGNAL", signalName="s") for _ in range(1)]
    for _ in range(4):
        let_it_end(on, ids[-1])
        ids.append(begin(on, "SIGNAL", signalName="s"))
    let_it_end(on, ids[-1])
    assert len(own(on, "ListBatches")["batches"]) == 3
    with pytest.raises(UnknownResourceFault, match="Unknown batch"):
        describe(on, ids[0])
    for _ in range(2):
        begin(on, "SIGNAL", signalName="s", ratePerSecond=1)
    with pytest.raises(LimitExceededFault, match="The limit of 2 running batches"):
        begin(on, "SIGNAL", signalName="s", ratePerSecond=1)


def test_the_batches_of_a_deleted_domain_are_gone(stage: Stage) -> None:
    on = stocked(stage, runs=3)
    done = begin(on, "SIGNAL", signalName="s")
    let_it_end(on, done)
    begin(on, "SIGNAL", signalName="s", ratePerSecond=1)
    own(on, "DeleteDomain", force=True)
    on.world.advance(seconds=10)
    with on.world.store.reader() as reader:
        assert reader.metas("batch", "batci", 10) == []
        assert reader.metas("running", "runninh", 10) == []


# --- wrong input ---


@pytest.mark.parametrize(
    ("members", "text"),
    [
        (
            {},
            "Value null at 'filter' failed to satisfy constraint: "
            "Member must hold a condition besides executionStatus, unless all is true",
        ),
        ({"filter": {"tagsAny": []}}, "Value null at 'filter'"),
        ({"filter": {"executionStatus": "OPEN"}}, "Value null at 'filter'"),
        (
            {"all": True, "operation": "SIGNAL"},
            "Value null at 'signalName' failed to satisfy constraint: "
            "Member must not be null when operation is SIGNAL",
        ),
        (
            {"all": True, "signalName": "s"},
            "Value 's' at 'signalName' failed to satisfy constraint: "
            "Member must be absent unless operation is SIGNAL",
        ),
        (
            {"all": True, "operation": "DELETE", "childPolicy": "ABANDON"},
            "Value 'ABANDON' at 'childPolicy' failed to satisfy constraint: "
            "Member must be absent unless operation is TERMINATE",
        ),
        (
            {"operation": "DELETE", "filter": {"executionStatus": "OPEN"}},
            "Value 'OPEN' at 'filter.executionStatus' failed to satisfy constraint: "
            "Member must be CLOSED or absent when operation is DELETE",
        ),
        ({"all": True, "ratePerSecond": 0}, "Value '0' at 'ratePerSecond'"),
        ({"all": True, "operation": "PAUSE"}, "Value 'PAUSE' at 'operation'"),
        ({"all": True, "reason": ""}, "Value '' at 'reason'"),
        ({"filter": {"minimumEvents": 5, "maximumEvents": 1}}, "Value '1' at 'filter.maximumEvents'"),
    ],
)
def test_a_batch_that_cannot_be_meant_is_refused(stage: Stage, members: dict[str, Any], text: str) -> None:
    on = stocked(stage, runs=1)
    with pytest.raises(ValidationException) as caught:
        own(on, "StartBatch", **({"operation": "TERMINATE", "reason": "r"} | members))
    assert text in (caught.value.message or "")
    on.world.advance(seconds=5)
    assert open_runs(on) == 1
    assert own(on, "ListBatches")["batches"] == []


def test_all_runs_are_meant_when_that_is_said(stage: Stage) -> None:
    on = stocked(stage, runs=3)
    batch_id = own(on, "StartBatch", operation="TERMINATE", reason="r", all=True)["batchId"]
    assert let_it_end(on, batch_id)["batch"]["succeeded"] == 3


def test_unknown_batches_and_domains_are_refused(stage: Stage) -> None:
    on = stage()
    for action in ("DescribeBatch", "StopBatch"):
        with pytest.raises(UnknownResourceFault, match="Unknown batch: none"):
            own(on, action, batchId="none")
        with pytest.raises(UnknownResourceFault, match="Unknown domain: no"):
            on.call(f"WorkflowSvc.{action}", domain="no", batchId="none")
    with pytest.raises(UnknownResourceFault, match="Unknown batch: none"):
        own(on, "UpdateBatch", batchId="none", ratePerSecond=1)
    with pytest.raises(UnknownResourceFault, match="Unknown domain: no"):
        on.call("WorkflowSvc.StartBatch", domain="no", operation="TERMINATE", reason="r", all=True)
