"""ListTaskLists and DescribeTaskList: backlog, rates and pollers; and the log of lists that no client polls."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.own_api.asking import own, why
from tests.own_api.conftest import Stage
from tests.postgres.places import new_place
from tests.world_fixture import ACTIVITY, LIST, WorldFixture, decision
from workflowsvc.clock import ManualClock
from workflowsvc.engine.list_traffic import MAX_POLLERS, ListTraffic, Meter
from workflowsvc.engine.presence import PRESENCE_MS
from workflowsvc.faults import UnknownResourceFault, ValidationException
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.store.rows import ListKey
from workflowsvc.testing import World

OTHER = {"name": "other"}


def now(on: WorldFixture) -> float:
    return on.world.clock.now_ms() / 1000


def poll(on: WorldFixture, identity: str | None = None, kind: str = "Decision", **members: Any) -> Any:
    """A poll that waits."""
    given = {"domain": on.domain, "taskList": LIST} | members
    return on.world.poll(
        f"PollFor{kind}Task", on.tenant, **given, **({"identity": identity} if identity else {})
    )


def describe(on: WorldFixture, name: str = "list", kind: str = "DECISION") -> dict[str, Any]:
    return own(on, "DescribeTaskList", taskList={"name": name}, kind=kind)


def schedule(activity_id: str, **members: Any) -> dict[str, Any]:
    return decision("ScheduleActivityTask", activityId=activity_id, activityType=ACTIVITY, **members)


# --- one list ---


def test_a_list_that_was_never_used_is_described_as_empty(stage: Stage) -> None:
    answer = describe(stage(), "none")
    assert answer == {
        "pollers": [],
        "priorities": [],
        "summary": {
            "addedPerMinute": 0.0,
            "backlog": 0,
            "kind": "DECISION",
            "pollers": 0,
            "startedPerMinute": 0.0,
            "taskList": {"name": "none"},
            "waitingPolls": 0,
        },
    }


def test_the_backlog_is_counted_by_priority_with_the_age_of_the_oldest(stage: Stage) -> None:
    on = stage()
    on.start("a")
    first = now(on)
    on.world.advance(seconds=10)
    on.start("b", taskPriority="5")
    on.start("c")
    answer = describe(on)
    assert answer["summary"]["backlog"] == 3
    assert answer["summary"]["oldestTaskTimestamp"] == first
    assert answer["priorities"] == [
        {"backlog": 1, "oldestTaskTimestamp": now(on), "taskPriority": 5},
        {"backlog": 2, "oldestTaskTimestamp": first, "taskPriority": 0},
    ]


def test_a_decision_task_behind_a_started_one_is_part_of_the_backlog(stage: Stage) -> None:
    on = stage()
    on.start()
    on.next_task()
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    assert describe(on)["summary"]["backlog"] == 1


def test_pollers_are_named_with_when_they_were_seen_and_since_when_they_wait(stage: Stage) -> None:
    on = stage()
    on.ask("PollForDecisionTask", taskList=LIST, identity="left")
    on.world.advance(seconds=10)
    poll(on, "waits")
    on.world.advance(seconds=10)
    poll(on, "waits")
    answer = describe(on)
    assert [(poller["identity"], poller["waitingPolls"]) for poller in answer["pollers"]] == [
        ("waits", 2),
        ("left", 0),
    ]
    waits, left = answer["pollers"]
    assert (waits["lastSeenTimestamp"], waits["waitingSinceTimestamp"]) == (now(on), now(on) - 10)
    assert left["lastSeenTimestamp"] == now(on) - 20
    assert "waitingSinceTimestamp" not in left
    assert waits["node"] == own_service(on)["node"]
    assert answer["summary"]["pollers"] == 2
    assert answer["summary"]["waitingPolls"] == 2
    assert answer["summary"]["lastPollTimestamp"] == now(on)


def own_service(on: WorldFixture) -> dict[str, Any]:
    return on.call("WorkflowSvc.DescribeService")


def test_pollers_that_were_not_seen_for_five_minutes_are_left_out(stage: Stage) -> None:
    on = stage()
    on.ask("PollForDecisionTask", taskList=LIST, identity="gone")
    on.world.advance(seconds=301)
    answer = describe(on)
    assert answer["pollers"] == []
    assert answer["summary"]["lastPollTimestamp"] == now(on) - 301


def test_polls_without_identity_are_one_poller(stage: Stage) -> None:
    on = stage()
    poll(on)
    poll(on)
    (poller,) = describe(on)["pollers"]
    assert "identity" not in poller
    assert poller["waitingPolls"] == 2


def test_rates_are_those_of_the_last_minute(stage: Stage) -> None:
    on = stage()
    for number in range(6):
        on.start(f"w{number}")
        on.world.advance(seconds=2)
    for _ in range(4):
        on.next_task()
    summary = describe(on)["summary"]
    assert (summary["addedPerMinute"], summary["startedPerMinute"]) == (6.0, 4.0)
    on.world.advance(seconds=180)
    summary = describe(on)["summary"]
    assert (summary["addedPerMinute"], summary["startedPerMinute"]) == (0.0, 0.0)


def test_activity_lists_are_lists_of_their_own(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(schedule("a"), schedule("b", taskPriority="-3"))
    answer = describe(on, kind="ACTIVITY")
    assert answer["summary"]["backlog"] == 2
    assert [row["taskPriority"] for row in answer["priorities"]] == [0, -3]
    assert describe(on)["summary"]["backlog"] == 0


# --- all lists ---


def names(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["kind"], row["taskList"]["name"]) for row in answer["taskLists"]]


def test_lists_with_tasks_or_pollers_are_listed_by_kind_and_name(stage: Stage) -> None:
    on = stage()
    assert own(on, "ListTaskLists") == {"taskLists": []}
    poll(on, taskList={"name": "polled"}, kind="Activity")
    on.start("a", taskList={"name": "zebra"})
    on.start("b", taskList={"name": "apple"})
    expected = [("DECISION", "apple"), ("DECISION", "zebra"), ("ACTIVITY", "polled")]
    assert names(own(on, "ListTaskLists")) == expected
    assert names(own(on, "ListTaskLists", kind="ACTIVITY")) == expected[2:]
    assert names(own(on, "ListTaskLists", kind="DECISION")) == expected[:2]


def test_lists_with_tasks_are_known_after_a_restart(stage: Stage) -> None:
    on = stage()
    on.start()
    on.world.restart()
    (row,) = own(on, "ListTaskLists")["taskLists"]
    assert (row["backlog"], row["pollers"]) == (1, 0)


def test_lists_come_in_pages(stage: Stage) -> None:
    on = stage()
    for number in range(5):
        on.start(f"w{number}", taskList={"name": f"l{number}"})
    poll(on, taskList={"name": "l2"}, kind="Activity")
    found: list[tuple[str, str]] = []
    token, pages = None, 0
    while pages == 0 or token:
        page = own(on, "ListTaskLists", maximumPageSize=2, nextPageToken=token)
        token, pages = page.get("nextPageToken"), pages + 1
        found += names(page)
    assert found == [*(("DECISION", f"l{n}") for n in range(5)), ("ACTIVITY", "l2")]
    assert pages == 3


def test_lists_of_other_domains_are_not_shown(stage: Stage) -> None:
    on = stage()
    on.start()
    on.call("RegisterDomain", name="empty", workflowExecutionRetentionPeriodInDays="1")
    assert on.call("WorkflowSvc.ListTaskLists", domain="empty") == {"taskLists": []}


def test_wrong_input_names_the_member(stage: Stage) -> None:
    on = stage()
    with pytest.raises(UnknownResourceFault):
        on.call("WorkflowSvc.ListTaskLists", domain="none")
    with pytest.raises(UnknownResourceFault):
        on.call("WorkflowSvc.DescribeTaskList", domain="none", taskList=LIST, kind="DECISION")
    with pytest.raises(ValidationException, match=r"enum value set: \[DECISION, ACTIVITY\]"):
        own(on, "DescribeTaskList", taskList=LIST, kind="decision")
    with pytest.raises(ValidationException, match="'kind' failed to satisfy constraint: Member must not"):
        own(on, "DescribeTaskList", taskList=LIST)
    with pytest.raises(ValidationException, match="Invalid token"):
        own(on, "ListTaskLists", nextPageToken="x")


def test_a_page_token_of_other_conditions_is_refused(stage: Stage) -> None:
    on = stage()
    for number in range(3):
        on.start(f"w{number}", taskList={"name": f"l{number}"})
    token = own(on, "ListTaskLists", maximumPageSize=1)["nextPageToken"]
    with pytest.raises(ValidationException, match="Invalid token"):
        own(on, "ListTaskLists", kind="DECISION", nextPageToken=token)


# --- several nodes ---


@pytest.fixture
def two_nodes() -> tuple[WorldFixture, WorldFixture]:
    """Two nodes on one database, with one clock."""
    place, clock = new_place(), ManualClock()
    one = WorldFixture(World(store=PostgresStore(place.dsn), clock=clock, seed=1))
    other = WorldFixture.__new__(WorldFixture)
    other.world = World(store=PostgresStore(place.dsn), clock=clock, seed=2)
    other.tenant, other.domain = one.tenant, one.domain
    return one, other


def let_them_talk(nodes: tuple[WorldFixture, WorldFixture]) -> None:
    """Time passes, a few seconds, in which each node tells the other of itself and hears of it."""
    for _ in range(3):
        for node in nodes:
            node.world.run()
        nodes[0].world.clock.advance(PRESENCE_MS)
    for node in nodes:
        node.world.run()


def test_nodes_tell_each_other_of_their_pollers(two_nodes: tuple[WorldFixture, WorldFixture]) -> None:
    one, other = two_nodes
    poll(other, "far", taskList=OTHER)
    let_them_talk(two_nodes)
    answer = describe(one, "other")
    assert [(poller["identity"], poller["waitingPolls"]) for poller in answer["pollers"]] == [("far", 1)]
    assert answer["pollers"][0]["node"] == own_service(other)["node"] != own_service(one)["node"]
    assert ("DECISION", "other") in names(own(one, "ListTaskLists"))
    one.start(taskList=OTHER)
    assert "NO_DECISION_POLLER" not in why(one)


def test_the_service_lists_its_nodes_until_one_is_silent(
    two_nodes: tuple[WorldFixture, WorldFixture],
) -> None:
    one, other = two_nodes
    let_them_talk(two_nodes)
    nodes = own_service(one)["nodes"]
    assert {node["name"] for node in nodes} == {own_service(one)["node"], own_service(other)["node"]}
    one.world.clock.advance(25_000)  # the other one is gone
    one.world.run()
    assert [node["name"] for node in own_service(one)["nodes"]] == [own_service(one)["node"]]


def test_what_a_silent_node_has_left_is_deleted(two_nodes: tuple[WorldFixture, WorldFixture]) -> None:
    one, _ = two_nodes
    let_them_talk(two_nodes)

    def rows() -> int:
        with one.world.store.reader() as reader:
            return len(reader.metas("node ", "node!", 10))

    assert rows() == 2
    one.world.clock.advance(601_000)
    one.world.run()
    assert rows() == 1


# --- the log ---


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING, "workflowsvc.alarms")

    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "workflowsvc.alarms"]

    return lines


def test_a_list_that_no_client_polls_is_logged_once(stage: Stage, logged: Callable[[], list[str]]) -> None:
    on = stage()
    on.start(taskList=OTHER)
    on.world.advance(seconds=59)
    assert logged() == []
    on.world.advance(seconds=61)
    (line,) = logged()
    assert line == (
        "tasks wait on the decision task list other of domain d, the first for 1 m, and no client polls it"
    )
    on.start("second", taskList=OTHER)
    on.world.advance(seconds=600)
    assert len(logged()) == 1


def test_a_list_that_is_polled_or_whose_tasks_are_taken_in_time_is_not_logged(
    stage: Stage, logged: Callable[[], list[str]]
) -> None:
    on = stage()
    on.start()
    on.world.advance(seconds=30)
    on.next_task()
    on.world.advance(seconds=600)
    assert logged() == []


def test_a_list_whose_only_poller_has_died_is_logged_two_minutes_later(
    stage: Stage, logged: Callable[[], list[str]]
) -> None:
    on = stage()
    on.start("a")
    on.decide(decision("StartTimer", timerId="t", startToFireTimeout="10"))
    on.world.advance(seconds=100)
    assert logged() == []
    on.world.advance(seconds=60)
    assert len(logged()) == 1


def test_lists_from_before_a_restart_are_looked_at(stage: Stage, logged: Callable[[], list[str]]) -> None:
    on = stage()
    on.start(taskList=OTHER)
    on.world.advance(seconds=30)
    on.world.restart()
    on.world.advance(seconds=100)
    assert len(logged()) == 1


def test_many_lists_are_looked_at_in_parts(stage: Stage, logged: Callable[[], list[str]]) -> None:
    on = stage()
    for number in range(45):
        on.start(f"w{number}", taskList={"name": f"l{number:02}"})
    on.world.advance(seconds=70)
    assert len(logged()) == 45


# --- the memory behind it ---


def test_a_meter_counts_a_minute_that_slides() -> None:
    meter = Meter()
    for second in range(60):
        meter.count(60_000 + second * 1000)
    assert meter.per_minute(119_999) == 60
    assert 29 <= meter.per_minute(150_000) <= 31
    assert meter.per_minute(180_000) == 0


def test_pollers_and_lists_in_memory_are_bounded() -> None:
    traffic = ListTraffic()
    key = ListKey(1, "decision", "l")
    for number in range(3 * MAX_POLLERS):
        traffic.polled(key, f"p{number}", number)
    one = traffic.find(key)
    assert one is not None
    assert len(one.pollers) <= MAX_POLLERS
    assert f"p{3 * MAX_POLLERS - 1}" in one.pollers
    for number in range(10_100):
        traffic.polled(ListKey(1, "decision", f"l{number}"), None, number)
    assert len(list(traffic.lists())) <= 10_000
