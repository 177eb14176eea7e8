"""Rules of retention: which one holds, from when on, and for which runs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.own_api.asking import own
from tests.own_api.conftest import Stage
from tests.own_api.test_clocks import wait
from tests.own_api.test_deletion import problems, rows
from tests.own_api.test_imports import bring, made
from tests.world_fixture import WORKFLOW, WorldFixture, decision
from workflowsvc.core import retention as rules_of
from workflowsvc.core.retention import RetentionRule, find_rule, in_order
from workflowsvc.engine import duties, retention
from workflowsvc.faults import (
    LimitExceededFault,
    OperationNotPermittedFault,
    UnknownResourceFault,
    ValidationException,
)
from workflowsvc.store.meta import retention_key

DAY = 86_400
EVERY = {"oldestDate": 0}
OTHER = {"name": "other", "version": "1"}
COMPLETE = decision("CompleteWorkflowExecution")
FAIL = decision("FailWorkflowExecution")


def closed(on: WorldFixture, workflow_id: str = "w", end: dict[str, Any] = COMPLETE, **members: Any) -> str:
    run_id = on.start(workflow_id, **members)
    on.decide(end)
    return run_id


def put(on: WorldFixture, **members: Any) -> dict[str, Any]:
    return own(on, "PutRetentionRule", **members)


def listed(on: WorldFixture) -> list[str]:
    """The workflowIds that all lists and counts show; they must agree."""
    by_close = on.ask("ListClosedWorkflowExecutions", closeTimeFilter=EVERY)["executionInfos"]
    by_start = on.ask("ListClosedWorkflowExecutions", startTimeFilter=EVERY)["executionInfos"]
    found = own(on, "SearchExecutions", filter={"executionStatus": "CLOSED"})["executions"]
    names = sorted(info["execution"]["workflowId"] for info in by_close)
    assert sorted(info["execution"]["workflowId"] for info in by_start) == names
    assert sorted(summary["execution"]["workflowId"] for summary in found) == names
    assert on.ask("CountClosedWorkflowExecutions", closeTimeFilter=EVERY)["count"] == len(names)
    return names


def is_known(on: WorldFixture, run_id: str, workflow_id: str = "w") -> bool:
    try:
        on.ask("DescribeWorkflowExecution", execution={"workflowId": workflow_id, "runId": run_id})
    except UnknownResourceFault:
        return False
    return True


def detail(on: WorldFixture) -> dict[str, Any]:
    return own(on, "DescribeRetention")


# --- which rule holds ---


def test_without_rules_the_days_hold_with_which_the_domain_was_registered(stage: Stage) -> None:
    on = stage()
    assert detail(on) == {
        "domain": "d",
        "registeredPeriodInDays": "10",
        "rules": [],
        "isApplied": True,
        "isArchived": False,
    }


def test_a_rule_keeps_runs_longer_than_a_domain_of_swf_can(stage: Stage) -> None:
    on = stage()
    put(on, days=365)
    run_id = closed(on)
    wait(on, 364 * DAY)
    assert is_known(on, run_id)
    assert listed(on) == ["w"]
    assert on.ask("DescribeWorkflowExecution", execution={"workflowId": "w", "runId": run_id})
    assert on.call("DescribeDomain", name="d")["configuration"] == {
        "workflowExecutionRetentionPeriodInDays": "10"
    }
    wait(on, 2 * DAY)
    assert not is_known(on, run_id)
    assert listed(on) == []
    assert rows(on.world.store) == []


def test_runs_can_be_kept_for_ever(stage: Stage) -> None:
    on = stage()
    put(on, closeStatus="FAILED", forever=True)
    failed, completed = closed(on, "failed", FAIL), closed(on, "completed")
    wait(on, 5_000 * DAY)
    assert is_known(on, failed, "failed")
    assert not is_known(on, completed, "completed")
    assert listed(on) == ["failed"]
    assert problems(on) == []
    own(on, "DeleteExecution", execution={"workflowId": "failed", "runId": failed})
    assert rows(on.world.store) == []


def test_the_rule_that_is_most_about_a_run_holds(stage: Stage) -> None:
    on = stage()
    on.ask("RegisterWorkflowType", **OTHER, defaultChildPolicy="TERMINATE")
    put(on, days=1)
    put(on, days=5, closeStatus="FAILED")
    put(on, days=3, workflowType={"name": "workflow"})
    answer = put(on, days=4, workflowType=WORKFLOW, closeStatus="FAILED")
    assert [rule["days"] for rule in answer["rules"]] == [4, 3, 5, 1]
    other = {"workflowType": OTHER, "executionStartToCloseTimeout": "60", "taskList": {"name": "list"}}
    other["taskStartToCloseTimeout"] = "60"
    for workflow_id, end, members in (
        ("c", COMPLETE, {}),
        ("f", FAIL, {}),
        ("other-c", COMPLETE, other),
        ("other-f", FAIL, other),
    ):
        closed(on, workflow_id, end, **members)
    kept: list[list[str]] = []
    for _ in range(5):
        kept.append(listed(on))
        wait(on, DAY + 1)
    assert kept == [
        ["c", "f", "other-c", "other-f"],
        ["c", "f", "other-f"],
        ["c", "f", "other-f"],
        ["f", "other-f"],
        ["other-f"],
    ]
    assert listed(on) == []
    assert problems(on) == []


def test_one_order_of_rules_decides_for_every_run() -> None:
    about = [
        (name, version, status)
        for name, version in (("a", "1"), ("a", "2"), ("a", None), ("b", None), (None, None))
        for status in ("FAILED", "COMPLETED", None)
    ]
    made = [
        RetentionRule(days, 0, name, version, status)  # type: ignore[arg-type]
        for days, (name, version, status) in enumerate(about)
    ]
    ordered = in_order(reversed(made))
    assert in_order(made) == ordered

    def holds(name: str, version: str, status: str) -> tuple[str | None, str | None, str | None] | None:
        rule = find_rule(ordered, name, version, status)  # type: ignore[arg-type]
        return rule and rule.about

    assert holds("a", "1", "FAILED") == ("a", "1", "FAILED")
    assert holds("a", "1", "CANCELED") == ("a", "1", None)
    assert holds("a", "3", "FAILED") == ("a", None, "FAILED")
    assert holds("a", "3", "CANCELED") == ("a", None, None)
    assert holds("c", "1", "FAILED") == (None, None, "FAILED")
    assert holds("c", "1", "CANCELED") == (None, None, None)
    assert find_rule(ordered[:-1], "c", "1", "CANCELED") is None


def test_a_rule_replaces_the_one_about_the_same_runs_and_can_be_deleted(stage: Stage) -> None:
    on = stage()
    put(on, days=1, workflowType={"name": "workflow"})
    put(on, days=2, workflowType={"name": "workflow"})
    assert [rule["days"] for rule in detail(on)["rules"]] == [2]
    own(on, "DeleteRetentionRule", workflowType={"name": "workflow"})
    assert detail(on)["rules"] == []
    with pytest.raises(UnknownResourceFault, match="has no such rule of retention"):
        own(on, "DeleteRetentionRule", workflowType={"name": "workflow"})


# --- runs that are closed already ---


def test_a_shorter_rule_also_holds_for_runs_that_are_closed_already(stage: Stage) -> None:
    on = stage()
    run_id = closed(on)
    closed(on, "later")
    wait(on, 2 * DAY)
    put(on, days=1)
    assert not is_known(on, run_id)
    wait(on, 60)
    assert listed(on) == []
    assert rows(on.world.store) == []


def test_a_longer_rule_holds_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when no row says so yet: the rules are asked before a run is deleted."""
    on = stage()
    run_id = closed(on)
    monkeypatch.setattr(retention.RetentionWalk, "run", _later)
    wait(on, 10 * DAY - 5)
    put(on, days=30)
    wait(on, 10)
    assert is_known(on, run_id)
    assert listed(on) == ["w"]
    on.world.restart()
    on.world.run()
    assert is_known(on, run_id)
    wait(on, 21 * DAY)
    assert rows(on.world.store) == []


