"""The event feed of a domain: what is told, in the form of Amazon's events, and how a reader goes on (SWF §16.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.own_api.asking import own
from tests.own_api.conftest import Stage
from tests.world_fixture import ACTIVITY, LIST, ROLE, WORKFLOW, WorldFixture, decision
from workflowsvc.clock import ManualClock
from workflowsvc.core.feed_event import AMAZONS_TYPES
from workflowsvc.faults import (
    CursorExpiredFault,
    OperationNotPermittedFault,
    UnknownResourceFault,
    ValidationException,
)
from workflowsvc.model.shapes import EVENTS
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import BEFORE_ALL_ENTRIES
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World

CLOSE = decision("CompleteWorkflowExecution", result="kept out")


def switch_on(on: WorldFixture, **members: Any) -> None:
    own(on, "SetFeed", status="ON", **members)


def read(on: WorldFixture, **members: Any) -> list[dict[str, Any]]:
    return [json.loads(entry["event"]) for entry in own(on, "ReadFeed", **members)["entries"]]


def told(on: WorldFixture, **members: Any) -> list[str]:
    """What the feed tells, in short."""
    return [
        f"{event['detail']['workflowExecutionDetail']['executionInfo']['execution']['workflowId']} "
        f"{event['detail']['eventId']} {event['detail']['eventType']}"
        for event in read(on, **members)
    ]


def run_through(on: WorldFixture, workflow_id: str = "w") -> str:
    run_id = on.start(workflow_id)
    on.decide(CLOSE)
    return run_id


def test_a_feed_is_off_until_it_is_switched_on(stage: Stage) -> None:
    on = stage()
    run_through(on)
    assert read(on) == []
    detail = own(on, "DescribeFeed")
    assert (detail["status"], detail["retentionHours"]) == ("OFF", 168)
    switch_on(on)
    detail = own(on, "DescribeFeed")
    assert detail["status"] == "ON"
    assert set(detail["eventTypes"]) == AMAZONS_TYPES
    run_through(on, "x")
    assert told(on) == ["x 1 WorkflowExecutionStarted", "x 5 WorkflowExecutionCompleted"]


def test_amazons_types_are_types_of_events() -> None:
    assert EVENTS.keys() > AMAZONS_TYPES


def test_an_event_has_the_form_that_amazon_sends(stage: Stage) -> None:
    """SWF §16.1: nulls are written out, times are integer milliseconds."""
    on = stage()
    switch_on(on)
    run_id = on.start(
        input="kept out", tagList=["red", "blue"], taskPriority="7", childPolicy="ABANDON", lambdaRole=ROLE
    )
    at_ms = on.world.clock.now_ms()
    (event,) = read(on)
    event_id = event.pop("id")
    assert len(event_id) == 36
    assert event == {
        "version": "0",
        "detail-type": "Simple Workflow Execution State Change",
        "source": "aws.swf",
        "account": "000000000000",
        "time": event["time"],
        "region": "us-east-1",
        "resources": ["arn:aws:swf:us-east-1:000000000000:/domain/d"],
        "detail": {
            "eventId": 1,
            "eventType": "WorkflowExecutionStarted",
            "workflowExecutionDetail": {
                "executionInfo": {
                    "execution": {"workflowId": "w", "runId": run_id},
                    "workflowType": WORKFLOW,
                    "startTimestamp": at_ms,
                    "closeTimestamp": None,
                    "executionStatus": "OPEN",
                    "closeStatus": None,
                    "parent": None,
                    "parentExecutionArn": None,
                    "tagList": ["red", "blue"],
                    "cancelRequested": False,
                },
                "executionConfiguration": {
                    "taskStartToCloseTimeout": "NONE",
                    "executionStartToCloseTimeout": "86400",
                    "taskList": LIST,
                    "taskPriority": "7",
                    "childPolicy": "ABANDON",
                    "lambdaRole": ROLE,
                },
                "openCounts": {
                    "openActivityTasks": 0,
                    "openDecisionTasks": 1,
                    "openTimers": 0,
                    "openChildWorkflowExecutions": 0,
                    "openLambdaFunctions": 0,
                },
                "latestActivityTaskTimestamp": None,
            },
        },
    }
    assert event["time"].endswith("Z")
    assert event["time"][:4].isdigit()
    on.decide(CLOSE)
    closed = read(on)[1]
    assert closed["id"] != event_id
    info = closed["detail"]["workflowExecutionDetail"]["executionInfo"]
    assert (info["executionStatus"], info["closeStatus"]) == ("CLOSED", "COMPLETED")
    assert info["closeTimestamp"] == on.world.clock.now_ms()
    assert "kept out" not in json.dumps(closed)


def test_counts_of_a_closed_run_are_those_at_its_close(stage: Stage) -> None:
    """As in Amazon's sample of a run that was terminated."""
    on = stage()
    switch_on(on)
    on.start()
    on.ask("TerminateWorkflowExecution", workflowId="w")
    event = read(on)[-1]["detail"]
    assert event["eventType"] == "WorkflowExecutionTerminated"
    assert event["workflowExecutionDetail"]["openCounts"]["openDecisionTasks"] == 1


