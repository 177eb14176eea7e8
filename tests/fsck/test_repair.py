"""Every row that follows from histories is rebuilt when it is lost or damaged, and no other row changes."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.fsck.full_database import FullDatabase
from tests.world_fixture import WORKFLOW
from workflowsvc.core.durations import DAY_MS
from workflowsvc.core.run_ids import run_of
from workflowsvc.fsck import Problem, repair


class Damage(NamedTuple):
    """A statement about the run of this workflowId (`:run`), and the kinds of problems that it makes."""

    sql: str
    workflow_id: str
    kinds: set[str]


def _column(column: str, value: Any, workflow_id: str) -> Damage:
    return Damage(f"update executions set {column} = {value} where run = :run", workflow_id, {"row"})


def _lost_message(workflow_id: str) -> Damage:
    """The only one about this run."""
    return Damage("delete from messages where run = :run", workflow_id, {"message"})


DAMAGES = {
    # columns of an execution
    "type name": _column("type_name", "'other'", "idle"),
    "type version": _column("type_version", "'other'", "idle"),
    "tags": Damage(
        "update executions set tags = cast('[\"green\"]' as blob) where run = :run", "idle", {"row"}
    ),
    "tags lost": Damage("update executions set tags = null where run = :run", "idle", {"row"}),
    "parent": _column("parent_workflow_id", "'other'", "child of mother"),
    "parent run": _column("parent_run_id", "null", "child of mother"),
    "start": Damage("update executions set started_at = started_at - 1 where run = :run", "closed", {"row"}),
    "next event": _column("next_event_id", "2", "working"),
    "no wake-up": _column("wake_at", "null", "working"),
    "late wake-up": _column("wake_at", "wake_at + 1", "working"),
    "early wake-up": _column("wake_at", "1", "idle"),
    "cancel request lost": _column("cancel_requested", "0", "asked"),
    "cancel request made up": _column("cancel_requested", "1", "idle"),
    "closed though open": Damage(
        "update executions set closed_at = 5, close_status = 'FAILED' where run = :run",
        "behind",
        {"row"},
    ),
    "open though closed": Damage(
        "update executions set closed_at = null where run = :run", "closed", {"row"}
    ),
    "close status": _column("close_status", "'FAILED'", "closed"),
    "close time": Damage(
        "update executions set closed_at = closed_at + 1 where run = :run", "closed", {"row"}
    ),
    "never purged": _column("purge_at", "null", "closed"),
    "purged late": _column("purge_at", "purge_at + 1", "closed"),
    "purged though open": _column("purge_at", "9999999999999", "idle"),
    # tasks
    "decision task lost": Damage("delete from tasks where run = :run", "idle", {"task"}),
    "activity tasks lost": Damage("delete from tasks where run = :run", "working", {"task"}),
    "task never ready": Damage("update tasks set ready = 0 where run = :run", "idle", {"task"}),
    "task ready too soon": Damage("update tasks set ready = 1 where run = :run", "behind", {"task"}),
    "task priority": Damage("update tasks set priority = 9 where run = :run", "working", {"task"}),
    "task list": Damage("update tasks set task_list = 'other' where run = :run", "working", {"task"}),
    "task kind": Damage("update tasks set kind = 'activity' where run = :run", "idle", {"task"}),
    "task domain": Damage("update tasks set domain = 1 where run = :run", "idle", {"task"}),
    "task of a closed run": Damage(
        "insert into tasks select :run, 2, kind, domain, task_list, 0, 1, 1 from tasks limit 1",
        "closed",
        {"task"},
    ),
    "task that is at work": Damage(
        "insert into tasks select :run, 2, kind, domain, task_list, 0, 1, 1 from tasks limit 1",
        "behind",
        {"task"},
    ),
    # tags
    "tag lost": Damage("delete from execution_tags where run = :run", "idle", {"tag"}),
    "tag made up": Damage(
        "insert into execution_tags"
        " select domain, cast('green' as blob), 'open by start', started_at, run from executions where run = :run",
        "idle",
        {"tag"},
    ),
    "tag in the wrong list": Damage(
        "update execution_tags set list = 'open by start' where run = :run and list = 'closed by start'",
        "closed",
        {"tag"},
    ),
    # heartbeats
    "heartbeat of no activity": Damage(
        "insert into heartbeats values (:run, 3, 5, null)", "idle", {"heartbeat"}
    ),
    "heartbeat of a waiting activity": Damage(
        "insert into heartbeats select run, scheduled_event_id, 5, null from tasks where run = :run",
        "working",
        {"heartbeat"},
    ),
    # messages that are lost
    "StartChild lost": _lost_message("child unborn"),
    "ChildStarted lost": Damage(
        "delete from messages where kind = 'ChildStarted'", "child born", {"message"}
    ),
    "ChildNotStarted lost": _lost_message("child taken"),
    "ChildClosed lost": Damage("delete from messages where kind = 'ChildClosed'", "child ended", {"message"}),
    "Signal lost": _lost_message("signal sent"),
    "answer to a signal lost": _lost_message("signal answered"),
    "CancelRequest lost": _lost_message("cancel sent"),
    "answer to a cancel request lost": _lost_message("cancel answered"),
    "InvokeLambda lost": _lost_message("function"),
    "termination of children lost": _lost_message("mother"),
    "cancel request to children lost": _lost_message("father"),
    "every message lost": Damage("delete from messages", "idle", {"message"}),
    # messages that are too many or unreadable
    "message twice": Damage(
        "insert into messages select id + 1000000, run, kind, domain, body from messages", "idle", {"message"}
    ),
    "message spoilt": Damage(
        "update messages set body = cast('x' as blob) where run = :run", "child unborn", {"message"}
    ),
    "message of the wrong kind": Damage(
        "update messages set kind = 'Signal' where run = :run", "child unborn", {"message"}
    ),
    "message of the wrong run": Damage("update messages set run = run + 256", "child unborn", {"message"}),
    "message of the wrong domain": Damage("update messages set domain = 1", "child unborn", {"message"}),
    # orphans
    "task of no run": Damage(
        "insert into tasks select run + 1, 1, kind, domain, task_list, 0, 1, 1 from tasks limit 1",
        "idle",
        {"stray"},
    ),
    "heartbeat of no run": Damage("insert into heartbeats values (77, 3, 5, null)", "idle", {"stray"}),
    "tag of no run": Damage(
        "insert into execution_tags values (1, cast('green' as blob), 'open by start', 5, 77)",
        "idle",
        {"stray"},
    ),
}


def _repair(database: FullDatabase, problems: list[Problem]) -> None:
    repair(database.store, problems, database.options)


def test_a_database_as_the_service_leaves_it_is_sound() -> None:
    database = FullDatabase()
    assert database.audit() == []
    kinds = {kind for (kind,) in database.rows("select kind from messages")}
    assert kinds == {
        "StartChild",
        "ChildStarted",
        "ChildNotStarted",
        "ChildClosed",
        "Signal",
        "CancelRequest",
        "Answer",
        "ApplyPolicy",
        "InvokeLambda",
    }
    database.world.run()
    assert database.audit() == []
    assert not database.rows("select * from messages")


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_damage_is_found_and_repaired(damage: Damage) -> None:
    database = FullDatabase()
    before = database.dump()
    run = database.run[damage.workflow_id]
    database.damage(damage.sql.replace(":run", str(run)))
    damaged = database.dump()
    problems = database.audit()
    report = "\n".join(map(str, problems))
    assert damage.kinds <= {problem.kind for problem in problems}, report
    assert all(problem.repairable for problem in problems), report
    assert database.dump() == damaged, "an audit changes nothing"
    _repair(database, problems)
    assert database.audit() == []
    assert _without_refusals(database.dump()) == _without_refusals(before)
    database.world.restart()
    database.world.run()
    assert database.audit() == []
    assert not database.rows("select * from messages")


def _without_refusals(dump: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """That a child's workflowId was taken is found out anew: its StartChild is sent again."""
    return dump | {
        "messages": [row for row in dump["messages"] if row[1] not in ("StartChild", "ChildNotStarted")]
    }


