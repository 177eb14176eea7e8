"""What people do with the keyboard alone, and what an open page shows by itself, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.console.conftest import WHOLE
from tests.console.real_browser import Remote, Watched
from tests.world_fixture import WorldFixture
from workflowsvc.console import lookups
from workflowsvc.console.paths import path
from workflowsvc.console.static_files import FOLDER

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

MAX_STEPS = 150  # of the tab key, until what is wanted has the focus
TWO_SECONDS_MS = 2_000


IN_A_BROWSER = pytest.mark.skipif(not WHOLE, reason="takes long: `make soak` does it, with BROWSE_ALL=1")


@IN_A_BROWSER
def test_the_keyboard_alone_reaches_and_does_what_matters(
    console: tuple[Remote, str], watched: Watched
) -> None:
    domain = f"keys-{watched.scheme}"
    on = WorldFixture(console[0], domain=domain)  # type: ignore[arg-type]
    run_id = on.start("by keys")
    page = watched.open("/domains")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # on the link that skips what all pages begin with
    assert page.evaluate("document.activeElement.id") == "content"
    go_to(page, page.get_by_role("link", name=domain, exact=True))
    press(page, "Enter")
    go_to(page, page.get_by_label("Tick by keys"))
    page.keyboard.press("Space")
    go_to(page, page.locator("select[name=operation]"))
    page.keyboard.type("term")
    go_to(page, page.get_by_role("button", name="Go on …"))
    press(page, "Enter")
    go_to(page, page.get_by_role("link", name="Do nothing, go back"))
    press(page, "Enter")
    go_to(page, page.get_by_role("link", name="by keys", exact=True))
    press(page, "Enter")
    go_to(page, page.get_by_role("link", name="Timeline", exact=True))
    press(page, "Enter")
    go_to(page, page.get_by_role("link", name="Signal …"))
    press(page, "Enter")
    go_to(page, page.get_by_label("Name of the signal"))
    page.keyboard.type("typed")
    press(page, "Enter")  # as forms are sent from a field
    go_to(page, page.get_by_role("link", name="Terminate …"))
    press(page, "Enter")
    go_to(page, page.get_by_role("button", name="Terminate", exact=True))
    press(page, "Enter")
    page.get_by_text("The run is terminated.").wait_for()
    types = [
        event["eventType"]
        for event in on.ask(
            "GetWorkflowExecutionHistory", execution={"workflowId": "by keys", "runId": run_id}
        )["events"]
    ]
    assert types[-2:] == ["WorkflowExecutionSignaled", "WorkflowExecutionTerminated"]
    watched.check("the way by keys")


def go_to(page: Page, wanted: Locator) -> None:
    """Presses the tab key until this has the focus, and can be seen to have it."""
    wanted.wait_for()
    for _ in range(MAX_STEPS):
        if wanted.evaluate("element => element === document.activeElement"):
            outline = wanted.evaluate("element => getComputedStyle(element).outlineStyle")
            assert outline != "none", f"{wanted} does not show that it has the focus"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the tab key does not lead to {wanted}")


def press(page: Page, key: str) -> None:
    """Presses a key that leads to another page."""
    with page.expect_navigation():
        page.keyboard.press(key)


@IN_A_BROWSER
def test_open_pages_show_what_has_happened_without_being_loaded_again(
    console: tuple[Remote, str], watched: Watched
) -> None:
    domain = f"live-{watched.scheme}"
    on = WorldFixture(console[0], domain=domain)  # type: ignore[arg-type]
    run_id = on.start("w")
    run = path("domains", domain, "runs", "w", run_id)

    def signal() -> None:
        on.ask("SignalWorkflowExecution", workflowId="w", signalName="news")

    shown: list[tuple[str, Callable[[], object], Callable[[Page], Locator]]] = [
        (f"{run}?tab=events", signal, lambda page: page.locator("#event-3")),
        (run, signal, lambda page: page.locator("#line-4")),
        (
            path("domains", domain, "executions"),
            lambda: on.start("second"),
            lambda page: page.get_by_text("1 new run since this page was loaded"),
        ),
        (
            path("domains", domain, "task-lists"),
            lambda: on.start("third", taskList={"name": "a new list"}),
            lambda page: page.locator("tbody").get_by_role("link", name="a new list"),
        ),
        (
            "/domains",
            lambda: on.start("fourth"),
            lambda page: page.locator("tr", has_text=domain).get_by_role("link", name="4", exact=True),
        ),
    ]
    for address, happen, seen in shown:
        page = watched.open(address)
        assert seen(page).count() == 0
        happen()
        seen(page).wait_for()
        watched.check(f"{address}, open")


def test_what_an_open_page_shows_is_less_than_two_seconds_old() -> None:
    """By the times that make it so: when a page asks again, and how old an answer may be then."""
    found = re.search(r"const LIVE_MS = (\d+);", (FOLDER / "console.js").read_text())
    assert found
    assert int(found[1]) + lookups.MIN_REST_SECONDS * 1000 < TWO_SECONDS_MS
