"""No answer to any operation holds a text of another tenant (SWF §1.3.5; QUALITY §2.5.S)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tenants.play import TENANTS, Heard, Refusal, leaks, live
from workflowsvc import lint
from workflowsvc.faults import Fault
from workflowsvc.model.shapes import DECISIONS, EVENTS, OPERATIONS
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World


@pytest.fixture(scope="module")
def world() -> World:
    return World(functions={"echo-*": lambda event: event})


@pytest.fixture(scope="module")
def heard(world: World) -> dict[str, list[Heard]]:
    def carry_out(tenant: Tenant, operation: str, members: dict[str, Any]) -> Any:
        try:
            return world.call(operation, tenant, **members)
        except Fault as fault:
            return Refusal(fault.code, fault.message)

    return live(carry_out)


def test_the_day_has_every_operation_and_every_decision_in_it(
    world: World, heard: dict[str, list[Heard]]
) -> None:
    """Otherwise nothing would be shown of what is missing."""
    for mark, tenant in TENANTS.items():
        answered = {item.operation for item in heard[mark] if not isinstance(item.answer, Refusal)}
        assert answered == OPERATIONS.keys()
        seen = {event["eventType"] for events in histories(world, tenant).values() for event in events}
        decided = {
            "CancelTimer": "TimerCanceled",
            "CancelWorkflowExecution": "WorkflowExecutionCanceled",
            "CompleteWorkflowExecution": "WorkflowExecutionCompleted",
            "ContinueAsNewWorkflowExecution": "WorkflowExecutionContinuedAsNew",
            "FailWorkflowExecution": "WorkflowExecutionFailed",
            "RecordMarker": "MarkerRecorded",
            "RequestCancelActivityTask": "ActivityTaskCancelRequested",
            "RequestCancelExternalWorkflowExecution": "ExternalWorkflowExecutionCancelRequested",
            "ScheduleActivityTask": "ActivityTaskCompleted",
            "ScheduleLambdaFunction": "LambdaFunctionCompleted",
            "SignalExternalWorkflowExecution": "ExternalWorkflowExecutionSignaled",
            "StartChildWorkflowExecution": "ChildWorkflowExecutionFailed",
            "StartTimer": "TimerStarted",
        }
        assert decided.keys() == DECISIONS.keys()
        assert EVENTS.keys() >= set(decided.values()) <= seen


def histories(world: World, tenant: Tenant) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Of all runs in the shared domain."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for state in ("Open", "Closed"):
        listed = world.call(
            f"List{state}WorkflowExecutions", tenant, domain="shared", startTimeFilter={"oldestDate": 0}
        )
        for info in listed["executionInfos"]:
            named = info["execution"]
            page = world.call("GetWorkflowExecutionHistory", tenant, domain="shared", execution=named)
            found[(named["workflowId"], named["runId"])] = page["events"]
    return found


def test_no_answer_holds_a_text_of_another_tenant(heard: dict[str, list[Heard]]) -> None:
    assert leaks(heard) == []


def test_every_tenant_lives_the_same_day(heard: dict[str, list[Heard]]) -> None:
    """Counts, lists and pages do not depend on who else is there."""
    operations = [[item.operation for item in answers] for answers in heard.values()]
    assert operations[0] == operations[1] == operations[2]
    for items in zip(*heard.values(), strict=True):
        if items[0].operation.startswith("Count"):
            assert items[0].answer == items[1].answer == items[2].answer


def test_a_leak_would_be_found(heard: dict[str, list[Heard]]) -> None:
    run = next(
        item.answer["runId"] for item in heard["crimson"] if item.operation == "StartWorkflowExecution"
    )
    for word in ("crimson", run, "arn:aws:swf:us-east-1:111111111111:/domain/"):
        leaky = heard | {"emerald": [*heard["emerald"], Heard("DescribeDomain", {"a": [f"x{word}x"]})]}
        assert leaks(leaky)


def test_every_history_of_every_tenant_is_sound(world: World, heard: dict[str, list[Heard]]) -> None:
    assert heard
    for tenant in TENANTS.values():
        related = histories(world, tenant)
        assert len(related) == 7
        for events in related.values():
            assert lint.lint_history(events) == []
        assert lint.check_related(related, settled=True) == []
