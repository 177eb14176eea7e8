"""Problems of one domain and of all, the most urgent first."""

from __future__ import annotations

import pytest

from tests.console.browsing import Browser
from tests.world_fixture import WorldFixture, decision
from workflowsvc.console import lookups, problem_counts


def test_problems_are_grouped_over_all_domains(stage: WorldFixture, browser: Browser) -> None:
    assert "Nothing is wrong with the open runs." in browser.get("/problems").text
    other = WorldFixture(stage.world, domain="other")
    for name in ("a", "b"):
        stage.start(name, taskList={"name": "misspelt"})
    other.start("c")
    other.decide(decision("StartTimer", timerId="t", startToFireTimeout="86400"))
    stage.world.advance(seconds=600)
    page = browser.get("/problems")
    assert "critical NO_DECISION_POLLER in 2 runs of d" in page.text
    assert "WAITS_FOR_TIMER" not in page.text
    assert {"/domains/d/task-lists/decision/misspelt", "/domains/d/problems"} <= set(page.links)
    everything = browser.json("/problems.json?severity=INFO")
    assert [(group["domain"], group["code"]) for group in everything["groups"]] == [
        ("d", "NO_DECISION_POLLER"),
        ("other", "WAITS_FOR_TIMER"),
    ]
    assert everything["examined"] == 3
    assert browser.json("/domains/other/problems.json")["groups"] == []


def test_a_domain_that_is_not_there_has_no_problems_page(browser: Browser) -> None:
    assert browser.get("/domains/nowhere/problems").status == 404


def test_other_pages_say_how_many_problems_there_are(stage: WorldFixture, browser: Browser) -> None:
    stage.start("w")
    stage.world.advance(seconds=600)
    assert "Problems (" not in browser.get("/domains/d/types").text, "no page has looked yet"
    assert "1 problem in the domain" in browser.get("/domains/d/executions").text
    assert "Problems (1)" in browser.get("/domains/d/types").text


def test_of_many_open_runs_other_pages_show_what_was_found_and_look_for_nothing(
    stage: WorldFixture, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problem_counts, "FEW", 0)
    stage.start("w")
    stage.world.advance(seconds=600)
    assert "problem in the domain" not in browser.get("/domains/d/executions").text
    assert browser.json("/domains.json")["domains"][0]["problems"] is None
    assert "NO_DECISION_POLLER" in browser.get("/domains/d/problems").text
    assert "1 problem in the domain" in browser.get("/domains/d/executions").text
    stage.world.advance(seconds=lookups.MAX_KNOWN_SECONDS + 1)
    assert "problem in the domain" not in browser.get("/domains/d/executions").text, "that was long ago"


def test_nothing_is_said_of_runs_before_any_was_looked_at(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_yet(*_: object, **__: object) -> lookups.Found:
        return lookups.Found(None, is_complete=False)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lookups.Lookups, "look", nothing_yet)
        page = browser.get("/problems")
    assert "The open runs are being looked at." in page.text
    assert "data-soon" in page.html
    assert "data-soon" not in browser.get("/problems").html


def test_the_sentence_about_several_runs_says_which_it_is_about(
    stage: WorldFixture, browser: Browser
) -> None:
    for name in ("old", "new"):
        stage.start(name)
        stage.decide()
        stage.world.advance(seconds=60)
    assert (
        "The first of them, old: After the start of the run, the decider answered 2 m ago"
        in browser.get("/problems").text
    )


def test_mistakes_of_two_deciders_are_two_problems_each_with_what_came_before_it(
    stage: WorldFixture, browser: Browser
) -> None:
    stage.start("order-1")
    stage.decide()
    stage.ask(
        "RegisterWorkflowType",
        name="payout",
        version="2",
        defaultTaskList={"name": "list"},
        defaultChildPolicy="TERMINATE",
        defaultTaskStartToCloseTimeout="NONE",
        defaultExecutionStartToCloseTimeout="86400",
    )
    stage.start("payout-1", workflowType={"name": "payout", "version": "2"})
    stage.ask("SignalWorkflowExecution", workflowId="payout-1", signalName="paid")
    stage.decide()
    page = browser.get("/domains/d/problems")
    assert "in 1 run, of the type payout 2, since" in page.text
    assert 'After the signal "paid", the decider answered' in page.text
    assert "After the start of the run, the decider answered" in page.text
    assert "/domains/d/types/workflow/payout/2" in page.links
