"""ExplainDomain: what is wrong with the open runs of a domain, grouped and in pieces."""

from __future__ import annotations

import pytest

from tests.own_api.asking import own
from tests.own_api.conftest import Stage
from tests.world_fixture import LIST, WORKFLOW, decision
from workflowsvc.faults import UnknownResourceFault, ValidationException
from workflowsvc.service.own import domain_explanation

TIMER = decision("StartTimer", timerId="t", startToFireTimeout="600")


def test_a_domain_without_problems_has_no_groups(stage: Stage) -> None:
    on = stage()
    assert own(on, "ExplainDomain") == {"examined": 0, "groups": []}
    on.start()
    on.decide(TIMER)
    assert own(on, "ExplainDomain") == {"examined": 1, "groups": []}


def test_runs_with_one_finding_are_one_group_with_examples(stage: Stage) -> None:
    on = stage()
    for number in range(5):
        on.start(f"idle-{number}", taskList={"name": "nobody"})
    on.start("done")
    on.decide()
    answer = own(on, "ExplainDomain", maximumExamples=2)
    assert answer["examined"] == 6
    critical, warning = answer["groups"]
    assert (critical["code"], critical["executions"]) == ("NO_DECISION_POLLER", 5)
    assert critical["taskList"] == {"name": "nobody"}
    assert [example["workflowId"] for example in critical["examples"]] == ["idle-0", "idle-1"]
    assert (warning["code"], warning["severity"], warning["executions"]) == ("NOTHING_PENDING", "WARNING", 1)


def test_what_is_merely_awaited_is_told_on_request_alone(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(TIMER)
    groups = own(on, "ExplainDomain", minimumSeverity="INFO")["groups"]
    assert [group["code"] for group in groups] == ["WAITS_FOR_TIMER"]
    on.start("w2")
    on.decide()
    assert own(on, "ExplainDomain", minimumSeverity="CRITICAL")["groups"] == []


def test_a_run_counts_once_in_a_group_however_many_timers_it_has(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(*(decision("StartTimer", timerId=f"t{n}", startToFireTimeout="600") for n in range(5)))
    (group,) = own(on, "ExplainDomain", minimumSeverity="INFO")["groups"]
    assert group["executions"] == len(group["examples"]) == 1


def test_closed_runs_and_those_of_other_domains_are_left_out(stage: Stage) -> None:
    on = stage()
    on.start()
    on.ask("TerminateWorkflowExecution", workflowId="w")
    on.call("RegisterDomain", name="other", workflowExecutionRetentionPeriodInDays="1")
    on.call(
        "RegisterWorkflowType",
        domain="other",
        **WORKFLOW,
        defaultTaskList=LIST,
        defaultChildPolicy="TERMINATE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultExecutionStartToCloseTimeout="86400",
    )
    on.call("StartWorkflowExecution", domain="other", workflowId="w", workflowType=WORKFLOW)
    assert own(on, "ExplainDomain")["examined"] == 0


def test_runs_that_are_not_in_memory_are_replayed(stage: Stage) -> None:
    on = stage()
    for number in range(7):
        on.start(f"w{number}")
        on.decide()
    before = own(on, "ExplainDomain")
    on.world.restart()
    assert own(on, "ExplainDomain") == before
    assert not on.world.state.cache.executions, "explaining puts no run into memory"


def test_an_answer_ends_in_time_and_its_token_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    on = stage()
    for number in range(9):
        on.start(f"w{number}")
    monkeypatch.setattr(domain_explanation, "CALL_MS", 0)
    monkeypatch.setattr(domain_explanation, "RUNS_PER_PIECE", 2)
    monkeypatch.setattr(domain_explanation, "ROWS_PER_READ", 4)
    examined, token, calls = 0, None, 0
    found: list[str] = []
    while calls == 0 or token:
        page = own(on, "ExplainDomain", nextPageToken=token, maximumExamples=10)
        calls, token = calls + 1, page.get("nextPageToken")
        examined += page["examined"]
        found += [run["workflowId"] for group in page["groups"] for run in group["examples"]]
    assert examined == 9
    assert found == [f"w{number}" for number in range(9)]
    assert calls == 5


def test_a_token_of_another_severity_or_action_is_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = stage()
    for number in range(3):
        on.start(f"w{number}")
    monkeypatch.setattr(domain_explanation, "CALL_MS", 0)
    monkeypatch.setattr(domain_explanation, "RUNS_PER_PIECE", 1)
    token = own(on, "ExplainDomain")["nextPageToken"]
    for members in ({"nextPageToken": token, "minimumSeverity": "INFO"}, {"nextPageToken": "x"}):
        with pytest.raises(ValidationException, match="Invalid token"):
            own(on, "ExplainDomain", **members)


def test_wrong_input_names_the_member(stage: Stage) -> None:
    on = stage()
    with pytest.raises(UnknownResourceFault, match="Unknown domain: none"):
        on.call("WorkflowSvc.ExplainDomain", domain="none")
    with pytest.raises(ValidationException) as caught:
        own(on, "ExplainDomain", minimumSeverity="BAD", maximumExamples=101)
    assert caught.value.message == (
        "2 validation errors detected: "
        "Value '101' at 'maximumExamples' failed to satisfy constraint: "
        "Member must have value less than or equal to 100; "
        "Value 'BAD' at 'minimumSeverity' failed to satisfy constraint: "
        "Member must satisfy enum value set: [CRITICAL, WARNING, INFO]"
    )


def test_what_deciders_do_wrong_is_grouped_by_the_type_that_they_serve(stage: Stage) -> None:
    on = stage()
    on.ask(
        "RegisterWorkflowType",
        name="payout",
        version="2",
        defaultTaskList=LIST,
        defaultChildPolicy="TERMINATE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultExecutionStartToCloseTimeout="86400",
    )
    for workflow_id, kind in (("a", WORKFLOW), ("b", WORKFLOW), ("c", {"name": "payout", "version": "2"})):
        on.start(workflow_id, workflowType=kind)
        on.decide()
    on.start("waits", taskList={"name": "nobody"})
    unpolled, *idle = own(on, "ExplainDomain")["groups"]
    assert "workflowType" not in unpolled, "a list is polled for runs of all types"
    assert [(group["code"], group["workflowType"]["name"], group["executions"]) for group in idle] == [
        ("NOTHING_PENDING", WORKFLOW["name"], 2),
        ("NOTHING_PENDING", "payout", 1),
    ]
