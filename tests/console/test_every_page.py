"""Every page and every button of the console in a real browser, against a real server with real workflows.

One way through all of it in each colour scheme, with BROWSE_ALL=1 (`make soak`); at its end, each path that the console
answers must have been asked for. In `make test`, `test_real_browser.py` goes a part of the way.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.routing import compile_path

from tests.console.conftest import WHOLE
from tests.console.real_browser import FIRST_EVENT, Remote, Watched
from tests.world_fixture import WORKFLOW, WorldFixture, decision
from workflowsvc.console.page import Action
from workflowsvc.console.pages import ALL
from workflowsvc.console.pages.executions import VIEWS
from workflowsvc.console.pages.run import TABS
from workflowsvc.console.paths import path
from workflowsvc.display.text import with_times

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


BOXES = "input[type=checkbox][name=run]"


class Tour:
    """One way through the console, in a domain of its own."""

    def __init__(self, remote: Remote, watched: Watched, folder: Path) -> None:
        self.domain = f"tour-{watched.scheme}"
        self.on = WorldFixture(remote, domain=self.domain)  # type: ignore[arg-type]
        self.watched = watched
        self.folder = folder
        self._judged: set[tuple[str, str]] = set()

    def address(self, *further: str, **query: object) -> str:
        return path("domains", self.domain, *further, **query)

    def open(self, address: str) -> Page:
        """The page."""
        page = self.watched.open(address)
        self.judge()
        return page

    def judge(self) -> None:
        """AssertionError when the page that is shown is not in order; each form of a page is held against the rules of
        accessibility once."""
        url = urlsplit(self.watched.page.url)
        form = next(entry.path for entry in ALL if compile_path(entry.path)[0].match(url.path))
        tab = next((value for name, value in parse_qsl(url.query) if name == "tab"), "")
        if (form, tab) not in self._judged:
            self._judged.add((form, tab))
            self.watched.require_accessible(url.path)
        self.watched.check(url.path)

    def click(self, what: str, *, role: str = "button", exact: bool = False) -> None:
        """Presses a button or follows a link to another page."""
        page = self.watched.page
        place: Locator = page.get_by_role(role, name=what, exact=exact)  # type: ignore[arg-type]
        with page.expect_navigation():
            place.first.click()
        assert page.locator("p.refusal").count() == 0, page.locator("p.refusal").first.text_content()
        self.judge()

    def follow(self, what: str) -> None:
        self.click(what, role="link", exact=True)

    def download(self, link: str) -> str:
        """The text of the file that a link leads to."""
        page = self.watched.page
        with page.expect_download() as started:
            page.get_by_role("link", name=link, exact=True).click()
        self.watched.asked.append(("GET", urlsplit(started.value.url).path))  # no request of the page
        return started.value.path().read_text()

    def notice(self, text: str) -> None:
        self.watched.page.locator("p.notice", has_text=text).wait_for()

    def complete(self, workflow_id: str) -> str:
        """A run that has completed."""
        own = {"name": workflow_id}
        run_id = self.on.start(workflow_id, taskList=own)
        task = self.on.ask("PollForDecisionTask", taskList=own)
        end = [decision("CompleteWorkflowExecution", result="done")]
        self.on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=end)
        return run_id


@pytest.mark.skipif(not WHOLE, reason="takes minutes: `make soak` does it, with BROWSE_ALL=1")
def test_every_page_and_every_button(console: tuple[Remote, str], watched: Watched, tmp_path: Path) -> None:
    tour = Tour(console[0], watched, tmp_path)
    domains(tour)
    executions(tour)
    ticked_runs(tour)
    batches(tour)
    a_run(tour)
    task_lists(tour)
    types(tour)
    problems(tour)
    a_file(tour)
    a_feed(tour)
    missing = [
        (method, entry.path)
        for entry in ALL
        for method in ["POST" if isinstance(entry, Action) else "GET"]
        if not any(asked == method and compile_path(entry.path)[0].match(at) for asked, at in watched.asked)
    ]
    assert missing == [], "these were not looked at"


def a_feed(tour: Tour) -> None:
    """Its stream is read as a page of this site would."""
    tour.on.ask("WorkflowSvc.SetFeed", status="ON")
    tour.on.start("told")
    event = tour.watched.page.evaluate(FIRST_EVENT, tour.address("feed", begin="OLDEST"))
    assert json.loads(event)["detail"]["eventType"] == "WorkflowExecutionStarted"


def domains(tour: Tour) -> None:
    assert tour.open(f"/go?domain={tour.domain}").url.endswith(f"/domains/{tour.domain}/executions")
    page = tour.open("/")
    assert page.url.endswith("/domains")
    new = f"{tour.domain}-new"
    page.get_by_text("Register a domain").click()
    page.get_by_label("Name").fill(new)
    page.get_by_label("Description").fill("made in a browser")
    tour.click("Register")
    tour.notice("The domain is registered.")
    tour.click(f"Deprecate {new}", role="link")
    tour.follow("Do nothing, go back")
    tour.click(f"Deprecate {new}", role="link")
    tour.click("Deprecate")
    tour.notice("The domain is deprecated")
    tour.click(f"Undeprecate {new}", role="link")
    tour.click("Undeprecate")
    tour.notice("The domain is registered again.")
    tour.follow("Deprecated")
    page.get_by_role("button", name="use ").click()
    page.get_by_text("use UTC").wait_for()


def executions(tour: Tour) -> None:
    for number in range(60):
        tour.on.start(f"order-{number}", tagList=["web"])
    tour.complete("done")
    page = tour.open(tour.address("executions"))
    for name, _ in VIEWS:
        tour.follow(name)
    tour.follow("All")
    tour.follow("Next page")
    tour.follow("First page")
    for column in ("Workflow", "Started", "Closed", "Duration", "Events"):
        page.get_by_role("columnheader", name=column).get_by_role("link").click()
        page.locator(f"th[aria-sort] >> text={column}").wait_for()
    page.get_by_text("Conditions", exact=True).click()
    page.get_by_label("workflow type").fill(WORKFLOW["name"])
    page.locator("select[name=status]").select_option("OPEN")
    tour.click("Search")
    page.get_by_role("link", name="all 61").wait_for()
    page.get_by_label("Name of a view to save").fill("mine")
    page.keyboard.press("Enter")
    tour.follow("mine")
    assert "type=workflow" in page.url
    page.get_by_role("button", name="Forget the view mine").click()
    tour.click("completed 1", role="link")
    for export, expected in (("CSV", "done"), ("workflowIds and runIds", "done\t")):
        assert expected in tour.download(export)


def ticked_runs(tour: Tour) -> None:
    page = tour.watched.page
    asked: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("SIGNAL", "Signal 2 runs", {"Name of the signal": "hurry", "Input of the signal": "{}"}),
        ("REQUEST_CANCEL", "Request cancel 2 runs", {}),
        ("TERMINATE", "Terminate 2 runs", {"Details": "by a tour"}),
        ("RERUN", "Re-run 2 runs", {}),
    )
    for operation, verb, fields in asked:
        closed = {"status": "CLOSED", "close": "TERMINATED"}
        tour.open(tour.address("executions", **(closed if operation == "RERUN" else {"status": "OPEN"})))
        for box in page.locator(BOXES).all()[:2]:
            box.check()
        page.locator("select[name=operation]").select_option(operation)
        tour.click("Go on …")
        page.locator("input[name=reason]").fill("as a test")
        for label, value in fields.items():
            page.get_by_label(label).fill(value)
        tour.click(verb)
        assert "2 done, 0 failed" in (page.locator("h1").text_content() or "")
        tour.follow("Back to the runs")
    page.get_by_label("Tick all runs of this page").check()
    assert page.locator(f"{BOXES}:not(:checked)").count() == 0


def batches(tour: Tour) -> None:
    page = tour.open(tour.address("executions", tag="web", status="OPEN"))
    page.locator("select[name=operation]").select_option("SIGNAL")
    page.locator("select[name=scope]").select_option("all")
    tour.click("Go on …")
    page.locator("input[name=reason]").fill("as a test")
    page.get_by_label("Name of the signal").fill("hurry")
    page.get_by_label("At most so many runs a second").fill("1")
    tour.click("Signal ")
    tour.notice("The batch is started.")
    page.get_by_label("Runs a second").fill("2")
    tour.click("Change the rate")
    tour.notice("The batch has a new rate.")
    page.locator(".status.good").first.wait_for()  # a result, without a load of the page
    tour.click("Stop it")
    tour.notice("The batch is stopped.")
    tour.follow("Batches")
    page.locator("tbody th a").first.click()
    page.locator("progress").wait_for()


def a_run(tour: Tour) -> None:
    run_id = tour.on.start("a run")
    here = tour.address("runs", "a run", run_id)
    page = tour.open(here)
    for tab in TABS:
        tour.follow("JSON" if tab == "json" else tab.capitalize())
    assert json.loads(tour.download("Download the history"))["events"]
    tour.open(here + "/events/1")
    for link, fields, button, notice in (
        ("Signal …", {"Name of the signal": "hello"}, "Send the signal", "The signal is sent."),
        ("Request cancel …", {}, "Request cancel", "The cancellation is requested."),
        ("Terminate …", {}, "Terminate", "The run is terminated."),
        ("Re-run …", {}, "Re-run", "This run was started just now."),
        ("Start one like this …", {"workflowId": "another"}, "Start", "This run was started just now."),
    ):
        if page.get_by_role("link", name=link, exact=True).count() == 0:
            tour.open(here)
        tour.follow(link)
        for label, value in fields.items():
            page.get_by_label(label).first.fill(value)
        if page.locator("button[name=show]").count():
            tour.click("Show these values as a command")
        page.locator("#command-aws").wait_for()
        tour.click(button)
        tour.notice(notice)


def task_lists(tour: Tour) -> None:
    tour.on.start("waits", taskList={"name": "misspelt"})
    page = tour.open(tour.address("task-lists"))
    page.get_by_text("No client polls").first.wait_for()
    for kind in ("Decision tasks", "Activity tasks", "All"):
        tour.follow(kind)
    page.locator("tbody").get_by_role("link", name="misspelt").click()
    page.get_by_role("heading", name="misspelt").wait_for()
    tour.judge()


def types(tour: Tour) -> None:
    for kind, register in (("workflow", "RegisterWorkflowType"), ("activity", "RegisterActivityType")):
        tour.on.ask(register, name="old", version="1")
        page = tour.open(tour.address("types", kind=kind))
        page.get_by_label("Name").fill("old")
        tour.click("Search")
        tour.follow("old")
        for link, button, notice in (
            ("Deprecate …", "Deprecate", "The type is deprecated."),
            ("Undeprecate …", "Undeprecate", "The type is registered again."),
            ("Deprecate …", "Deprecate", "The type is deprecated."),
            ("Delete …", "Delete", "The type is deleted."),
        ):
            tour.follow(link)
            tour.click(button)
            tour.notice(notice)
        tour.follow(f"{kind.capitalize()} types, registered")


def problems(tour: Tour) -> None:
    for address in ("/problems", tour.address("problems")):
        page = tour.open(address)
        page.get_by_text("no decider has polled it").first.wait_for()
        for severity in ("Critical only", "All that runs wait for", "Critical and warnings"):
            tour.follow(severity)
    page.get_by_role("link", name="waits").first.click()
    page.get_by_text("Why is it waiting?").wait_for()


def a_file(tour: Tour) -> None:
    run_id = tour.complete("kept")
    file = tour.folder / "kept.json"
    events: Any = tour.on.ask(
        "GetWorkflowExecutionHistory", execution={"workflowId": "kept", "runId": run_id}
    )
    file.write_text(json.dumps({"events": with_times(events["events"])}))
    page = tour.open("/import")
    page.locator("input[type=file]").set_input_files(file)
    tour.click("Look at it")
    for tab in ("Compact", "Timeline", "Events"):
        tour.follow(tab)
    page.locator("#event-1 summary").click()
    tour.follow("This event alone")
    page.go_back()
    tour.follow("Store it as a closed run …")
    page.get_by_label("Domain").fill(f"{tour.domain}-kept")
    page.get_by_label("workflowId").fill("kept")
    tour.click("Store it")
    tour.notice("The history is stored as this closed run.")
