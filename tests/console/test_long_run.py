"""The page of a run with a long history: its end at once, any part of it by an address, and a bound on its size."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.console.browsing import Browser
from tests.console.test_run import address
from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc.access.caller import Caller
from workflowsvc.console import histories
from workflowsvc.console.calls import Calls
from workflowsvc.faults import AccessDeniedException
from workflowsvc.testing import World

MAX_BYTES = 300_000
# Quotation marks take five bytes each in a page; this is the worst that a client can do.
PAYLOAD = json.dumps({"<script>": '"' * 2000})


@pytest.fixture(scope="module")
def stage() -> WorldFixture:
    return WorldFixture(World())


@pytest.fixture(scope="module")
def long_run(stage: WorldFixture) -> str:
    """About 2,000 events with large payloads, in which every third activity fails."""
    run_id = stage.start(input=PAYLOAD)
    for round_ in range(13):
        stage.decide(
            *(
                decision(
                    "ScheduleActivityTask",
                    activityId=f"{round_}-{number}" + "<'\">" * 20,
                    activityType=ACTIVITY,
                    input=PAYLOAD,
                )
                for number in range(50)
            )
        )
        for number in range(50):
            task = stage.ask("PollForActivityTask", taskList=LIST, identity="worker" * 20)
            if number % 3:
                stage.call("RespondActivityTaskCompleted", taskToken=task["taskToken"], result=PAYLOAD)
            else:
                stage.call("RespondActivityTaskFailed", taskToken=task["taskToken"], reason="'" * 200)
    return run_id


@pytest.mark.parametrize("tab", ["compact", "timeline", "events", "pending", "json"])
def test_a_page_has_the_end_of_the_history_and_stays_small(long_run: str, browser: Browser, tab: str) -> None:
    page = browser.get(address(long_run, tab=tab, idle="folded"))
    assert page.status == 200
    assert len(page.html.encode()) <= MAX_BYTES
    if tab not in ("pending", "json"):
        assert "12-49" in page.text
        assert " 0-0<" not in page.text


def test_a_timeline_of_one_signal_again_and_again_stays_small(
    stage: WorldFixture, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(histories, "MAX_AWAITED", 6_000)  # events: the page waits for all of them
    run_id = stage.start("signalled", taskList={"name": "nobody polls it"})
    for _ in range(5_000):  # more than one page shows
        stage.ask("SignalWorkflowExecution", workflowId="signalled", signalName="tick")
    page = browser.get(address(run_id, workflow_id="signalled", tab="timeline"))
    assert (page.status, page.html.count("signal tick") > 0) == (200, True)
    assert len(page.html.encode()) <= MAX_BYTES


@pytest.mark.parametrize("tab", ["compact", "timeline", "events"])
def test_pages_lead_to_the_beginning_and_back(long_run: str, browser: Browser, tab: str) -> None:
    found: list[list[int]] = []
    place = address(long_run, tab=tab) + "&"
    while place:
        data = browser.json(place.replace("?", ".json?", 1))["shown"]
        ids = (
            [event["eventId"] for event in data["events"]]
            if tab == "events"
            else [line["eventIds"][0] for line in data["lines"]]
            if tab == "compact"
            else [row["attempts"][0]["eventIds"][0] for row in data["rows"]]
        )
        found.insert(0, ids)
        place = address(long_run, tab=tab, before=data["earlier"]) if data["earlier"] else ""
    assert len(found) > 3
    together = [one for ids in found for one in ids]
    assert together == sorted(set(together))
    assert together[0] in (1, 5)
    following = browser.json(address(long_run) + f".json?tab={tab}&after={found[0][-1]}")["shown"]
    first = following["events"][0]["eventId"] if tab == "events" else None
    assert first in (None, found[1][0])


@pytest.mark.parametrize("event", [1, 2, 499, 500, 501, 1000, 1499, 1900])
def test_any_event_is_found_by_its_address(long_run: str, browser: Browser, event: int) -> None:
    assert f'id="event-{event}"' in browser.get(address(long_run, tab="events", at=event)).html
    assert f"Event {event:,}:" in browser.get(address(long_run, "events", str(event))).text


def test_kinds_that_stand_far_apart_are_found(long_run: str, browser: Browser) -> None:
    data = browser.json(address(long_run) + ".json?tab=events&kind=run")["shown"]
    assert [event["eventId"] for event in data["events"]] == [1]
    assert data["isWhole"]
    first = browser.json(address(long_run) + ".json?tab=events&kind=decisions&at=1")["shown"]
    assert [event["eventId"] for event in first["events"]][:3] == [2, 3, 4]


def test_the_end_is_shown_while_the_rest_is_still_read(
    long_run: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading on waits until this test lets it; what is known of the end is shown meanwhile."""
    go_on = asyncio.Event()
    read_on = histories.RunHistory.read_on

    async def held_up(run: histories.RunHistory) -> None:
        await go_on.wait()
        await read_on(run)

    monkeypatch.setattr(histories.RunHistory, "read_on", held_up)
    monkeypatch.setattr(histories, "PATIENCE_SECONDS", 0.001)
    for tab in ("compact", "timeline"):
        page = browser.get(address(long_run, tab=tab))
        assert "Only the end of the history is shown so far" in page.text
        assert "12-49" in page.text
    filtered = browser.json(address(long_run) + ".json?tab=events&kind=activities")["shown"]
    assert not filtered["isWhole"]
    assert len(filtered["events"]) == 100
    go_on.set()
    monkeypatch.setattr(histories, "PATIENCE_SECONDS", 60.0)
    assert "Only the end" not in browser.get(address(long_run)).text


