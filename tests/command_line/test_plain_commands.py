"""Commands that plain operations of SWF answer: show, follow, start, signal, cancel, terminate, export and lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line.conftest import Run
from tests.command_line.shell import COMPLETE, Shop, charge, decision
from workflowsvc.lint.checker import lint_history
from workflowsvc.lint.source import parse_answer


@pytest.fixture
def shop(client: Any, domain: str) -> Shop:
    return Shop(client, domain)


@pytest.fixture
def busy_run(shop: Shop) -> str:
    """A run with an activity that failed, a timer, a child, a signal and an equal failure twice; its workflowId."""
    timer = decision("StartTimer", timerId="late", startToFireTimeout="3000")
    child = decision(
        "StartChildWorkflowExecution",
        workflowId="ship-1",
        workflowType={"name": "order", "version": "1"},
        taskList={"name": "shippers"},
    )
    shop.start("order-1", input="a book", tagList=["urgent"])
    shop.decide(charge("first"), timer, timer, timer, child)
    shop.client.respond_activity_task_failed(
        taskToken=shop.poll_activity(), reason="declined", details="code 51"
    )
    shop.client.signal_workflow_execution(
        domain=shop.domain, workflowId="order-1", signalName="approved", input="yes"
    )
    return "order-1"


def test_show_has_one_line_for_everything_about_one_thing(run: Run, busy_run: str) -> None:
    shown = run("show", busy_run)
    assert shown.status == 0
    lines = shown.out.splitlines()
    (activity,) = [line for line in lines if "activity first (charge:1)" in line]
    assert "failed" in activity
    assert "reason: declined; details: code 51; by worker-7" in activity
    (timer,) = [line for line in lines if "timer late" in line]
    assert "running" in timer
    (refused,) = [line for line in lines if "decision StartTimer late" in line]
    assert "failed × 2" in refused
    assert "TIMER_ID_ALREADY_IN_USE" in refused
    assert [line.split()[-1] for line in lines if "signal approved" in line] == ["yes"]
    assert len([line for line in lines if "child ship-1" in line]) == 1
    assert "1 answered decision task left out" in shown.out
    assert "DecisionTaskCompleted" not in shown.out


def test_show_names_answered_decision_tasks_on_request(run: Run, busy_run: str) -> None:
    assert "by decider-1" in run("show", busy_run, "--decisions").out


def test_show_full_has_every_event_with_its_attributes(run: Run, busy_run: str, shop: Shop) -> None:
    shown = run("show", busy_run, "--full").out
    events = [json.loads(line) for line in run("show", busy_run, "--full", "--json").out.splitlines()]
    assert [event["eventId"] for event in events] == list(range(1, len(events) + 1))
    for event in events:
        assert f"{event['eventId']:>6}  " in shown
        assert event["eventType"] in shown
    assert "workflowType: order:1" in shown
    assert "details: code 51" in shown


def test_show_json_is_the_description_and_then_one_object_for_each_thing(run: Run, busy_run: str) -> None:
    first, *things = run("show", busy_run, "--json").objects
    assert first["kind"] == "run"
    assert first["executionInfo"]["tagList"] == ["urgent"]
    (activity,) = [thing for thing in things if thing["kind"] == "activity"]
    assert (activity["name"], activity["state"]) == ("first", "failed")
    assert activity["startTimestamp"].endswith("+00:00")


def test_show_tree_has_children_below_their_parents(run: Run, busy_run: str) -> None:
    parent, child = run("show", busy_run, "--tree").out.splitlines()
    assert parent.startswith("order-1  OPEN")
    assert child.startswith("└── ship-1  OPEN")
    first, second = run("show", busy_run, "--tree", "--json").objects
    assert second["parentRunId"] == first["execution"]["runId"]


def test_show_takes_the_open_run_or_else_the_newest(run: Run, shop: Shop) -> None:
    old = shop.complete("twice")
    new = shop.complete("twice")
    assert new in run("show", "twice").out
    assert old in run("show", "twice", "--run-id", old).out
    opened = shop.start("twice")
    assert opened in run("show", "twice").out


def test_texts_of_clients_cannot_steer_the_terminal(run: Run, shop: Shop) -> None:
    shop.start("order-x", input="red \x1b[31m and \u202eback\nnext")
    for words in (["show", "order-x"], ["show", "order-x", "--full"]):
        shown = run(*words).out
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert r"red \x1b[31m and \u202eback⏎next" in shown


def test_follow_prints_events_until_the_run_has_closed(run: Run, shop: Shop) -> None:
    shop.complete("quick")
    followed = run("follow", "quick")
    assert followed.status == 0
    assert "run (order:1)  completed  result: done" in followed.out
    assert [event["eventId"] for event in run("follow", "quick", "--json").objects] == [1, 2, 3, 4, 5]


def test_follow_tells_by_its_status_that_a_run_did_not_complete(run: Run, shop: Shop) -> None:
    shop.start("bad")
    shop.decide(decision("FailWorkflowExecution", reason="no stock"))
    followed = run("follow", "bad")
    assert followed.status == 10
    assert "run (order:1)  failed  reason: no stock" in followed.out


def test_follow_goes_on_into_the_run_that_continues(run: Run, shop: Shop) -> None:
    run_id = shop.start("chain")
    shop.decide(decision("ContinueAsNewWorkflowExecution"))
    shop.decide(COMPLETE)
    followed = run("follow", "chain", "--run-id", run_id)
    assert followed.status == 0
    assert "continued as new: " in followed.out
    assert "result: done" in followed.out


def test_start_signal_cancel_and_terminate_do_what_they_say(run: Run, shop: Shop) -> None:
    started = run(
        "start", "order-2", "--type", "order", "--input", "a pen", "--tag", "new", "--timeout", "2h"
    )
    assert started.status == 0, started.err
    assert run("signal", "order-2", "go", "--input", "now").out == "signaled order-2: go\n"
    assert run("cancel", "order-2").status == 0
    assert run("terminate", "order-2", "--reason", "over").out == "terminated order-2\n"
    events = run("show", "order-2", "--full", "--json").objects
    assert [event["eventType"] for event in events] == [
        "WorkflowExecutionStarted",
        "DecisionTaskScheduled",
        "WorkflowExecutionSignaled",
        "WorkflowExecutionCancelRequested",
        "WorkflowExecutionTerminated",
    ]
    attributes = events[0]["workflowExecutionStartedEventAttributes"]
    assert (attributes["input"], attributes["executionStartToCloseTimeout"]) == ("a pen", "7200")
    assert events[-1]["workflowExecutionTerminatedEventAttributes"]["reason"] == "over"


def test_start_reads_its_input_from_a_file(run: Run, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"pens": 3}')
    run("start", "order-3", "--type", "order:1", "--input", f"@{tmp_path / 'order.json'}")
    (first, *_) = run("show", "order-3", "--full", "--json").objects
    assert first["workflowExecutionStartedEventAttributes"]["input"] == '{"pens": 3}'


def test_start_asks_for_the_version_when_there_are_several(run: Run, shop: Shop) -> None:
    shop.client.register_workflow_type(domain=shop.domain, name="order", version="2")
    refused = run("start", "order-4", "--type", "order")
    assert refused.status == 2
    assert "which version of 'order'?" in refused.err
    assert run("show", "order-4").status == 3


def test_start_with_follow_goes_on_until_the_run_has_closed(run: Run, shop: Shop) -> None:
    ended = run("start", "order-5", "--type", "order", "--timeout", "1s", "--follow")
    assert ended.status == 10
    assert "run (order:1)  timed out (START_TO_CLOSE)" in ended.out


def test_export_writes_what_lint_reads_and_the_aws_cli_prints(run: Run, shop: Shop, busy_run: str) -> None:
    exported = run("export", busy_run)
    history = parse_answer(exported.out.encode(), "exported")
    assert lint_history(history.events, complete=True) == []
    shown, *_ = run("show", busy_run, "--json").objects
    execution = {"workflowId": busy_run, "runId": shown["executionInfo"]["execution"]["runId"]}
    answer = shop.client.get_workflow_execution_history(domain=shop.domain, execution=execution)
    found = json.loads(exported.out)
    assert found.keys() == {"events", "execution"}
    assert found["execution"] == execution
    assert [event["eventType"] for event in found["events"]] == [e["eventType"] for e in answer["events"]]
    assert found["events"][0].keys() == answer["events"][0].keys()


def test_export_writes_to_a_file_on_request(run: Run, shop: Shop, tmp_path: Path) -> None:
    shop.complete("kept")
    exported = run("export", "kept", "-o", str(tmp_path / "kept.json"))
    assert exported.out == ""
    assert len(json.loads((tmp_path / "kept.json").read_text())["events"]) == 5
    assert exported.err.startswith("workflowsvc export: 5 events written to ")
    (said,) = run("export", "kept", "-o", str(tmp_path / "kept.json"), "--json").objects
    assert (said["execution"]["workflowId"], said["file"]) == ("kept", str(tmp_path / "kept.json"))
    assert run("export", "kept", "-o", str(tmp_path / "none" / "kept.json")).status == 1


def test_export_json_is_one_line(run: Run, shop: Shop) -> None:
    shop.complete("kept")
    (exported,) = run("export", "kept", "--json").objects
    assert len(exported["events"]) == 5


def test_domains_and_types_are_listed(run: Run, domain: str) -> None:
    assert domain in run("domains").out
    assert "  1 day" in run("domains", domain).out
    assert domain in [row["name"] for row in run("domains", "--json").objects]
    kinds = {(row["kind"], row["status"]) for row in run("types", "--json").objects}
    assert kinds == {("workflow", "REGISTERED"), ("activity", "REGISTERED")}
    assert "order:1" in run("types", "--kind", "workflow").out
    assert run("types", "--deprecated").out == "No such type.\n"
