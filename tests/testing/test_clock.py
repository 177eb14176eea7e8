"""The clock of a test's domain: months pass in unchanged poll loops, other domains are not touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.testing.programs import decision, remind_after_30_days, send_reminders, start
from workflowsvc.testing import TestService, WaitedInVain, WorldService
from workflowsvc.testing.domain import TestDomain


def test_a_30_day_timer_of_an_unchanged_decider_fires_at_once(domain: TestDomain) -> None:
    domain.clock.skip()
    assert domain.clock.mode == "SKIPPING"
    for loop in (remind_after_30_days, send_reminders):
        domain.run(loop, domain.swf, domain.name)
    start(domain.swf, domain.name)
    assert domain.wait_for_close("order-1") == "COMPLETED"
    domain.assert_history(
        "order-1",
        """
        WorkflowExecutionStarted +0d
        ...
        TimerStarted +0d timerId=patience
        TimerFired +30d
        ...
        WorkflowExecutionCompleted +30d result=reminded
        """,
    )


def test_time_passes_by_a_span_and_up_to_a_moment_and_stands_when_frozen(domain: TestDomain) -> None:
    clock = domain.clock
    frozen = clock.freeze()
    assert clock.advance(days=1, hours=1, minutes=1, seconds=1) == frozen + timedelta(1, 3661)
    assert clock.advance(timedelta(days=2)) == frozen + timedelta(3, 3661)
    assert clock.advance(to=datetime(2030, 1, 1, tzinfo=UTC)) == datetime(2030, 1, 1, tzinfo=UTC) == clock.now
    assert clock.mode == "FROZEN"
    assert clock.run() == datetime(2030, 1, 1, tzinfo=UTC)
    assert clock.mode == "RUNNING"


def test_what_is_due_on_the_way_happens_at_its_own_moment(domain: TestDomain) -> None:
    domain.clock.freeze()
    start(domain.swf, domain.name)
    task = domain.swf.poll_for_decision_task(domain=domain.name, taskList={"name": "deciders"})
    timers = [decision("StartTimer", timerId=name, startToFireTimeout=name) for name in ("60", "30")]
    domain.swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=timers)
    domain.clock.advance(hours=1)
    domain.assert_history(
        "order-1",
        """
        ...
        TimerFired +30 timerId=30
        DecisionTaskScheduled +30
        TimerFired +60 timerId=60
        """,
    )


def test_a_clock_that_skips_jumps_no_further_than_it_may(domain: TestDomain) -> None:
    began = domain.clock.skip(at_most=timedelta(days=7))
    domain.run(remind_after_30_days, domain.swf, domain.name)
    start(domain.swf, domain.name)
    domain.wait_for_event("order-1", "TimerStarted")
    with pytest.raises(WaitedInVain):
        domain.wait_for_event("order-1", "TimerFired", seconds=0.01)
    assert domain.clock.now < began + timedelta(days=8)
    with pytest.raises(TypeError, match=r"a span, as timedelta\(days=90\) is, not 7"):
        domain.clock.skip(at_most=7)  # pyright: ignore[reportArgumentType]


def test_the_clock_of_one_domain_is_not_that_of_another(service: TestService) -> None:
    with service.domain() as one, service.domain() as other:
        one.clock.advance(days=365)
        assert other.clock.mode == "REAL"
        assert one.clock.now - other.clock.now > timedelta(days=364)


def test_a_poll_of_the_test_itself_lets_time_jump_in_a_world() -> None:
    """Without loops: the test polls and answers, in one thread."""
    with WorldService().domain() as domain:
        domain.register(workflows=["order@1"])
        domain.clock.skip()
        start(domain.swf, domain.name)
        poll = {"domain": domain.name, "taskList": {"name": "deciders"}}
        task = domain.swf.poll_for_decision_task(**poll)
        timer = [decision("StartTimer", timerId="t", startToFireTimeout="2592000")]
        domain.swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=timer)
        task = domain.swf.poll_for_decision_task(**poll)
        assert task["events"][-1]["eventTimestamp"] - task["events"][0]["eventTimestamp"] == timedelta(
            days=30
        )


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({}, ValueError, "a positive span"),
        ({"days": -1}, ValueError, "a positive span"),
        ({"to": datetime(2030, 1, 1)}, TypeError, "has no time zone"),  # noqa: DTZ001
        ({"to": datetime(2030, 1, 1, tzinfo=UTC), "days": 1}, TypeError, "a span or `to`, not both"),
    ],
)
def test_a_clock_is_turned_forwards_to_one_moment(
    service: TestService, given: dict[str, float], error: type[Exception], said: str
) -> None:
    with service.domain() as domain, pytest.raises(error, match=said):
        domain.clock.advance(**given)
