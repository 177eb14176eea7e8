"""SWF's CloudWatch metrics: each counts what its name says, once, and only when it was committed (QUALITY §6.5)."""

from __future__ import annotations

import pytest

from tests.failing_store import FailingStore
from tests.metrics.reading import measured, metrics_of
from tests.world_fixture import ACTIVITY, LIST, WORKFLOW, WorldFixture, decision
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.testing import World

OF_WORKFLOW = {"domain": "d", "workflow_type_name": "workflow", "workflow_type_version": "1"}
OF_ACTIVITY = {"domain": "d", "activity_type_name": "activity", "activity_type_version": "1"}
COMPLETE = decision("CompleteWorkflowExecution")


@pytest.fixture
def on() -> WorldFixture:
    return WorldFixture(World(settings=measured()))


def schedule(activity_id: str = "a", **timeouts: str) -> dict[str, object]:
    return decision("ScheduleActivityTask", activityId=activity_id, activityType=ACTIVITY, **timeouts)


def test_the_times_of_a_run_and_its_tasks_are_measured_in_seconds(on: WorldFixture) -> None:
    on.start()
    on.world.advance(seconds=2)
    token = on.next_task()["taskToken"]
    on.world.advance(seconds=3)
    on.call("RespondDecisionTaskCompleted", taskToken=token, decisions=[schedule()])
    on.world.advance(seconds=4)
    task = on.ask("PollForActivityTask", taskList=LIST)
    on.world.advance(seconds=5)
    on.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
    on.decide(COMPLETE)

    found = metrics_of(on.world)
    assert found.value("swf_decision_task_schedule_to_start_time_seconds_sum", **OF_WORKFLOW) == 2
    assert found.value("swf_decision_task_start_to_close_time_seconds_sum", **OF_WORKFLOW) == 3
    assert found.value("swf_decision_tasks_completed_total", **OF_WORKFLOW) == 2
    assert found.value("swf_activity_task_schedule_to_start_time_seconds_sum", **OF_ACTIVITY) == 4
    assert found.value("swf_activity_task_start_to_close_time_seconds_sum", **OF_ACTIVITY) == 5
    assert found.value("swf_activity_task_schedule_to_close_time_seconds_sum", **OF_ACTIVITY) == 9
    assert found.value("swf_activity_tasks_completed_total", **OF_ACTIVITY) == 1
    assert found.value("swf_workflow_start_to_close_time_seconds_sum", **OF_WORKFLOW) == 14
    assert found.value("swf_workflow_start_to_close_time_seconds_bucket", le="10.0", **OF_WORKFLOW) == 0
    assert found.value("swf_workflow_start_to_close_time_seconds_bucket", le="60.0", **OF_WORKFLOW) == 1
    assert found.value("swf_workflows_completed_total", account="000000000000", **OF_WORKFLOW) == 1
    assert found.value("workflowsvc_events_total") == 11


@pytest.mark.parametrize(
    ("status", "closing"),
    [
        ("failed", decision("FailWorkflowExecution", reason="r")),
        ("canceled", decision("CancelWorkflowExecution")),
        ("continued_as_new", decision("ContinueAsNewWorkflowExecution")),
    ],
)
def test_each_way_to_close_has_its_count(on: WorldFixture, status: str, closing: dict[str, object]) -> None:
    on.start()
    on.decide(closing)
    found = metrics_of(on.world)
    assert found.value(f"swf_workflows_{status}_total", **OF_WORKFLOW) == 1
    assert found.value("swf_workflows_completed_total", **OF_WORKFLOW) == 0


def test_runs_that_are_terminated_or_time_out_are_counted(on: WorldFixture) -> None:
    on.start("terminated")
    on.ask("TerminateWorkflowExecution", workflowId="terminated")
    on.start("late", executionStartToCloseTimeout="60")
    on.world.advance(seconds=61)
    found = metrics_of(on.world)
    assert found.value("swf_workflows_terminated_total", **OF_WORKFLOW) == 1
    assert found.value("swf_workflows_timed_out_total", **OF_WORKFLOW) == 1
    assert found.value("workflowsvc_timer_lag_seconds_count") == 1


def test_each_time_out_of_an_activity_has_its_count(on: WorldFixture) -> None:
    on.start()
    on.decide(
        schedule("start", scheduleToStartTimeout="10"),
        schedule("close", scheduleToCloseTimeout="20", taskList={"name": "other"}),
        schedule("run", startToCloseTimeout="5", taskList={"name": "taken"}),
        schedule("beat", heartbeatTimeout="4", taskList={"name": "taken"}),
    )
    for _ in range(2):
        on.ask("PollForActivityTask", taskList={"name": "taken"})
    on.world.advance(seconds=30)
    found = metrics_of(on.world)
    for name in (
        "scheduled_activity_tasks_timed_out_on_start",
        "scheduled_activity_tasks_timed_out_on_close",
        "started_activity_tasks_timed_out_on_close",
        "started_activity_tasks_timed_out_on_heartbeat",
    ):
        assert found.value(f"swf_{name}_total", **OF_ACTIVITY) == 1, name
    assert found.value("swf_activity_task_schedule_to_close_time_seconds_count", **OF_ACTIVITY) == 4
    assert found.value("swf_activity_task_start_to_close_time_seconds_count", **OF_ACTIVITY) == 2


