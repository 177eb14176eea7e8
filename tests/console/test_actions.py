"""Actions on a run: each says what will happen, does it, and says in words why it could not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.console.browsing import Browser
from tests.console.test_run import address
from tests.world_fixture import LIST, WORKFLOW, WorldFixture, attributes, decision, only


def test_a_signal_reaches_the_run(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    here = address(run_id, "signal")
    page = browser.get(here)
    assert 'gets a decision task on the task list "list", and' in page.text
    shown = browser.send(page.form(here), signalName="go", input='line\n{"a": 1}')
    assert "The signal is sent." in shown.text
    signaled = only(stage.history(run_id), "WorkflowExecutionSignaled")
    assert (signaled["signalName"], signaled["input"]) == ("go", 'line\n{"a": 1}')


def test_a_signal_says_whether_a_decider_would_see_it(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    stage.decide()
    stage.world.advance(seconds=360)
    page = browser.get(address(run_id, "signal"))
    assert (
        "No poll waits there now (the last one 6 m ago); until a decider polls it, nothing happens."
        in page.text
    )
    assert "Decider's list list: last poll 6 m ago" in browser.get(address(run_id)).text
    stage.world.poll("PollForDecisionTask", stage.tenant, domain="d", taskList=LIST)
    assert "If no decider polls it, nothing happens." in browser.get(address(run_id, "signal")).text
    assert "Decider's list list: 1 poll waits now" in browser.get(address(run_id)).text


def test_a_command_has_a_place_for_what_was_not_typed_yet(stage: WorldFixture, browser: Browser) -> None:
    page = browser.get(address(stage.start(), "signal"))
    assert "--signal-name '<Name of the signal>'" in page.text
    assert "Fill in what stands between < and > first." in page.text


def test_values_are_shown_as_a_command_without_being_sent(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    here = address(run_id, "signal")
    form = browser.get(here).form(here)
    form.names.add("show")
    shown = browser.send(form, signalName="go on", input="x", show="command")
    assert "--signal-name 'go on'" in shown.text
    assert "signalName='go on'," in shown.text
    assert "w 'go on'" in shown.text
    assert "WorkflowExecutionSignaled" not in stage.types(run_id)


def test_commands_call_the_api_by_https_where_it_speaks_that(stage: WorldFixture) -> None:
    encrypted = replace(stage.world.settings, tls_certificate="chain.pem", tls_key="key.pem")
    with Browser(stage.world, encrypted) as browser:
        assert "https://127.0.0.1:8888" in browser.get(address(stage.start(), "signal")).text


def test_a_cancellation_is_requested(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    here = address(run_id, "cancel")
    shown = browser.send(browser.get(here).form(here))
    assert "The cancellation is requested." in shown.text
    assert "cancel requested" in shown.text
    assert "was requested before" in browser.get(here).text or "cancel requested" in browser.get(here).text


def test_terminating_says_what_is_lost(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    stage.decide(
        decision("StartTimer", timerId="t", startToFireTimeout="60"),
        decision("StartChildWorkflowExecution", workflowId="c", workflowType=WORKFLOW),
    )
    here = address(run_id, "terminate")
    page = browser.get(here)
    assert "What is open ends with it: 1 decision task, 1 timer." in page.text
    assert "It has 1 open child" in page.text
    shown = browser.send(page.form(here), reason="enough", childPolicy="ABANDON")
    assert "The run is terminated." in shown.text
    ended = attributes(stage.history(run_id)[-1])
    assert (ended["reason"], ended["childPolicy"]) == ("enough", "ABANDON")


def test_a_closed_run_is_run_again(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start(input="as it was\r\n", tagList=["a", "b\nc"])
    stage.decide(decision("FailWorkflowExecution", reason="no"))
    here = address(run_id, "rerun")
    shown = browser.send(browser.get(here).form(here))
    assert "This run was started just now." in shown.text
    new = (
        shown.response.url.path.rpartition("/")[2].replace("~3D", "=").replace("~2F", "/").replace("~2B", "+")
    )
    started = attributes(stage.history(new)[0])
    assert (started["input"], started["tagList"]) == ("as it was\r\n", ["a", "b\nc"])


def test_one_like_it_is_started_with_exactly_its_values(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start(input="\n first\r\nlast \r", tagList=["a", "b"], taskPriority="7")
    here = address(run_id, "start")
    shown = browser.send(browser.get(here).form(here), workflowId="twin")
    assert shown.status == 200
    newest = stage.ask(
        "ListOpenWorkflowExecutions",
        startTimeFilter={"oldestDate": 0},
        executionFilter={"workflowId": "twin"},
    )["executionInfos"][0]["execution"]["runId"]
    twin, original = (
        attributes(stage.history(run, name)[0]) for run, name in ((newest, "twin"), (run_id, "w"))
    )
    assert twin == original


def test_one_like_it_is_started_with_what_was_changed(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start(input="old", tagList=["a"])
    here = address(run_id, "start")
    browser.send(
        browser.get(here).form(here), workflowId="other", input="new", tagList="x\ny z\n", taskPriority="3"
    )
    found = stage.ask(
        "ListOpenWorkflowExecutions",
        startTimeFilter={"oldestDate": 0},
        executionFilter={"workflowId": "other"},
    )["executionInfos"][0]
    assert found["tagList"] == ["x", "y z"]
    started = attributes(stage.history(found["execution"]["runId"], "other")[0])
    assert (started["input"], started["taskPriority"]) == ("new", "3")


def test_what_the_service_refuses_is_said_above_the_form_with_what_was_typed(
    stage: WorldFixture, browser: Browser
) -> None:
    run_id = stage.start(input="x")
    here = address(run_id, "start")
    shown = browser.send(browser.get(here).form(here), input="changed")
    assert "A run of this workflowId is open, so none was started." in shown.text
    assert ("input", "changed") in shown.form(here).fields
    wrong = browser.send(browser.get(here).form(here), workflowId="v", taskStartToCloseTimeout="soon")
    assert "taskStartToCloseTimeout" in wrong.text
    empty = address(run_id, "signal")
    assert "signalName" in browser.send(browser.get(empty).form(empty)).text


@pytest.mark.parametrize("action", ["signal", "cancel", "terminate"])
def test_nothing_is_offered_that_a_closed_run_cannot_do(
    stage: WorldFixture, browser: Browser, action: str
) -> None:
    run_id = stage.start()
    here = address(run_id, action)
    form = browser.get(here).form(here)
    stage.decide(decision("CompleteWorkflowExecution"))
    page = browser.get(here)
    assert "The run is closed, so this cannot be done to it." in page.text
    values = {"signalName": "s"} if action == "signal" else {}
    assert "Unknown execution" in browser.send(form, **values).text
    assert here not in browser.get(address(run_id)).links
    assert address(run_id, "rerun") in browser.get(address(run_id)).links


def test_an_action_that_is_not_there_is_not_found(stage: WorldFixture, browser: Browser) -> None:
    assert browser.get(address(stage.start(), "explode")).status == 404


def test_a_form_without_its_token_does_nothing(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    here = address(run_id, "terminate")
    form = browser.get(here).form(here)
    form.fields = [field for field in form.fields if field[0] != "form_token"]
    assert browser.send(form).status == 403
    assert stage.types(run_id)[-1] != "WorkflowExecutionTerminated"
