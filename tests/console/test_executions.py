"""The page of runs: conditions, orders, counts, paging, and what an open page gets."""

from __future__ import annotations

import pytest

from tests.console.browsing import Browser
from tests.world_fixture import WorldFixture, decision
from workflowsvc.console.pages.executions import SORTS

HERE = "/domains/d/executions"


def workflows(page_rows: list[list[str]]) -> list[str]:
    """The workflowIds of the table."""
    return [row[2] for row in page_rows[1:]]


def test_runs_are_listed_with_counts_by_status(stage: WorldFixture, browser: Browser) -> None:
    stage.start("bad", tagList=["urgent"])
    stage.decide(decision("FailWorkflowExecution", reason="out of flour"))
    stage.world.advance(seconds=5)
    stage.start("good")
    page = browser.get(HERE)
    assert workflows(page.rows) == ["good", "bad"]
    assert "all 2 open 1 completed 0 failed 1" in page.text
    assert "out of flour" in page.text
    assert workflows(browser.get(f"{HERE}?close=FAILED").rows) == ["bad"]
    assert "all 2 open 1" in browser.get(f"{HERE}?close=FAILED&id=bad").text.replace(
        "all 1 open 0", "all 2 open 1"
    )
    data = browser.json(f"{HERE}.json?tag=urgent&tag=&reason=flour")
    assert [run["execution"]["workflowId"] for run in data["executions"]] == ["bad"]
    assert data["counts"] == {"count": 1, "byStatus": {"FAILED": 1}, "isComplete": True}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_every_order_is_a_link_that_leads_to_it(
    stage: WorldFixture, browser: Browser, sort: str, order: str
) -> None:
    for name in ("a", "b", "c"):
        stage.start(name)
        stage.world.advance(seconds=1)
        stage.decide(decision("CompleteWorkflowExecution"))
    page = browser.get(f"{HERE}?sort={sort}&order={order}")
    assert sorted(workflows(page.rows)) == ["a", "b", "c"]
    if sort in ("started", "closed", "id"):
        assert workflows(page.rows) == (["a", "b", "c"] if order == "ascending" else ["c", "b", "a"])
    assert any(f"sort={sort}" in link for link in page.links)


def test_pages_follow_each_other_under_one_moment(stage: WorldFixture, browser: Browser) -> None:
    for number in range(45):
        stage.start(f"w{number:02}")
        stage.world.advance(ms=1)
    page = browser.get(f"{HERE}?size=20&started-after=1h&order=ascending")
    seen = workflows(page.rows)
    while following := [link for link in page.links if "&after=" in link and ".json" not in link]:
        stage.world.advance(seconds=1)
        page = browser.get(following[-1])
        assert page.status == 200
        seen += workflows(page.rows)
    assert seen == [f"w{number:02}" for number in range(45)]


def test_an_open_page_is_told_of_new_runs(stage: WorldFixture, browser: Browser) -> None:
    stage.start("first")
    page = browser.get(HERE)
    live = page.html.partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    assert "new run" not in browser.get(live, hx_request="true").text
    stage.world.advance(seconds=3)
    stage.start("second")
    part = browser.get(live, hx_request="true")
    assert "1 new run since this page was loaded" in part.text
    version = part.html.partition('data-version="')[2].partition('"')[0]
    assert browser.get(live, hx_request="true", if_none_match=version).status == 204
    stage.world.advance(seconds=3)  # the open runs have taken longer, and nothing else is new
    assert browser.get(live, hx_request="true", if_none_match=version).status == 204


