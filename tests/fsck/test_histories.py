"""Histories are never repaired: damage to them is reported and left as it is; rows of other runs are repaired."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from tests.fsck.full_database import FullDatabase
from workflowsvc.fsck import Options, Problem, audit, repair
from workflowsvc.settings import Limits


class Damage(NamedTuple):
    sql: str
    workflow_id: str
    kind: str
    text: str  # part of the reported text


def _body(change: str, workflow_id: str, event_id: int, kind: str, text: str) -> Damage:
    """`change` is SQL about the body."""
    sql = f"update events set body = cast({change} as blob) where run = :run and event_id = {event_id}"
    return Damage(sql, workflow_id, kind, text)


DAMAGES = {
    "an event lost in the middle": Damage(
        "delete from events where run = :run and event_id = 3",
        "working",
        "history",
        "event 4 stands where event 3",
    ),
    "the last event lost": Damage(
        "delete from events where run = :run and event_id = (select max(event_id) from events where run = :run)",
        "working",
        "history",
        "but the row was written with event",
    ),
    "all events lost": Damage("delete from events where run = :run", "idle", "history", "no events"),
    "an event unreadable": _body("'{'", "idle", 2, "history", "event 2 of the stored ones is none"),
    "an event of an unknown type": _body(
        "replace(body, 'DecisionTaskScheduled', 'SomethingElse')", "idle", 2, "history", "is none"
    ),
    "an event spelt otherwise": _body("body || ' '", "idle", 2, "history", "not spelt"),
    "an event that cannot be": _body(
        "replace(body, '\"scheduledEventId\":2', '\"scheduledEventId\":1')", "behind", 3, "rule", "D1"
    ),
    "an event no rule could apply": Damage(
        "update events set body = (select cast(replace(body, '\"eventId\":2,', '\"eventId\":4,') as blob) from events"
        " where run = :run and event_id = 2) where run = :run and event_id = 4",
        "behind",
        "history",
        "cannot be applied",
    ),
    "a time that goes back": _body("replace(body, 'E9', 'E8')", "idle", 2, "rule", "H3"),
    "another workflowId": Damage(
        "update executions set workflow_id = 'other' where run = :run", "idle", "name", "shard"
    ),
    "another runId": Damage("update executions set run_id = 'x' where run = :run", "idle", "name", "runId"),
    "a domain there is not": Damage(
        "update executions set domain = 1 where run = :run", "idle", "name", "domain 1"
    ),
    "a run without a row": Damage(
        "delete from executions where run = :run", "idle", "stray", "events of run"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_damage_to_histories_is_reported_and_left(damage: Damage) -> None:
    database = FullDatabase()
    run = database.run[damage.workflow_id]
    database.damage(damage.sql.replace(":run", str(run)))
    database.damage(
        "delete from tasks where run = ?", database.run["working"]
    )  # repairable, elsewhere or not
    events = database.dump()["events"]
    problems = database.audit()
    mine = [problem for problem in problems if problem.run == run and problem.kind == damage.kind]
    assert any(damage.text in problem.text for problem in mine), problems
    assert not any(problem.repairable for problem in mine if damage.text in problem.text), problems
    repair(database.store, problems, database.options)
    assert database.dump()["events"] == events, "no event is ever changed"
    left = database.audit()
    assert {problem.run for problem in left} <= {run, None} | _related(problems, run), left
    assert not [problem for problem in left if problem.kind == "task" and problem.run != run], left


def _related(problems: list[Problem], run: int) -> set[int | None]:
    """The runs that exchanged messages with the damaged one."""
    return {
        problem.run for problem in problems if problem.run != run and problem.kind in ("message", "stray")
    }


def test_two_open_runs_of_one_workflow_id_are_reported() -> None:
    database = FullDatabase()
    database.rows("drop index executions_open")
    database.rows("create index executions_open on executions (domain, workflow_id) where closed_at is null")
    database.damage("update executions set closed_at = null where workflow_id = 'chain'")
    kinds = [problem.kind for problem in database.audit() if problem.kind == "open"]
    assert kinds == ["open"]


def test_a_run_that_is_half_purged_is_no_problem() -> None:
    database = FullDatabase()
    run = database.run["closed"]
    database.world.clock.advance(11 * 86_400_000)
    database.damage("delete from events where run = ? and event_id > 2", run)
    assert not [problem for problem in database.audit() if problem.run == run]


def test_the_quotas_of_the_service_are_those_of_the_audit() -> None:
    """A run that was terminated at a smaller limit of events is sound under that limit only."""
    database = FullDatabase()
    longest = max(event_id for (event_id,) in database.rows("select max(event_id) from events group by run"))
    with database.store.reader() as reader:
        options = Options(database.options.now, quotas=Limits(max_events=longest - 1))
        kinds = {problem.kind for problem in audit(reader, options)}
    assert kinds == {"rule"}


def test_an_audit_without_lint_judges_no_rules() -> None:
    database = FullDatabase()
    sql = "update events set body = cast(replace(body, 'E9', 'E8') as blob) where event_id = 2"
    database.damage(sql)
    with database.store.reader() as reader:
        options = Options(database.options.now, lint=False)
        assert "rule" not in {problem.kind for problem in audit(reader, options)}


def test_a_problem_can_be_written_as_json() -> None:
    database = FullDatabase()
    database.damage("delete from tasks")
    assert json.dumps([problem._asdict() for problem in database.audit()])
