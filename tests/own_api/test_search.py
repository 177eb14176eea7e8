"""SearchExecutions and CountExecutions: each condition, each order, page after page, against a judge of a few lines."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.own_api.asking import own
from tests.own_api.conftest import Stage
from tests.world_fixture import ACTIVITY, LIST, WORKFLOW, WorldFixture, decision
from workflowsvc.engine.engine import Engine
from workflowsvc.faults import UnknownResourceFault, ValidationException
from workflowsvc.service.own import count as counting
from workflowsvc.service.own import scan, search

OTHER = {"name": "other", "version": "7"}
Run = dict[str, Any]


def stocked(stage: Stage) -> tuple[WorldFixture, list[Run]]:
    """A domain with some forty runs of all kinds, and what the judge knows of each."""
    on = stage()
    on.ask("RegisterWorkflowType", **OTHER, defaultTaskList=LIST, defaultChildPolicy="TERMINATE")
    chance = random.Random(7)
    endings: list[Callable[[str], None]] = [
        lambda _: None,
        lambda _: None,
        lambda w: decide(on, w, decision("CompleteWorkflowExecution")),
        lambda w: decide(on, w, decision("FailWorkflowExecution", reason=f"no stock {w}", details="shelf 7")),
        lambda w: decide(on, w, decision("CancelWorkflowExecution", details="by wish")),
        lambda w: on.ask("TerminateWorkflowExecution", workflowId=w, reason="operator", details="late"),
        lambda w: on.ask("RequestCancelWorkflowExecution", workflowId=w),
        lambda w: decide(on, w, decision("ContinueAsNewWorkflowExecution")),
        lambda w: decide(
            on, w, decision("StartChildWorkflowExecution", workflowId=f"{w}/c", workflowType=WORKFLOW)
        ),
    ]
    for number in range(36):
        name = f"{'order' if number % 3 else 'refund'}-{number % 20}"
        tags = [tag for tag in ("red", "green", "blue") if chance.random() < 0.4]
        if is_open(on, name):
            on.ask("TerminateWorkflowExecution", workflowId=name)
        on.start(
            name,
            workflowType=WORKFLOW if number % 2 else OTHER,
            taskList={"name": name},
            executionStartToCloseTimeout="86400",
            taskStartToCloseTimeout="NONE",
            **({"tagList": tags} if tags else {}),
        )
        on.world.advance(seconds=chance.choice([0, 0, 1, 30]))
        for _ in range(chance.choice([0, 0, 1, 4])):
            on.ask("SignalWorkflowExecution", workflowId=name, signalName="s")
        endings[number % len(endings)](name)
    return on, [known(on, run) for run in listed(on)]


def is_open(on: WorldFixture, workflow_id: str) -> bool:
    every = {"oldestDate": 0}
    found = on.ask(
        "CountOpenWorkflowExecutions", startTimeFilter=every, executionFilter={"workflowId": workflow_id}
    )
    return bool(found["count"])


def decide(on: WorldFixture, workflow_id: str, *decisions: dict[str, Any]) -> None:
    task = on.ask("PollForDecisionTask", taskList={"name": workflow_id})
    on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=list(decisions))
    if "startedEventId" in task and decisions[0]["decisionType"] == "CompleteWorkflowExecution":
        return


def listed(on: WorldFixture) -> list[Run]:
    """All runs, as SWF's own lists have them."""
    every = {"oldestDate": 0}
    found: list[Run] = []
    for action in ("ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions"):
        found += on.ask(action, startTimeFilter=every)["executionInfos"]
    return found


def known(on: WorldFixture, run: Run) -> Run:
    """What the judge knows of a run: its entry in SWF's list, and its history."""
    events = on.world.history(on.domain, run["execution"]["workflowId"], run["execution"]["runId"])
    started = events[0]["workflowExecutionStartedEventAttributes"]
    kind = events[-1]["eventType"]
    closing = events[-1].get(kind[0].lower() + kind[1:] + "EventAttributes", {})
    is_closed = run["executionStatus"] == "CLOSED"
    return run | {
        "events": len(events),
        "taskList": started["taskList"]["name"],
        "continued": "continuedExecutionRunId" in started,
        "reason": (closing.get("reason") or closing.get("cause") or "") if is_closed else "",
        "details": closing.get("details", "") if is_closed else "",
        "duration": run.get("closeTimestamp", on.world.clock.now_ms() / 1000) - run["startTimestamp"],
    }


Judge = Callable[[Run], bool]


