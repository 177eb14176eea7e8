"""What pages say of a domain whose time is not real, and that ages on them are by its clock."""

from __future__ import annotations

from tests.console.browsing import Browser
from tests.world_fixture import WorldFixture, decision
from workflowsvc.console.paths import path

DAY = 86_400


def test_pages_of_a_domain_in_real_time_say_nothing_of_clocks(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    for address in ("/domains", "/domains/d/executions", path("domains", "d", "runs", "w", run_id)):
        assert "not real" not in browser.get(address).text


def test_the_pages_of_a_domain_say_what_time_it_is_there(stage: WorldFixture, browser: Browser) -> None:
    stage.ask("WorkflowSvc.FreezeClock")
    run_id = stage.start()
    stage.decide(decision("StartTimer", timerId="later", startToFireTimeout=str(40_000)))
    stage.ask("WorkflowSvc.AdvanceClock", seconds=30_000)
    stage.world.advance(seconds=5)
    said = "not real: 2012-01-25 08:20:00 UTC, 8 h 19 m ahead of real time; it stands still."
    for address in ("/domains", "/domains/d/executions"):
        assert said in browser.get(address).text
    page = browser.get(path("domains", "d", "runs", "w", run_id))
    assert said in page.text
    assert "8 h 20 m ago" in page.text, "since the run was started, by its clock"
    data = browser.json("/domains/d/executions.json")
    assert (data["clock"]["mode"], data["clock"]["offsetSeconds"]) == ("FROZEN", 29_995)


def test_a_span_in_a_condition_is_counted_back_from_the_domains_time(
    stage: WorldFixture, browser: Browser
) -> None:
    stage.ask("WorkflowSvc.AdvanceClock", seconds=10 * DAY)
    stage.start("old")
    stage.ask("WorkflowSvc.AdvanceClock", seconds=7_200)
    stage.start("new")
    rows = browser.get("/domains/d/executions?started-after=1h").rows[1:]
    assert [row[2] for row in rows] == ["new"]