def test_what_fails_or_times_out_in_a_run_is_told(stage: Stage) -> None:
    on = stage()
    switch_on(on)
    on.start()
    on.decide(
        decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY, scheduleToCloseTimeout="5"),
        decision("CancelTimer", timerId="none"),
    )
    on.world.advance(seconds=6)
    assert told(on) == [
        "w 1 WorkflowExecutionStarted",
        "w 6 CancelTimerFailed",
        "w 8 ActivityTaskTimedOut",
    ]


def test_other_types_are_told_where_they_are_chosen(stage: Stage) -> None:
    on = stage()
    switch_on(on, eventTypes=["WorkflowExecutionSignaled", "DecisionTaskScheduled"])
    run_through(on)
    on.start("x")
    on.ask("SignalWorkflowExecution", workflowId="x", signalName="s")
    assert told(on) == [
        "w 2 DecisionTaskScheduled",
        "x 2 DecisionTaskScheduled",
        "x 3 WorkflowExecutionSignaled",
    ]
    switch_on(on)
    assert set(own(on, "DescribeFeed")["eventTypes"]) == AMAZONS_TYPES


def test_a_reader_goes_on_behind_any_entry_or_page(stage: Stage) -> None:
    on = stage()
    switch_on(on)
    for number in range(4):
        run_through(on, f"w{number}")
    whole = told(on)
    assert len(whole) == 8
    page = own(on, "ReadFeed", maximumPageSize=3)
    assert len(page["entries"]) == 3
    assert page["cursor"] == page["entries"][-1]["cursor"]
    assert told(on, cursor=page["cursor"]) == whole[3:]
    for number, entry in enumerate(own(on, "ReadFeed")["entries"], 1):
        assert told(on, cursor=entry["cursor"]) == whole[number:]


def test_a_reader_at_the_end_gets_what_comes(stage: Stage) -> None:
    on = stage()
    switch_on(on)
    run_through(on)
    page = own(on, "ReadFeed", begin="LATEST")
    assert page["entries"] == []
    assert own(on, "ReadFeed", cursor=page["cursor"])["entries"] == []
    run_through(on, "x")
    assert told(on, cursor=page["cursor"]) == [
        "x 1 WorkflowExecutionStarted",
        "x 5 WorkflowExecutionCompleted",
    ]


def test_a_reader_that_waits_is_answered_where_time_stands_still(stage: Stage) -> None:
    on = stage()
    switch_on(on)
    assert read(on, waitSeconds=60) == []
    on.start()
    assert told(on, waitSeconds=60) == ["w 1 WorkflowExecutionStarted"]


def test_a_cursor_moves_over_entries_of_other_types(stage: Stage) -> None:
    on = stage()
    switch_on(on)
    for number in range(3):
        run_through(on, f"w{number}")
    wanted = ["WorkflowExecutionCompleted"]
    page = own(on, "ReadFeed", eventTypes=wanted, maximumPageSize=2)
    assert [json.loads(entry["event"])["detail"]["eventId"] for entry in page["entries"]] == [5, 5]
    assert told(on, eventTypes=wanted, cursor=page["cursor"]) == ["w2 5 WorkflowExecutionCompleted"]
    none = own(on, "ReadFeed", eventTypes=["TimerCanceled"])
    assert none["entries"] == []
    assert told(on, cursor=none["cursor"]) == []


