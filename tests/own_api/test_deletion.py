"""DeleteExecution and DeleteDomain: what may be deleted is gone for callers at once, and from the store soon."""

from __future__ import annotations

from typing import Any

import pytest

from tests.own_api.asking import own, state
from tests.own_api.conftest import Stage
from tests.world_fixture import LIST, WORKFLOW, WorldFixture, decision
from workflowsvc.engine import deleted_domains
from workflowsvc.faults import LimitExceededFault, OperationNotPermittedFault, UnknownResourceFault
from workflowsvc.fsck.audit import Options, audit
from workflowsvc.service.own import deletion
from workflowsvc.settings import Limits, Settings
from workflowsvc.store.interface import Store

TIMER = decision("StartTimer", timerId="t", startToFireTimeout="60")


def closed(on: WorldFixture, workflow_id: str = "w", **members: Any) -> dict[str, str]:
    run_id = on.start(workflow_id, **members)
    on.decide(decision("CompleteWorkflowExecution"))
    return {"workflowId": workflow_id, "runId": run_id}


def delete(on: WorldFixture, execution: dict[str, str]) -> None:
    own(on, "DeleteExecution", execution=execution)


def problems(on: WorldFixture) -> list[str]:
    with on.world.store.reader() as reader:  # type: ignore[attr-defined]
        return list(map(str, audit(reader, Options(on.world.clock.now_ms()))))  # type: ignore[arg-type]


def rows(store: Store) -> list[int]:
    with store.reader() as reader:
        return reader.runs(0, 1_000)  # type: ignore[attr-defined]


# --- a run ---


def test_a_deleted_run_is_unknown_to_every_call(stage: Stage) -> None:
    on = stage()
    named = closed(on, tagList=["a"])
    delete(on, named)
    for action in ("DescribeWorkflowExecution", "GetWorkflowExecutionHistory", "WorkflowSvc.DeleteExecution"):
        with pytest.raises(UnknownResourceFault, match="Unknown execution"):
            on.ask(action, execution=named)
    with pytest.raises(UnknownResourceFault):
        state(on)
    every = {"oldestDate": 0}
    assert not on.ask("ListClosedWorkflowExecutions", startTimeFilter=every)["executionInfos"]
    assert not on.ask("ListClosedWorkflowExecutions", startTimeFilter=every, tagFilter={"tag": "a"})[
        "executionInfos"
    ]
    assert not own(on, "SearchExecutions")["executions"]
    assert rows(on.world.store) == []
    assert problems(on) == []


