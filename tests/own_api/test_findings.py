"""ExplainExecution: each code of a finding appears where it should, and does not where it must not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.own_api.asking import own, why
from tests.own_api.conftest import Stage
from tests.world_fixture import ACTIVITY, LIST, ROLE, WORKFLOW, WorldFixture, decision
from workflowsvc.core.execution import Execution
from workflowsvc.core.findings import spoken
from workflowsvc.core.rules import APPLY
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.model.own_shapes import FindingCode
from workflowsvc.settings import Limits, Settings
from workflowsvc.testing import LATER

OTHER = {"name": "other"}
TIMER = decision("StartTimer", timerId="t", startToFireTimeout="600")


def poll(on: WorldFixture, kind: str = "Decision", **members: Any) -> Any:
    """A poll that waits."""
    return on.world.poll(
        f"PollFor{kind}Task", on.tenant, **({"domain": on.domain, "taskList": LIST} | members)
    )


def schedule(activity_id: str = "a", **members: Any) -> dict[str, Any]:
    return decision(
        "ScheduleActivityTask", **({"activityId": activity_id, "activityType": ACTIVITY} | members)
    )


def now(on: WorldFixture) -> float:
    return on.world.clock.now_ms() / 1000


# --- pollers and lists ---


def test_no_decision_poller_on_a_list_that_was_never_polled(stage: Stage) -> None:
    on = stage()
    on.start()
    on.world.advance(seconds=90)
    finding = why(on)["NO_DECISION_POLLER"]
    assert finding["severity"] == "CRITICAL"
    assert (finding["taskList"], finding["taskListKind"]) == (LIST, "DECISION")
    assert finding["message"] == (
        'A decision task waits on the list "list", and no decider has polled it since the service was started '
        "1 m 30 s ago."
    )
    assert finding["sinceTimestamp"] == now(on) - 90
    assert finding["eventIds"] == [2]
    assert "poll" in finding["action"]


def test_no_decision_poller_on_a_list_whose_decider_has_left(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(TIMER)  # the last poll
    left = now(on)
    on.world.advance(seconds=3600)
    finding = why(on)["NO_DECISION_POLLER"]
    assert finding["message"].endswith("and no decider has polled it for 1 h.")
    assert finding["sinceTimestamp"] == left + 600, "when the timer fired and the task began to wait"


def test_a_list_that_no_client_polls_has_polled_ones_of_nearly_its_name_named(stage: Stage) -> None:
    on = stage()
    on.start()
    on.call("RegisterDomain", name="elsewhere", workflowExecutionRetentionPeriodInDays="1")
    for polled in ("packers", "Packer", "shippers"):
        poll(on, "Activity", taskList={"name": polled})
    poll(on, taskList={"name": "packer2"})
    poll(on, "Activity", taskList={"name": "packer3"}, domain="elsewhere")
    on.decide(schedule(taskList={"name": "packer"}))
    action = why(on)["NO_ACTIVITY_POLLER"]["action"]
    assert action == (
        'Lists of nearly this name are polled: "Packer" and "packers". Mend the name where it is misspelt, or start a '
        'worker that polls "packer" in this domain.'
    )
    assert own(on, "ExplainDomain")["groups"][0]["action"] == action


def test_no_decision_poller_is_not_said_of_a_list_that_is_polled(stage: Stage) -> None:
    on = stage()
    on.ask("PollForDecisionTask", taskList=LIST)
    on.start()
    on.world.advance(seconds=60)
    assert "NO_DECISION_POLLER" not in why(on)


def test_polls_of_another_kind_or_list_or_domain_do_not_count(stage: Stage) -> None:
    on = stage()
    on.start()
    on.call("RegisterDomain", name="elsewhere", workflowExecutionRetentionPeriodInDays="1")
    poll(on, "Activity")
    poll(on, taskList=OTHER)
    poll(on, domain="elsewhere")
    assert "NO_DECISION_POLLER" in why(on)


def test_no_activity_poller_names_the_list_and_how_many_tasks_wait_there(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(schedule("a", taskList=OTHER), schedule("b", taskList=OTHER), schedule("c"))
    poll(on, "Activity")  # gets c
    finding = why(on)["NO_ACTIVITY_POLLER"]
    assert (finding["taskList"], finding["taskListKind"], finding["count"]) == (OTHER, "ACTIVITY", 2)
    assert finding["message"].startswith(
        '2 activity tasks wait on the list "other", and no worker has polled'
    )
    assert finding["eventIds"] == [5, 6]


def test_no_activity_poller_is_not_said_where_a_worker_waits_or_has_the_task(stage: Stage) -> None:
    on = stage()
    poll(on, "Activity")
    on.start()
    on.decide(schedule())
    assert not {"NO_ACTIVITY_POLLER", "TASK_WAITS"} & why(on).keys()


def test_a_poll_that_left_counts_from_when_it_left(stage: Stage) -> None:
    on = stage()
    waiting = poll(on)
    on.world.advance(seconds=60)
    assert waiting.poll is not None
    waiting.poll.withdraw()
    on.world.run()
    on.start()
    on.world.advance(seconds=100)
    assert "TASK_WAITS" in why(on)
    on.world.advance(seconds=30)
    finding = why(on)["NO_DECISION_POLLER"]
    assert finding["message"].endswith("and no decider has polled it for 2 m 10 s.")
    assert finding["sinceTimestamp"] == now(on) - 130, "when the task began to wait"


def test_tasks_ahead_counts_those_of_higher_priority_and_the_older_ones(stage: Stage) -> None:
    on = stage()
    on.ask("PollForDecisionTask", taskList=LIST)
    on.start("low", taskPriority="-1")
    on.start("old")
    on.start("w")
    on.start("young")
    on.start("high", taskPriority="5")
    finding = why(on)["TASKS_AHEAD"]
    assert (finding["count"], finding["severity"]) == (2, "INFO")
    assert "2 other tasks come first" in finding["message"]
    assert why(on, "low")["TASKS_AHEAD"]["count"] == 4


def test_tasks_ahead_is_not_said_of_the_first_task(stage: Stage) -> None:
    on = stage()
    on.ask("PollForDecisionTask", taskList=LIST)
    on.start()
    on.start("behind")
    found = why(on)
    assert "TASKS_AHEAD" not in found
    assert found["TASK_WAITS"]["message"].endswith("deciders poll it, and no other task comes first.")


def test_task_waits_is_not_said_when_a_poller_has_the_task(stage: Stage) -> None:
    on = stage()
    on.start()
    on.next_task()
    assert "TASK_WAITS" not in why(on)


# --- the decider ---


def test_decision_task_running_names_the_decider(stage: Stage) -> None:
    on = stage()
    on.start(taskStartToCloseTimeout="60")
    on.ask("PollForDecisionTask", taskList=LIST, identity="decider-1")
    on.world.advance(seconds=20)
    finding = why(on)["DECISION_TASK_RUNNING"]
    assert finding["message"] == "The decision task has been with decider-1 for 20 s."
    assert (finding["sinceTimestamp"], finding["untilTimestamp"]) == (now(on) - 20, now(on) + 40)


def test_decision_task_running_is_not_said_after_the_answer(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(TIMER)
    assert "DECISION_TASK_RUNNING" not in why(on)


def test_decision_task_timeouts_are_those_in_a_row(stage: Stage) -> None:
    on = stage()
    on.start(taskStartToCloseTimeout="10")
    for _ in range(3):
        on.ask("PollForDecisionTask", taskList=LIST, identity="decider-1")
        on.world.advance(seconds=10)
    finding = why(on)["DECISION_TASK_TIMEOUTS"]
    assert (finding["severity"], finding["count"], finding["subject"]) == ("CRITICAL", 3, "decider-1")
    assert "The last 3 decision tasks timed out" in finding["message"]
    assert "10 s" in finding["action"]
    assert finding["sinceTimestamp"] == now(on) - 20


def test_decision_task_timeouts_is_not_said_of_a_single_one_nor_after_an_answer(stage: Stage) -> None:
    on = stage()
    on.start(taskStartToCloseTimeout="10")
    on.next_task()
    on.world.advance(seconds=10)
    assert "DECISION_TASK_TIMEOUTS" not in why(on)
    on.next_task()
    on.world.advance(seconds=10)
    assert "DECISION_TASK_TIMEOUTS" in why(on)
    on.decide(TIMER)
    assert "DECISION_TASK_TIMEOUTS" not in why(on)


def test_decision_fails_counts_equal_causes(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(*[TIMER] * 4)
    finding = why(on)["DECISION_FAILS"]
    assert (finding["count"], finding["cause"], finding["subject"]) == (3, "TIMER_ID_ALREADY_IN_USE", "t")
    assert finding["message"] == 'StartTimer has failed 3 times with TIMER_ID_ALREADY_IN_USE, last for "t".'
    assert finding["severity"] == "WARNING"
    assert finding["eventIds"] == [6, 8]


def test_decision_fails_is_critical_while_the_decider_goes_on_with_it(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(*[TIMER] * 11)
    assert why(on)["DECISION_FAILS"]["severity"] == "CRITICAL"
    on.decide()
    assert why(on)["DECISION_FAILS"]["severity"] == "WARNING"


def test_decision_fails_is_not_said_of_a_few_failures_nor_of_different_ones(stage: Stage) -> None:
    on = stage()
    on.start()
    cancel = decision("CancelTimer", timerId="none")
    on.decide(*[TIMER] * 3, cancel, cancel)
    assert "DECISION_FAILS" not in why(on)


def test_activity_type_deprecated_is_said_when_a_decision_has_met_it(stage: Stage) -> None:
    on = stage()
    on.start()
    on.ask("DeprecateActivityType", activityType=ACTIVITY)
    on.decide(schedule())
    finding = why(on)["ACTIVITY_TYPE_DEPRECATED"]
    assert (finding["severity"], finding["subject"]) == ("CRITICAL", "activity 1")
    assert finding["message"] == (
        'The activity type "activity 1" is deprecated, so ScheduleActivityTask fails.'
    )


def test_activity_type_deprecated_is_not_said_of_an_activity_that_is_open_already(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(schedule())
    on.ask("DeprecateActivityType", activityType=ACTIVITY)
    assert "ACTIVITY_TYPE_DEPRECATED" not in why(on)


def test_workflow_type_deprecated_is_said_of_open_runs_of_the_type(stage: Stage) -> None:
    on = stage()
    on.start()
    assert "WORKFLOW_TYPE_DEPRECATED" not in why(on)
    on.ask("DeprecateWorkflowType", workflowType=WORKFLOW)
    finding = why(on)["WORKFLOW_TYPE_DEPRECATED"]
    assert (finding["severity"], finding["subject"]) == ("INFO", "workflow 1")


def test_cancel_not_acted_on_when_the_decider_has_answered_since(stage: Stage) -> None:
    on = stage()
    on.start()
    on.ask("RequestCancelWorkflowExecution", workflowId="w")
    requested = now(on)
    on.world.advance(seconds=60)
    assert "CANCEL_NOT_ACTED_ON" not in why(on), "no decider has seen it yet"
    on.decide(TIMER)
    finding = why(on)["CANCEL_NOT_ACTED_ON"]
    assert (finding["severity"], finding["sinceTimestamp"]) == ("WARNING", requested)
    assert finding["eventIds"] == [3]


def test_cancel_not_acted_on_is_not_said_while_an_activity_is_being_canceled(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(schedule())
    on.ask("PollForActivityTask", taskList=LIST)
    on.ask("RequestCancelWorkflowExecution", workflowId="w")
    on.decide(decision("RequestCancelActivityTask", activityId="a"))
    assert "CANCEL_NOT_ACTED_ON" not in why(on)


# --- what a run waits for ---


def test_nothing_pending_says_that_only_a_caller_can_help(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide()
    decided = now(on)
    on.world.advance(seconds=3_600)
    found = why(on)
    assert found.keys() == {"NOTHING_PENDING"}
    finding = found["NOTHING_PENDING"]
    assert (finding["severity"], finding["sinceTimestamp"]) == ("WARNING", decided)
    assert finding["untilTimestamp"] == decided + 86_400
    assert "for a signal, a cancel request, or its time-out in 23 h" in finding["message"]


def test_nothing_pending_names_what_the_decider_has_left_unanswered(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(
        decision("StartChildWorkflowExecution", workflowId="print-31", workflowType=WORKFLOW, taskList=OTHER)
    )
    on.decide()
    on.ask("TerminateWorkflowExecution", workflowId="print-31", reason="cleaned up by hand")
    on.decide()
    on.world.advance(seconds=3_600)
    finding = why(on)["NOTHING_PENDING"]
    assert finding["message"].startswith(
        'After the child "print-31" was terminated (cleaned up by hand), the decider answered 1 h ago and left nothing '
        "open: the run waits for"
    )
    assert finding["action"].startswith(
        'Start a decider that polls "list" first: none has polled it for 1 h. Let the'
    )
    terminated, answered = finding["eventIds"]
    types = {event["eventId"]: event["eventType"] for event in on.history(_run_id(on))}
    assert types[terminated] == "ChildWorkflowExecutionTerminated"
    assert types[answered] == "DecisionTaskCompleted"
    group = own(on, "ExplainDomain")["groups"][0]
    assert group["message"].startswith("The decider answered 1 h ago"), "a group is about many runs"


def _run_id(on: WorldFixture) -> str:
    return own(on, "ExplainExecution", execution={"workflowId": "w"})["execution"]["runId"]


def test_nothing_pending_says_what_the_decider_was_asked_about_last(stage: Stage) -> None:
    on = stage(functions={"f": lambda _: "done"})
    on.start(lambdaRole=ROLE)

    def said() -> str:
        on.decide()
        return why(on)["NOTHING_PENDING"]["message"].partition(", the decider")[0]

    assert said() == "After the start of the run"
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="go")
    assert said() == 'After the signal "go"'
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="go")
    on.decide(TIMER)
    on.world.advance(seconds=600)
    assert said() == 'After the timer "t" fired'
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="go")
    on.decide(schedule())
    task = on.ask("PollForActivityTask", taskList=LIST)
    on.call("RespondActivityTaskFailed", taskToken=task["taskToken"], reason="no paper")
    assert said() == 'After the activity "a" failed (no paper)'
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="go")
    on.decide(decision("ScheduleLambdaFunction", id="l", name="f"))
    assert said() == 'After the Lambda task "l" completed'
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="go")
    on.decide(decision("CancelTimer", timerId="none"))
    assert said() == "After CancelTimer failed with TIMER_ID_UNKNOWN"
    on.ask("RequestCancelWorkflowExecution", workflowId="w")
    assert said() == "After the request to cancel the run"
    assert "Send the signal" not in (why(on)["CANCEL_NOT_ACTED_ON"]["action"] or "")


def test_a_failed_decision_stands_above_the_nothing_that_it_left(stage: Stage) -> None:
    on = stage()
    on.start()
    on.ask("DeprecateActivityType", activityType=ACTIVITY)
    on.decide(schedule())
    assert "a signal" not in why(on)["ACTIVITY_TYPE_DEPRECATED"]["action"]
    on.decide()
    found = why(on)
    assert list(found) == ["ACTIVITY_TYPE_DEPRECATED", "NOTHING_PENDING"]
    assert found["ACTIVITY_TYPE_DEPRECATED"]["action"].endswith(
        "With nothing pending, the decider is not asked again until something comes: send the run a signal then."
    )
    assert found["NOTHING_PENDING"]["message"].startswith(
        "After ScheduleActivityTask failed with ACTIVITY_TYPE_DEPRECATED, the decider answered"
    )


def test_nothing_pending_is_not_said_while_a_timer_is_open(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(TIMER)
    assert "NOTHING_PENDING" not in why(on)


def test_waits_for_timer_until_it_fires(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(TIMER)
    finding = why(on)["WAITS_FOR_TIMER"]
    assert finding["message"] == 'The timer "t" fires in 10 m.'
    assert (finding["untilTimestamp"], finding["subject"]) == (now(on) + 600, "t")
    on.world.advance(seconds=600)
    assert "WAITS_FOR_TIMER" not in why(on)


def test_of_many_timers_ten_are_named_and_the_others_counted(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(*(decision("StartTimer", timerId=f"t{n}", startToFireTimeout=str(100 - n)) for n in range(13)))
    findings = own(on, "ExplainExecution", execution={"workflowId": "w"})["findings"]
    timers = [finding for finding in findings if finding["code"] == "WAITS_FOR_TIMER"]
    assert [finding.get("subject") for finding in timers] == [None, *(f"t{n}" for n in range(12, 2, -1))]
    assert (timers[0]["message"], timers[0]["count"]) == ("3 more timers are open.", 3)


def test_waits_for_child_until_it_closes(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(decision("StartChildWorkflowExecution", workflowId="c", workflowType=WORKFLOW, taskList=OTHER))
    assert why(on)["WAITS_FOR_CHILD"]["subject"] == "c"
    on.ask("TerminateWorkflowExecution", workflowId="c")
    assert "WAITS_FOR_CHILD" not in why(on)


def test_waits_for_lambda_until_it_answers(stage: Stage) -> None:
    on = stage(functions={"f": lambda _: LATER})
    on.start(lambdaRole=ROLE)
    on.decide(decision("ScheduleLambdaFunction", id="l", name="f"))
    finding = why(on)["WAITS_FOR_LAMBDA"]
    assert (finding["subject"], finding["untilTimestamp"]) == ("l", now(on) + 900)
    on.world.answer(on.world.unanswered[0], "done")
    assert "WAITS_FOR_LAMBDA" not in why(on)


def test_waits_for_external_until_the_signal_has_arrived(stage: Stage) -> None:
    """Signals arrive in a later transaction: the one that is under way is seen before that."""
    on = stage()
    on.start("target")
    on.start()
    signal = decision("SignalExternalWorkflowExecution", workflowId="target", signalName="s")
    on.decide(TIMER)
    on.ask("TerminateWorkflowExecution", workflowId="target")
    task = on.next_task()
    answer = on.world.submit(
        "RespondDecisionTaskCompleted", on.tenant, taskToken=task["taskToken"], decisions=[signal]
    )
    explained = on.world.submit(
        "WorkflowSvc.ExplainExecution", on.tenant, domain=on.domain, execution={"workflowId": "w"}
    )
    on.world.run()
    assert answer.done
    codes = {finding["code"]: finding for finding in explained.result()["findings"]}
    assert codes["WAITS_FOR_EXTERNAL"]["subject"] == "target"
    assert "WAITS_FOR_EXTERNAL" not in why(on)


def test_activity_running_says_how_old_its_heartbeat_is(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(schedule(heartbeatTimeout="60", startToCloseTimeout="300"))
    assert "ACTIVITY_RUNNING" not in why(on)
    task = on.ask("PollForActivityTask", taskList=LIST, identity="worker-1")
    assert why(on)["ACTIVITY_RUNNING"]["message"].endswith("it has not sent a heartbeat yet.")
    on.world.advance(seconds=10)
    on.call("RecordActivityTaskHeartbeat", taskToken=task["taskToken"])
    on.world.advance(seconds=30)
    finding = why(on)["ACTIVITY_RUNNING"]
    assert finding["message"] == (
        'The activity "a" (activity) has been with worker-1 for 40 s; its last heartbeat is 30 s old.'
    )
    assert finding["untilTimestamp"] == now(on) + 30


# --- limits ---


def test_history_nearly_full_from_four_fifths_on(stage: Stage) -> None:
    on = stage(settings=Settings(quotas=Limits(max_events=40)))
    on.start()
    on.decide(*(decision("RecordMarker", markerName=str(n)) for n in range(27)))
    assert "HISTORY_NEARLY_FULL" not in why(on)  # 31 events
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    finding = why(on)["HISTORY_NEARLY_FULL"]
    assert (finding["severity"], finding["count"]) == ("WARNING", 33)
    for _ in range(5):
        on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    assert why(on)["HISTORY_NEARLY_FULL"]["severity"] == "CRITICAL"


def test_limit_reached_names_the_cause_that_one_more_would_get(stage: Stage) -> None:
    on = stage(settings=Settings(quotas=Limits(max_open_timers=2)))
    on.start()
    on.decide(TIMER)
    assert "LIMIT_REACHED" not in why(on)
    on.ask("SignalWorkflowExecution", workflowId="w", signalName="s")
    on.decide(decision("StartTimer", timerId="u", startToFireTimeout="600"))
    finding = why(on)["LIMIT_REACHED"]
    assert (finding["cause"], finding["count"]) == ("OPEN_TIMERS_LIMIT_EXCEEDED", 2)


# --- runs that are quarantined, closed, or unknown ---


@contextmanager
def broken_rule(event_type: str) -> Iterator[None]:
    """A bug of ours in one rule."""

    def bug(_execution: Execution, _event_id: int, _at_ms: int, _attributes: object) -> None:
        raise AssertionError("broken on purpose")

    rule, APPLY[event_type] = APPLY[event_type], bug
    try:
        yield
    finally:
        APPLY[event_type] = rule


def test_run_quarantined_is_explained_and_not_answered_500(stage: Stage) -> None:
    on = stage()
    on.start()
    on.start("sound")
    on.decide(TIMER)
    on.next_task()
    with broken_rule("TimerFired"):
        on.world.advance(seconds=600)
    found = why(on)
    assert found.keys() == {"RUN_QUARANTINED"}
    assert found["RUN_QUARANTINED"]["severity"] == "CRITICAL"
    assert "RUN_QUARANTINED" not in why(on, "sound")


@pytest.mark.parametrize(
    ("closing", "message"),
    [
        (decision("CompleteWorkflowExecution"), "The run completed after 5 s."),
        (decision("FailWorkflowExecution", reason="no stock"), "The run failed after 5 s: no stock."),
        (decision("CancelWorkflowExecution"), "The run was canceled after 5 s."),
    ],
)
def test_run_closed_says_how(stage: Stage, closing: dict[str, Any], message: str) -> None:
    on = stage()
    run_id = on.start()
    assert "RUN_CLOSED" not in why(on)
    on.world.advance(seconds=5)
    on.decide(closing)
    found = why(on, runId=run_id)
    assert found.keys() == {"RUN_CLOSED"}
    assert found["RUN_CLOSED"]["message"] == message
    assert found["RUN_CLOSED"]["eventIds"] == [5]


def test_a_run_that_timed_out_says_what_it_had_waited_for(stage: Stage) -> None:
    on = stage()
    on.start(executionStartToCloseTimeout="60")
    on.world.advance(seconds=60)
    message = why(on)["RUN_CLOSED"]["message"]
    assert message == 'The run timed out after 1 m; a decision task had waited on the list "list" for 1 m.'
    on.start("busy", executionStartToCloseTimeout="60", taskList=OTHER)
    task = on.ask("PollForDecisionTask", taskList=OTHER)
    on.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[TIMER, schedule()])
    on.world.advance(seconds=60)
    message = why(on, "busy")["RUN_CLOSED"]["message"]
    assert message == "The run timed out after 1 m; it left open: 1 activities, 1 timers."


def test_a_terminated_run_names_the_reason_or_the_limit(stage: Stage) -> None:
    on = stage(settings=Settings(quotas=Limits(max_events=10)))
    on.start()
    on.ask("TerminateWorkflowExecution", workflowId="w", reason="wrong order")
    finding = why(on)["RUN_CLOSED"]
    assert (finding["cause"], finding["severity"]) == ("OPERATOR_INITIATED", "WARNING")
    assert finding["message"].endswith("by a call of TerminateWorkflowExecution: wrong order.")
    on.start("full")
    for _ in range(9):
        if own(on, "ExplainExecution", execution={"workflowId": "full"})["executionStatus"] == "OPEN":
            on.ask("SignalWorkflowExecution", workflowId="full", signalName="s")
    finding = why(on, "full")["RUN_CLOSED"]
    assert finding["cause"] == "EVENT_LIMIT_EXCEEDED"
    assert "ContinueAsNewWorkflowExecution" in finding["action"]


def test_a_run_that_continued_names_the_next_one(stage: Stage) -> None:
    on = stage()
    first = on.start()
    on.decide(decision("ContinueAsNewWorkflowExecution"))
    following = own(on, "ExplainExecution", execution={"workflowId": "w"})["execution"]["runId"]
    assert following in why(on, runId=first)["RUN_CLOSED"]["message"]


def test_findings_are_the_most_urgent_first(stage: Stage) -> None:
    on = stage()
    on.start()
    on.decide(*[TIMER] * 4)
    on.world.advance(seconds=300)
    findings = own(on, "ExplainExecution", execution={"workflowId": "w"})["findings"]
    order = ["CRITICAL", "WARNING", "INFO"]
    severities = [order.index(finding["severity"]) for finding in findings]
    assert severities == sorted(severities)
    assert set(severities) == {0, 1, 2}


def test_a_run_that_does_not_exist_cannot_be_explained(stage: Stage) -> None:
    with pytest.raises(UnknownResourceFault, match="Unknown execution, workflowId = none"):
        why(stage(), "none")


def test_explaining_changes_nothing(stage: Stage) -> None:
    on = stage()
    run_id = on.start()
    before = on.history(run_id)
    why(on)
    own(on, "ExplainDomain")
    assert on.history(run_id) == before


def test_a_bug_in_the_rules_of_findings_is_none_of_the_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = stage()
    on.start()

    def bug(*_: object) -> None:
        raise AssertionError("broken on purpose")

    with monkeypatch.context() as broken:
        broken.setattr("workflowsvc.service.own.explanations.explain_open", bug)
        with pytest.raises(Exception, match="InternalFailure"):
            why(on)
    assert not on.world.state.quarantine.runs
    on.decide(TIMER)


@pytest.mark.parametrize("code", get_args(FindingCode))
def test_every_code_has_a_scenario_where_it_appears_and_one_where_it_must_not(code: str) -> None:
    asserted = [
        line for line in Path(__file__).read_text(encoding="utf-8").splitlines() if f'"{code}"' in line
    ]
    absent = [line for line in asserted if f'"{code}" not in ' in line or "assert not {" in line]
    assert absent
    assert any(f'["{code}"]' in line or f'"{code}" in ' in line for line in asserted)


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "less than a second"),
        (-5, "less than a second"),
        (41_000, "41 s"),
        (60_000, "1 m"),
        (3_720_000, "1 h 2 m"),
        (3_601_000, "1 h"),
        (90_000_000, "1 d 1 h"),
    ],
)
def test_durations_are_spoken_in_at_most_two_units(ms: int, said: str) -> None:
    assert spoken(ms) == said