def test_a_run_that_waits_for_the_archive_is_kept_by_a_later_rule(stage: Stage) -> None:
    """Its time was over, and no call knew it; nothing of it is deleted yet."""
    on = stage()
    on.world.state.archives_here = True  # and nothing archives
    put(on, days=0)
    run_id = closed(on)
    wait(on, 2 * 60)
    assert not is_known(on, run_id)
    put(on, days=5)
    wait(on, 61)  # the rows follow
    assert is_known(on, run_id)
    assert listed(on) == ["w"]
    assert problems(on) == []
    put(on, days=0)
    wait(on, 61)
    assert not is_known(on, run_id)
    own(on, "DeleteRetentionRule")
    wait(on, 61)
    assert is_known(on, run_id), "the domain has 10 days"
    assert listed(on) == ["w"]
    assert problems(on) == []


def test_runs_that_are_due_are_kept_when_the_only_rule_is_deleted(stage: Stage) -> None:
    """Deleting a rule that was a mistake ends what it had begun."""
    on = stage()
    put(on, days=0)
    run_ids = [closed(on, f"w{number}") for number in range(4)]
    answer = on.world.submit("WorkflowSvc.DeleteRetentionRule", on.tenant, domain="d")
    on.world.clock.advance(2 * 60_000)
    on.world.writer.step()  # deletes the first one, and then the rule
    answer.result()
    assert len(rows(on.world.store)) == 3
    on.world.run()
    assert len(rows(on.world.store)) == 3
    assert [is_known(on, run_id, f"w{number}") for number, run_id in enumerate(run_ids)] == [False] + [
        True
    ] * 3
    assert problems(on) == []


