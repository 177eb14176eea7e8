"""The page of all domains."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.console.browsing import Browser
from tests.support.waiting import PATIENCE_SECONDS
from tests.world_fixture import WorldFixture, decision
from workflowsvc.console import counting, problem_counts


def test_domains_are_shown_with_open_and_failed_runs(stage: WorldFixture, browser: Browser) -> None:
    stage.start("fails")
    stage.decide(decision("FailWorkflowExecution", reason="out of flour"))
    stage.start("oldest")
    stage.world.advance(seconds=100)
    stage.start("newer")
    page = browser.get("/domains")
    assert page.status == 200
    name, opened, failed, problems, oldest, retention, *_ = page.rows[1]
    assert (name, opened, failed, retention) == ("d", "2", "1", "10 days")
    assert oldest == "oldest, for 1 m 40 s"
    assert problems == "none"
    stage.world.advance(seconds=600)
    assert browser.get("/domains").rows[1][3] == "1 problem", "no client polls"
    data = browser.json("/domains.json")
    assert data["domains"][0]["counts"]["byStatus"] == {"FAILED": 1, "OPEN": 2}


def test_what_takes_long_is_looked_for_at_the_same_time(
    stage: WorldFixture, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, mentioned = counting.counts, problem_counts.mentioned
    looked_for = asyncio.Event()

    async def waiting_counts(*arguments: Any) -> Any:
        await asyncio.wait_for(looked_for.wait(), PATIENCE_SECONDS)
        return await counts(*arguments)

    async def noticed(*arguments: Any) -> Any:
        looked_for.set()
        return await mentioned(*arguments)

    monkeypatch.setattr(counting, "counts", waiting_counts)
    monkeypatch.setattr(problem_counts, "mentioned", noticed)
    stage.start("one")
    assert browser.get("/domains").rows[1][1] == "1"


def test_a_domain_is_registered_deprecated_and_registered_again(browser: Browser) -> None:
    page = browser.get("/domains")
    page = browser.send(page.form("/domains/register"), name="orders", retention="7", description="of bread")
    assert "The domain is registered." in page.text
    assert [row[0] for row in page.rows[1:]] == ["d", "orders"]
    page = browser.get("/domains/orders/ask/deprecate")
    assert "No run can be started in it" in page.text
    page = browser.send(page.form("/domains/deprecate"))
    assert [row[0] for row in page.rows[1:]] == ["orders"]
    assert "/domains/orders/ask/undeprecate" in page.links
    page = browser.send(browser.get("/domains/orders/ask/undeprecate").form("/domains/undeprecate"))
    assert [row[0] for row in page.rows[1:]] == ["d", "orders"]


def test_a_refused_form_says_what_the_service_says(browser: Browser) -> None:
    page = browser.send(browser.get("/domains").form("/domains/register"), name="d", retention="7")
    assert page.status == 400
    assert "DomainAlreadyExistsFault" in page.text