@pytest.mark.parametrize(
    "query",
    [
        "status=CLOSED&close=FAILED&close=TIMED_OUT",
        "type=workflow&version=1&list=list",
        "id=w&begins=w&contains=w&run=r&parent=p&parent-run=q&reason=a&details=b",
        "tag=a,b&any-tag=c&no-tag=d",
        "started-after=1h&started-before=2026-11-29&closed-after=2026-11-29T08:30&closed-before=2026-11-29T08:30:01",
        "started-before=2126-11-29T08:30%2B02:00&started-after=0&min-duration=90s&max-duration=1d",
        "min-events=1&max-events=100&cancel-requested=no&continued=no",
    ],
)
def test_every_condition_is_asked_for(browser: Browser, query: str) -> None:
    data = browser.json(f"{HERE}.json?{query}")
    assert len(data["filter"]) == len({part.split("=")[0] for part in query.split("&")} - {"version"})
    assert browser.get(f"{HERE}?{query}").status == 200


@pytest.mark.parametrize(
    "query",
    [
        "status=HALF",
        "close=SOMEHOW",
        "started-after=yesterday",
        "started-after=2026-13-01",
        "started-after=-1",
        "started-after=1e999",
        "started-after=nan",
        "started-after=2026-11-29T08:30:00%2B99:00",
        "min-duration=99999999999999999999d",
        "min-events=many",
        "min-events=99999999999",
        "min-events=%D9%A3",
        "after=nonsense",
        "id=" + "x" * 300,
        "tag=" + ",".join(f"t{number}" for number in range(101)),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_words(browser: Browser, query: str) -> None:
    page = browser.get(f"{HERE}?{query}")
    assert page.status == 400
    assert page.text


@pytest.mark.parametrize(
    "query",
    [
        "status=OPEN&sort=closed",
        "seen=soon",
        "seen=99999999999999999999",
        "at=-1",
        "seen=%F0%9F%98%80",
        "size=0",
    ],
)
def test_parameters_that_pages_make_may_be_anything(browser: Browser, query: str) -> None:
    assert browser.get(f"{HERE}?{query}").status == 200


def test_a_domain_that_is_not_there_is_not_found(browser: Browser) -> None:
    page = browser.get("/domains/nowhere/executions")
    assert page.status == 404
    assert "Unknown domain: nowhere" in page.text


def test_conditions_stand_above_the_runs_and_the_form_of_all_stays_folded(browser: Browser) -> None:
    page = browser.get(f"{HERE}?status=OPEN&tag=a,b")
    assert "status: open has all of these tags: a,b No conditions" in page.text
    assert '<details class="panel" data-keep="conditions">' in page.html


def test_a_run_that_hangs_is_marked(stage: WorldFixture, browser: Browser) -> None:
    stage.start("idle")
    stage.decide()
    stage.start("waits")
    stage.decide(decision("StartTimer", timerId="t", startToFireTimeout="600"))
    assert [row[-1] for row in browser.get(HERE).rows[1:]] == ["", ""], "they have only begun"
    stage.world.advance(seconds=120)
    assert {row[2]: row[-1] for row in browser.get(HERE).rows[1:]} == {
        "idle": "nothing pending for 2 m",
        "waits": "",
    }
    found = {run["execution"]["workflowId"]: run for run in browser.json(f"{HERE}.json")["executions"]}
    assert found["idle"]["finding"]["code"] == "NOTHING_PENDING"
    assert "finding" not in found["waits"]
    stage.ask("TerminateWorkflowExecution", workflowId="idle", reason="gone")
    assert {row[2]: row[-1] for row in browser.get(HERE).rows[1:]}["idle"] == "gone"


def test_an_open_page_keeps_its_runs_and_follows_them_while_newer_ones_come(
    stage: WorldFixture, browser: Browser
) -> None:
    stage.start("first")
    page = browser.get(f"{HERE}?size=20")
    live = page.html.partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    for number in range(25):
        stage.world.advance(ms=1)
        stage.start(f"newer-{number}")
    stage.ask("TerminateWorkflowExecution", workflowId="first")
    part = browser.get(live, hx_request="true")
    assert "25 new runs since this page was loaded" in part.text
    assert [(row[2], row[1]) for row in part.rows[1:]] == [("first", "terminated")]
