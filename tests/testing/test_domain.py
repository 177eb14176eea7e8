"""A domain of a test, behind a server and behind a World: clients, loops, waits, histories, and the end."""

from __future__ import annotations

import threading
from typing import Any

import boto3
import pytest

from tests.testing.programs import complete_at_once, decision, fail_at_once, start
from workflowsvc.faults import UnknownOperationException, UnknownResourceFault
from workflowsvc.testing import LoopFailed, TestService, WaitedInVain, WorldService
from workflowsvc.testing.domain import TestDomain


def test_an_unchanged_poll_loop_leads_a_run_to_its_end(domain: TestDomain) -> None:
    domain.run(complete_at_once, domain.swf, domain.name)
    started = start(domain.swf, domain.name)
    assert domain.wait_for_close(started) == "COMPLETED"
    domain.assert_history(
        "order-1",
        """
        1 WorkflowExecutionStarted +0s input="two apples" workflowType=order@1
        DecisionTaskScheduled
        DecisionTaskStarted
        DecisionTaskCompleted
        5 WorkflowExecutionCompleted result=done
        """,
    )


def test_a_run_is_named_by_its_workflow_id_its_start_its_task_or_itself(domain: TestDomain) -> None:
    started = start(domain.swf, domain.name)
    execution = {"workflowId": "order-1", "runId": started["runId"]}
    task = domain.swf.poll_for_decision_task(domain=domain.name, taskList={"name": "deciders"})
    for run in ("order-1", started, task, execution):
        assert domain.execution(run) == execution
    with pytest.raises(
        LookupError, match=f"domain {domain.name} has no run 'order-2': there are runs of order-1"
    ):
        domain.history("order-2")
    with pytest.raises(TypeError, match="is no run: give a workflowId"):
        domain.history({"name": "order"})


def test_a_workflow_id_means_the_newest_run_and_waiting_goes_on_into_it(domain: TestDomain) -> None:
    first = start(domain.swf, domain.name)

    def again_then_complete(swf: Any) -> None:
        for kind in ("ContinueAsNewWorkflowExecution", "CompleteWorkflowExecution"):
            task = swf.poll_for_decision_task(domain=domain.name, taskList={"name": "deciders"})
            swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=[decision(kind)])

    domain.run(again_then_complete, domain.swf)
    assert domain.wait_for_close("order-1") == "COMPLETED"
    assert domain.wait_for_close(first) == "CONTINUED_AS_NEW"
    assert domain.execution("order-1")["runId"] != first["runId"]


def test_a_wait_ends_with_the_change_that_it_waits_for(domain: TestDomain) -> None:
    domain.run(complete_at_once, domain.swf, domain.name)
    start(domain.swf, domain.name)
    event = domain.wait_for_event("order-1", "WorkflowExecutionCompleted result=done")
    assert event["workflowExecutionCompletedEventAttributes"]["result"] == "done"
    assert domain.wait_until(lambda: len(domain.history("order-1")) == 5)


def test_a_wait_in_vain_for_a_run_that_was_never_started_says_that_there_is_none(domain: TestDomain) -> None:
    with pytest.raises(WaitedInVain) as caught:
        domain.wait_for_close("order-1", seconds=0.1)
    assert str(caught.value).splitlines()[1:] == ["the domain has no run"]


def test_a_wait_in_vain_says_why_the_run_does_not_go_on(domain: TestDomain) -> None:
    start(domain.swf, domain.name)
    with pytest.raises(WaitedInVain) as caught:
        domain.wait_for_close("order-1", seconds=0.01)
    said = str(caught.value)
    assert "order-1 is closed" in said
    assert "NO_DECISION_POLLER" in said
    assert "2 DecisionTaskScheduled +0" in said
    assert "the clock of the domain is REAL: `clock.skip()` lets time jump" in said


