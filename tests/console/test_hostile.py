"""Texts that would run scripts, in every field of runs: on each page they are text and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.console.browsing import Browser
from tests.console.conftest import WHOLE
from tests.console.hostile import CORPUS, DEEDS, judge
from tests.console.hostile_runs import hostile_run, parts
from tests.world_fixture import WorldFixture, decision
from workflowsvc.console.pages.run import TABS
from workflowsvc.console.paths import path

PARTS = list(parts(CORPUS))
SHARE = 8


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_every_page_of_a_run_shows_them_as_text(stage: WorldFixture, browser: Browser, number: int) -> None:
    texts = PARTS[number]
    workflow_id, run_id = hostile_run(stage, texts)
    here = ("domains", "d", "runs", workflow_id, run_id)
    pages = [path(*here, tab=tab) for tab in TABS]
    pages += [path(*here, tab="events", time="clock", at=3), path(*here, tab="json", at=3)]
    pages += [path(*here, tab="timeline", decisions="yes", idle="folded")]
    pages += [path(*here, "events", str(event)) for event in (1, 2, 40, 60, 100, 130, 160)]
    pages += [path(*here, action) for action in ("signal", "start")]
    pages += [path("domains", "d", "executions"), path("domains", "d", "problems")]
    # In `make test`, each text is on a part of the pages, and each page has a part of the texts.
    for page in pages if WHOLE else pages[number % SHARE :: SHARE]:
        shown = browser.get(page)
        assert shown.status == 200, (page, shown.text[:300])
        assert judge(shown.html) == [], page
    for tab in TABS if WHOLE else (TABS[number % len(TABS)],):
        json.loads(browser.get(path(*here) + f".json?tab={tab}").response.text)


def test_what_is_typed_into_an_action_comes_back_as_text(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    here = path("domains", "d", "runs", "w", run_id, "terminate")
    form = browser.get(here).form(here)
    form.names.add("show")
    for text in CORPUS[::7]:
        shown = browser.send(form, reason=text, details=text, show="command")
        assert shown.status == 200
        assert judge(shown.html) == []
        assert shown.form(here).fields[1][1] == text.replace("\r\n", "\n")


def test_a_closed_run_shows_its_reasons_as_text(stage: WorldFixture, browser: Browser) -> None:
    for text in CORPUS[::11]:
        run_id = stage.start(input=text)
        stage.decide(decision("FailWorkflowExecution", reason=text[:256], details=text))
        for tab in TABS if WHOLE else ("compact",):
            assert judge(browser.get(path("domains", "d", "runs", "w", run_id, tab=tab)).html) == []


def test_the_judge_sees_what_would_run() -> None:
    for deed in DEEDS:
        text = deed if deed.startswith("<") else f"<p{deed}>"
        assert judge(f"<p>{text}</p>"), deed
    assert judge("<p>text</p>") == []
