"""Histories from files: looked at like runs, stored on request, and refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.console.browsing import Browser, Shown
from tests.console.hostile import CORPUS, judge
from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc.console import forms, shelf
from workflowsvc.display.text import with_times


@pytest.fixture
def events(stage: WorldFixture) -> list[dict[str, Any]]:
    """The history of a closed run."""
    run_id = stage.start(input='{"cents": 1}', tagList=["red"])
    stage.decide(decision("ScheduleActivityTask", activityId="charge", activityType=ACTIVITY))
    task = stage.ask("PollForActivityTask", taskList=LIST)
    stage.world.advance(seconds=4)
    stage.call("RespondActivityTaskCompleted", taskToken=task["taskToken"], result="paid")
    stage.decide(decision("CompleteWorkflowExecution", result="done"))
    return stage.history(run_id)


def look(browser: Browser, data: bytes, name: str = "order-17.run1.json") -> Shown:
    return browser.upload(browser.get("/import").form("/import"), name, data)


def printed(events: list[dict[str, Any]]) -> bytes:
    """As the AWS CLI prints it."""
    return json.dumps({"events": with_times(events)}, indent=4).encode()


def test_a_file_is_looked_at_with_the_tabs_of_a_run(browser: Browser, events: list[dict[str, Any]]) -> None:
    page = look(browser, printed(events))
    assert page.status == 200
    assert "order-17.run1.json" in page.text
    assert "completed" in page.text
    assert "activity charge activity:1" in page.text
    here = page.response.url.path
    for tab in ("compact", "timeline", "events", "json"):
        shown = browser.get(f"{here}?tab={tab}")
        assert shown.status == 200
        assert "charge" in shown.text
        assert browser.get(f"{here}.json?tab={tab}").status == 200
    assert "paid" in browser.get(f"{here}/events/7").text
    assert browser.get(f"{here}/events/99").status == 404


def test_looking_stores_nothing(stage: WorldFixture, browser: Browser, events: list[dict[str, Any]]) -> None:
    look(browser, printed(events))
    assert [
        info["name"] for info in stage.call("ListDomains", registrationStatus="DEPRECATED")["domainInfos"]
    ] == []


@pytest.mark.parametrize("form", ["list", "newest first", "numbers", "utf-16", "utf-8 with mark"])
def test_the_forms_in_which_tools_print_histories(
    browser: Browser, events: list[dict[str, Any]], form: str
) -> None:
    data = {
        "list": json.dumps(with_times(events)).encode(),
        "newest first": printed(events[::-1]),
        "numbers": json.dumps({"events": events}).encode(),
        "utf-16": printed(events).decode().encode("utf-16"),
        "utf-8 with mark": b"\xef\xbb\xbf" + printed(events),
    }[form]
    assert "activity charge" in look(browser, data).text


def _with(events: list[dict[str, Any]], **changes: Any) -> bytes:
    return json.dumps({"events": [{**events[0], **changes}, *events[1:]]}).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02", "it holds no history"),
        (b"\xff\xfe\x00", "no text in UTF-8 or UTF-16"),
        (b"\x80abc", "no text in UTF-8 or UTF-16"),
        (b"hello", "it holds no history"),
        (b"{}", "it holds no history"),
        (b"[]", "it holds no events"),
        (b'{"events": []}', "it holds no events"),
        (b'{"events": [1]}', "an event is no object"),
        (b'{"events": [{"eventId": 1}], "nextPageToken": "x"}', "more events follow"),
        (b'{"events": [{"eventId": 5}]}', "not numbered from 1 on"),
        (b'{"events": [{"eventId": 1}]}', "event 1 has no eventType"),
        (b'{"events": [{"eventId": 1, "eventType": "X"}]}', "event 1 has no eventTimestamp"),
        (b'{"events": [{"eventId": 1, "eventType": "X", "eventTimestamp": "noon"}]}', "is no time"),
        (b'{"events": [{"eventId": 1, "eventType": "X", "eventTimestamp": 1e300}]}', "no eventTimestamp"),
        (b'{"executionInfo": {}}', "it holds no history"),
        (b"[" * 100_000, "it holds no history"),
        (
            b'{"events": [{"eventId": 1, "eventType": "X", "eventTimestamp": 1, "a": '
            + b"[" * 100
            + b"]" * 100
            + b"}]}",
            "nested too deeply",
        ),
    ],
)
def test_a_file_that_is_no_history_is_refused_in_words(browser: Browser, data: bytes, words: str) -> None:
    page = look(browser, data)
    assert page.status == 200
    assert words in page.text
    assert page.form("/import")


@pytest.mark.parametrize(
    "change",
    [
        {"eventType": ""},
        {"eventType": "Unheard"},
        {
            "eventType": "ActivityTaskCompleted",
            "activityTaskCompletedEventAttributes": {"scheduledEventId": [1]},
        },
        {
            "eventType": "ActivityTaskCompleted",
            "activityTaskCompletedEventAttributes": {"scheduledEventId": 10**30},
        },
        {
            "workflowExecutionStartedEventAttributes": {
                "workflowType": "text",
                "input": {"a": [1]},
                "tagList": 3,
            }
        },
        {"workflowExecutionStartedEventAttributes": [1, 2]},
        {"eventTimestamp": -5e9},
        {"eventType": "TimerFired", "timerFiredEventAttributes": {"timerId": {"a": 1}, "startedEventId": 5}},
        {"eventType": "<script>" * 50},
    ],
)
def test_a_history_with_anything_in_its_events_is_shown(
    browser: Browser, events: list[dict[str, Any]], change: dict[str, Any]
) -> None:
    page = look(browser, _with(events, **change))
    here = page.response.url.path
    assert here.startswith("/import/looks/"), page.text
    for tab in ("compact", "timeline", "events", "json"):
        shown = browser.get(f"{here}?tab={tab}")
        assert shown.status == 200
        assert judge(shown.html) == []
    assert browser.get(f"{here}/events/1").status == 200


def test_hostile_files_are_text(browser: Browser, events: list[dict[str, Any]]) -> None:
    for text in CORPUS[::40]:
        changed = json.loads(json.dumps(events).replace("charge", "@@").replace("paid", "@@"))
        data = json.dumps({"events": changed}).replace("@@", json.dumps(text)[1:-1]).encode()
        page = look(browser, data, name=text.replace("\r", "").replace("\n", "") or "x")
        assert page.status == 200
        assert judge(page.html) == []
        for tab in ("timeline", "events", "json"):
            assert judge(browser.get(f"{page.response.url.path}?tab={tab}").html) == []


def test_a_history_is_stored_as_a_closed_run(browser: Browser, events: list[dict[str, Any]]) -> None:
    page = look(browser, printed(events))
    store = next(link for link in page.links if link.endswith("/store"))
    asked = browser.get(store)
    assert "closed, read-only run" in asked.text
    assert "workflowsvc import" in asked.text
    shown = browser.send(asked.form(store))
    assert "The history is stored as this closed run." in shown.text
    assert "its runId was run1" in shown.text
    assert "activity charge" in shown.text


def test_why_a_history_cannot_be_stored_is_said(
    stage: WorldFixture, browser: Browser, events: list[dict[str, Any]]
) -> None:
    page = look(browser, printed(events))
    store = page.response.url.path + "/store"
    taken = browser.send(browser.get(store).form(store), domain="d")
    assert "exists and is not one for imported histories" in taken.text
    assert ("domain", "d") in taken.form(store).fields
    illegal = look(browser, _with(events, eventType="TimerFired"))
    store = illegal.response.url.path + "/store"
    assert "breaks rules of SWF" in browser.send(browser.get(store).form(store)).text
    opened = look(browser, printed(events[:-1]))
    assert "only those of closed runs can be stored" in browser.get(opened.response.url.path + "/store").text


def test_files_are_held_for_a_while_and_not_too_many_of_them(
    stage: WorldFixture, browser: Browser, events: list[dict[str, Any]]
) -> None:
    addresses = [look(browser, printed(events)).response.url.path]
    addresses += [look(browser, printed(events)).response.url.path for _ in range(shelf.MAX_FILES)]
    assert browser.get(addresses[0]).status == 404
    assert browser.get(addresses[-1]).status == 200
    stage.world.advance(seconds=3_601)
    assert browser.get(addresses[-1]).status == 404
    assert "no longer held" in browser.get(addresses[-1]).text


def test_what_is_too_large_or_no_form_is_refused(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    form = browser.get("/import").form("/import")
    monkeypatch.setattr(forms, "MAX_FILE_BYTES", 1_000)
    assert browser.upload(form, "x", b"x" * 2_000).status == 413
    assert browser.send(form).status == 415
    same = {"origin": "null", "sec-fetch-site": "same-origin"}
    for content in (b"", b"--x\r\n", b"nonsense"):
        headers = {**same, "content-type": "multipart/form-data; boundary=x"}
        assert browser.request("POST", "/import", content=content, headers=headers).status in (400, 403)
    headers = {**same, "content-type": "multipart/form-data"}
    assert browser.request("POST", "/import", content=b"x", headers=headers).status == 400
    two = [("file", ("a", b"1")), ("file", ("b", b"2"))]
    assert browser.request("POST", "/import", files=two, headers=same).status == 400
    form.fields = []
    assert browser.upload(form, "x", b"[]").status == 403