def cases(runs: list[Run]) -> list[tuple[dict[str, Any], Judge]]:
    """Each condition with a value that some runs meet and some do not, and the judge's own words for it."""
    starts = sorted(run["startTimestamp"] for run in runs)
    closes = sorted(run["closeTimestamp"] for run in runs if "closeTimestamp" in run)
    durations = sorted(run["duration"] for run in runs)
    early, late = starts[len(starts) // 4], starts[len(starts) * 3 // 4]
    parent = next(run["parent"] for run in runs if "parent" in run)
    some = runs[len(runs) // 2]["execution"]
    closed = [run for run in runs if "closeTimestamp" in run]

    def tags(run: Run) -> set[str]:
        return set(run.get("tagList", ()))

    def name(run: Run) -> str:
        return run["execution"]["workflowId"]

    return (
        [
            ({}, lambda _: True),
            ({"executionStatus": "OPEN"}, lambda run: run["executionStatus"] == "OPEN"),
            ({"executionStatus": "CLOSED"}, lambda run: run["executionStatus"] == "CLOSED"),
            ({"closeStatuses": ["FAILED"]}, lambda run: run.get("closeStatus") == "FAILED"),
            (
                {"closeStatuses": ["FAILED", "TERMINATED"]},
                lambda run: run.get("closeStatus") in ("FAILED", "TERMINATED"),
            ),
            ({"workflowType": {"name": "other"}}, lambda run: run["workflowType"]["name"] == "other"),
            ({"workflowType": WORKFLOW}, lambda run: run["workflowType"] == WORKFLOW),
            ({"workflowId": some["workflowId"]}, lambda run: name(run) == some["workflowId"]),
            ({"workflowIdBeginsWith": "order"}, lambda run: name(run).startswith("order")),
            ({"workflowIdContains": "-1"}, lambda run: "-1" in name(run)),
            ({"runId": some["runId"]}, lambda run: run["execution"]["runId"] == some["runId"]),
            ({"tagsAll": ["red", "blue"]}, lambda run: {"red", "blue"} <= tags(run)),
            ({"tagsAny": ["red", "blue"]}, lambda run: bool({"red", "blue"} & tags(run))),
            ({"tagsAny": ["green"]}, lambda run: "green" in tags(run)),
            ({"tagsNone": ["red"]}, lambda run: "red" not in tags(run)),
            (
                {"parentWorkflowId": parent["workflowId"]},
                lambda run: run.get("parent", {}).get("workflowId") == parent["workflowId"],
            ),
            ({"parentRunId": parent["runId"]}, lambda run: run.get("parent") == parent),
            ({"taskList": {"name": "order-5"}}, lambda run: run["taskList"] == "order-5"),
            ({"startedAfter": early}, lambda run: run["startTimestamp"] >= early),
            (
                {"startedAfter": early, "startedBefore": late},
                lambda run: early <= run["startTimestamp"] <= late,
            ),
            (
                {"closedAfter": closes[3], "closedBefore": closes[-3]},
                lambda run: closes[3] <= run.get("closeTimestamp", 0) <= closes[-3],
            ),
            ({"minimumDurationInSeconds": 30}, lambda run: run["duration"] >= 30),
            ({"maximumDurationInSeconds": 30}, lambda run: run["duration"] <= 30),
            ({"minimumEvents": 5}, lambda run: run["events"] >= 5),
            ({"maximumEvents": 4, "minimumEvents": 3}, lambda run: 3 <= run["events"] <= 4),
            ({"failureReasonContains": "stock"}, lambda run: "stock" in run["reason"]),
            ({"failureReasonContains": "operator"}, lambda run: "operator" in run["reason"]),
            ({"failureDetailsContains": "shelf"}, lambda run: "shelf" in run["details"]),
            (
                {"cancelRequested": True},
                lambda run: run["executionStatus"] == "OPEN" and run["cancelRequested"],
            ),
            (
                {"cancelRequested": False},
                lambda run: run["executionStatus"] == "OPEN" and not run["cancelRequested"],
            ),
            ({"continued": True}, lambda run: run["continued"]),
            ({"continued": False}, lambda run: not run["continued"]),
        ]
        if durations and closed
        else []
    )


def find(on: WorldFixture, **members: Any) -> list[Run]:
    """All pages of a search."""
    found: list[Run] = []
    token: str | None = None
    for _ in itertools.count():
        page = own(on, "SearchExecutions", **members, nextPageToken=token)
        found += page["executions"]
        token = page.get("nextPageToken")
        if token is None:
            return found
    raise AssertionError


def ids(runs: list[Run]) -> list[str]:
    return [run["execution"]["runId"] for run in runs]


def test_each_condition_and_each_pair_finds_what_the_judge_finds(stage: Stage) -> None:
    on, runs = stocked(stage)
    single = cases(runs)
    for given, judge in single:
        wanted = {run["execution"]["runId"] for run in runs if judge(run)}
        assert wanted, f"no run meets {given}"
        assert set(ids(find(on, filter=given))) == wanted, given
    chance = random.Random(1)
    pairs = list(itertools.combinations(single, 2))
    for (one, first), (other, second) in chance.sample(pairs, 120):
        both = one | other
        if set(one) & set(other):
            continue
        wanted = {run["execution"]["runId"] for run in runs if first(run) and second(run)}
        try:
            found = ids(find(on, filter=both, maximumPageSize=5))
        except ValidationException:
            assert not wanted, f"{both} was refused"
            continue
        assert set(found) == wanted, both
        assert len(found) == len(set(found)), both


SORTS: dict[str, Callable[[Run], Any]] = {
    "START_TIME": lambda run: run["startTimestamp"],
    "CLOSE_TIME": lambda run: run["closeTimestamp"],
    "DURATION": lambda run: run["duration"],
    "EVENTS": lambda run: run["events"],
    "WORKFLOW_ID": lambda run: run["execution"]["workflowId"],
}


def test_each_order_is_kept_across_pages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "ROWS_PER_SLICE", 7)
    monkeypatch.setattr(scan, "ROWS_PER_FILTERED_SLICE", 9)
    on, runs = stocked(stage)
    some = [cases(runs)[n] for n in (0, 5, 12)]
    for sort_by, order, (given, judge) in itertools.product(SORTS, ("ASCENDING", "DESCENDING"), some):
        wanted = [run for run in runs if judge(run)]
        if sort_by == "CLOSE_TIME":
            wanted = [run for run in wanted if "closeTimestamp" in run]
        values = sorted(map(SORTS[sort_by], wanted), reverse=order == "DESCENDING")
        by_id = {run["execution"]["runId"]: run for run in wanted}
        for size in (1, 4, 100):
            found = find(on, filter=given, sortBy=sort_by, sortOrder=order, maximumPageSize=size)
            case = (sort_by, order, given, size)
            assert sorted(ids(found)) == sorted(by_id), case
            assert [SORTS[sort_by](by_id[run_id]) for run_id in ids(found)] == values, case


def test_the_newest_run_comes_first_unless_asked_otherwise(stage: Stage) -> None:
    on = stage()
    for number in range(3):
        on.start(f"w{number}")
        on.world.advance(seconds=1)
    assert [run["execution"]["workflowId"] for run in find(on)] == ["w2", "w1", "w0"]


def test_a_found_run_is_described_without_its_history(stage: Stage) -> None:
    on = stage()
    run_id = on.start(tagList=["a"])
    on.world.advance(seconds=5)
    on.decide(decision("FailWorkflowExecution", reason="no stock"))
    (found,) = find(on)
    closed = on.world.clock.now_ms() / 1000
    assert found == {
        "cancelRequested": False,
        "closeStatus": "FAILED",
        "closeTimestamp": closed,
        "durationInSeconds": 5.0,
        "events": 5,
        "execution": {"workflowId": "w", "runId": run_id},
        "executionStatus": "CLOSED",
        "failureReason": "no stock",
        "startTimestamp": closed - 5,
        "tagList": ["a"],
        "taskList": LIST,
        "workflowType": WORKFLOW,
    }


def test_a_run_is_found_as_soon_as_its_start_or_close_is_answered(stage: Stage) -> None:
    on = stage()
    on.start()
    assert len(find(on, filter={"executionStatus": "OPEN"})) == 1
    on.decide(decision("CompleteWorkflowExecution"))
    assert not find(on, filter={"executionStatus": "OPEN"})
    assert len(find(on, filter={"closeStatuses": ["COMPLETED"]})) == 1


def test_runs_past_their_retention_are_not_found(stage: Stage) -> None:
    on = stage()
    run_id = on.start()
    on.decide(decision("CompleteWorkflowExecution"))
    on.world.clock.advance(11 * 86_400_000)  # no background work yet
    for filter in ({}, {"runId": run_id}, {"workflowId": "w"}):
        answer = on.world.submit(
            "WorkflowSvc.SearchExecutions", on.tenant, domain=on.domain, filter=filter
        ).result()
        assert answer["executions"] == []


# --- searches that take long ---


def test_a_long_search_says_how_far_it_has_looked_and_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "ROWS_PER_SLICE", 3)
    on = stage()
    for number in range(10):
        on.start(f"w{number}", **({"tagList": ["rare"]} if number == 0 else {}))
        on.world.advance(seconds=1)
    monkeypatch.setattr(search, "CALL_MS", 0)
    pages = []
    token = None
    while not pages or token:
        pages.append(own(on, "SearchExecutions", filter={"workflowIdContains": "w0"}, nextPageToken=token))
        token = pages[-1].get("nextPageToken")
    assert [len(page["executions"]) for page in pages] == [0, 0, 0, 1]
    assert [page["timeLimitReached"] for page in pages] == [True, True, True, False]
    assert sum(page["examined"] for page in pages) == 10
    reached = [page["reachedTimestamp"] for page in pages[:-1]]
    assert reached == sorted(reached, reverse=True)