def _later(walk: retention.RetentionWalk, work: Any) -> None:
    work.state.agenda.retention_walk_at = None


def test_a_run_of_which_a_part_is_deleted_is_not_kept_by_a_later_rule(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = stage()
    on.start()
    on.decide(*(decision("RecordMarker", markerName=str(number)) for number in range(30)))
    on.ask("TerminateWorkflowExecution", workflowId="w")
    monkeypatch.setattr(duties, "PURGED_EVENTS_PER_BATCH", 5)
    on.world.clock.advance(10 * DAY * 1000)
    on.world.writer.step()  # the first part
    assert len(rows(on.world.store)) == 1
    answer = on.world.submit("WorkflowSvc.PutRetentionRule", on.tenant, domain="d", forever=True)
    on.world.run()
    answer.result()
    assert rows(on.world.store) == []
    assert problems(on) == []


def test_rows_follow_a_rule_piece_by_piece_and_go_on_after_a_crash(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 2)
    on = stage()
    for number in range(7):
        closed(on, f"w{number}")
        wait(on, 1)
    answer = on.world.submit("WorkflowSvc.PutRetentionRule", on.tenant, domain="d", days=20)
    on.world.writer.step()
    assert answer.result()["isApplied"] is False
    for _ in range(4):
        on.world.clock.advance(retention.SETTLE_MS)
        on.world.writer.step()
        assert problems(on) == [], "of rows that follow the rule, and of those that do not yet"
    on.world.restart()
    wait(on, 61)
    assert detail(on)["isApplied"] is True
    assert problems(on) == []
    keys = rows(on.world.store)
    with on.world.store.reader() as reader:
        found = reader.executions(keys).values()
        assert [row.purge_at for row in found] == [(row.closed_at or 0) + 20 * DAY * 1000 for row in found]


def test_the_walk_says_how_far_it_is(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 1)
    on = stage()
    first = closed(on, "first")
    wait(on, 5)
    closed(on, "second")
    on.world.submit("WorkflowSvc.PutRetentionRule", on.tenant, domain="d", days=20)
    on.world.writer.step()
    on.world.clock.advance(retention.SETTLE_MS)
    on.world.writer.step()
    answer = on.world.submit("WorkflowSvc.DescribeRetention", on.tenant, domain="d").result()
    info = on.ask("DescribeWorkflowExecution", execution={"workflowId": "first", "runId": first})
    assert answer["isApplied"] is False
    assert answer["appliedToTimestamp"] == info["executionInfo"]["startTimestamp"]


# --- clocks, deletion, imports ---


def test_rules_count_the_days_by_the_clock_of_the_domain(stage: Stage) -> None:
    on = stage()
    own(on, "AdvanceClock", seconds=1, yes=True)
    put(on, days=40, closeStatus="FAILED")
    put(on, days=2, closeStatus="COMPLETED")
    failed, completed = closed(on, "failed", FAIL), closed(on, "completed")
    own(on, "AdvanceClock", seconds=3 * DAY)
    assert (is_known(on, failed, "failed"), is_known(on, completed, "completed")) == (True, False)
    put(on, forever=True, closeStatus="FAILED")
    wait(on, 10)
    own(on, "AdvanceClock", seconds=100 * DAY)
    assert is_known(on, failed, "failed")
    assert listed(on) == ["failed"]
    assert problems(on) == []
    put(on, days=1, closeStatus="FAILED")
    wait(on, 10)
    assert listed(on) == []
    assert rows(on.world.store) == []


def test_a_deleted_domain_leaves_no_rules(stage: Stage) -> None:
    on = stage()
    put(on, days=1)
    own(on, "DeleteDomain", force=True)
    wait(on, 10)
    with on.world.store.reader() as reader:
        assert reader.metas("retention", "retention~", 10) == []


def test_imported_histories_are_kept_whatever_rules_would_say(stage: Stage) -> None:
    on = stage()
    bring(on, {"events": made(on)})
    with pytest.raises(OperationNotPermittedFault, match="holds imported histories"):
        on.call("WorkflowSvc.PutRetentionRule", domain="archive", days=1)


# --- what is refused, and what cannot be read ---


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"forever": False},
        {"days": 1, "forever": True},
        {"days": -1},
        {"days": 36_501},
        {"days": 1, "closeStatus": "OPEN"},
        {"days": 1, "workflowType": {"version": "1"}},
    ],
    ids=str,
)
def test_a_rule_that_says_nothing_or_too_much_is_refused(stage: Stage, members: dict[str, Any]) -> None:
    on = stage()
    with pytest.raises(ValidationException):
        put(on, **members)
    assert detail(on)["rules"] == []


