"""One thing done to several runs: ticked ones, and all that match as a batch job."""

from __future__ import annotations

import pytest

from tests.console.browsing import Browser, Shown
from tests.world_fixture import WorldFixture, decision

HERE = "/domains/d/executions"


def statuses(stage: WorldFixture) -> dict[str, str]:
    answer = stage.ask("WorkflowSvc.SearchExecutions", sortBy="WORKFLOW_ID", sortOrder="ASCENDING")
    return {
        run["execution"]["workflowId"]: run.get("closeStatus", run["executionStatus"])
        for run in answer["executions"]
    }


def choose(browser: Browser, operation: str, *, ticked: list[str] | None = None, query: str = "") -> Shown:
    """The page that says what will happen."""
    page = browser.get(f"{HERE}?{query}")
    form = page.form("/domains/d/batch")
    if ticked is None:
        return browser.send(form, operation=operation, scope="all")
    boxes = page.values("run")
    return browser.send(
        form, operation=operation, run=[value for value in boxes if value.split("/")[0] in ticked]
    )


def test_ticked_runs_are_terminated_after_a_page_that_says_so(stage: WorldFixture, browser: Browser) -> None:
    for name in ("a", "b", "c"):
        stage.start(name)
    stage.ask("TerminateWorkflowExecution", workflowId="c")
    page = choose(browser, "TERMINATE", ticked=["a", "c"])
    assert "1 run would be asked to terminate" in page.text
    assert "1 ticked run is left out" in page.text
    assert statuses(stage) == {"a": "OPEN", "b": "OPEN", "c": "TERMINATED"}
    page = browser.send(page.form("/domains/d/batch/start"), reason="rained off")
    assert "1 done, 0 failed" in page.text
    assert statuses(stage) == {"a": "TERMINATED", "b": "OPEN", "c": "TERMINATED"}
    assert "rained off" in browser.get(f"{HERE}?id=a").text


@pytest.mark.parametrize("operation", ["SIGNAL", "REQUEST_CANCEL"])
def test_ticked_runs_are_asked(stage: WorldFixture, browser: Browser, operation: str) -> None:
    run_id = stage.start("a/b c")
    page = choose(browser, operation, ticked=["a~2Fb~20c"])
    fields = {"signal": "go", "input": "line\nline"} if operation == "SIGNAL" else {}
    browser.send(page.form("/domains/d/batch/start"), reason="why not", **fields)
    events = [event["eventType"] for event in stage.history(run_id, "a/b c")]
    wanted = {"SIGNAL": "WorkflowExecutionSignaled", "REQUEST_CANCEL": "WorkflowExecutionCancelRequested"}
    assert wanted[operation] in events


def test_ticked_runs_are_started_again_with_the_reason_as_a_tag(
    stage: WorldFixture, browser: Browser
) -> None:
    stage.start("a", tagList=["urgent"])
    stage.decide(decision("CompleteWorkflowExecution"))
    page = choose(browser, "RERUN", ticked=["a"])
    page = browser.send(page.form("/domains/d/batch/start"), reason="once more")
    assert "new run a" in page.text
    newest = browser.json(f"{HERE}.json?status=OPEN")["executions"][0]
    assert newest["tagList"] == ["urgent", "once more"]


def test_what_fails_for_one_run_is_said_of_that_run(stage: WorldFixture, browser: Browser) -> None:
    stage.start("a")
    page = choose(browser, "TERMINATE", ticked=["a"])
    stage.ask("TerminateWorkflowExecution", workflowId="a")
    page = browser.send(page.form("/domains/d/batch/start"), reason="late")
    assert "0 done, 1 failed" in page.text
    assert "UnknownResourceFault" in page.text


def test_all_that_match_become_a_batch_that_can_be_followed(stage: WorldFixture, browser: Browser) -> None:
    for number in range(30):
        stage.start(f"order-{number}")
    stage.start("other")
    page = choose(browser, "TERMINATE", query="begins=order-&started-after=1h")
    assert "30 runs would be asked to terminate" in page.text
    assert set(statuses(stage).values()) == {"OPEN"}
    page = browser.send(page.form("/domains/d/batch/start"), reason="version 1 is gone", rate="1")
    assert "The batch is started." in page.text
    batch = next(form for form in page.forms if form.action.endswith("/rate"))
    page = browser.send(batch, rate="1000")
    assert "at most 1,000 runs a second" in page.text
    stage.world.advance(seconds=60)
    here = batch.action.removesuffix("/rate")
    page = browser.get(here)
    assert "30 done, 0 failed, of 30" in page.text
    assert "completed terminate: version 1 is gone" in page.text
    assert {name: status for name, status in statuses(stage).items() if status == "OPEN"} == {"other": "OPEN"}
    assert here in browser.get("/domains/d/batches").links


def test_a_batch_is_stopped(stage: WorldFixture, browser: Browser) -> None:
    for number in range(30):
        stage.start(f"w{number}")
    page = choose(browser, "TERMINATE", query="begins=w")
    page = browser.send(page.form("/domains/d/batch/start"), reason="all of them", rate="1")
    page = browser.send(next(form for form in page.forms if form.action.endswith("/stop")))
    assert "The batch is stopped." in page.text
    stage.world.advance(seconds=60)
    assert "OPEN" in statuses(stage).values()


def test_all_runs_of_a_domain_need_no_condition(stage: WorldFixture, browser: Browser) -> None:
    stage.start("a")
    page = choose(browser, "SIGNAL")
    assert "because no condition is given" in page.text
    browser.send(page.form("/domains/d/batch/start"), reason="news", signal="go", input="")
    stage.world.advance(seconds=5)
    assert "1 done, 0 failed" in browser.get(f"/domains/d/batches/{first_batch(browser)}").text


def first_batch(browser: Browser) -> str:
    return str(browser.json("/domains/d/batches.json")["batches"][0]["batchId"])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"operation": "FORGET"}, "Nothing to do"),
        ({}, "No run is ticked"),
        ({"run": "~FF/x"}, "A run cannot be read"),
        ({"run": ["a/b"] * 101}, "Too many runs are ticked"),
        ({"scope": "all", "query": "min-events=x"}, "A condition cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused(
    stage: WorldFixture, browser: Browser, fields: dict[str, str | list[str]], says: str
) -> None:
    stage.start("a")
    page = browser.send(browser.get(HERE).form("/domains/d/batch"), **{"operation": "TERMINATE"} | fields)
    assert page.status == 400
    assert says in page.text


@pytest.mark.parametrize(
    ("fields", "says"), [({"reason": " "}, "A reason is needed"), ({"rate": "fast"}, "no number of runs")]
)
def test_a_batch_without_a_reason_or_rate_is_not_started(
    stage: WorldFixture, browser: Browser, fields: dict[str, str], says: str
) -> None:
    stage.start("a")
    form = choose(browser, "TERMINATE").form("/domains/d/batch/start")
    page = browser.send(form, **{"reason": "tidy"} | fields)
    assert page.status == 400
    assert says in page.text
    assert statuses(stage) == {"a": "OPEN"}
