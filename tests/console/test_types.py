"""Types: runs by status, defaults, and their life."""

from __future__ import annotations

import pytest

from tests.console.browsing import Browser
from tests.world_fixture import WorldFixture, decision

HERE = "/domains/d/types"


def test_workflow_types_have_runs_by_status(stage: WorldFixture, browser: Browser) -> None:
    stage.start("a")
    stage.decide(decision("CompleteWorkflowExecution"))
    stage.start("b")
    page = browser.get(HERE)
    assert page.rows[1][:3] == ["workflow", "1", "1 completed, 1 open"]
    one = browser.get(f"{HERE}/workflow/workflow/1")
    assert "1 completed, 1 open" in one.text
    assert "defaultExecutionStartToCloseTimeout 86400 seconds, 1 d" in one.text
    assert "defaultTaskList list" in one.text


@pytest.mark.parametrize("kind", ["workflow", "activity"])
def test_a_type_is_deprecated_undeprecated_and_deleted(browser: Browser, kind: str) -> None:
    place = f"{HERE}/{kind}/{kind}/1"
    for action, says in (
        ("deprecate", "The type is deprecated."),
        ("undeprecate", "The type is registered again."),
        ("deprecate", "The type is deprecated."),
        ("delete", "The type is deleted."),
    ):
        assert f"{place}/{action}" in browser.get(place).links
        ask = browser.get(f"{place}/{action}")
        assert f"aws swf {action}-{kind}-type " in ask.text
        assert ("goes on when it gets a signal" in ask.text) == (action == "undeprecate")
        page = browser.send(ask.form(f"{place}/{action}/do"))
        assert says in page.text
    assert browser.get(place).status == 404


def test_a_registered_type_cannot_be_deleted(browser: Browser) -> None:
    place = f"{HERE}/workflow/workflow/1"
    page = browser.send(browser.get(f"{place}/delete").form(f"{place}/delete/do"))
    assert page.status == 400
    assert "TypeNotDeprecatedFault" in page.text
    assert browser.get(place).status == 200


@pytest.mark.parametrize(
    "end", ["/other/x/1", "/workflow/x/1", "/workflow/workflow/1/forget", "/workflow/~FF/1"]
)
def test_what_does_not_exist_is_not_found(browser: Browser, end: str) -> None:
    assert browser.get(HERE + end).status == 404


def test_any_name_can_be_looked_at(stage: WorldFixture, browser: Browser) -> None:
    name = "%2e%2e<img src=x onerror=alert(1)>~7e.json"
    stage.ask("RegisterWorkflowType", name=name, version="ü?#&")
    page = browser.get(HERE)
    link = next(link for link in page.links if "onerror" in link)
    one = browser.get(link)
    assert one.status == 200
    assert name in one.text
    assert "<img" not in one.html
    assert browser.json(f"{link}.json")["type"] == {"name": name, "version": "ü?#&"}