@pytest.mark.parametrize("sort_by", ["EVENTS", "DURATION", "WORKFLOW_ID"])
def test_a_long_ranked_search_answers_nothing_before_it_knows_the_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, sort_by: str
) -> None:
    monkeypatch.setattr(scan, "ROWS_PER_SLICE", 4)
    on = stage()
    for number in range(11):
        on.start(f"w{number:02}")
        for _ in range(number % 4):
            on.ask("SignalWorkflowExecution", workflowId=f"w{number:02}", signalName="s")
        on.world.advance(seconds=1)
    wanted = find(on, sortBy=sort_by)
    monkeypatch.setattr(search, "CALL_MS", 0)
    answers: list[Run] = []
    token, calls = None, 0
    while calls == 0 or token:
        page = own(on, "SearchExecutions", sortBy=sort_by, maximumPageSize=4, nextPageToken=token)
        token, calls = page.get("nextPageToken"), calls + 1
        assert page["timeLimitReached"] == (not page["executions"])
        answers += page["executions"]
        on.world.advance(seconds=1)  # durations of open runs are those of the first call
    assert ids(answers) == ids(wanted)
    assert calls > 3


# --- counts ---


def count(on: WorldFixture, **members: Any) -> tuple[int, dict[str, int]]:
    """The counts of all pages, added."""
    total, groups, token = 0, Counter[str](), None
    for _ in itertools.count():
        page = own(on, "CountExecutions", **members, nextPageToken=token)
        total += page["count"]
        groups.update({group["key"]: group["count"] for group in page["groups"]})
        token = page.get("nextPageToken")
        if token is None:
            break
    return total, dict(groups)