def test_all_that_can_be_derived_is_derived_again() -> None:
    database = FullDatabase()
    before = database.dump()
    for sql in (
        "delete from tasks",
        "delete from messages",
        "delete from execution_tags",
        "update executions set wake_at = null, cancel_requested = 0, closed_at = null, close_status = null,"
        " purge_at = null, started_at = 0, next_event_id = 2, type_name = '', type_version = '', tags = null,"
        " parent_workflow_id = null, parent_run_id = null where workflow_id <> 'chain'",
    ):
        database.damage(sql)
    _repair(database, database.audit())
    assert database.audit() == []
    assert _without_refusals(database.dump()) == _without_refusals(before)


def test_tasks_that_were_lost_line_up_in_the_order_of_their_events() -> None:
    database = FullDatabase()
    database.damage("delete from tasks")
    _repair(database, database.audit())
    rows = database.rows("select position, run, scheduled_event_id from tasks order by position")
    at_ms = [round(_timestamp(database, run, event_id) * 1000) for _, run, event_id in rows]
    assert at_ms == sorted(at_ms)


def _timestamp(database: FullDatabase, run: int, event_id: int) -> float:
    sql = "select body ->> 'eventTimestamp' from events where run = ? and event_id = ?"
    return database.rows(sql, run, event_id)[0][0]


def test_where_a_domain_keeps_nothing_the_service_has_decided_when_a_run_is_purged() -> None:
    """An audit does not know the setting: whatever it can have been is right, and nothing else is."""
    database = FullDatabase()
    database.on.call("RegisterDomain", name="none", workflowExecutionRetentionPeriodInDays="NONE")
    database.on.call("RegisterWorkflowType", domain="none", **WORKFLOW)
    started = database.on.call(
        "StartWorkflowExecution",
        domain="none",
        workflowId="gone soon",
        workflowType=WORKFLOW,
        executionStartToCloseTimeout="60",
        taskStartToCloseTimeout="60",
        taskList={"name": "none"},
        childPolicy="TERMINATE",
    )
    database.on.call("TerminateWorkflowExecution", domain="none", workflowId="gone soon")
    run = run_of(started["runId"])
    for after_ms, right in ((0, True), (60_000, True), (DAY_MS, True), (-1, False), (DAY_MS + 1, False)):
        database.rows("update executions set purge_at = closed_at + ? where run = ?", after_ms, run)
        kinds = [problem.kind for problem in database.audit() if problem.run == run]
        assert kinds == ([] if right else ["row"])
    _repair(database, database.audit())
    assert database.rows("select purge_at - closed_at from executions where run = ?", run) == [(60_000,)]
