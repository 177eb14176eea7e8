"""The settings of a domain: how long closed runs are kept, whether they are archived, its event feed."""

from __future__ import annotations

from tests.console.browsing import Browser
from tests.own_api.asking import own
from tests.world_archive import call_in
from tests.world_fixture import WorldFixture
from workflowsvc.engine.archiving import set_archives

HERE = "/domains/d/settings"


def test_a_domain_without_rules_keeps_what_it_was_registered_with(
    stage: WorldFixture, browser: Browser
) -> None:
    page = browser.get(HERE)
    assert page.rows[1] == ["all types", "any", "10 days", "as registered"]
    assert "is not archived" in page.text
    assert "The feed is off" in page.text
    assert browser.get("/domains").rows[1][5] == "10 days"


def test_rules_archive_and_feed_are_shown(stage: WorldFixture, browser: Browser) -> None:
    own(stage, "PutRetentionRule", workflowType={"name": "payment"}, forever=True)
    own(stage, "PutRetentionRule", closeStatus="FAILED", days=365)
    own(stage, "SetFeed", status="ON")
    call_in(stage.world)(lambda work: set_archives(work, True))
    page = browser.get(HERE)
    assert [row[:3] for row in page.rows[1:]] == [
        ["payment all versions", "any", "for ever"],
        ["all types", "failed", "365 days"],
        ["all others", "any", "10 days"],
    ]
    assert "archived before they are deleted" in page.text
    assert "The feed is on: entries are kept for 7 d" in page.text
    data = browser.json(f"{HERE}.json")
    assert data["retention"]["isArchived"] is True
    assert data["feed"]["status"] == "ON"
    domains = browser.get("/domains")
    assert domains.rows[1][5] == "10 days, 2 rules, archived"
    assert HERE in domains.links


def test_a_domain_that_is_not_there_has_no_settings(browser: Browser) -> None:
    assert browser.get("/domains/nowhere/settings").status == 404