def test_what_was_refused_is_not_told(stage: Stage) -> None:
    on = stage()
    switch_on(on)
    with pytest.raises(UnknownResourceFault):
        on.start(workflowType={"name": "none", "version": "1"})
    assert read(on) == []


def test_feeds_of_other_domains_and_tenants_are_their_own(stage: Stage) -> None:
    on = stage()
    other = WorldFixture(on.world, domain="e")
    stranger = WorldFixture(on.world, tenant=Tenant("111111111111", "eu-west-1"))
    for domain in (on, other, stranger):
        switch_on(domain)
        run_through(domain)
    assert read(stranger)[0]["account"] == "111111111111"
    assert read(stranger)[0]["resources"] == ["arn:aws:swf:eu-west-1:111111111111:/domain/d"]
    assert [len(read(domain)) for domain in (on, other, stranger)] == [2, 2, 2]
    cursor = own(on, "ReadFeed")["cursor"]
    with pytest.raises(ValidationException, match="another domain"):
        own(other, "ReadFeed", cursor=cursor)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "=" * 50, "A" * 50, "A" * 128])
def test_what_is_no_cursor_is_refused(stage: Stage, cursor: str) -> None:
    with pytest.raises(ValidationException, match="Invalid cursor"):
        own(stage(), "ReadFeed", cursor=cursor)


def test_a_feed_that_is_switched_off_can_be_read_to_its_end(stage: Stage) -> None:
    on = stage()
    switch_on(on)
    run_through(on)
    own(on, "SetFeed", status="OFF")
    run_through(on, "x")
    assert len(read(on)) == 2
    assert own(on, "DescribeFeed")["status"] == "OFF"


def test_entries_are_deleted_when_their_time_is_over(stage: Stage) -> None:
    on = stage()
    switch_on(on, retentionHours=2)
    run_through(on)
    first = own(on, "ReadFeed", maximumPageSize=1)["cursor"]
    caught_up = own(on, "ReadFeed")["cursor"]
    on.world.clock.advance(90 * 60_000)
    on.world.run()
    run_through(on, "x")
    assert len(read(on)) == 4
    on.world.clock.advance(31 * 60_000)
    on.world.run()
    left = ["x 1 WorkflowExecutionStarted", "x 5 WorkflowExecutionCompleted"]
    assert told(on) == left
    assert told(on, cursor=caught_up) == left
    with pytest.raises(CursorExpiredFault, match="begin with the oldest") as refused:
        own(on, "ReadFeed", cursor=first)
    oldest = refused.value.oldest_cursor
    assert oldest is not None
    assert oldest in str(refused.value)
    assert json.loads(refused.value.body())["oldestCursor"] == oldest
    assert told(on, cursor=oldest) == left
    on.world.clock.advance(24 * 60 * 60_000)
    on.world.run()
    assert read(on) == []
    assert "oldestEntryTimestamp" not in own(on, "DescribeFeed")
    end = own(on, "ReadFeed", begin="LATEST")["cursor"]
    run_through(on, "y")
    assert len(read(on, cursor=end)) == 2