def test_a_long_history_is_deleted_in_pieces(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    on = stage()
    on.start()
    on.decide(*(decision("RecordMarker", markerName=str(n)) for n in range(30)))
    on.ask("TerminateWorkflowExecution", workflowId="w")
    named = state(on)["execution"]
    monkeypatch.setattr(deletion, "EVENTS_AT_FIRST", 10)
    answer = on.world.submit("WorkflowSvc.DeleteExecution", on.tenant, domain=on.domain, execution=named)
    on.world.writer.step()
    answer.result()
    assert len(rows(on.world.store)) == 1
    with pytest.raises(UnknownResourceFault):
        on.world.submit("GetWorkflowExecutionHistory", on.tenant, domain=on.domain, execution=named).result()
    on.world.restart()  # a crash in between
    on.world.run()
    assert rows(on.world.store) == []
    assert problems(on) == []


def test_an_open_run_is_not_deleted(stage: Stage) -> None:
    on = stage()
    run_id = on.start()
    with pytest.raises(OperationNotPermittedFault, match="The execution is open: terminate it first"):
        delete(on, {"workflowId": "w", "runId": run_id})
    on.decide(TIMER)


@pytest.mark.parametrize("workflow_id", ["w", "other"])
def test_a_run_that_does_not_exist_is_unknown(stage: Stage, workflow_id: str) -> None:
    on = stage()
    named = closed(on)
    wrong = {"workflowId": workflow_id, "runId": named["runId"] if workflow_id == "other" else "22x"}
    with pytest.raises(UnknownResourceFault, match="Unknown execution"):
        delete(on, wrong)
    assert state(on)["execution"] == named


def test_other_runs_of_the_workflow_id_stay(stage: Stage) -> None:
    on = stage()
    first, second = closed(on), closed(on)
    delete(on, first)
    assert state(on)["execution"] == second


# --- a domain ---


def test_a_deprecated_domain_without_open_runs_is_deleted_with_everything_in_it(stage: Stage) -> None:
    on = stage()
    closed(on, tagList=["a"])
    closed(on, "v")
    on.call("DeprecateDomain", name=on.domain)
    own(on, "DeleteDomain")
    with pytest.raises(UnknownResourceFault, match="Unknown domain: d"):
        on.ask("ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0})
    for status in ("REGISTERED", "DEPRECATED"):
        assert not on.call("ListDomains", registrationStatus=status)["domainInfos"]
    on.world.run()
    assert rows(on.world.store) == []
    with on.world.store.reader() as reader:
        assert reader.count_domains("-deleted-") == 0
        assert reader.metas("deleted domain ", "deleted domain!", 10) == []
    assert problems(on) == []


def test_the_name_may_be_registered_again_at_once_and_is_empty(stage: Stage) -> None:
    on = stage()
    named = closed(on)
    on.call("DeprecateDomain", name=on.domain)
    own(on, "DeleteDomain")
    again = WorldFixture(on.world)
    assert not own(again, "SearchExecutions")["executions"]
    with pytest.raises(UnknownResourceFault):
        again.ask("DescribeWorkflowExecution", execution=named)
    again.start()
    again.decide(TIMER)
    again.world.advance(seconds=60)
    assert problems(again) == []


def test_a_domain_that_is_registered_or_has_open_runs_is_not_deleted(stage: Stage) -> None:
    on = stage()
    on.start()
    with pytest.raises(OperationNotPermittedFault, match="The domain is not deprecated"):
        own(on, "DeleteDomain")
    on.call("DeprecateDomain", name=on.domain)
    with pytest.raises(OperationNotPermittedFault, match="The domain has 1 open executions"):
        own(on, "DeleteDomain")
    on.decide(TIMER)


def test_force_ends_open_runs_and_deletes_a_registered_domain(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "RUNS_PER_STEP", 2)
    on = stage()
    on.start("parent")
    child = decision("StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW)
    on.decide(child, TIMER)
    for number in range(5):
        on.start(f"w{number}")
    own(on, "DeleteDomain", force=True)
    on.world.run()
    assert rows(on.world.store) == []
    assert problems(on) == []
    on.world.advance(seconds=120)  # no timer of it is left


def test_a_message_that_would_start_a_child_is_applied_before_the_domain_goes(stage: Stage) -> None:
    on = stage()
    on.start()
    task = on.next_task()
    child = decision("StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW)
    on.world.submit("RespondDecisionTaskCompleted", on.tenant, taskToken=task["taskToken"], decisions=[child])
    answer = on.world.submit("WorkflowSvc.DeleteDomain", on.tenant, domain=on.domain, force=True)
    on.world.run()
    assert answer.result() is None
    assert rows(on.world.store) == []
    assert problems(on) == []


def test_a_deletion_goes_on_after_a_crash(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleted_domains, "RUNS_PER_RUN", 1)
    on = stage()
    for number in range(5):
        closed(on, f"w{number}")
    on.call("DeprecateDomain", name=on.domain)
    answer = on.world.submit("WorkflowSvc.DeleteDomain", on.tenant, domain=on.domain)
    while not answer.done:
        on.world.writer.step()
    assert rows(on.world.store)
    assert problems(on) == [], "a half-deleted domain is no error"
    on.world.restart()
    on.world.run()
    assert rows(on.world.store) == []


def test_other_domains_are_untouched(stage: Stage) -> None:
    on = stage()
    closed(on)
    other = WorldFixture(on.world, domain="other")
    other.start()
    on.call("DeprecateDomain", name=on.domain)
    own(on, "DeleteDomain")
    on.world.run()
    other.decide(TIMER)
    assert len(rows(on.world.store)) == 1


def test_a_full_account_learns_what_it_can_do_and_has_room_after_a_deletion(stage: Stage) -> None:
    on = stage(settings=Settings(quotas=Limits(max_domains=2)))
    one_more = {"workflowExecutionRetentionPeriodInDays": "1"}
    on.call("RegisterDomain", name="second", **one_more)
    with pytest.raises(LimitExceededFault) as caught:
        on.call("RegisterDomain", name="third", **one_more)
    assert "DeleteDomain" in (caught.value.message or "")
    assert "--max-domains" in (caught.value.message or "")
    on.call("WorkflowSvc.DeleteDomain", domain="second", force=True)
    on.call("RegisterDomain", name="third", **one_more)


def test_an_unknown_domain_cannot_be_deleted(stage: Stage) -> None:
    on = stage()
    for name in ("none", "-deleted-", "1"):
        with pytest.raises(UnknownResourceFault, match="Unknown domain"):
            on.call("WorkflowSvc.DeleteDomain", domain=name)
    assert on.ask("CountPendingDecisionTasks", taskList=LIST) == {"count": 0, "truncated": False}
