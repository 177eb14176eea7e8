"""The clock of a domain: turned, frozen, running, skipping, on each store; and that no other domain notices."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from tests.own_api.asking import own, state, why
from tests.own_api.conftest import Stage
from tests.world_fixture import ACTIVITY, LIST, ROLE, WORKFLOW, WorldFixture, decision
from workflowsvc.core.domain_clock import LAST_MOMENT, decode_clock, encode_clock
from workflowsvc.faults import OperationNotPermittedFault, UnknownResourceFault, ValidationException
from workflowsvc.fsck.audit import Options, audit
from workflowsvc.settings import Settings
from workflowsvc.testing import LATER

DAY = 86_400
YEAR = 365 * DAY
CLOSE = decision("CompleteWorkflowExecution")


def timer(seconds: int, timer_id: str = "t") -> dict[str, Any]:
    return decision("StartTimer", timerId=timer_id, startToFireTimeout=str(seconds))


def activity(activity_id: str = "a", **timeouts: str) -> dict[str, Any]:
    return decision("ScheduleActivityTask", activityId=activity_id, activityType=ACTIVITY, **timeouts)


def start_for_a_year(on: WorldFixture, workflow_id: str = "w", **members: Any) -> str:
    return on.start(workflow_id, executionStartToCloseTimeout=str(YEAR), **members)


def clock(on: WorldFixture) -> dict[str, Any]:
    return own(on, "DescribeClock")


def now(on: WorldFixture) -> float:
    return clock(on)["now"]


def real(on: WorldFixture) -> float:
    return on.world.clock.now_ms() / 1000


def wait(on: WorldFixture, seconds: float) -> None:
    """Real time passes, at once: a node of several would else look into its store for every second of it."""
    on.world.clock.advance(round(seconds * 1000))
    on.world.run()


def at(events: list[dict[str, Any]], event_type: str) -> list[float]:
    """When events of this type happened, counted from the first event, in seconds."""
    first = events[0]["eventTimestamp"]
    return [event["eventTimestamp"] - first for event in events if event["eventType"] == event_type]


def problems(on: WorldFixture) -> list[str]:
    with on.world.store.reader() as reader:
        return list(map(str, audit(reader, Options(on.world.clock.now_ms()))))  # type: ignore[arg-type]


def has_decision_task(on: WorldFixture) -> bool:
    return on.ask("CountPendingDecisionTasks", taskList=LIST)["count"] > 0


# --- what the operations answer ---


def test_a_domain_lives_in_real_time(stage: Stage) -> None:
    on = stage()
    assert clock(on) == {"domain": "d", "mode": "REAL", "now": real(on), "offsetSeconds": 0.0}
    wait(on, seconds=5)
    assert clock(on)["now"] == real(on)
    assert own(on, "RunClock")["mode"] == "REAL", "to run it changes nothing"


def test_a_clock_that_was_turned_runs_on_at_real_speed(stage: Stage) -> None:
    on = stage()
    answer = own(on, "AdvanceClock", seconds=90.5)
    assert answer == {"domain": "d", "mode": "RUNNING", "now": real(on) + 90.5, "offsetSeconds": 90.5}
    wait(on, seconds=10)
    assert clock(on) == answer | {"now": real(on) + 90.5}
    assert own(on, "AdvanceClock", to=real(on) + YEAR)["offsetSeconds"] == YEAR


def test_a_frozen_clock_stands_still_until_it_runs(stage: Stage) -> None:
    on = stage()
    frozen_at = real(on)
    assert own(on, "FreezeClock") == {"domain": "d", "mode": "FROZEN", "now": frozen_at, "offsetSeconds": 0.0}
    wait(on, seconds=100)
    assert clock(on) == {"domain": "d", "mode": "FROZEN", "now": frozen_at, "offsetSeconds": -100.0}
    assert own(on, "AdvanceClock", seconds=7)["now"] == frozen_at + 7
    wait(on, seconds=100)
    assert own(on, "RunClock") == {
        "domain": "d",
        "mode": "RUNNING",
        "now": frozen_at + 7,
        "offsetSeconds": -193.0,
    }
    wait(on, seconds=1)
    assert now(on) == frozen_at + 8


def test_a_skipping_clock_says_how_far_it_has_jumped_and_may(stage: Stage) -> None:
    on = stage()
    answer = own(on, "SkipClock", atMostSeconds=3 * DAY)
    assert (answer["mode"], answer["skippedSeconds"], answer["skipAtMostSeconds"]) == (
        "SKIPPING",
        0.0,
        3 * DAY,
    )
    start_for_a_year(on)
    on.decide(timer(2 * DAY))
    assert clock(on)["skippedSeconds"] == 2 * DAY
    again = own(on, "SkipClock")
    assert (again["skippedSeconds"], again["skipAtMostSeconds"]) == (0.0, on.world.settings.skip_at_most)
    assert "skippedSeconds" not in own(on, "RunClock")


# --- what time is for ---


def test_everything_on_the_way_happens_at_its_own_moment(stage: Stage) -> None:
    on = stage()
    own(on, "FreezeClock")
    run_id = start_for_a_year(on)
    on.decide(
        timer(10, "a"), timer(3 * DAY, "b"), timer(3 * DAY + 1, "c"), activity(scheduleToCloseTimeout="60")
    )
    own(on, "AdvanceClock", seconds=3 * DAY)
    events = on.history(run_id)
    assert at(events, "TimerFired") == [10, 3 * DAY]
    assert at(events, "ActivityTaskTimedOut") == [60]
    assert has_decision_task(on), "no worker was waited for"


def test_nothing_becomes_due_in_a_frozen_domain(stage: Stage) -> None:
    on = stage()
    own(on, "FreezeClock")
    run_id = start_for_a_year(on)
    on.decide(timer(10), activity(scheduleToStartTimeout="20"))
    wait(on, seconds=YEAR)
    assert at(on.history(run_id), "TimerFired") == []
    assert on.ask("PollForActivityTask", taskList=LIST)["activityId"] == "a", "polls are answered"
    own(on, "RunClock")
    wait(on, seconds=9.999)
    assert not has_decision_task(on)
    wait(on, seconds=0.001)
    assert at(on.history(run_id), "TimerFired") == [10]


def test_a_clock_that_is_behind_fires_timers_by_its_own_time(stage: Stage) -> None:
    on = stage()
    own(on, "FreezeClock")
    wait(on, seconds=1_000)
    own(on, "RunClock")
    run_id = start_for_a_year(on)
    on.decide(timer(10))
    wait(on, seconds=9)
    assert not has_decision_task(on)
    wait(on, seconds=1)
    assert at(on.history(run_id), "TimerFired") == [10]
    assert on.history(run_id)[0]["eventTimestamp"] == real(on) - 1_000 - 10


def test_other_domains_do_not_notice(stage: Stage) -> None:
    on = stage()
    other = WorldFixture(on.world, domain="other")
    run_id = other.start()
    other.decide(timer(60))
    own(on, "AdvanceClock", seconds=YEAR)
    own(on, "SkipClock")
    start_for_a_year(on)
    on.decide(timer(DAY))
    assert clock(other)["mode"] == "REAL"
    assert not has_decision_task(other)
    wait(on, seconds=60)
    assert at(other.history(run_id), "TimerFired") == [60]


def test_the_retention_of_closed_runs_ends_by_the_clock(stage: Stage) -> None:
    on = stage()
    own(on, "FreezeClock")
    named = {"workflowId": "w", "runId": on.start()}
    on.decide(CLOSE)
    every = {"oldestDate": 0}

    def is_known() -> bool:
        listed = on.ask("ListClosedWorkflowExecutions", startTimeFilter=every)["executionInfos"]
        counted = on.ask("CountClosedWorkflowExecutions", closeTimeFilter=every)["count"]
        searched = own(on, "SearchExecutions")["executions"]
        assert len(listed) == counted == len(searched)
        try:
            on.ask("DescribeWorkflowExecution", execution=named)
            on.ask("GetWorkflowExecutionHistory", execution=named)
        except UnknownResourceFault:
            assert not listed
            return False
        assert listed
        return True

    wait(on, seconds=YEAR)
    assert is_known()
    own(on, "AdvanceClock", seconds=10 * DAY - 1)
    assert is_known()
    own(on, "AdvanceClock", seconds=1)
    assert not is_known()
    with on.world.store.reader() as reader:
        assert reader.runs(0, 10) == []  # type: ignore[attr-defined]


def test_page_tokens_grow_old_by_the_clock(stage: Stage) -> None:
    on = stage(settings=Settings(max_page_size=1))
    own(on, "FreezeClock")
    for name in ("a", "b"):
        on.start(name)
    members = {"startTimeFilter": {"oldestDate": 0}}
    token = on.ask("ListOpenWorkflowExecutions", **members)["nextPageToken"]
    wait(on, seconds=YEAR)
    assert on.ask("ListOpenWorkflowExecutions", **members, nextPageToken=token)["executionInfos"]
    own(on, "AdvanceClock", seconds=DAY - 1)
    assert on.ask("ListOpenWorkflowExecutions", **members, nextPageToken=token)["executionInfos"]
    own(on, "AdvanceClock", seconds=2)
    with pytest.raises(ValidationException, match="maximum lifetime"):
        on.ask("ListOpenWorkflowExecutions", **members, nextPageToken=token)


def test_what_is_said_of_a_run_is_by_its_clock(stage: Stage) -> None:
    on = stage()
    own(on, "AdvanceClock", seconds=YEAR)
    start_for_a_year(on)
    wait(on, seconds=40)
    assert "since the service was started 40 s ago" in why(on)["NO_DECISION_POLLER"]["message"]
    on.decide(timer(DAY))
    assert state(on)["timers"][0]["fireTimestamp"] == now(on) + DAY
    own(on, "AdvanceClock", seconds=3_600)
    assert why(on)["WAITS_FOR_TIMER"]["untilTimestamp"] == now(on) + DAY - 3_600


def test_types_are_registered_by_the_clock(stage: Stage) -> None:
    on = stage()
    own(on, "AdvanceClock", seconds=YEAR)
    on.ask("RegisterWorkflowType", name="new", version="1")
    on.ask("DeprecateWorkflowType", workflowType={"name": "new", "version": "1"})
    info = on.ask("DescribeWorkflowType", workflowType={"name": "new", "version": "1"})["typeInfo"]
    assert (info["creationDate"], info["deprecationDate"]) == (now(on), now(on))


# --- skipping ---


def test_a_year_of_timers_passes_while_a_decider_answers(stage: Stage) -> None:
    on = stage()
    own(on, "SkipClock")
    run_id = start_for_a_year(on)
    for _ in range(12):
        on.decide(timer(30 * DAY))
    on.decide(CLOSE)
    events = on.history(run_id)
    assert at(events, "TimerFired") == [30 * DAY * month for month in range(1, 13)]
    assert at(events, "WorkflowExecutionCompleted") == [360 * DAY]
    assert clock(on)["skippedSeconds"] == 360 * DAY


def test_nothing_is_skipped_while_a_task_waits_or_is_at_work(stage: Stage) -> None:
    on = stage()
    own(on, "SkipClock")
    run_id = start_for_a_year(on)
    assert clock(on)["skippedSeconds"] == 0, "a decision task waits"
    task = on.next_task()
    assert clock(on)["skippedSeconds"] == 0, "a decider has it"
    decisions = [timer(DAY), activity()]
    on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decisions)
    assert clock(on)["skippedSeconds"] == 0, "an activity task waits"
    token = on.ask("PollForActivityTask", taskList=LIST)["taskToken"]
    wait(on, seconds=30)
    assert clock(on)["skippedSeconds"] == 0, "a worker has it"
    on.call("RespondActivityTaskCompleted", taskToken=token)
    assert clock(on)["skippedSeconds"] == 0, "the decider is to hear of it"
    on.decide()
    assert at(on.history(run_id), "TimerFired") == [DAY]


def test_nothing_is_skipped_while_a_function_runs(stage: Stage) -> None:
    on = stage(functions={"f": lambda _: LATER})
    own(on, "SkipClock")
    run_id = start_for_a_year(on, lambdaRole=ROLE)
    on.decide(timer(DAY), decision("ScheduleLambdaFunction", id="l", name="f"))
    assert clock(on)["skippedSeconds"] == 0
    (invocation,) = on.world.unanswered
    on.world.answer(invocation, 1)
    on.decide()
    assert at(on.history(run_id), "TimerFired") == [DAY]


def test_time_passes_at_real_speed_while_something_is_in_flight(stage: Stage) -> None:
    """So a worker that has died times out, and time can be skipped again."""
    on = stage()
    own(on, "SkipClock")
    run_id = start_for_a_year(on)
    on.decide(timer(DAY), activity(startToCloseTimeout="60"))
    on.ask("PollForActivityTask", taskList=LIST)
    wait(on, seconds=59)
    assert not has_decision_task(on)
    wait(on, seconds=1)
    on.decide()
    events = on.history(run_id)
    assert (at(events, "ActivityTaskTimedOut"), at(events, "TimerFired")) == ([60], [DAY])


def test_children_and_signals_arrive_before_time_jumps(stage: Stage) -> None:
    on = stage()
    own(on, "SkipClock")
    run_id = start_for_a_year(on, "parent")
    child = decision("StartChildWorkflowExecution", workflowId="child", workflowType=WORKFLOW)
    on.decide(timer(10 * DAY), child | {})
    first, second = on.next_task(), on.next_task()
    tasks = {task["workflowExecution"]["workflowId"]: task["taskToken"] for task in (first, second)}
    assert tasks.keys() == {"parent", "child"}
    signal = decision("SignalExternalWorkflowExecution", workflowId="parent", signalName="s")
    on.call("RespondDecisionTaskCompleted", taskToken=tasks["parent"], decisions=[])
    on.call("RespondDecisionTaskCompleted", taskToken=tasks["child"], decisions=[timer(3_600), signal])
    for _ in range(4):  # two that hear of the signal, then the child's timer
        if has_decision_task(on):
            task = on.next_task()
            is_child = task["workflowExecution"]["workflowId"] == "child"
            fired = any(event["eventType"] == "TimerFired" for event in task["events"])
            on.call(
                "RespondDecisionTaskCompleted",
                taskToken=task["taskToken"],
                decisions=[CLOSE] if is_child and fired else [],
            )
    events = on.history(run_id, "parent")
    assert at(events, "WorkflowExecutionSignaled") == [0]
    assert at(events, "ChildWorkflowExecutionCompleted") == [3_600]
    on.decide()
    assert at(on.history(run_id, "parent"), "TimerFired") == [10 * DAY]


def test_time_jumps_no_further_than_it_may(stage: Stage) -> None:
    on = stage()
    own(on, "SkipClock", atMostSeconds=2.5 * DAY)
    run_id = start_for_a_year(on)
    for _ in range(3):
        on.decide(timer(DAY))
    assert clock(on)["skippedSeconds"] == 2.5 * DAY, "up to the bound"
    assert not has_decision_task(on)
    wait(on, seconds=DAY / 2)
    assert at(on.history(run_id), "TimerFired") == [DAY, 2 * DAY, 3 * DAY], "and on at real speed"


def test_the_server_bounds_what_a_loop_can_skip(stage: Stage) -> None:
    on = stage(settings=Settings(skip_at_most=10.0))
    with pytest.raises(ValidationException, match="at most 10, the setting skip_at_most"):
        own(on, "SkipClock", atMostSeconds=11)
    own(on, "SkipClock")
    start_for_a_year(on)
    on.decide(timer(60))
    assert clock(on)["skippedSeconds"] == 10


def test_the_end_of_a_retention_is_not_jumped_to(stage: Stage) -> None:
    on = stage()
    own(on, "SkipClock")
    run_id = on.start()
    on.decide(CLOSE)
    on.world.run()
    assert clock(on)["skippedSeconds"] == 0
    assert on.history(run_id)


def test_a_run_that_waits_for_a_signal_is_skipped_to_its_time_out(stage: Stage) -> None:
    on = stage()
    own(on, "SkipClock")
    run_id = on.start()
    on.decide()
    assert on.types(run_id)[-1] == "WorkflowExecutionTimedOut"


# --- restarts, and what is stored ---


@pytest.mark.parametrize("turn", ["AdvanceClock", "FreezeClock", "SkipClock"])
def test_a_clock_survives_a_restart(stage: Stage, turn: str) -> None:
    on = stage()
    own(on, turn, **({"seconds": 5 * DAY} if turn == "AdvanceClock" else {}))
    run_id = start_for_a_year(on)
    task = on.next_task()
    before = clock(on)
    on.world.restart()
    assert clock(on) == before
    on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[timer(DAY)])
    on.world.restart()
    wait(on, seconds=DAY)
    fired = at(on.history(run_id), "TimerFired")
    assert fired == ([] if turn == "FreezeClock" else [DAY])
    assert problems(on) == []


def test_a_jump_that_was_due_happens_after_a_restart(stage: Stage) -> None:
    on = stage()
    own(on, "SkipClock")
    run_id = start_for_a_year(on)
    token = on.next_task()["taskToken"]
    on.world.submit("RespondDecisionTaskCompleted", taskToken=token, decisions=[timer(DAY)])
    on.world.writer.step()  # it is recorded, and the process ends before time could jump
    on.world.restart()
    on.world.run()
    assert at(on.history(run_id), "TimerFired") == [DAY]


def test_runs_and_retentions_from_before_follow_the_clock_when_that_is_meant(stage: Stage) -> None:
    on = stage()
    closed = on.start("closed")
    on.decide(CLOSE)
    run_ids = [start_for_a_year(on, f"w{number}") for number in range(120)]
    for _ in run_ids:
        on.decide(timer(DAY))
    with pytest.raises(OperationNotPermittedFault, match="lives in real time and has 120 open runs"):
        own(on, "AdvanceClock", seconds=2 * DAY)
    assert clock(on)["mode"] == "REAL", "nothing was changed"
    own(on, "AdvanceClock", seconds=2 * DAY, yes=True)
    assert {
        tuple(at(on.history(run_id, f"w{number}"), "TimerFired")) for number, run_id in enumerate(run_ids)
    } == {(DAY,)}
    on.world.run()
    assert problems(on) == []
    assert on.history(closed, "closed")
    own(on, "AdvanceClock", seconds=10 * DAY)
    with pytest.raises(UnknownResourceFault):
        on.history(closed, "closed")


def test_runs_from_before_wait_when_the_clock_is_frozen(stage: Stage) -> None:
    on = stage()
    run_id = start_for_a_year(on)
    on.decide(timer(60))
    own(on, "FreezeClock", yes=True)
    wait(on, seconds=YEAR)
    assert at(on.history(run_id), "TimerFired") == []
    own(on, "AdvanceClock", seconds=60)
    assert at(on.history(run_id), "TimerFired") == [60]


def test_runs_from_before_are_skipped_when_that_is_meant(stage: Stage) -> None:
    on = stage()
    run_id = start_for_a_year(on)
    on.decide(timer(60))
    own(on, "SkipClock", yes=True)
    assert at(on.history(run_id), "TimerFired") == [60]


def test_a_deleted_domain_leaves_no_clock(stage: Stage) -> None:
    on = stage()
    own(on, "AdvanceClock", seconds=YEAR)
    start_for_a_year(on)
    own(on, "DeleteDomain", force=True)
    wait(on, seconds=60)
    with on.world.store.reader() as reader:
        assert reader.clocked_domains() == []
    again = WorldFixture(on.world)
    assert clock(again)["mode"] == "REAL"
    other = WorldFixture(on.world, domain="other")
    own(other, "FreezeClock")
    own(again, "AdvanceClock", seconds=1)
    assert [clock(each)["mode"] for each in (again, other)] == ["RUNNING", "FROZEN"]


def test_a_domain_keeps_its_clock_when_it_is_deprecated(stage: Stage) -> None:
    on = stage()
    own(on, "FreezeClock")
    before = clock(on)
    on.call("DeprecateDomain", name="d")
    assert clock(on) == before
    on.call("UndeprecateDomain", name="d")
    assert clock(on) == before


# --- what is refused ---


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({}, "'seconds' failed to satisfy constraint: Member must be given, or else to, and not both"),
        ({"seconds": 1, "to": 4_000_000_000}, "Member must be given, or else to, and not both"),
        (
            {"seconds": 0},
            "Value '0.0' at 'seconds' failed to satisfy constraint: Member must be greater than 0",
        ),
        ({"seconds": -5}, "Member must be greater than 0"),
    ],
)
def test_an_amount_that_is_none_is_refused(stage: Stage, members: dict[str, Any], text: str) -> None:
    on = stage()
    with pytest.raises(ValidationException, match=text):
        own(on, "AdvanceClock", **members)
    assert clock(on)["mode"] == "REAL"


def test_a_clock_is_not_turned_back(stage: Stage) -> None:
    on = stage()
    with pytest.raises(
        OperationNotPermittedFault, match=r"never runs backwards.*it is 2012-01-25T00:00:00Z already"
    ):
        own(on, "AdvanceClock", to=real(on) - 1)
    own(on, "AdvanceClock", seconds=YEAR)
    with pytest.raises(OperationNotPermittedFault, match="never runs backwards"):
        own(on, "AdvanceClock", to=real(on) + YEAR - 0.001)


def test_a_clock_ends_with_the_year_9999(stage: Stage) -> None:
    on = stage()
    own(on, "FreezeClock")
    for members in ({"to": LAST_MOMENT / 1000 + 1}, {"seconds": 1e300}, {"to": 8e15}):
        with pytest.raises(OperationNotPermittedFault, match="beyond 9999-12-31T23:59:59Z"):
            own(on, "AdvanceClock", **members)
    assert own(on, "AdvanceClock", to=LAST_MOMENT / 1000)["now"] == LAST_MOMENT / 1000
    run_id = on.start()
    own(on, "SkipClock")
    on.decide(timer(60))
    assert clock(on)["skippedSeconds"] == 0
    assert on.history(run_id)[0]["eventTimestamp"] == LAST_MOMENT / 1000
    assert problems(on) == []


def test_a_server_may_forbid_clocks(stage: Stage) -> None:
    on = stage()
    own(on, "SkipClock")
    on.world.settings = Settings(domain_clocks="off")
    on.world.restart()
    for operation in ("AdvanceClock", "FreezeClock", "SkipClock"):
        members = {"seconds": 1} if operation == "AdvanceClock" else {}
        with pytest.raises(OperationNotPermittedFault, match="--domain-clocks off"):
            own(on, operation, **members)
    start_for_a_year(on)
    on.decide(timer(DAY))
    assert clock(on)["skippedSeconds"] == 0, "and none skips that was told to before"
    assert own(on, "RunClock")["mode"] == "RUNNING"


@pytest.mark.parametrize(
    "operation", ["DescribeClock", "AdvanceClock", "FreezeClock", "RunClock", "SkipClock"]
)
def test_a_clock_belongs_to_a_domain_that_is_there(stage: Stage, operation: str) -> None:
    on = stage()
    members: dict[str, Any] = {"seconds": 1} if operation == "AdvanceClock" else {}
    with pytest.raises(UnknownResourceFault, match="Unknown domain: none"):
        on.call(f"WorkflowSvc.{operation}", domain="none", **members)


def test_a_long_poll_waits_in_real_time(stage: Stage) -> None:
    on = stage()
    own(on, "SkipClock")
    poll = on.world.poll("PollForDecisionTask", domain="d", taskList=LIST)
    own(on, "AdvanceClock", seconds=YEAR)
    assert not poll.done
    start_for_a_year(on)
    assert poll.done
    assert poll.result()["workflowExecution"]["workflowId"] == "w"


def test_what_has_no_time_to_spare_happens_in_a_frozen_domain_too(stage: Stage) -> None:
    on = stage()
    own(on, "FreezeClock")
    run_id = start_for_a_year(on)
    on.decide(timer(0))
    on.world.run()
    assert at(on.history(run_id), "TimerFired") == [0]


def test_no_time_passes_in_a_domain_of_imported_histories(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(CLOSE)
    run_id = on.ask("ListClosedWorkflowExecutions", startTimeFilter={"oldestDate": 0})["executionInfos"][0][
        "execution"
    ]
    history = json.dumps({"events": on.history(run_id["runId"])})
    on.call("WorkflowSvc.ImportHistory", domain="archive", workflowId="w", history=history)
    with pytest.raises(OperationNotPermittedFault, match="archive holds imported histories"):
        on.call("WorkflowSvc.FreezeClock", domain="archive")


def test_a_domain_whose_clock_is_damaged_leaves_the_others_alone(stage: Stage) -> None:
    on = stage()
    other = WorldFixture(on.world, domain="other")
    own(on, "FreezeClock")
    with on.world.store.transaction() as tx:
        (domain,) = [row.id for row in tx.clocked_domains()]
        tx.put_clock(domain, b'{"number": "x"}')
    on.world.restart()
    run_id = other.start()
    other.decide(timer(1))
    wait(other, seconds=1)
    assert at(other.history(run_id), "TimerFired") == [1]
    assert ["its clock cannot be read" in text for text in problems(on)] == [True]


def test_an_audit_finds_rows_that_are_due_by_another_clock(stage: Stage) -> None:
    on = stage()
    own(on, "AdvanceClock", seconds=YEAR)
    start_for_a_year(on)
    with on.world.store.transaction() as tx:
        (domain,) = tx.clocked_domains()
        clock = decode_clock(domain.clock)
        assert clock is not None
        tx.put_clock(domain.id, encode_clock(replace(clock, number=clock.number + 1)))
    assert ["wake_at is" in text for text in problems(on)] == [True]
