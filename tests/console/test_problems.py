"""Problems of one domain and of all, the most urgent first."""

from __future__ import annotations

from tests.console.browsing import Browser
from tests.world_fixture import WorldFixture, decision


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
