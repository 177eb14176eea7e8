"""Any workflow makes the same histories under a clock that skips as under one that is turned by hand.

By hand: the domain lives in real time, and the clock of the process is moved to the next moment at which something is
due whenever no task is left to be done. The decider and the worker are functions of what they are given.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.world_fixture import ACTIVITY, LIST, WORKFLOW, WorldFixture, decision
from workflowsvc.fsck.audit import Options, audit
from workflowsvc.testing import World

DAY = 86_400
MAX_TASKS = 200  # of one scenario, each a poll and its answer
UNPOLLED = {"name": "unpolled"}
CLOSE = decision("CompleteWorkflowExecution")
Step = tuple[str, int]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["timer", "timers", "activity", "lost activity", "unpolled activity", "child", "signal", "wait"]
        ),
        st.integers(1, 40 * DAY),
    ),
    min_size=1,
    max_size=7,
)
"""What the parent decides, one step for each of its decision tasks; then it waits for its time-out."""


def decisions_of(step: Step, number: int) -> list[dict[str, Any]]:
    kind, seconds = step

    def timer(timer_id: str, seconds: int) -> dict[str, Any]:
        return decision("StartTimer", timerId=f"{timer_id}{number}", startToFireTimeout=str(seconds))

    def activity(**timeouts: Any) -> dict[str, Any]:
        return decision(
            "ScheduleActivityTask", activityId=f"{kind}{number}", activityType=ACTIVITY, **timeouts
        )

    match kind:
        case "timer":
            return [timer("t", seconds)]
        case "timers":
            return [timer("a", seconds), timer("b", 2 * seconds), timer("c", seconds)]
        case "activity":
            return [activity()]
        case "lost activity":
            return [activity(startToCloseTimeout=str(seconds))]
        case "unpolled activity":
            return [activity(taskList=UNPOLLED, scheduleToStartTimeout=str(seconds))]
        case "child":
            child = decision(
                "StartChildWorkflowExecution",
                workflowId=f"child{number}",
                workflowType=WORKFLOW,
                input=str(seconds),
                executionStartToCloseTimeout=str(30 * DAY),
            )
            return [child, timer("beside", 3_600)]
        case "signal":
            return [
                decision("SignalExternalWorkflowExecution", workflowId="w", signalName=f"s{number}"),
                timer("behind", seconds),
            ]
        case _:
            return []


def of_child(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A child waits as long as its input says, then closes."""
    types = [event["eventType"] for event in events]
    if "TimerFired" in types:
        return [CLOSE]
    if "TimerStarted" in types:
        return []
    seconds = events[0]["workflowExecutionStartedEventAttributes"]["input"]
    return [decision("StartTimer", timerId="t", startToFireTimeout=seconds)]


def work(on: WorldFixture) -> bool:
    """Does one task; False when there is none."""
    task = on.ask("PollForDecisionTask", taskList=LIST)
    if "taskToken" in task:
        is_parent = task["workflowExecution"]["workflowId"] == "w"
        done = sum(event["eventType"] == "DecisionTaskCompleted" for event in task["events"])
        steps: list[Step] = on.steps  # type: ignore[attr-defined]
        if is_parent:
            decisions = decisions_of(steps[done], done) if done < len(steps) else []
        else:
            decisions = of_child(task["events"])
        on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decisions)
        return True
    task = on.ask("PollForActivityTask", taskList=LIST)
    if "taskToken" not in task:
        return False
    if not task["activityId"].startswith("lost"):
        on.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
    return True


def histories(steps: list[Step], *, skips: bool) -> list[list[tuple[Any, ...]]]:
    on = WorldFixture(World(seed=1))
    world = on.world
    on.steps = steps  # type: ignore[attr-defined]
    if skips:
        on.ask("WorkflowSvc.SkipClock")
    on.start(executionStartToCloseTimeout=str(300 * DAY))
    every = {"startTimeFilter": {"oldestDate": 0}}
    for _ in range(MAX_TASKS):
        if work(on):
            continue
        if not on.ask("CountOpenWorkflowExecutions", **every)["count"]:
            break
        # Under a clock that skips, this is only for what a worker that is lost, or was never there, has in flight.
        due = world.writer.next_moment()
        assert due is not None
        world.clock.advance_to(due)
        world.run()
    rows = on.ask("WorkflowSvc.SearchExecutions", sortBy="WORKFLOW_ID", sortOrder="ASCENDING")["executions"]
    assert rows
    with world.store.reader() as reader:
        assert not list(audit(reader, Options(world.clock.now_ms())))  # type: ignore[arg-type]
    found: list[list[tuple[Any, ...]]] = []
    first = min(row["startTimestamp"] for row in rows)
    for row in rows:
        named = row["execution"]
        events = on.history(named["runId"], named["workflowId"])
        found.append(
            [
                (
                    event["eventId"],
                    round(event["eventTimestamp"] - first, 3),
                    event["eventType"],
                    without_names(event),
                )
                for event in events
            ]
        )
    return found


def without_names(value: Any) -> Any:
    """Without runIds, which differ from world to world, and the event's own time."""
    if isinstance(value, dict):
        left_out = {"runId", "eventTimestamp"}
        return {name: without_names(inner) for name, inner in value.items() if name not in left_out}
    return value


@given(STEPS)
@settings(max_examples=40, suppress_health_check=list(HealthCheck), database=None)
def test_a_clock_that_skips_makes_the_histories_of_one_that_is_turned_by_hand(steps: list[Step]) -> None:
    assert histories(steps, skips=True) == histories(steps, skips=False)