def test_a_history_whose_rest_was_read_while_its_end_was_fetched_is_shown_whole(
    long_run: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_on = histories.RunHistory.read_on

    async def later(_: histories.RunHistory) -> None: ...

    async def tail(run: histories.RunHistory) -> histories.History:
        await read_on(run)
        return histories.History()

    monkeypatch.setattr(histories.RunHistory, "read_on", later)
    monkeypatch.setattr(histories.RunHistory, "_tail", tail)
    page = browser.get(address(long_run))
    assert "Only the end" not in page.text
    assert "12-49" in page.text


def test_new_events_are_added_to_what_was_read(stage: WorldFixture, long_run: str, browser: Browser) -> None:
    before = browser.json(address(long_run) + ".json")["shown"]["linesInAll"]
    stage.ask("SignalWorkflowExecution", workflowId="w", signalName="one more")
    after = browser.json(address(long_run) + ".json")["shown"]
    assert after["linesInAll"] == before + 1
    assert any(line["name"] == "one more" for line in after["lines"])


def test_a_history_that_is_too_long_to_fold_shows_its_end(
    long_run: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "MAX_FOLDED", 1_000)
    assert "Only the end of the history" in browser.get(address(long_run)).text


def test_what_is_kept_of_histories_is_bounded(
    stage: WorldFixture, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "MAX_KEPT", 10)
    runs = [stage.start(f"w{number}") for number in range(8)]
    for number, run_id in enumerate(runs):
        assert browser.get(address(run_id, workflow_id=f"w{number}")).status == 200
    kept = browser.console._histories._entries  # pyright: ignore[reportPrivateUsage]
    assert len(kept) < 8


def test_what_is_kept_is_not_shown_to_who_may_no_longer_see_it(
    long_run: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert browser.get(address(long_run)).status == 200
    ask = Calls.ask

    async def refuse_histories(calls: Calls, caller: Caller, api: str, operation: str, members: Any) -> Any:
        if operation == "GetWorkflowExecutionHistory":
            raise AccessDeniedException("no")
        return await ask(calls, caller, api, operation, members)

    monkeypatch.setattr(Calls, "ask", refuse_histories)
    for tab in ("compact", "timeline", "events"):
        assert browser.get(address(long_run, tab=tab)).status == 403
