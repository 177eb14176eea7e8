"""Three nodes on one database are one service: any call may reach any node, and each finishes the others' work."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.conftest import Run
from tests.cluster.domain_fixture import ACTIVITY, COMPLETE, WORKFLOW, DomainFixture, decision
from tests.support.peer import Refused

ALIKE = 60.0  # seconds; a node's clock that is five minutes off differs more than this


@pytest.fixture(scope="module")
def place(start_nodes: Run) -> DomainFixture:
    """A domain on three nodes that were started at the same time on an empty database."""
    return DomainFixture(start_nodes("", "", ""))


@pytest.fixture
def furnished(place: DomainFixture) -> DomainFixture:
    return DomainFixture(place.nodes)


def test_every_call_of_a_workflow_may_reach_another_node(furnished: DomainFixture) -> None:
    for first in range(3):
        execution = furnished.start(first, f"w{first}")
        task = furnished.decision_task(first + 1)
        activity = decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY)
        furnished.decide(first + 2, task, activity)
        work = furnished.activity_task(first)
        token = {"taskToken": work["taskToken"]}
        status = furnished.call(first + 1, "RecordActivityTaskHeartbeat", **token, details="half")
        assert status == {"cancelRequested": False}
        furnished.call(first + 2, "RespondActivityTaskCompleted", **token, result="whole")
        task = furnished.decision_task(first)
        assert task["previousStartedEventId"] == 3
        furnished.decide(first + 1, task, COMPLETE)
        assert furnished.types(first + 2, execution)[-1] == "WorkflowExecutionCompleted"
        with pytest.raises(Refused, match="UnknownResourceFault"):
            furnished.call(first, "RespondActivityTaskCompleted", **token)


def test_what_one_node_registers_the_others_know_at_once(furnished: DomainFixture) -> None:
    for number in range(30):
        named = {"name": f"type{number}", "version": "1"}
        furnished.ask(
            number,
            "RegisterWorkflowType",
            **named,
            defaultTaskList=furnished.task_list,
            defaultTaskStartToCloseTimeout="60",
            defaultExecutionStartToCloseTimeout="600",
            defaultChildPolicy="TERMINATE",
        )
        furnished.ask(number + 1, "StartWorkflowExecution", workflowId=f"w{number}", workflowType=named)
        furnished.ask(number + 2, "DeprecateWorkflowType", workflowType=named)
        for node in range(3):
            with pytest.raises(Refused, match="TypeDeprecatedFault"):
                furnished.ask(
                    number + node, "StartWorkflowExecution", workflowId=f"again{number}", workflowType=named
                )


def test_of_registrations_at_once_one_succeeds_and_of_tags_all(furnished: DomainFixture) -> None:
    arn = f"arn:aws:swf:us-east-1:000000000000:/domain/{furnished.domain}"

    def register(node: int, number: int) -> str:
        try:
            furnished.ask(node, "RegisterActivityType", name=f"type{number}", version="1")
        except Refused as refused:
            return str(refused)
        return "registered"

    def tag(node: int, number: int) -> None:
        key = f"{node} {number}"
        furnished.call(node, "TagResource", resourceArn=arn, tags=[{"key": key, "value": "v"}])

    with ThreadPoolExecutor(6) as threads:
        for number in range(10):
            answers = [threads.submit(register, node, number) for node in range(3)]
            tags = [threads.submit(tag, node, number) for node in range(3)]
            told = sorted(answer.result() for answer in answers)
            assert told == ["TypeAlreadyExistsFault", "TypeAlreadyExistsFault", "registered"]
            for done in tags:
                done.result()
    listed = furnished.call(0, "ListTagsForResource", resourceArn=arn)["tags"]
    assert {entry["key"] for entry in listed} == {
        f"{node} {number}" for node in range(3) for number in range(10)
    }


def test_one_of_many_starts_at_once_succeeds(furnished: DomainFixture) -> None:
    def start(node: int, number: int) -> str:
        try:
            return furnished.start(node, f"w{number}")["runId"]
        except Refused as refused:
            return str(refused)

    with ThreadPoolExecutor(6) as threads:
        for number in range(15):
            told = [threads.submit(start, node, number) for node in range(6)]
            refused = [answer.result() for answer in told].count("WorkflowExecutionAlreadyStartedFault")
            assert refused == 5


def test_nodes_that_lock_the_same_executions_in_different_orders_do_not_deadlock(
    furnished: DomainFixture,
) -> None:
    executions = [furnished.start(0, name) for name in "abcd"]
    signals = 40

    def signal(node: int, names: str) -> None:
        with furnished.peer(node) as peer:
            for number in range(signals):
                for name in names:
                    peer.call(
                        "SignalWorkflowExecution",
                        domain=furnished.domain,
                        workflowId=name,
                        signalName=f"{node} {number}",
                    )

    with ThreadPoolExecutor(6) as threads:
        orders = ["abcd", "dcba", "bdac", "cadb", "abdc", "dbca"]
        for done in [threads.submit(signal, node, order) for node, order in enumerate(orders)]:
            done.result()
    for execution in executions:
        events = furnished.history(0, execution)
        names = [
            event["workflowExecutionSignaledEventAttributes"]["signalName"]
            for event in events
            if event["eventType"] == "WorkflowExecutionSignaled"
        ]
        assert sorted(names) == sorted(f"{node} {number}" for node in range(6) for number in range(signals))


def test_a_run_that_continues_as_new_elsewhere_is_open_at_every_moment(furnished: DomainFixture) -> None:
    furnished.start(0, "w")
    done = threading.Event()

    def decide() -> None:
        """Many of these decisions fail, because a signal has arrived meanwhile (UNHANDLED_DECISION)."""
        try:
            while len(closed()) < 10:
                task = furnished.decision_task(0)
                furnished.decide(0, task, decision("ContinueAsNewWorkflowExecution"))
        finally:
            done.set()

    def closed() -> list[dict[str, str]]:
        listed = furnished.ask(2, "ListClosedWorkflowExecutions", startTimeFilter={"oldestDate": 0})
        return [info["execution"] for info in listed["executionInfos"]]

    def knock(node: int) -> int:
        knocks = 0
        while not done.wait(0.005):
            furnished.ask(node, "SignalWorkflowExecution", workflowId="w", signalName="knock")
            knocks += 1
        return knocks

    with ThreadPoolExecutor(3) as threads:
        work = [threads.submit(decide), threads.submit(knock, 1), threads.submit(knock, 2)]
        work[0].result()
        knocks = sum(knocking.result() for knocking in work[1:])
    listed = furnished.ask(0, "ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0})
    runs = closed() + [info["execution"] for info in listed["executionInfos"]]
    assert sum(furnished.types(1, run).count("WorkflowExecutionSignaled") for run in runs) == knocks


@pytest.mark.parametrize("how", ["blind", "deaf"], ids=["by hints alone", "without any hint"])
def test_a_poll_that_waits_on_one_node_gets_the_task_of_another(start_nodes: Run, how: str) -> None:
    furnished = DomainFixture(start_nodes(how, how))
    for number in range(6):
        task, _ = furnished.woken(number, number + 1)
        furnished.decide(number, task, COMPLETE)


def test_any_node_handles_the_deadlines_and_messages_of_another(start_nodes: Run) -> None:
    """The first node does no background work, as if it were killed after each answer."""
    idle, other = start_nodes("idle", "")
    furnished = DomainFixture([idle, other])
    execution = furnished.start(0, "parent")
    child = decision(
        "StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW, childPolicy="TERMINATE"
    )
    timer = decision("StartTimer", timerId="t", startToFireTimeout="1")
    task = furnished.decision_task(0)
    furnished.decide(0, task, child, timer)
    happened: list[str] = []
    while not {"ChildWorkflowExecutionStarted", "TimerFired"} <= set(happened):
        task = furnished.decision_task(0)
        if task["workflowExecution"] == execution:
            happened = [event["eventType"] for event in task["events"]]
        furnished.decide(0, task)
    assert happened.count("ChildWorkflowExecutionStarted") == happened.count("TimerFired") == 1
    furnished.history(0, execution)


def test_tasks_that_a_killed_node_has_left_go_to_another(start_nodes: Run, loop: asyncio.Runner) -> None:
    doomed, other = start_nodes("", "")
    furnished = DomainFixture([doomed, other])
    executions = [furnished.start(0, f"w{number}") for number in range(5)]
    loop.run(doomed.kill())
    given = [furnished.decision_task(1)["workflowExecution"] for _ in executions]
    assert given == executions  # in their order


def test_tasks_of_nodes_whose_clocks_differ_are_given_out_by_age(start_nodes: Run) -> None:
    furnished = DomainFixture(start_nodes("fast", "slow", ""))
    executions = [furnished.start(number, f"w{number}") for number in range(6)]
    given = [furnished.decision_task(number)["workflowExecution"] for number in range(6)]
    assert given == executions


def test_nodes_whose_clocks_differ_agree_on_the_time_of_the_database(start_nodes: Run) -> None:
    furnished = DomainFixture(start_nodes("fast", "slow"))
    execution = furnished.start(0, "w")
    for number in range(4):
        task = furnished.decision_task(number)
        timer = decision("StartTimer", timerId=f"t{number}", startToFireTimeout="1")
        furnished.decide(number + 1, task, timer)
    furnished.decide(1, furnished.decision_task(0), COMPLETE)
    events = furnished.history(0, execution)
    times = [event["eventTimestamp"] for event in events]
    assert times == sorted(times)
    assert all(abs(at - time.time()) < ALIKE for at in times)
    started = {
        event["eventId"]: event["eventTimestamp"] for event in events if event["eventType"] == "TimerStarted"
    }
    for event in events:
        if event["eventType"] == "TimerFired":
            began = started[event["timerFiredEventAttributes"]["startedEventId"]]
            assert round((event["eventTimestamp"] - began) * 1000) >= 1000
