"""Task lists: what waits, who polls, and the banner where the two do not meet."""

from __future__ import annotations

import pytest

from tests.console.browsing import Browser
from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc.console import lookups

HERE = "/domains/d/task-lists"


def test_a_banner_names_lists_whose_tasks_no_client_polls(stage: WorldFixture, browser: Browser) -> None:
    stage.start("a")
    stage.start("b", taskList={"name": "dezider <misspelt>"}, taskPriority="7")
    stage.world.advance(seconds=90)
    stage.next_task()
    page = browser.get(HERE)
    assert (
        "No client polls dezider <misspelt>: 1 decision task waits on it, the oldest for 1 m 30 s"
        in page.text
    )
    assert [row[0] for row in page.rows[1:]] == ["dezider <misspelt>", "list"]
    one = browser.get(next(link for link in page.links if "dezider" in link))
    assert one.status == 200
    assert "No client polls this list, and 1 task waits on it" in one.text
    assert one.rows[1][:2] == ["7", "1"]
    assert "No client has polled it in the last five minutes" in one.text


def test_a_list_that_no_client_polls_names_polled_ones_and_the_runs_that_wait(
    stage: WorldFixture, browser: Browser
) -> None:
    stage.start("a")
    stage.decide(
        decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY, taskList={"name": "packer"})
    )
    stage.ask("PollForActivityTask", taskList={"name": "packers"})
    for page in (browser.get(HERE), browser.get(f"{HERE}/activity/packer")):
        assert 'A list of nearly this name is polled: "packers".' in page.text
        assert "The run that waits: a." in page.text
        assert any("/runs/a/" in link for link in page.links)
    assert (
        "no worker has polled it since the server was started" in browser.get(f"{HERE}/activity/packer").text
    )


def test_pollers_are_shown_by_identity(stage: WorldFixture, browser: Browser) -> None:
    stage.start("a")
    stage.ask("PollForDecisionTask", taskList=LIST, identity="decider <b>7</b>")
    stage.ask("PollForDecisionTask", taskList=LIST)
    page = browser.get(f"{HERE}/decision/list")
    assert {"decider <b>7</b>", "without identity"} <= {row[0] for row in page.rows}
    assert "<b>7" not in page.html


def test_kinds_are_links(browser: Browser) -> None:
    assert browser.get(f"{HERE}?kind=activity").status == 200
    assert browser.get(f"{HERE}?kind=other").status == 200
    assert browser.get(f"{HERE}/other/list").status == 404
    assert browser.json(f"{HERE}/activity/unused.json")["summary"]["backlog"] == 0


def test_a_page_does_not_wait_for_the_count_of_many_tasks(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_yet(*_: object, **__: object) -> lookups.Found:
        return lookups.Found(None, is_complete=False)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lookups.Lookups, "look", nothing_yet)
        page = browser.get(f"{HERE}/decision/list")
    assert page.status == 200
    assert "The tasks are being counted." in page.text
    assert "Backlog 0 tasks" in browser.get(f"{HERE}/decision/list").text