def test_counts_are_those_of_the_judge_in_each_grouping(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "ROWS_PER_SLICE", 7)
    on, runs = stocked(stage)
    keys: dict[str | None, Callable[[Run], str | None]] = {
        None: lambda _: None,
        "STATUS": lambda run: run.get("closeStatus", "OPEN"),
        "WORKFLOW_TYPE": lambda run: " ".join(run["workflowType"].values()),
        "TASK_LIST": lambda run: run["taskList"],
        "START_DAY": lambda _: "2023-11-14",
        "CLOSE_DAY": lambda run: "2023-11-14" if "closeTimestamp" in run else None,
    }
    day = json.loads(json.dumps(on.world.clock.now_ms() // 86_400_000))
    assert day
    for group_by, key in keys.items():
        for given, judge in cases(runs):
            wanted = [run for run in runs if judge(run)]
            total, groups = count(on, filter=given, **({"groupBy": group_by} if group_by else {}))
            assert total == len(wanted), (given, group_by)
            if group_by not in ("START_DAY", "CLOSE_DAY"):
                expected = Counter(name for run in wanted if (name := key(run)) is not None)
                assert groups == dict(expected), (given, group_by)
            elif group_by == "START_DAY":
                assert sum(groups.values()) == total


def test_days_are_those_of_utc(stage: Stage) -> None:
    on = stage()
    on.world.clock.advance_to(1_700_006_399_000)  # 2023-11-14T23:59:59Z
    on.start("a")
    on.world.advance(seconds=1)
    on.start("b")
    on.ask("TerminateWorkflowExecution", workflowId="a")
    assert count(on, groupBy="START_DAY") == (2, {"2023-11-14": 1, "2023-11-15": 1})
    assert count(on, groupBy="CLOSE_DAY") == (2, {"2023-11-15": 1})


def test_a_long_count_goes_on_with_its_token(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "ROWS_PER_SLICE", 3)
    on = stage()
    for number in range(10):
        on.start(f"w{number}")
    monkeypatch.setattr(counting, "CALL_MS", 1)  # one slice: the clock of a test stands still
    clock = itertools.count()
    monkeypatch.setattr(Engine, "now_ms", lambda _: 1_700_000_000_000 + next(clock))
    page = own(on, "CountExecutions", groupBy="WORKFLOW_TYPE")
    assert page["count"] < 10
    assert "nextPageToken" in page
    assert count(on, groupBy="WORKFLOW_TYPE") == (10, {"workflow 1": 10})


# --- wrong input ---


@pytest.mark.parametrize(
    ("members", "text"),
    [
        (
            {"filter": {"startedAfter": 20, "startedBefore": 10}},
            "Value '10.0' at 'filter.startedBefore' failed to satisfy constraint: "
            "Member must not be less than startedAfter",
        ),
        (
            {"filter": {"minimumEvents": 9, "maximumEvents": 3}},
            "Value '3' at 'filter.maximumEvents' failed to satisfy constraint: "
            "Member must not be less than minimumEvents",
        ),
        (
            {"filter": {"executionStatus": "OPEN", "closeStatuses": ["FAILED"]}},
            "Value '[FAILED]' at 'filter.closeStatuses' failed to satisfy constraint: "
            "Member must be absent when executionStatus is OPEN",
        ),
        (
            {"filter": {"executionStatus": "CLOSED", "cancelRequested": True}},
            "Value 'true' at 'filter.cancelRequested' failed to satisfy constraint: "
            "Member must be absent when executionStatus is CLOSED",
        ),
        (
            {"sortBy": "CLOSE_TIME", "filter": {"executionStatus": "OPEN"}},
            "Value 'CLOSE_TIME' at 'sortBy' failed to satisfy constraint: "
            "Member must not be CLOSE_TIME when filter.executionStatus is OPEN",
        ),
        (
            {"sortBy": "AGE"},
            "Value 'AGE' at 'sortBy' failed to satisfy constraint: Member must satisfy enum value set: "
            "[START_TIME, CLOSE_TIME, DURATION, EVENTS, WORKFLOW_ID]",
        ),
        (
            {"filter": {"workflowIdLike": "x"}},
            "Value 'x' at 'filter.workflowIdLike' failed to satisfy constraint: "
            "Member must be one that its structure has",
        ),
    ],
)
def test_a_search_that_can_find_nothing_is_refused_by_name(
    stage: Stage, members: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValidationException) as caught:
        own(stage(), "SearchExecutions", **members)
    assert caught.value.message == f"1 validation error detected: {text}"


def test_a_token_of_another_search_is_refused(stage: Stage) -> None:
    on = stage()
    for number in range(4):
        on.start(f"w{number}")
    token = own(on, "SearchExecutions", maximumPageSize=1)["nextPageToken"]
    others: list[dict[str, Any]] = [
        {"sortBy": "EVENTS"},
        {"sortOrder": "ASCENDING"},
        {"filter": {"executionStatus": "OPEN"}},
    ]
    for members in others:
        with pytest.raises(ValidationException, match="Invalid token"):
            own(on, "SearchExecutions", nextPageToken=token, **members)
    with pytest.raises(ValidationException, match="Invalid token"):
        own(on, "CountExecutions", nextPageToken=token)
    with pytest.raises(ValidationException, match="Invalid token"):
        on.ask("ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0}, nextPageToken=token)
    assert own(on, "SearchExecutions", filter={}, nextPageToken=token)["executions"]


def test_a_domain_that_does_not_exist_is_unknown(stage: Stage) -> None:
    on = stage()
    for action in ("SearchExecutions", "CountExecutions"):
        with pytest.raises(UnknownResourceFault, match="Unknown domain: none"):
            on.call(f"WorkflowSvc.{action}", domain="none")


def test_runs_of_other_domains_are_not_found_by_their_run_id(stage: Stage) -> None:
    on = stage()
    run_id = on.start()
    on.call("RegisterDomain", name="elsewhere", workflowExecutionRetentionPeriodInDays="1")
    answer = on.call("WorkflowSvc.SearchExecutions", domain="elsewhere", filter={"runId": run_id})
    assert answer["executions"] == []


def test_activities_do_not_hinder_a_search(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY))
    (found,) = find(on, filter={"minimumEvents": 5})
    assert found["events"] == 5


def test_a_small_page_looks_at_few_runs(stage: Stage) -> None:
    on = stage()
    for number in range(30):
        on.start(f"w{number}")
    page = own(on, "SearchExecutions", maximumPageSize=4)
    assert [run["execution"]["workflowId"] for run in page["executions"]] == ["w29", "w28", "w27", "w26"]
    assert page["examined"] == 5
