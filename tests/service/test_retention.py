"""What clients see of a run while it is being purged, a few hundred events at a time (SWF §8.12)."""

from __future__ import annotations

import pytest

from workflowsvc.faults import UnknownResourceFault
from workflowsvc.settings import Settings
from workflowsvc.testing import World

START = {
    "workflowId": "w",
    "workflowType": {"name": "t", "version": "1"},
    "executionStartToCloseTimeout": "60",
    "taskStartToCloseTimeout": "60",
    "taskList": {"name": "l"},
    "childPolicy": "TERMINATE",
    "tagList": ["a tag"],
}


class OneBatchAtATime(World):
    """Each call is answered by one batch; whatever is left to do stays undone."""

    def run(self) -> None:
        self.writer.step()


@pytest.fixture
def world() -> OneBatchAtATime:
    """With a run `w` of many events that has just been terminated, in a domain that keeps nothing."""
    world = OneBatchAtATime(settings=Settings(min_retention_seconds=0))
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="0")
    world.call("RegisterWorkflowType", domain="d", name="t", version="1")
    started = world.call("StartWorkflowExecution", domain="d", **START)
    for _ in range(1_200):
        world.call("SignalWorkflowExecution", domain="d", workflowId="w", signalName="s")
    world.call("TerminateWorkflowExecution", domain="d", workflowId="w")
    world.gone = {"workflowId": "w", "runId": started["runId"]}  # type: ignore[attr-defined]
    return world


@pytest.mark.parametrize("restarts", [False, True], ids=["in memory", "read anew"])
def test_a_run_of_which_a_part_is_still_there_is_unknown_already(
    world: OneBatchAtATime, restarts: bool
) -> None:
    gone = world.gone  # type: ignore[attr-defined]
    for operation, members in (
        ("DescribeWorkflowExecution", {"execution": gone}),
        ("GetWorkflowExecutionHistory", {"execution": gone}),
        ("SignalWorkflowExecution", gone | {"signalName": "s"}),
        ("TerminateWorkflowExecution", gone),
    ):
        if restarts:
            world.restart()
        with pytest.raises(UnknownResourceFault):
            world.call(operation, domain="d", **members)


def test_a_run_of_which_a_part_is_still_there_is_in_no_list(world: OneBatchAtATime) -> None:
    gone = world.gone  # type: ignore[attr-defined]
    with world.store.reader() as reader:
        assert reader.next_purge_at() is not None, "it is stored"
    for time in ("startTimeFilter", "closeTimeFilter"):
        for filters in (
            {},
            {"executionFilter": {"workflowId": gone["workflowId"]}},
            {"tagFilter": {"tag": "a tag"}},
            {"typeFilter": {"name": "t"}},
        ):
            question = {"domain": "d", time: {"oldestDate": 0}} | filters
            assert world.call("ListClosedWorkflowExecutions", **question) == {"executionInfos": []}
            count = world.call("CountClosedWorkflowExecutions", **question)
            assert count == {"count": 0, "truncated": False}


def test_a_run_that_others_are_forgotten_before_is_still_listed(world: OneBatchAtATime) -> None:
    """Each domain has a retention of its own."""
    world.call("RegisterDomain", name="e", workflowExecutionRetentionPeriodInDays="1")
    world.call("RegisterWorkflowType", domain="e", name="t", version="1")
    world.call("StartWorkflowExecution", domain="e", **START)
    world.call("TerminateWorkflowExecution", domain="e", workflowId="w")
    with world.store.reader() as reader:
        assert reader.next_purge_at() is not None, "the other one is still stored"
    question = {"domain": "e", "closeTimeFilter": {"oldestDate": 0}}
    assert world.call("CountClosedWorkflowExecutions", **question)["count"] == 1


def test_the_pages_of_a_decision_task_are_forgotten_with_its_run(world: OneBatchAtATime) -> None:
    world.call("StartWorkflowExecution", domain="d", **START)
    question = {"domain": "d", "taskList": {"name": "l"}, "maximumPageSize": 1}
    task = world.call("PollForDecisionTask", **question)
    again = question | {"nextPageToken": task["nextPageToken"]}
    assert world.call("PollForDecisionTask", **again)["taskToken"] == task["taskToken"]
    world.call("TerminateWorkflowExecution", domain="d", workflowId="w")
    with pytest.raises(UnknownResourceFault):
        world.call("PollForDecisionTask", **again)


def test_a_run_that_is_being_forgotten_does_not_come_back_to_life(world: OneBatchAtATime) -> None:
    world.writer.step()
    world.restart()
    with pytest.raises(UnknownResourceFault):
        world.call("SignalWorkflowExecution", domain="d", signalName="s", **world.gone)  # type: ignore[attr-defined]
    while world.writer.step():
        pass
    everything = {"domain": "d", "startTimeFilter": {"oldestDate": 0}}
    assert world.call("CountOpenWorkflowExecutions", **everything)["count"] == 0
    assert world.call("CountClosedWorkflowExecutions", **everything)["count"] == 0