def test_rules_are_of_domains_that_there_are(stage: Stage) -> None:
    on = stage()
    for operation in ("DescribeRetention", "PutRetentionRule", "DeleteRetentionRule"):
        members = {"days": 1} if operation == "PutRetentionRule" else {}
        with pytest.raises(UnknownResourceFault):
            on.call(f"WorkflowSvc.{operation}", domain="nowhere", **members)


def test_a_domain_has_a_bounded_number_of_rules(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from workflowsvc.service.own import retention as operations

    monkeypatch.setattr(operations, "MAX_RULES", 2)
    on = stage()
    put(on, days=1)
    put(on, days=1, closeStatus="FAILED")
    put(on, days=2, closeStatus="FAILED")
    with pytest.raises(LimitExceededFault, match="has 2 rules of retention already"):
        put(on, days=1, closeStatus="COMPLETED")


def test_rules_that_cannot_be_read_keep_everything(stage: Stage) -> None:
    on = stage()
    run_id = closed(on)
    keys = rows(on.world.store)
    with on.world.store.reader() as reader:
        domain = reader.executions(keys).popitem()[1].domain
    with on.world.store.transaction() as tx:
        tx.put_meta(retention_key(domain), b'[{"days": "a newer form"}]')
    on.world.restart()
    wait(on, 100 * DAY)
    assert is_known(on, run_id)
    assert [problem for problem in problems(on) if "rules of retention cannot be read" in problem]


def test_changes_are_logged_once_they_are_committed(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    on = stage()
    with caplog.at_level(logging.INFO, "workflowsvc.retention"):
        put(on, days=3, workflowType=WORKFLOW, closeStatus="FAILED")
        own(on, "DeleteRetentionRule", workflowType=WORKFLOW, closeStatus="FAILED")
    about = "runs of type 'workflow' version '1' that closed as FAILED"
    tenant = on.tenant.key
    assert caplog.messages == [
        f"retention of domain d ({tenant}): {about} are kept 3 days",
        f"retention of domain d ({tenant}): there is no rule about {about} any more",
    ]


def test_the_shortest_time_bounds_what_lists_must_look_at() -> None:
    rules = in_order(
        RetentionRule(days, 0, None, None, status)
        for days, status in ((30, None), (2, "FAILED"), (None, "COMPLETED"))
    )
    day = DAY * 1000
    assert rules_of.shortest_ms(rules, "10", 60_000) == 2 * day
    assert rules_of.shortest_ms((), "10", 60_000) == 10 * day
    assert rules_of.shortest_ms((), "NONE", 60_000) == 60_000


def test_a_rule_of_no_days_keeps_runs_as_a_domain_of_none_does(stage: Stage) -> None:
    on = stage()
    put(on, days=0)
    run_ids = [closed(on, name) for name in ("a", "b")]
    assert listed(on) == ["a", "b"]
    assert problems(on) == []
    wait(on, 61)
    assert not any(map(lambda run_id, name: is_known(on, run_id, name), run_ids, "ab"))
    assert rows(on.world.store) == []
