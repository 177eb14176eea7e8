"""Texts of strangers on every page: no element, attribute or address is ever made of them (QUALITY §5.4)."""

from __future__ import annotations

import pytest

from tests.console.browsing import Browser
from tests.console.conftest import WHOLE
from tests.console.hostile import judge
from tests.world_fixture import WorldFixture, decision

HOSTILE = [
    "<script>alert(1)<script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "javascript&#58;alert(1)",
    "{{7*7}}{% raw %}",
    "<svg onload=alert(1)>",
    "&lt;script&gt;alert(1)",
    "<b hx-get=evil hx-trigger=load>",
    "<style>*{}<style>",
    "\u202e\u2066drow",
    "<base href=evil>",
    "<meta http-equiv=refresh content=0>",
    "?after=x&status=OPEN#top",
    "..",
    ".json",
]
MOST = 70 if WHOLE else 14  # pages, found by links
EVERY_PAGE = [
    "/domains",
    "/problems",
    "/problems?severity=INFO",
    "/domains/{d}/executions",
    "/domains/{d}/task-lists",
    "/domains/{d}/types",
    "/domains/{d}/types?kind=activity",
    "/domains/{d}/problems",
    "/domains/{d}/batches",
    "/domains/{d}/settings",
]


def read(html: str) -> None:
    assert judge(html) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_client_becomes_markup(stage: WorldFixture, browser: Browser, text: str) -> None:
    domain = f"d {text}"
    there = WorldFixture(stage.world, domain=domain)
    there.ask("RegisterWorkflowType", name=text, version=text, description=text)
    there.start(f"{text}1", tagList=[text], input=text, taskList={"name": text})
    there.ask("SignalWorkflowExecution", workflowId=f"{text}1", signalName=text, input=text)
    there.ask("PollForActivityTask", taskList={"name": text}, identity=text)
    there.start(f"{text}2", tagList=[text])
    there.decide(decision("FailWorkflowExecution", reason=text, details=text))
    there.ask("WorkflowSvc.StartBatch", all=True, operation="SIGNAL", signalName=text, reason=text)
    stage.world.advance(seconds=200)
    home = browser.get("/domains")
    executions = next(link for link in home.links if link.endswith("/executions") and "/d~20" in link)
    here = executions.removesuffix("/executions")
    pages = [page.replace("/domains/{d}", here) for page in EVERY_PAGE]
    seen = set(pages)
    while pages:
        page = browser.get(pages.pop())
        assert page.status == 200, page.text
        read(page.html)
        for link in page.links:
            if "/runs/" not in link and ".csv" not in link and ".ids" not in link and link not in seen:
                seen.add(link)
                if link.startswith(here) and ".json" not in link and len(seen) < MOST:
                    pages.append(link)
    assert len(seen) > 13
    read(browser.send(browser.get(executions).form(f"{here}/batch"), operation="SIGNAL", scope="all").html)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_an_address_becomes_markup(browser: Browser, text: str) -> None:
    given = {
        "id": text,
        "contains": text,
        "tag": text,
        "type": text,
        "sort": text,
        "notice": text,
        "seen": text,
    }
    page = browser.request("GET", "/domains/d/executions", params=given)
    read(page.html)
    for path in (f"/domains/{text}/executions", f"/{text}", f"/domains/d/types/{text}/x/1"):
        read(browser.request("GET", path).html)
