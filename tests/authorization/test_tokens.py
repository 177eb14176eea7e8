"""The domain inside a task token is held against its bearer, not the token's seal alone (QUALITY §4.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.authorization.guarded import LIST, Guarded
from tests.conformance.dump import differences, dump
from tests.support.access import TENANT, allow
from tests.world_fixture import ACTIVITY, decision
from workflowsvc.faults import UnknownResourceFault, ValidationException
from workflowsvc.service.tokens import TaskToken
from workflowsvc.tenant import Tenant

OF_DECISION = ("RespondDecisionTaskCompleted",)
OF_ACTIVITY = (
    "RespondActivityTaskCompleted",
    "RespondActivityTaskFailed",
    "RespondActivityTaskCanceled",
    "RecordActivityTaskHeartbeat",
)
ELSEWHERE = allow("swf:*", on=TENANT.domain_arn("other"))


def activity_token(guarded: Guarded) -> str:
    guarded.start()
    schedule = decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY)
    guarded.decide(guarded.decision_task(), schedule)
    return guarded.call("PollForActivityTask", domain="d", taskList=LIST)["taskToken"]


def decision_token(guarded: Guarded) -> str:
    guarded.start()
    return guarded.decision_task()["taskToken"]


@pytest.mark.parametrize("operation", OF_DECISION + OF_ACTIVITY)
def test_a_token_of_a_domain_on_which_its_bearer_may_not_act_is_refused(
    guarded: Guarded, operation: str
) -> None:
    token = (decision_token if operation in OF_DECISION else activity_token)(guarded)
    guarded.call("RegisterDomain", name="other", workflowExecutionRetentionPeriodInDays="1")
    stranger = guarded.user(ELSEWHERE)
    before = dump(guarded.world.store)  # type: ignore[arg-type]
    text = guarded.denied(operation, stranger, taskToken=token)
    assert f"on resource: {TENANT.domain_arn('d')}" in text
    assert differences(before, dump(guarded.world.store)) == []  # type: ignore[arg-type]
    guarded.call(
        operation, guarded.user(allow(f"swf:{operation}", on=TENANT.domain_arn("d"))), taskToken=token
    )


@pytest.mark.parametrize("operation", OF_DECISION + OF_ACTIVITY)
def test_a_token_of_another_tenant_stays_an_invalid_one(guarded: Guarded, operation: str) -> None:
    token = (decision_token if operation in OF_DECISION else activity_token)(guarded)
    other = guarded.users.add("eve", allow("swf:*"), tenant=Tenant("111111111111", TENANT.region))
    with pytest.raises(ValidationException, match="Invalid token"):
        guarded.call(operation, other, taskToken=token)


def test_a_token_whose_run_is_gone_is_judged_by_its_domain(guarded: Guarded) -> None:
    """A caller of another domain does not learn whether the run is still there."""
    token = activity_token(guarded)
    stranger, owner = (
        guarded.user(ELSEWHERE),
        guarded.user(allow("swf:*", on=TENANT.domain_arn("d")), name="bob"),
    )
    there = guarded.denied("RespondActivityTaskCompleted", stranger, taskToken=token)
    run = guarded.call("ListOpenWorkflowExecutions", domain="d", startTimeFilter={"oldestDate": 0})
    execution = run["executionInfos"][0]["execution"]
    guarded.call("TerminateWorkflowExecution", domain="d", workflowId="w")
    guarded.call("WorkflowSvc.DeleteExecution", domain="d", execution=execution)
    assert guarded.denied("RespondActivityTaskCompleted", stranger, taskToken=token) == there
    with pytest.raises(UnknownResourceFault):
        guarded.call("RespondActivityTaskCompleted", owner, taskToken=token)


def test_a_token_of_a_deleted_domain_is_for_those_alone_who_may_act_on_all_domains(guarded: Guarded) -> None:
    token = activity_token(guarded)
    guarded.call("WorkflowSvc.DeleteDomain", domain="d", force=True)
    owner = guarded.user(allow("swf:*", on=TENANT.domain_arn("d")))
    guarded.denied("RespondActivityTaskCompleted", owner, taskToken=token)
    with pytest.raises(UnknownResourceFault):
        guarded.call("RespondActivityTaskCompleted", taskToken=token)


def test_a_token_of_an_older_release_is_judged_by_the_domain_of_its_run(guarded: Guarded) -> None:
    tokens = guarded.world.dispatcher.tokens
    new = tokens.read_task(TENANT, activity_token(guarded), "activity")
    assert new.domain
    old = tokens.task(
        TENANT, TaskToken("activity", new.run, new.run_id, new.workflow_id, new.scheduled_id, new.started_id)
    )
    guarded.denied("RespondActivityTaskCompleted", guarded.user(ELSEWHERE), taskToken=old)
    guarded.call(
        "RespondActivityTaskCompleted", guarded.user(allow("swf:*", on=TENANT.domain_arn("d"))), taskToken=old
    )


PAGED: dict[str, dict[str, Any]] = {
    "ListActivityTypes": {"registrationStatus": "REGISTERED"},
    "ListOpenWorkflowExecutions": {"startTimeFilter": {"oldestDate": 0}},
}


@pytest.mark.parametrize("operation", PAGED)
def test_a_page_token_opens_no_domain_but_its_own(guarded: Guarded, operation: str) -> None:
    """The domain of the request is judged, and a token of another one is invalid in it."""
    for number in range(2):
        guarded.call("RegisterActivityType", domain="d", name=f"n{number}", version="1")
        guarded.start(f"w{number}")
    first = guarded.call(operation, domain="d", maximumPageSize=1, **PAGED[operation])
    guarded.call("RegisterDomain", name="other", workflowExecutionRetentionPeriodInDays="1")
    stranger = guarded.user(ELSEWHERE)
    page = {"nextPageToken": first["nextPageToken"], **PAGED[operation]}
    guarded.denied(operation, stranger, domain="d", **page)
    with pytest.raises(ValidationException, match="Invalid token"):
        guarded.call(operation, stranger, domain="other", **page)