def test_a_loop_that_fails_fails_the_wait_with_its_own_exception(domain: TestDomain) -> None:
    domain.run(fail_at_once, domain.swf, domain.name)
    start(domain.swf, domain.name)
    with pytest.raises(LoopFailed, match=r"fail_at_once failed: KeyError: 'no such customer'") as caught:
        domain.wait_for_close("order-1")
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_loop_that_has_failed_fails_the_end_of_the_test(service: TestService) -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise ValueError("a bug")

    domain = service.domain()
    domain.run(fail)
    assert failed.wait(60)
    with pytest.raises(LoopFailed, match="ValueError: a bug"):
        domain.close()
    domain.close()  # once is enough


@pytest.mark.parametrize("behind", ["server", "world"])
def test_loops_end_with_the_test_and_the_domain_is_gone(behind: str, service: TestService) -> None:
    threads = set(threading.enumerate())
    backend = service if behind == "server" else WorldService()
    with backend.domain() as domain:
        domain.register(workflows=["order@1"])
        for _ in range(3):
            domain.run(complete_at_once, domain.swf, domain.name)
        start(domain.swf, domain.name)
        domain.wait_for_close("order-1")
        assert any("complete_at_once" in thread.name for thread in threading.enumerate())
    left = {
        thread.name for thread in set(threading.enumerate()) - threads if "complete_at_once" in thread.name
    }
    assert not left
    with pytest.raises(UnknownResourceFault):
        backend.call("DescribeDomain", name=domain.name)


def test_two_domains_of_a_server_see_nothing_of_each_other(service: TestService) -> None:
    with service.domain("same") as one, service.domain("same") as other:
        one.register(workflows=["order@1"])
        start(one.swf, one.name)
        assert one.name != other.name
        assert len(one.runs()) == 1
        assert other.runs() == []


def test_a_failure_in_the_block_of_a_domain_shows_its_runs(service: TestService) -> None:
    def fail() -> None:
        with service.domain() as domain:
            domain.register(workflows=["order@1"])
            start(domain.swf, domain.name)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fail()
    (note,) = caught.value.__notes__
    assert "order-1  OPEN  order@1" in note
    assert "NO_DECISION_POLLER" in note


def test_clients_that_a_program_makes_itself_are_led_by_the_environment(
    service: TestService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in service.environment().items():
        monkeypatch.setenv(name, value)
    with service.domain() as domain:
        listed = boto3.client("swf").list_domains(registrationStatus="REGISTERED")["domainInfos"]
        assert domain.name in [info["name"] for info in listed]


def test_boto3_refuses_through_a_world_as_it_does_over_http(domain: TestDomain) -> None:
    swf = domain.swf
    with pytest.raises(swf.exceptions.UnknownResourceFault, match="Unknown execution, workflowId = ghost"):
        swf.signal_workflow_execution(domain=domain.name, workflowId="ghost", signalName="s")
    with pytest.raises(swf.exceptions.DomainAlreadyExistsFault):
        swf.register_domain(name=domain.name, workflowExecutionRetentionPeriodInDays="1")
    pages = swf.get_paginator("list_domains").paginate(
        registrationStatus="REGISTERED", PaginationConfig={"PageSize": 1}
    )
    assert domain.name in [info["name"] for page in pages for info in page["domainInfos"]]


def test_a_poll_that_finds_nothing_in_a_world_is_answered_at_once() -> None:
    with WorldService().domain() as domain:
        task = domain.swf.poll_for_decision_task(domain=domain.name, taskList={"name": "deciders"})
        assert "taskToken" not in task


def test_a_wrong_name_of_an_action_or_a_member_says_what_is_like_it(domain: TestDomain) -> None:
    with pytest.raises(UnknownOperationException, match=r"There is no action 'StartWorkflow'\. Did you mean"):
        domain.call("StartWorkflow")
    with pytest.raises(
        TypeError, match=r"has no member 'workflow'\. Did you mean workflowId or workflowType"
    ):
        domain.call("StartWorkflowExecution", workflow="order-1")
