"""The pages of runs in a real browser: nothing runs, nothing leaves, and people can use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.console.conftest import WHOLE
from tests.console.hostile import CORPUS
from tests.console.hostile_runs import hostile_run, parts
from tests.console.real_browser import Remote, Watched
from tests.console.test_every_page import Tour, domains
from tests.world_fixture import ACTIVITY, LIST, WORKFLOW, WorldFixture, decision
from tools.order_shop import OrderShop
from tools.screenshots import console_of, pictures, take
from workflowsvc.console.pages.actions import ACTIONS
from workflowsvc.console.pages.run import TABS
from workflowsvc.console.paths import path
from workflowsvc.display.text import with_times

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium


@pytest.fixture(scope="module")
def stage(console: tuple[Remote, str]) -> WorldFixture:
    return console[0].stage()


@pytest.fixture(scope="module")
def run_id(stage: WorldFixture) -> str:
    """An open run with one of each thing."""
    run_id = stage.start(tagList=["red"], input='{"cents": 4200, "lines": [1, 2]}')
    activity = decision(
        "ScheduleActivityTask", activityId="charge", activityType=ACTIVITY, heartbeatTimeout="600"
    )
    stage.decide(
        activity,
        decision("StartTimer", timerId="later", startToFireTimeout="3600"),
        decision("StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW),
        decision("RecordMarker", markerName="here", details="noted"),
    )
    task = stage.ask("PollForActivityTask", taskList=LIST, identity="worker-7")
    stage.call("RespondActivityTaskFailed", taskToken=task["taskToken"], reason="no funds")
    return run_id


def address(run_id: str, *further: str, **query: object) -> str:
    return path("domains", "d", "runs", "w", run_id, *further, **query)


def test_every_page_of_a_run_is_quiet_and_accessible(watched: Watched, run_id: str) -> None:
    pages = [address(run_id, tab=tab) for tab in TABS]
    pages += [address(run_id, tab="timeline", idle="folded", time="clock"), address(run_id, "events", "5")]
    pages += [address(run_id, action) for action in ACTIONS]
    pages += ["/import"]
    for page in pages if WHOLE else pages[:3]:
        watched.open(page)
        for folded in watched.page.locator("details:not([open]) > summary").all()[:40]:
            if folded.is_visible():
                folded.click()
        watched.require_accessible(page)
        watched.check(page)


@pytest.mark.parametrize(
    ("said", "deed"),
    [
        ("a script has run", "window.hostile = 1"),
        ("Content Security Policy", "fetch('http://elsewhere.invalid/x').catch(() => 0)"),
        ("an error", "setTimeout(() => { throw new Error('x') }); new Promise(done => setTimeout(done))"),
        ("a dialog", "alert(1)"),
    ],
)
def test_the_watch_sees_what_it_is_there_for(
    console: tuple[Remote, str], program_that_browses: Chromium, said: str, deed: str
) -> None:
    watched = Watched(program_that_browses, console[1], "light")
    watched.page.on("dialog", lambda dialog: dialog.dismiss())
    watched.open("/domains")
    watched.page.evaluate(deed)
    with pytest.raises(AssertionError, match=said):
        watched.check("a page")


def test_hostile_texts_are_text_in_a_browser_too(watched_in: dict[str, Watched], stage: WorldFixture) -> None:
    watched = watched_in["light"]
    for texts in list(parts(CORPUS))[: None if WHOLE else 1]:
        workflow_id, run_id = hostile_run(stage, texts)
        here = ("domains", "d", "runs", workflow_id, run_id)
        for page in (
            *(path(*here, tab=tab) for tab in TABS),
            path(*here, "start"),
            path(*here, "events", "2"),
        ):
            watched.open(page)
            watched.check(page)


def test_an_open_page_follows_the_run_and_keeps_what_the_reader_unfolded(
    watched: Watched, stage: WorldFixture, run_id: str
) -> None:
    page = watched.open(address(run_id, tab="events"))
    page.locator("#event-1 summary").first.click()
    before = stage.ask("GetWorkflowExecutionHistory", execution={"workflowId": "w", "runId": run_id})[
        "events"
    ]
    stage.ask("SignalWorkflowExecution", workflowId="w", runId=run_id, signalName="news")
    page.locator(f"#event-{len(before) + 1}").wait_for()
    assert page.locator("#event-1 details").first.get_attribute("open") is not None
    watched.check("an open page")


def test_on_a_phone_only_tables_scroll_sideways(watched: Watched, run_id: str) -> None:
    size = watched.page.viewport_size
    watched.page.set_viewport_size({"width": 390, "height": 800})
    for address_ in (address(run_id), "/domains", "/domains/d/task-lists"):
        page = watched.open(address_)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0, address_
        if "task-lists" in address_:
            box = page.locator("tbody td").first.bounding_box()
            assert box, address_
            assert box["height"] < 40, "a word is broken into two lines"
    assert size is not None
    watched.page.set_viewport_size(size)


def test_deadlines_count_down(watched: Watched, run_id: str) -> None:
    page = watched.open(address(run_id, tab="pending"))
    left = page.locator("time[data-until]").first
    first = left.text_content()
    page.wait_for_function(
        "before => document.querySelector('time[data-until]').textContent !== before", arg=first
    )
    watched.check("a page with deadlines")


def test_a_link_to_an_event_opens_it(watched: Watched, run_id: str) -> None:
    page = watched.open(address(run_id, tab="events", at=5) + "#event-5")
    page.locator("#event-5 details[open]").wait_for()
    watched.open(address(run_id, tab="timeline"))
    page.locator("svg.timeline a").first.click()
    page.locator("details[open] tr[id^=attempts-]").first.wait_for()


def test_a_form_sends_a_signal(watched: Watched, stage: WorldFixture, run_id: str) -> None:
    page = watched.open(address(run_id, "signal"))
    page.get_by_label("Name of the signal").fill("from a person")
    page.get_by_label("Input").fill("two\nlines")
    page.get_by_role("button", name="Show these values as a command").click()
    assert "from a person" in (page.locator("#command-aws").text_content() or "")
    assert page.get_by_label("Input").input_value() == "two\nlines"
    page.get_by_role("button", name="Send the signal").click()
    page.get_by_text("The signal is sent.").wait_for()
    events = stage.ask("GetWorkflowExecutionHistory", execution={"workflowId": "w", "runId": run_id})[
        "events"
    ]
    signals = [event.get("workflowExecutionSignaledEventAttributes") for event in events]
    assert {"signalName": "from a person", "input": "two\nlines"} in [
        {name: one[name] for name in ("signalName", "input") if name in one} for one in signals if one
    ]
    watched.check("a signal")


def test_a_file_is_chosen_and_looked_at(
    watched: Watched, stage: WorldFixture, run_id: str, tmp_path: Path
) -> None:
    events = stage.ask("GetWorkflowExecutionHistory", execution={"workflowId": "w", "runId": run_id})[
        "events"
    ]
    file = tmp_path / "w.run.json"
    file.write_text(json.dumps({"events": with_times(events)}))
    page = watched.open("/import")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    page.get_by_text("a history from a file, which is not stored").wait_for()
    watched.require_accessible("a history from a file")
    page.get_by_role("link", name="Timeline").click()
    page.locator("svg.timeline").wait_for()
    watched.check("a history from a file")


def test_a_part_of_the_way_through_all_pages(
    console: tuple[Remote, str], watched: Watched, tmp_path: Path
) -> None:
    domains(Tour(console[0], watched, tmp_path))


def test_pictures_can_be_taken(program_that_browses: Chromium) -> None:
    shop = OrderShop().open()
    with console_of(shop) as console:
        (one,) = (picture for picture in pictures(shop) if picture.name == "timeline")
        assert take(program_that_browses, console, one, shop.world.clock.now_ms()).startswith(b"\x89PNG")
