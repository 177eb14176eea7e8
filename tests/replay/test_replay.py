"""Recordings are played to boto3 deciders: a right one makes no difference, each wrong one is caught at its event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.replay.orders import (
    DOMAIN,
    Events,
    count,
    decide,
    in_dollars,
    plainly,
    swapped,
    with_more,
    without_packing,
)
from tests.replay.playing import Recorder, play, write
from tests.world_fixture import decision
from workflowsvc import lint
from workflowsvc.replay.comparison import Rules
from workflowsvc.replay.report import as_object, place_of
from workflowsvc.settings import Settings


def events_of(path: Path) -> Events:
    return json.loads(path.read_text())["events"]


def completions(path: Path) -> list[int]:
    return [event["eventId"] for event in events_of(path) if event["eventType"] == "DecisionTaskCompleted"]


def test_a_right_decider_replays_its_own_recordings_without_a_difference(recorded: list[Path]) -> None:
    before = [path.read_bytes() for path in recorded]
    played = play(recorded, plainly(decide))
    assert played.statuses == ["SAME"] * 3
    assert [verdict.compared for verdict in played.verdicts] == [len(completions(path)) for path in recorded]
    assert not played.errors
    assert [path.read_bytes() for path in recorded] == before
    assert [lint.lint_history(events_of(path), complete=True) for path in recorded] == [[]] * 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            swapped,
            "the order differs: decision 1 was ScheduleActivityTask bill activity and is "
            "ScheduleActivityTask pack activity now",
        ),
        (without_packing, "decision 2, ScheduleActivityTask pack activity, is missing now"),
        (with_more, "decision 4, RecordMarker new, is new"),
        (in_dollars, "decision 1, ScheduleActivityTask bill activity, differs in input"),
        (lambda events: [], "decision 1, ScheduleActivityTask price activity, is missing now"),
    ],
)
def test_a_wrong_decider_is_caught_at_the_event_at_which_it_decides_differently(
    recorded: list[Path], wrong: Any, message: str
) -> None:
    played = play(recorded[:1], plainly(wrong))
    verdict = played.only
    assert (verdict.status, verdict.message) == ("DIFFERS", message)
    first, second = completions(recorded[0])[:2]
    assert verdict.step is not None
    expected = first if "price" in message else second
    assert verdict.step.completed_id == expected
    after = "1 WorkflowExecutionStarted" if expected == first else f"{second - 3} ActivityTaskCompleted"
    assert place_of(verdict) == f"at event {expected} DecisionTaskCompleted, after event {after}"


def test_what_a_decider_gets_is_what_it_got(recorded: list[Path]) -> None:
    """The tasks of the recordings, in the order of each run, with the ids of then."""
    seen: list[tuple[str, str, int, int, Events]] = []

    def once(swf: Any) -> None:
        task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "list"})
        if not task.get("taskToken"):
            return
        names = task["workflowExecution"]
        assert task["workflowType"] == {"name": "workflow", "version": "1"}
        seen.append(
            (
                names["workflowId"],
                names["runId"],
                task["startedEventId"],
                task["previousStartedEventId"],
                task["events"],
            )
        )
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decide(task["events"]))

    assert play(recorded, once).statuses == ["SAME"] * 3
    for path in recorded:
        workflow_id, run_id = json.loads(path.read_text())["execution"].values()
        tasks = [task for task in seen if task[0] == workflow_id]
        events = events_of(path)
        started = [
            event["decisionTaskCompletedEventAttributes"]["startedEventId"]
            for event in events
            if event["eventType"] == "DecisionTaskCompleted"
        ]
        assert [(task[1], task[2], task[3]) for task in tasks] == [
            (run_id, *ids) for ids in zip(started, [0, *started], strict=False)
        ]
        for task in tasks:
            assert [one["eventId"] for one in task[4]] == list(range(1, task[2] + 1))
            assert task[4][-1]["eventTimestamp"].timestamp() == pytest.approx(
                events[task[2] - 1]["eventTimestamp"], abs=0.001
            )


def test_pages_in_either_order_belong_to_one_task(recorded: list[Path]) -> None:
    pages_seen: list[int] = []

    def once(swf: Any) -> None:
        asked = {"domain": DOMAIN, "taskList": {"name": "list"}, "maximumPageSize": 3, "reverseOrder": True}
        pages = list(swf.get_paginator("poll_for_decision_task").paginate(**asked))
        if not pages[0].get("taskToken"):
            return
        assert {page["taskToken"] for page in pages} == {pages[0]["taskToken"]}
        events = [event for page in pages for event in page["events"]][::-1]
        pages_seen.append(len(pages))
        swf.respond_decision_task_completed(taskToken=pages[0]["taskToken"], decisions=decide(events))

    assert play(recorded[:1], once).statuses == ["SAME"]
    assert max(pages_seen) > 3


def test_a_decider_that_keeps_runs_in_memory_and_moves_them_to_its_own_list_works(
    recorded: list[Path],
) -> None:
    """As the Java Flow framework does it: `startAtPreviousStartedEvent`, a sticky list, the rest from the history."""
    memory: dict[str, Events] = {}
    fetched: list[str] = []

    def on(task_list: str) -> Any:
        def once(swf: Any) -> None:
            task = swf.poll_for_decision_task(
                domain=DOMAIN, taskList={"name": task_list}, startAtPreviousStartedEvent=True
            )
            if not task.get("taskToken"):
                return
            execution = task["workflowExecution"]
            known = memory.get(execution["runId"])
            if known is None and task["previousStartedEventId"]:
                pages = swf.get_paginator("get_workflow_execution_history").paginate(
                    domain=DOMAIN, execution=execution
                )
                known = [event for page in pages for event in page["events"]]
                assert known[-1]["eventId"] == task["startedEventId"]
                fetched.append(execution["runId"])
            else:
                known = (known or [])[: max(0, task["previousStartedEventId"] - 1)] + task["events"]
            assert [event["eventId"] for event in known] == list(range(1, task["startedEventId"] + 1))
            memory[execution["runId"]] = known
            if task["previousStartedEventId"] == 0 and execution["workflowId"] == "order-2":
                del memory[execution["runId"]]  # forgotten, as after a restart
            swf.respond_decision_task_completed(
                taskToken=task["taskToken"],
                decisions=decide(known),
                taskList={"name": "sticky"},
                taskListScheduleToStartTimeout="60",
            )

        return once

    played = play(recorded, on("list"), on("sticky"))
    assert (played.statuses, played.errors) == (["SAME"] * 3, [])
    assert len(fetched) == 1


def test_a_sticky_list_that_is_not_polled_gives_its_task_back(recorded: list[Path]) -> None:
    def once(swf: Any) -> None:
        task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "list"})
        if task.get("taskToken"):
            swf.respond_decision_task_completed(
                taskToken=task["taskToken"],
                decisions=decide(task["events"]),
                taskList={"name": "lonely"},
                taskListScheduleToStartTimeout="0",
            )

    assert play(recorded, once).statuses == ["SAME"] * 3


def test_a_task_whose_predecessor_timed_out_is_on_the_run_s_own_list(tmp_path: Path) -> None:
    recorder = Recorder()
    fixture = recorder.fixture
    run_id = fixture.start("w", taskStartToCloseTimeout="10")
    task = fixture.next_task()
    fixture.call(
        "RespondDecisionTaskCompleted",
        taskToken=task["taskToken"],
        decisions=[decision("StartTimer", timerId="t", startToFireTimeout="1")],
        taskList={"name": "gone"},
        taskListScheduleToStartTimeout="3",
    )
    fixture.world.advance(seconds=30)  # the timer fires, and the task times out on the list that is gone
    fixture.next_task()
    fixture.world.advance(seconds=30)  # and once more, in the hands of a decider that has died
    fixture.decide(decision("CompleteWorkflowExecution"))
    path = write(tmp_path, "w", run_id, fixture.history(run_id))
    assert count(events_of(path), "DecisionTaskTimedOut") == 2

    def again(events: Events) -> list[dict[str, Any]]:
        if count(events, "TimerFired"):
            return [decision("CompleteWorkflowExecution")]
        return [decision("StartTimer", timerId="t", startToFireTimeout="1")]

    def once(swf: Any) -> None:
        task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "list"})
        if task.get("taskToken"):
            swf.respond_decision_task_completed(
                taskToken=task["taskToken"], decisions=again(task["events"]), taskList={"name": "gone"}
            )

    verdict = play([path], once).only
    assert (verdict.status, verdict.compared) == ("SAME", 2)


def test_a_given_task_list_stands_for_that_of_all_recordings(recorded: list[Path]) -> None:
    assert play(recorded, plainly(decide, "tests"), task_list="tests").statuses == ["SAME"] * 3


def test_few_are_open_at_a_time_and_of_one_workflow_id_one(tmp_path: Path) -> None:
    recorder = Recorder()
    for name in ("a", "a", "a", "b"):
        write(tmp_path, name, *recorder.order(name))
    open_now: dict[str, set[str]] = {}
    most = 0

    def once(swf: Any) -> None:
        nonlocal most
        task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "list"})
        if not task.get("taskToken"):
            return
        execution, decisions = task["workflowExecution"], decide(task["events"])
        runs = open_now.setdefault(execution["workflowId"], set())
        runs.add(execution["runId"])
        most = max(most, sum(map(len, open_now.values())))
        assert len(runs) == 1
        if decisions and decisions[0]["decisionType"] == "CompleteWorkflowExecution":
            runs.remove(execution["runId"])
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decisions)

    played = play(sorted(tmp_path.iterdir()), once, parallel=2)
    assert (played.statuses, played.errors) == (["SAME"] * 4, [])
    assert most <= 2


def test_what_a_decider_does_beside_deciding_is_answered_and_not_executed(recorded: list[Path]) -> None:
    described: list[dict[str, Any]] = []

    def once(swf: Any) -> None:
        if not described:
            swf.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
            assert swf.describe_domain(name=DOMAIN)["domainInfo"]["status"] == "REGISTERED"
            named = {"domain": DOMAIN, "name": "workflow", "version": "1"}
            swf.register_workflow_type(**named, defaultChildPolicy="ABANDON")
            type_ = {"name": "workflow", "version": "1"}
            told = swf.describe_workflow_type(domain=DOMAIN, workflowType=type_)
            assert told["configuration"] == {"defaultChildPolicy": "ABANDON"}
            swf.register_activity_type(domain=DOMAIN, name="activity", version="1")
            told = swf.list_activity_types(domain=DOMAIN, registrationStatus="REGISTERED")
            assert [info["activityType"]["name"] for info in told["typeInfos"]] == ["activity"]
            assert swf.start_workflow_execution(domain=DOMAIN, workflowId="x", workflowType=type_)["runId"]
            swf.signal_workflow_execution(domain=DOMAIN, workflowId="order-1", signalName="s")
            ever = {"oldestDate": 0}
            assert not swf.list_open_workflow_executions(domain=DOMAIN, startTimeFilter=ever)[
                "executionInfos"
            ]
        task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "list"})
        if not task.get("taskToken"):
            return
        described.append(swf.describe_workflow_execution(domain=DOMAIN, execution=task["workflowExecution"]))
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decide(task["events"]))

    played = play(recorded[:1], once)
    assert (played.statuses, played.errors) == (["SAME"], [])
    assert played.ending.not_executed == {"StartWorkflowExecution": 1, "SignalWorkflowExecution": 1}
    assert [one["openCounts"]["openActivityTasks"] for one in described][:2] == [0, 0]
    assert {one["executionInfo"]["executionStatus"] for one in described} == {"OPEN"}


def test_a_run_that_is_not_played_has_no_history(recorded: list[Path]) -> None:
    refused: list[str] = []

    def once(swf: Any) -> None:
        try:
            swf.get_workflow_execution_history(domain=DOMAIN, execution={"workflowId": "other", "runId": "r"})
        except swf.exceptions.UnknownResourceFault as fault:
            refused.append(str(fault))
        plainly(decide)(swf)

    assert play(recorded[:1], once).statuses == ["SAME"]
    assert "Unknown execution: WorkflowExecution=[workflowId=other, runId=r]" in refused[0]


def test_only_the_domain_that_is_named_exists(recorded: list[Path]) -> None:
    played = play(recorded[:1], plainly(decide), domain="another", answer_seconds=2.0)
    assert played.only.status == "NO_ANSWER"
    assert "Unknown domain: d" in str(played.errors[0])


# --- deciders that do not answer ---


def test_a_decider_that_never_polls_ends_the_replay_with_the_name_of_the_list(recorded: list[Path]) -> None:
    played = play(recorded, plainly(decide, "elsewhere"), answer_seconds=2.0)
    assert played.statuses == ["NO_ANSWER"] * 3
    assert {verdict.message for verdict in played.verdicts} == {
        "no decider polled the task list list within 2 s; those that were polled: elsewhere"
    }
    silent = play(recorded, answer_seconds=0.3, parallel=2)
    assert silent.statuses == ["NO_ANSWER"] * 3
    messages = [verdict.message for verdict in silent.verdicts]
    assert messages[0] == "no decider polled the task list list within 0.3 s"
    assert messages[2] == f"was not played: {messages[0]}"


def test_a_decider_that_falls_silent_after_a_whole_recording_ends_the_replay(
    recorded: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    def once(swf: Any) -> None:
        task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "list"})
        decisions = decide(task["events"])
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decisions)
        if any(one["decisionType"] == "CompleteWorkflowExecution" for one in decisions):
            raise EOFError

    settings = Settings(port=0, drain_seconds=0.5, slow_call_ms=0.001)
    played = play(recorded, once, answer_seconds=3.0, parallel=1, settings=settings)
    assert played.statuses == ["NO_ANSWER", "NO_ANSWER", "SAME"]
    assert played.verdicts[1].message == "no decider polled the task list list again within 3 s"
    assert not [record for record in caplog.records if record.name == "workflowsvc.slow"]


def test_a_decider_that_takes_a_task_and_never_answers_costs_that_run_alone(recorded: list[Path]) -> None:
    def once(swf: Any) -> None:
        task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "list"})
        if task.get("taskToken") and task["workflowExecution"]["workflowId"] != "order-2":
            swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decide(task["events"]))

    played = play(recorded, once, answer_seconds=3.0)
    assert played.statuses == ["NO_ANSWER", "SAME", "SAME"]
    (silent,) = (verdict for verdict in played.verdicts if verdict.status == "NO_ANSWER")
    assert silent.workflow_id == "order-2"
    assert silent.message == "the decider did not answer the decision task of event 3 within 3 s"


def test_answers_with_the_token_of_another_task_are_refused_as_by_swf_and_reported(
    recorded: list[Path],
) -> None:
    first: list[str] = []
    codes: set[str] = set()

    def once(swf: Any) -> None:
        task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "list"})
        if not task.get("taskToken"):
            return
        first.append(task["taskToken"])
        if len(first) == 1:
            swf.respond_decision_task_completed(taskToken=first[0], decisions=decide(task["events"]))
            return
        for token in (first[0], "of another server"):
            try:
                swf.respond_decision_task_completed(taskToken=token, decisions=[])
            except swf.exceptions.ClientError as error:
                codes.add(error.response["Error"]["Code"])

    played = play(recorded[:1], once, answer_seconds=2.0)
    verdict = played.only
    assert verdict.status == "NO_ANSWER"
    assert (
        "1 answer was refused: UnknownResourceFault: Unknown decision task, scheduledEventId = 2"
        in verdict.message
    )
    assert "1 answer was refused: ValidationException: Invalid token" in verdict.message
    assert codes == {"UnknownResourceFault", "ValidationException"}
    assert sum(played.ending.strange_answers.values()) == 2


# --- what may differ ---


def test_members_that_are_ignored_or_match_a_pattern_may_differ(recorded: list[Path]) -> None:
    for rules in (
        Rules(["ScheduleActivityTask.input"]),
        Rules(["*.input"]),
        Rules(patterns=[r"input=.*\"currency\": \"[A-Z]{3}\".*"]),
    ):
        assert play(recorded[:1], plainly(in_dollars), rules=rules).statuses == ["SAME"]
    assert play(recorded[:1], plainly(in_dollars), rules=Rules(["*.control"])).statuses == ["DIFFERS"]


def test_another_execution_context_is_a_difference_where_that_is_asked_for(recorded: list[Path]) -> None:
    def once(swf: Any) -> None:
        task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "list"})
        if task.get("taskToken"):
            swf.respond_decision_task_completed(
                taskToken=task["taskToken"], decisions=decide(task["events"]), executionContext="new"
            )

    assert play(recorded[:1], once).statuses == ["SAME"]
    verdict = play(recorded[:1], once, rules=Rules(context=True)).only
    assert (verdict.status, verdict.message) == ("DIFFERS", "the executionContext differs")
    assert as_object(verdict)["executionContext"] == {"recorded": None, "now": "new"}


# --- what if ---


def test_what_if_asks_for_one_decision_alone(recorded: list[Path]) -> None:
    second = completions(recorded[0])[1]
    asked: list[int] = []

    def watched(events: Events) -> list[dict[str, Any]]:
        asked.append(events[-1]["eventId"])
        return in_dollars(events)

    verdict = play(recorded[:1], plainly(watched), from_event=second).only
    assert verdict.status == "DIFFERS"
    assert asked == [second - 1]
    assert verdict.now[0].members["input"] == json.dumps({"amount": 12, "currency": "USD"})


def test_what_if_asks_about_a_task_that_was_never_answered(tmp_path: Path) -> None:
    recorder = Recorder()
    run_id = recorder.fixture.start("stuck")
    recorder.fixture.next_task()
    path = write(tmp_path, "stuck", run_id, recorder.fixture.history(run_id, "stuck"))
    verdict = play([path], plainly(decide), from_event=3).only
    assert verdict.status == "ANSWERED"
    assert [one.type for one in verdict.now] == ["ScheduleActivityTask"]
    verdict = play([path], plainly(decide), from_event=2).only
    assert verdict.status == "UNUSABLE"
    assert verdict.message.endswith("started or completed with event 2; there are 3")


def test_small_pages_of_a_server_hold_for_the_replay_too(recorded: list[Path]) -> None:
    settings = Settings.from_environment({}, {"port": "0", "max_page_size": "2", "long_poll_seconds": "5"})
    played = play(recorded[:1], plainly(decide), settings=settings)
    assert (played.statuses, played.errors) == (["SAME"], [])
