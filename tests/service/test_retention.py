"""What callers see of a run while it is being forgotten, a few hundred events at a time (reference 8.12)."""

from __future__ import annotations

import pytest

from workflowsvc.faults import UnknownResourceFault
from workflowsvc.testing import World


class OneBatchAtATime(World):
    """Each call is answered by one batch; whatever is left to do stays undone."""

    def run(self) -> None:
        self.lane.step()


@pytest.fixture
def world() -> OneBatchAtATime:
    """With a run `w` of many events that has just been terminated, in a domain that keeps nothing."""
    world = OneBatchAtATime()
    world.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="0")
    world.call("RegisterWorkflowType", domain="d", name="t", version="1")
    started = world.call(
        "StartWorkflowExecution",
        domain="d",
        workflowId="w",
        workflowType={"name": "t", "version": "1"},
        executionStartToCloseTimeout="60",
        taskStartToCloseTimeout="60",
        taskList={"name": "l"},
        childPolicy="TERMINATE",
    )
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


def test_a_run_that_is_being_forgotten_does_not_come_back_to_life(world: OneBatchAtATime) -> None:
    world.lane.step()
    world.restart()
    with pytest.raises(UnknownResourceFault):
        world.call("SignalWorkflowExecution", domain="d", signalName="s", **world.gone)  # type: ignore[attr-defined]
    while world.lane.step():
        pass
    everything = {"domain": "d", "startTimeFilter": {"oldestDate": 0}}
    assert world.call("CountOpenWorkflowExecutions", **everything)["count"] == 0
    assert world.call("CountClosedWorkflowExecutions", **everything)["count"] == 0