def test_a_damaged_entry_holds_up_no_reader(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    on = stage()
    switch_on(on)
    run_through(on)
    run_through(on, "x")
    with on.world.store.transaction() as tx:
        rows = tx.feed(on.world.state.catalog.domains_by_id.popitem()[0], 0, BEFORE_ALL_ENTRIES, 9)
        tx.delete_feed(rows[0].domain, rows[1].position)
        tx.copy_feed([rows[0]._replace(body=b"[1]"), rows[1]._replace(body=b"\xff")])  # type: ignore[attr-defined]
    assert told(on) == ["x 1 WorkflowExecutionStarted", "x 5 WorkflowExecutionCompleted"]
    assert caplog.text.count("cannot be read, and is left out") == 2


def test_a_year_passes_quickly_with_a_feed() -> None:
    """Nothing is looked at before an entry may be too old: a look a minute would be half a million."""
    on = WorldFixture(World())
    switch_on(on, retentionHours=1)
    run_through(on)
    on.world.advance(seconds=365 * 86_400)
    assert read(on) == []
    run_through(on, "x")
    on.world.advance(seconds=3_500)
    assert len(read(on)) == 2
    on.world.advance(seconds=200)
    assert read(on) == []


def test_a_deleted_domain_leaves_no_entry(stage: Stage) -> None:
    on = stage()
    switch_on(on)
    run_through(on)
    cursor = own(on, "ReadFeed")["cursor"]
    on.ask("DeprecateWorkflowType", workflowType=WORKFLOW)
    on.call("DeprecateDomain", name="d")
    own(on, "DeleteDomain")
    on.world.advance(seconds=10)
    with on.world.store.reader() as reader:
        assert [key for key, _ in reader.metas("feed", "feed-z", 99)] == []
    again = WorldFixture(on.world)
    assert own(again, "DescribeFeed")["status"] == "OFF"
    with pytest.raises(ValidationException, match="another domain"):
        own(again, "ReadFeed", cursor=cursor)
    switch_on(again)
    run_through(again)
    assert len(read(again)) == 2


def test_the_time_of_an_event_follows_the_clock_of_its_domain(stage: Stage) -> None:
    on = stage()
    own(on, "FreezeClock")
    own(on, "AdvanceClock", to=4_102_444_800)
    switch_on(on)
    on.start()
    (event,) = read(on)
    assert event["time"] == "2100-01-01T00:00:00Z"
    on.world.clock.advance(60 * 60_000)
    on.world.run()
    assert len(read(on)) == 1


def test_imported_histories_have_no_feed(stage: Stage) -> None:
    on = stage()
    run_id = run_through(on)
    events = on.history(run_id)
    on.call(
        "WorkflowSvc.ImportHistory",
        domain="imports",
        workflowId="w",
        history=json.dumps({"events": events}),
    )
    with pytest.raises(OperationNotPermittedFault, match="imported"):
        on.call("WorkflowSvc.SetFeed", domain="imports", status="ON")


def test_an_unknown_domain_has_no_feed(stage: Stage) -> None:
    on = stage()
    for operation, members in (
        ("SetFeed", {"status": "ON"}),
        ("DescribeFeed", {}),
        ("ReadFeed", {}),
        ("ReadFeed", {"waitSeconds": 5}),
    ):
        with pytest.raises(UnknownResourceFault):
            on.call(f"WorkflowSvc.{operation}", domain="none", **members)


def test_a_feed_goes_on_after_a_restart_whose_clock_was_set_back(store: Store) -> None:
    """Its places begin anew, behind all that is there."""
    on = WorldFixture(World(store=store))
    switch_on(on)
    run_through(on)
    cursor = own(on, "ReadFeed")["cursor"]
    earlier = World(store=store, clock=ManualClock(on.world.clock.now_ms() - 3_600_000), seed=1)
    answer = earlier.call("StartWorkflowExecution", domain="d", workflowId="x", workflowType=WORKFLOW)
    assert answer["runId"]
    page = earlier.call("WorkflowSvc.ReadFeed", domain="d", cursor=cursor)
    assert [json.loads(entry["event"])["detail"]["eventId"] for entry in page["entries"]] == [1]


def test_entries_of_another_database_stand_before_those_of_this_one(store: Store) -> None:
    """As after a copy from SQLite, or a dump that is restored elsewhere: places are then too high for this one."""
    on = WorldFixture(World(store=store))
    switch_on(on)
    run_through(on)
    with store.transaction() as tx:
        tx_any: Any = tx
        domain = tx.domain(on.tenant.key, "d")
        assert domain is not None
        (row, _) = tx_any.every_feed((0, BEFORE_ALL_ENTRIES), 9)
        foreign = row._replace(place=(1 << 62), event_id=99)
        tx_any.copy_feed([foreign])
    world = World(store=store, clock=on.world.clock, seed=1)
    world.call("StartWorkflowExecution", domain="d", workflowId="x", workflowType=WORKFLOW)
    page = world.call("WorkflowSvc.ReadFeed", domain="d")
    found = [json.loads(entry["event"])["detail"]["eventId"] for entry in page["entries"]]
    assert found == [1, 5, 1, 1]
