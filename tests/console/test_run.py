"""The page of a run: its head, the answer to why it waits, and its tabs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console.browsing import Browser, Shown
from tests.world_fixture import ACTIVITY, LIST, WORKFLOW, WorldFixture, decision
from workflowsvc.console.pages.run import TABS
from workflowsvc.console.paths import path

Look = Any


def address(run_id: str, *further: str, workflow_id: str = "w", **query: object) -> str:
    return path("domains", "d", "runs", workflow_id, run_id, *further, **query)


@pytest.fixture
def busy(stage: WorldFixture) -> str:
    """A run with one of each thing: an activity that failed once, a timer, a child, a signal, a marker."""
    run_id = stage.start(tagList=["red"], input='{"cents": 4200, "lines": [1, {"a": null}]}')
    stage.world.advance(seconds=1)
    activity = decision("ScheduleActivityTask", activityId="charge", activityType=ACTIVITY, input="to do")
    stage.decide(
        activity,
        decision("StartTimer", timerId="later", startToFireTimeout="3600"),
        decision("StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW),
        decision("RecordMarker", markerName="here", details="noted"),
    )
    task = stage.ask("PollForActivityTask", taskList=LIST, identity="worker-7")
    stage.world.advance(seconds=5)
    stage.call("RespondActivityTaskFailed", taskToken=task["taskToken"], reason="no funds")
    stage.ask("SignalWorkflowExecution", workflowId="w", signalName="hurry", input="please")
    stage.decide()  # the child's
    stage.decide(activity)
    return run_id


def test_the_head_says_how_the_run_is_and_why_it_waits(busy: str, browser: Browser) -> None:
    page = browser.get(address(busy))
    assert page.status == 200
    assert "Why is it waiting?" in page.text
    assert 'The timer "later" fires in' in page.text
    assert "Waits for 1 activity, 1 timer, 1 child" in page.text
    assert "1 running" in page.text
    assert "red" in page.text
    assert "of at most 25,000" in page.text
    assert '"cents": 4200' in page.text
    child = next(link for link in page.links if "/runs/child/" in link)
    assert "by its event" in browser.get(child).text


def test_the_head_of_a_run_that_no_decider_has_seen_says_no_poll_of_its_list(
    stage: WorldFixture, browser: Browser
) -> None:
    run_id = stage.start(taskList={"name": "labels"})
    stage.ask("TerminateWorkflowExecution", workflowId="w")
    text = browser.get(address(run_id)).text
    assert "Decider's list labels" in text
    assert "polled" not in text


def test_the_compact_tab_has_one_row_for_each_thing(busy: str, browser: Browser) -> None:
    rows = browser.get(address(busy)).rows[1:]
    said = {row[2]: row[3] for row in rows if len(row) == 6}
    assert said["activity charge activity:1"] in ("failed", "scheduled")
    assert said["timer later"] == "running"
    assert said["signal hurry"] == "received"
    assert said["marker here"] == "recorded"
    assert "reason: no funds; by worker-7" in browser.get(address(busy)).text


def test_what_the_decider_ignored_is_named_with_a_link(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    child = decision(
        "StartChildWorkflowExecution", workflowId="c", workflowType=WORKFLOW, taskList={"name": "other"}
    )
    stage.decide(child)
    stage.decide()
    stage.ask("TerminateWorkflowExecution", workflowId="c", reason="by hand")
    stage.decide()
    page = browser.get(address(run_id))
    assert 'After the child "c" was terminated (by hand), the decider answered' in page.text
    behind = page.html.partition("NOTHING_PENDING")[2]
    assert "/domains/d/runs/c/" in behind.partition("</div>")[0]
    assert "how it ended" in next(row for row in page.rows if row[2:3] == ["child c workflow:1"])[5]
    timeline = browser.get(address(run_id, tab="timeline"))
    assert 'class="end"' in timeline.html
    assert "now" in timeline.html.partition("<svg")[2].partition("</svg>")[0]


def test_types_are_links_to_their_pages(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    stage.ask("DeprecateActivityType", activityType=ACTIVITY)
    stage.decide(decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY))
    page = browser.get(address(run_id))
    types = "/domains/d/types/activity/activity/1"
    assert types in page.html.partition("ACTIVITY_TYPE_DEPRECATED")[2].partition("</div>")[0]
    assert types in page.html.partition('id="line-5"')[2].partition("</tr>")[0]
    assert types in browser.get(address(run_id, tab="events")).links


def test_a_row_for_what_comes_again_and_again(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    timer = decision("StartTimer", timerId="t", startToFireTimeout="80000")
    stage.decide(timer)
    for _ in range(4):
        stage.ask("SignalWorkflowExecution", workflowId="w", signalName="tick")
        stage.decide(timer)
        stage.decide()
    page = browser.get(address(run_id))
    assert "10 things that happened, in 4 rows, as some came again and again" in page.text
    assert [row[3] for row in page.rows[1:]] == ["running", "running", "received × 4", "failed × 4"]
    assert page.rows[2][5] == "after 22 h 13 m"


def test_a_decision_task_that_waits_is_on_the_timeline(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start(taskStartToCloseTimeout="10")
    for _ in range(2):
        stage.next_task()
        stage.world.advance(seconds=10)
    data = browser.json(address(run_id) + ".json?tab=timeline")
    (row,) = data["shown"]["rows"]
    assert (row["kind"], [attempt["tone"] for attempt in row["attempts"]]) == (
        "decision task",
        ["bad", "bad", "open"],
    )
    stage.decide(decision("StartTimer", timerId="t", startToFireTimeout="60"))
    kinds = [row["kind"] for row in browser.json(address(run_id) + ".json?tab=timeline")["shown"]["rows"]]
    assert kinds == ["decision task", "timer"]


def test_rows_of_one_kind_or_outcome_alone(busy: str, browser: Browser) -> None:
    data = browser.json(address(busy) + ".json?kind=timers&kind=children")
    assert [line["kind"] for line in data["shown"]["lines"]] == ["timer", "child"]
    failed = browser.json(address(busy) + ".json?only=failed")
    assert [line["state"] for line in failed["shown"]["lines"]] == ["failed"]
    opened = browser.json(address(busy) + ".json?only=open")
    assert {line["tone"] for line in opened["shown"]["lines"]} == {"open"}


def test_answered_decision_tasks_are_left_out_until_asked_for(busy: str, browser: Browser) -> None:
    page = browser.get(address(busy))
    assert "answered decision task" in page.text
    with_them = browser.get(address(busy, decisions="yes"))
    assert "answered decision task" not in with_them.text
    assert len(with_them.rows) > len(page.rows)


def test_the_timeline_tells_attempts_and_waiting_apart(busy: str, browser: Browser) -> None:
    data = browser.json(address(busy) + ".json?tab=timeline")
    charge = next(row for row in data["shown"]["rows"] if row["name"] == "charge")
    assert [attempt["state"] for attempt in charge["attempts"]] == ["failed", "scheduled"]
    page = browser.get(address(busy, tab="timeline"))
    svg = page.html.partition("<svg")[2].partition("</svg>")[0]
    assert "<title" in svg
    assert "<desc" in svg
    assert (
        svg.count('class="waiting"') == 3
    )  # both attempts, of which the second one still waits, and the child
    assert 'class="bad"' in svg
    assert "activity charge, attempt 2" in page.text  # the table says the same
    assert "style=" not in page.html


def test_idle_time_folds(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    stage.decide(decision("StartTimer", timerId="t", startToFireTimeout="80000"))
    stage.world.advance(seconds=80_000)
    stage.decide(decision("StartTimer", timerId="u", startToFireTimeout="10"))
    stage.world.advance(seconds=10)
    assert 'class="gap"' not in browser.get(address(run_id, tab="timeline")).html
    folded = browser.get(address(run_id, tab="timeline", idle="folded"))
    assert "22 h 13 m" in folded.text


def test_each_event_has_an_address_in_the_list_and_one_of_its_own(busy: str, browser: Browser) -> None:
    page = browser.get(address(busy, tab="events"))
    assert 'id="event-1"' in page.html
    links = [link for link in page.links if link.endswith("#event-5")]
    assert links
    assert 'id="event-5"' in browser.get(links[0].partition("#")[0]).html
    alone = browser.get(address(busy, "events", "5"))
    assert "Event 5: ActivityTaskScheduled" in alone.text
    assert "It belongs to activity charge" in alone.text
    assert "to do" in alone.text


@pytest.mark.parametrize("event", ["0", "99", "-1", "x", "1e3", "99999999999999999999", "٣"])
def test_an_event_that_is_not_there_is_not_found(busy: str, browser: Browser, event: str) -> None:
    assert browser.get(address(busy, "events", event)).status == 404


def test_events_of_chosen_kinds_in_either_order_and_time(busy: str, browser: Browser) -> None:
    data = browser.json(address(busy) + ".json?tab=events&kind=activities&kind=signals")
    kinds = [event["eventType"] for event in data["shown"]["events"]]
    assert kinds[:2] == ["ActivityTaskScheduled", "ActivityTaskStarted"]
    assert "WorkflowExecutionSignaled" in kinds
    ordered = browser.get(address(busy, tab="events", order="descending", time="clock"))
    assert "clock times" in ordered.text
    ids = [row[0] for row in ordered.rows[1:]]
    assert ids == sorted(ids, key=int, reverse=True)
    assert "+6.0 s" in browser.get(address(busy, tab="events")).text


def test_pending_says_who_works_since_when_and_until_when(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    stage.decide(
        decision(
            "ScheduleActivityTask",
            activityId="a",
            activityType=ACTIVITY,
            heartbeatTimeout="60",
            startToCloseTimeout="600",
        )
    )
    task = stage.ask("PollForActivityTask", taskList=LIST, identity="worker-7")
    stage.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"], details="half <b>done</b>")
    stage.world.advance(seconds=10)
    page = browser.get(address(run_id, tab="pending"))
    assert "by worker-7" in page.text
    assert "half <b>done</b>" in page.text
    assert "heartbeat in 50 s" in page.text
    assert "start to close in 9 m 50 s" in page.text
    assert page.html.count("data-until") >= 2


def test_a_closed_run_says_how_it_ended_and_what_was_open(stage: WorldFixture, browser: Browser) -> None:
    run_id = stage.start()
    stage.decide(decision("StartTimer", timerId="t", startToFireTimeout="60"))
    stage.ask("TerminateWorkflowExecution", workflowId="w", reason="enough", details='{"why": "because"}')
    page = browser.get(address(run_id, tab="pending"))
    assert "How did it end?" in page.text
    assert "what was open when it closed" in page.text
    assert "enough" in page.text
    assert '"why": "because"' in page.text


def test_the_chain_of_continued_runs_leads_both_ways(stage: WorldFixture, browser: Browser) -> None:
    first = stage.start()
    stage.world.advance(seconds=1)
    stage.decide(decision("ContinueAsNewWorkflowExecution"))
    stage.world.advance(seconds=1)
    stage.decide(decision("ContinueAsNewWorkflowExecution"))
    data = browser.json(address(first) + ".json")
    assert data["chain"][0]["execution"]["runId"] == first
    assert len(data["chain"]) == 3
    page = browser.get(address(first))
    assert "this run →" in page.text
    last = data["chain"][-1]["execution"]["runId"]
    assert "→ this run" in browser.get(address(last)).text


def test_the_history_can_be_downloaded_as_aws_prints_it(busy: str, browser: Browser) -> None:
    file = browser.get(address(busy, "history"))
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"].startswith('attachment; filename="w.')
    assert [event["eventId"] for event in file.json["events"]][:3] == [1, 2, 3]
    assert file.json["execution"] == {"workflowId": "w", "runId": busy}


@pytest.mark.parametrize("tab", TABS)
def test_an_open_page_is_drawn_again_only_when_something_has_happened(
    stage: WorldFixture, busy: str, browser: Browser, tab: str
) -> None:
    live = address(busy, tab=tab)
    version = _version(browser.get(live, hx_request="true"))
    assert browser.get(live, hx_request="true", if_none_match=version).status == 204
    stage.ask("SignalWorkflowExecution", workflowId="w", signalName="again")
    part = browser.get(live, hx_request="true", if_none_match=version)
    assert part.status == 200
    assert "<html" not in part.html
    assert _version(part) != version


def _version(shown: Shown) -> str:
    return shown.html.partition('data-version="')[2].partition('"')[0]


@pytest.mark.parametrize(
    "query",
    [
        "tab=nonsense",
        "tab=events&at=99999999999999999999",
        "tab=events&before=0&after=x",
        "tab=events&before=1",
        "tab=events&after=999999999",
        "tab=events&kind=nothing&kind=timers&at=3",
        "tab=compact&before=1&at=7",
        "tab=compact&after=999999999",
        "tab=timeline&before=2&idle=folded&decisions=yes",
        "tab=json&at=%D9%A3",
        "time=sometimes&order=random&only=good",
    ],
)
def test_parameters_may_be_anything(busy: str, browser: Browser, query: str) -> None:
    assert browser.get(f"{address(busy)}?{query}").status == 200
    assert browser.get(f"{address(busy)}.json?{query}").status == 200


def test_a_run_that_is_not_there_is_not_found(stage: WorldFixture, browser: Browser) -> None:
    for further in ((), ("history",), ("signal",), ("events", "1")):
        assert browser.get(address("nowhere", *further)).status == 404
    run_id = stage.start()
    assert browser.get(address(run_id, workflow_id="other")).status == 404


def test_a_run_that_the_service_leaves_alone_is_shown_all_the_same(
    stage: WorldFixture, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = stage.start()

    from workflowsvc.service.own import execution_state

    def fail(*_: object) -> None:
        raise execution_state.refuse_quarantined()

    monkeypatch.setattr(execution_state, "require_run", fail)
    page = browser.get(address(run_id, tab="pending"))
    assert page.status == 200
    assert "leaves this run alone" in page.text