def test_failed_and_canceled_activities_and_late_deciders_are_counted(on: WorldFixture) -> None:
    on.start(taskStartToCloseTimeout="10")
    on.decide(schedule("fails"), schedule("never"))
    task = on.ask("PollForActivityTask", taskList=LIST)
    on.call("RespondActivityTaskFailed", taskToken=task["taskToken"])
    on.decide(decision("RequestCancelActivityTask", activityId="never"))
    on.next_task()
    on.world.advance(seconds=11)
    found = metrics_of(on.world)
    assert found.value("swf_activity_tasks_failed_total", **OF_ACTIVITY) == 1
    assert found.value("swf_activity_tasks_canceled_total", **OF_ACTIVITY) == 1
    assert found.value("swf_started_decision_tasks_timed_out_on_close_total", **OF_WORKFLOW) == 1
    assert found.value("swf_decision_tasks_completed_total", **OF_WORKFLOW) == 2


def test_what_was_not_committed_does_not_count() -> None:
    store = FailingStore()
    on = WorldFixture(World(store=store, settings=measured()))
    on.start()
    store.refusals = 1
    with pytest.raises(ServiceUnavailable):
        on.ask("TerminateWorkflowExecution", workflowId="w")
    on.world.advance(seconds=5)
    before = metrics_of(on.world)
    assert before.values("swf_workflows_terminated_total") in ([], [0])
    assert before.value("workflowsvc_store_write_failures_total") == 1
    on.ask("TerminateWorkflowExecution", workflowId="w")
    assert metrics_of(on.world).value("swf_workflows_terminated_total", **OF_WORKFLOW) == 1


def test_types_beyond_the_bound_are_measured_together() -> None:
    on = WorldFixture(World(settings=measured(metrics_max_types=2)))
    for number in range(5):
        kind = {"name": f"type-{number}", "version": "1"}
        on.ask("RegisterWorkflowType", **kind)
        on.start(
            f"w-{number}",
            workflowType=kind,
            taskList=LIST,
            childPolicy="TERMINATE",
            taskStartToCloseTimeout="NONE",
            executionStartToCloseTimeout="60",
        )
        on.ask("TerminateWorkflowExecution", workflowId=f"w-{number}")
    found = metrics_of(on.world)
    assert found.value("swf_workflows_terminated_total", workflow_type_name="type-1") == 1
    assert found.value("swf_workflows_terminated_total", workflow_type_name="other", domain="other") == 3
    assert not found.values("swf_workflows_terminated_total", workflow_type_name="type-2")


def test_a_domain_that_was_deleted_and_registered_again_has_each_series_once(on: WorldFixture) -> None:
    on.start()
    on.ask("TerminateWorkflowExecution", workflowId="w")
    on.world.call("DeprecateDomain", name="d")
    on.world.call("DeleteDomain", domain="d")
    on.world.advance(seconds=600)
    again = WorldFixture(on.world)
    again.start()
    again.ask("TerminateWorkflowExecution", workflowId="w")
    assert metrics_of(on.world).value("swf_workflows_terminated_total", **OF_WORKFLOW) == 2


def test_nothing_is_measured_by_type_while_metrics_are_off() -> None:
    world = World()
    WorldFixture(world).start()
    assert world.state.figures is None


def test_a_type_has_at_most_as_many_series_as_the_setting_is_sized_for(on: WorldFixture) -> None:
    """80 of each kind, and the lists, are about 10,000 series."""
    on.start()
    on.decide(schedule())
    on.ask("PollForActivityTask", taskList=LIST)
    on.world.advance(seconds=1)
    found = metrics_of(on.world)
    of_workflow = [labels for _, labels in found.samples if dict(labels).items() >= OF_WORKFLOW.items()]
    of_activity = [labels for _, labels in found.samples if dict(labels).items() >= OF_ACTIVITY.items()]
    assert len(of_workflow) <= 56
    assert len(of_activity) <= 56


def test_a_run_that_was_started_before_the_node_is_measured_from_its_history(on: WorldFixture) -> None:
    on.start()
    on.decide(schedule())
    task = on.ask("PollForActivityTask", taskList=LIST)
    on.world.restart()
    on.world.advance(seconds=7)
    on.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
    found = metrics_of(on.world)
    assert found.value("swf_activity_task_start_to_close_time_seconds_sum", **OF_ACTIVITY) == 7
    assert WORKFLOW["name"] not in found.labels(), "what another process has counted is not counted again"
