"""Commands that the service's own API answers: why, problems and lists; and what is said of operations to come."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.command_line.shell import Shop, charge


@pytest.fixture
def shop(client: Any, domain: str) -> Shop:
    return Shop(client, domain)


def test_why_prints_the_findings_and_tells_by_its_status_that_something_is_wrong(
    run: Run, shop: Shop
) -> None:
    shop.start("waits")
    why = run("why", "waits")
    assert why.status == 10
    assert "CRITICAL  NO_DECISION_POLLER" in why.out
    assert "do: Start a decider that polls deciders" in why.out
    (finding,) = run("why", "waits", "--json").objects
    assert (finding["code"], finding["taskList"]) == ("NO_DECISION_POLLER", {"name": "deciders"})


def test_why_ends_with_0_when_nothing_is_wrong(run: Run, shop: Shop) -> None:
    shop.start("works")
    shop.decide(charge("a"))
    shop.poll_activity()
    why = run("why", "works")
    assert (why.status, "ACTIVITY_RUNNING" in why.out) == (0, True)


def test_problems_groups_what_runs_share(run: Run, shop: Shop) -> None:
    for number in range(3):
        shop.start(f"waits-{number}")
    problems = run("problems")
    assert problems.status == 10
    assert "NO_DECISION_POLLER  3 runs" in problems.out
    assert "3 open runs" in problems.out
    (group,) = run("problems", "--json", "--examples", "1").objects
    assert (group["executions"], len(group["examples"])) == (3, 1)


def test_problems_ends_with_0_when_there_are_none(run: Run) -> None:
    assert run("problems").status == 0


def test_lists_shows_backlog_and_pollers(run: Run, shop: Shop) -> None:
    shop.start("one")
    shop.decide(charge("a"))
    shop.start("two")
    rows = {row["taskList"]["name"]: row for row in run("lists", "--json").objects}
    assert {name: row["backlog"] for name, row in rows.items()} == {"deciders": 1, "workers": 1}
    assert "never" in run("lists", "--kind", "activity").out
    detail = run("lists", "deciders")
    assert "decider-1" in detail.out
    assert "No client polls it." in run("lists", "workers").out


def test_a_run_that_does_not_exist_has_a_status_of_its_own(run: Run) -> None:
    for words in (["why", "none"], ["show", "none"], ["terminate", "none"], ["export", "none"]):
        ended = run(*words)
        assert ended.status == 3, words
        assert len(ended.err.splitlines()) == 1
