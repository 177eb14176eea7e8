"""Batches, reruns and other long work: held against what its caller may do, again and again while it lasts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.authorization.guarded import Guarded, audit_lines
from tests.support.access import TENANT, allow, deny
from workflowsvc.access.caller import Caller
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import AccessDeniedException, ExpiredTokenException, ServiceUnavailable
from workflowsvc.service.own import imports

OPERATOR = allow("workflowsvc:*", "swf:TerminateWorkflowExecution")


def start_batch(guarded: Guarded, caller: Caller | None, **members: Any) -> dict[str, str]:
    given = {"operation": "TERMINATE", "reason": "r", "all": True, "ratePerSecond": 1} | members
    batch = guarded.call("WorkflowSvc.StartBatch", caller, domain="d", **given)
    return {"domain": "d", "batchId": batch["batchId"]}


def describe(guarded: Guarded, batch: dict[str, str]) -> Any:
    return guarded.call("WorkflowSvc.DescribeBatch", **batch)


def running(guarded: Guarded, caller: Caller, **members: Any) -> dict[str, str]:
    """A batch that has done one of three runs."""
    for number in range(3):
        guarded.start(f"w{number}")
    batch = start_batch(guarded, caller, **members)
    guarded.world.run()
    assert describe(guarded, batch)["batch"]["succeeded"] == 1
    return batch


def test_a_batch_shows_who_started_it(guarded: Guarded) -> None:
    caller = guarded.user(OPERATOR)
    batch = running(guarded, caller)
    assert caller.key is not None
    assert describe(guarded, batch)["batch"]["startedBy"] == caller.key.principal.arn
    guarded.world.advance(seconds=5)
    shown = describe(guarded, batch)["batch"]
    assert (shown["status"], shown["succeeded"]) == ("COMPLETED", 3)
    assert "stopReason" not in shown


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda users, caller: users.give("ann", OPERATOR, deny("swf:Terminate*")),
            "swf:TerminateWorkflowExecution",
        ),
        (lambda users, caller: users.give("ann", allow("swf:*")), "workflowsvc:StartBatch"),
        (lambda users, caller: users.change_key(caller, active=False), "UnrecognizedClientException"),
        (lambda users, caller: users.remove_key(caller), "UnrecognizedClientException"),
        (lambda users, caller: users.add("ann", OPERATOR, user_id="AIDANEW"), "UnrecognizedClientException"),
    ],
)
def test_a_batch_whose_starter_loses_access_stops_where_it_is(
    guarded: Guarded, change: Any, reason: str
) -> None:
    caller = guarded.user(OPERATOR)
    batch = running(guarded, caller)
    change(guarded.users, caller)
    guarded.world.advance(seconds=5)
    shown = describe(guarded, batch)["batch"]
    assert (shown["status"], shown["succeeded"], shown["failed"]) == ("STOPPED", 1, 0)
    assert reason in shown["stopReason"]


def test_a_batch_is_judged_as_its_starter_called(guarded: Guarded) -> None:
    """From its address, though no request brings the work that is done later."""
    at_desk = allow("*", IpAddress={"aws:SourceIp": "192.0.2.0/24"}, Bool={"aws:SecureTransport": "true"})
    batch = running(guarded, guarded.user(at_desk))
    guarded.world.advance(seconds=5)
    assert describe(guarded, batch)["batch"]["status"] == "COMPLETED"


def test_a_batch_waits_while_it_is_not_known_who_may_do_what(guarded: Guarded) -> None:
    batch = running(guarded, guarded.user(OPERATOR))
    guarded.users.failure = ServiceUnavailable()
    guarded.world.advance(seconds=5)
    guarded.users.failure = None
    assert describe(guarded, batch)["batch"]["succeeded"] == 1
    guarded.world.advance(seconds=5)
    assert describe(guarded, batch)["batch"]["status"] == "COMPLETED"


def test_with_auth_log_a_batch_goes_on_and_the_loss_is_logged(
    watched: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caller = watched.user(OPERATOR)
    batch = running(watched, caller)
    watched.users.remove_key(caller)
    watched.world.advance(seconds=5)
    assert describe(watched, batch)["batch"]["status"] == "COMPLETED"
    assert audit_lines(caplog)[0]["event"] == "would-refuse"


def test_each_rerun_of_a_batch_needs_the_permission_to_start_that_run(guarded: Guarded) -> None:
    guarded.call(
        "RegisterWorkflowType",
        domain="d",
        name="other",
        version="1",
        defaultTaskList={"name": "list"},
        defaultChildPolicy="TERMINATE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultExecutionStartToCloseTimeout="86400",
    )
    for name in ("workflow", "other"):
        guarded.call(
            "StartWorkflowExecution", domain="d", workflowId=name, workflowType={"name": name, "version": "1"}
        )
        guarded.call("TerminateWorkflowExecution", domain="d", workflowId=name)
    guarded.world.advance(seconds=1)
    mine = allow("swf:StartWorkflowExecution", StringEquals={"swf:workflowType.name": "workflow"})
    caller = guarded.user(allow("workflowsvc:*"), mine)
    batch = start_batch(guarded, caller, operation="RERUN")
    guarded.world.advance(seconds=5)
    results = {result["execution"]["workflowId"]: result for result in describe(guarded, batch)["results"]}
    assert results["workflow"]["status"] == "SUCCEEDED"
    assert results["other"]["status"] == "FAILED"
    assert "swf:StartWorkflowExecution" in results["other"]["error"]


def test_a_rerun_is_judged_by_what_it_starts(guarded: Guarded) -> None:
    run = guarded.start(taskList={"name": "given"})
    guarded.call("TerminateWorkflowExecution", domain="d", workflowId="w")
    for allowed, task_list in (("given", None), ("other", {"name": "other"})):
        start = allow("swf:StartWorkflowExecution", StringEquals={"swf:taskList.name": allowed})
        caller = guarded.user(allow("workflowsvc:*"), start)
        members = {} if task_list is None else {"taskList": task_list}
        again = {"domain": "d", "execution": run, "workflowId": f"again {allowed}"}
        guarded.call("WorkflowSvc.RerunExecution", caller, **again, **members)
        other = {"taskList": {"name": "neither"}}
        guarded.denied("WorkflowSvc.RerunExecution", caller, **again, **other)


def test_a_forced_deletion_stops_between_two_steps_when_access_is_withdrawn(guarded: Guarded) -> None:
    for number in range(30):  # more than one step terminates
        guarded.start(f"w{number}")
    caller = guarded.user(allow("*"))
    deletion = guarded.world.submit("WorkflowSvc.DeleteDomain", caller, domain="d", force=True)
    guarded.world.writer.step()
    guarded.users.give("ann")
    guarded.world.run()
    with pytest.raises(AccessDeniedException):
        deletion.result()
    assert guarded.call("DescribeDomain", name="d")["domainInfo"]["status"] == "DEPRECATED"


def test_an_import_stops_between_two_steps_when_access_is_withdrawn(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    run = guarded.start()
    guarded.call("TerminateWorkflowExecution", domain="d", workflowId="w")
    history = json.dumps({"events": guarded.history(run)})
    finished: list[UnitOfWork] = []
    monkeypatch.setattr(imports, "_finish", lambda work, **_: finished.append(work))
    caller = guarded.user(allow("*"))
    members = {"domain": "new", "workflowId": "w", "history": history}
    importing = guarded.world.submit("WorkflowSvc.ImportHistory", caller, **members)
    guarded.world.writer.step()
    guarded.users.give("ann")
    guarded.world.run()
    with pytest.raises(AccessDeniedException):
        importing.result()
    assert finished == []


def test_a_batch_that_was_started_without_access_control_goes_on(guarded: Guarded) -> None:
    """Its record has no starter. With access control no caller can start such a one."""
    batch = running(guarded, Caller(TENANT, is_server=True))
    guarded.world.advance(seconds=5)
    shown = describe(guarded, batch)["batch"]
    assert shown["status"] == "COMPLETED"
    assert "startedBy" not in shown


def test_long_work_ends_when_its_key_expires(guarded: Guarded) -> None:
    """No book has changed by then."""
    for number in range(30):
        guarded.start(f"w{number}")
    caller = guarded.user(allow("*"), expires_at=guarded.clock.now_ms() + 1_000)
    deletion = guarded.world.submit("WorkflowSvc.DeleteDomain", caller, domain="d", force=True)
    guarded.world.writer.step()
    guarded.clock.advance(1_000)
    guarded.world.run()
    with pytest.raises(ExpiredTokenException):
        deletion.result()
