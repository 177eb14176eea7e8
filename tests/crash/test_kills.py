"""A short form of `python -m tests.crash --kills`, and tests of the audit itself.

One round is played. Then one thing at a time in its journal or its histories is falsified, as a service that loses,
doubles or invents something would have left it, and the rule about it must report it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.crash import audit, kills
from tests.crash.findings import EventOfRun, Found, Run, ms
from tests.crash.kills import Report
from tests.support.journal import Call, Journal

KILLS = 10


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return asyncio.run(kills.run(KILLS, tmp_path_factory.mktemp("kills"), seed=4))


def test_nothing_acknowledged_is_lost_when_the_server_is_killed_under_load(report: Report) -> None:
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert report.kills == KILLS
    assert report.outcomes["unknown"] > 0, "the kills came between calls; nothing was put to the test"
    assert report.executions > 30


@pytest.fixture
def journal(report: Report) -> Journal:
    assert report.last is not None
    return report.last[0]


@pytest.fixture
def found(report: Report) -> Found:
    assert report.last is not None
    return report.last[1]


Rule = Callable[[Journal, Found], Iterator[str]]


def broken(rule: Rule, journal: Journal, found: Found) -> list[str]:
    return list(rule(journal, found))


def lasted_ms(run: Run, found: Found) -> int:
    first, *_, last = found.histories[run]
    return ms(last["eventTimestamp"]) - ms(first["eventTimestamp"])


def acknowledged(journal: Journal, action: str) -> Call:
    """One in the middle."""
    calls = [call for call in journal.of(action) if call.acknowledged and call.marker]
    if action.startswith("PollFor"):
        calls = [call for call in calls if "taskToken" in call.answer]
    if not calls:
        pytest.skip(f"no {action} was acknowledged in this round")
    return calls[len(calls) // 2]


def test_no_rule_reports_anything_about_a_sound_round(journal: Journal, found: Found) -> None:
    for rule in audit.RULES:
        assert broken(rule, journal, found) == []


@pytest.mark.parametrize("action", audit.CARRIED)
def test_an_event_that_is_lost_or_doubled_is_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found, action: str
) -> None:
    call = acknowledged(journal, action)
    key = (audit.CARRIED[action][0], call.marker)
    places = found.by_marker[key]
    monkeypatch.setitem(found.by_marker, key, [])
    assert broken(audit.r1_what_was_acknowledged_is_there_once, journal, found)
    monkeypatch.setitem(found.by_marker, key, places * 2)
    assert broken(audit.r1_what_was_acknowledged_is_there_once, journal, found)
    assert broken(audit.r3_an_unknown_outcome_is_none_or_one, journal, found)


def test_an_event_of_a_call_that_was_refused_is_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found
) -> None:
    monkeypatch.setattr(acknowledged(journal, "SignalWorkflowExecution"), "outcome", "refused")
    assert broken(audit.r3_an_unknown_outcome_is_none_or_one, journal, found)


def test_an_event_in_the_history_of_another_execution_is_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found
) -> None:
    call = acknowledged(journal, "RespondActivityTaskCompleted")
    key = ("ActivityTaskCompleted", call.marker)
    (place,) = found.by_marker[key]
    monkeypatch.setitem(found.by_marker, key, [EventOfRun(("another", "run"), place.event)])
    assert broken(audit.r1_what_was_acknowledged_is_there_once, journal, found)


def test_a_decision_that_was_not_carried_out_is_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found
) -> None:
    call = acknowledged(journal, "RespondDecisionTaskCompleted")
    monkeypatch.setitem(call.about, "decisions", [*call.about["decisions"], ("StartTimer", "~lost~")])
    assert broken(audit.r1_every_decision_became_its_event, journal, found)


def test_a_cancel_request_that_was_lost_is_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found
) -> None:
    refused = next(call for call in journal.of("RequestCancelWorkflowExecution") if call.outcome == "refused")
    monkeypatch.setattr(refused, "outcome", "acknowledged")
    assert broken(audit.r1_cancel_requests_are_counted, journal, found)


@pytest.mark.parametrize("kind", ["Decision", "Activity"])
def test_a_task_that_was_given_out_twice_is_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found, kind: str
) -> None:
    call = acknowledged(journal, f"PollFor{kind}Task")
    empty = next(
        one
        for one in journal.of(f"PollFor{kind}Task")
        if one.acknowledged and one.marker and "taskToken" not in one.answer
    )
    monkeypatch.setattr(empty, "answer", call.answer)
    assert broken(audit.r2_no_task_is_given_out_twice, journal, found)


def test_a_poll_that_was_answered_empty_but_has_a_task_is_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found
) -> None:
    monkeypatch.setattr(acknowledged(journal, "PollForActivityTask"), "answer", {})
    assert broken(audit.r1_what_was_acknowledged_is_there_once, journal, found)


def test_an_event_before_one_that_was_answered_before_it_was_asked_for_is_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found
) -> None:
    call = acknowledged(journal, "RespondActivityTaskCompleted")
    monkeypatch.setattr(call, "answered", 0.5)
    monkeypatch.setattr(call, "sent", 0.0)
    assert broken(audit.r4_events_stand_in_the_order_of_real_time, journal, found)


@pytest.mark.parametrize("action", ["RespondActivityTaskCompleted", "SignalWorkflowExecution"])
def test_a_refusal_that_is_not_true_is_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found, action: str
) -> None:
    call = acknowledged(journal, action)
    (place,) = found.carrying(action, call.marker)
    lie = Call(action, "", {}, call.about, call.life, sent_ms=place.at_ms - 1)
    lie.outcome, lie.code, lie.answered_ms = "refused", "UnknownResourceFault", place.at_ms - 1
    if action.startswith("Signal"):
        run, start = next(iter(audit.acknowledged_starts(journal).items()))
        lie.about = {"workflowId": run[0], "runId": run[1]}
        lie.sent_ms = lie.answered_ms = start.answered_ms + 1
        monkeypatch.setitem(found.descriptions[run]["executionInfo"], "closeTimestamp", 9e9)
    monkeypatch.setattr(journal, "calls", [*journal.calls, lie])
    assert broken(audit.r5_refusals_are_true, journal, found)


def test_a_name_may_be_unknown_while_its_start_is_under_way(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found
) -> None:
    """The event has an earlier time: that of the begin of its transaction, before other calls could see it."""
    run, start = max(audit.acknowledged_starts(journal).items(), key=lambda entry: lasted_ms(entry[0], found))
    early = Call("SignalWorkflowExecution", "", {}, {"workflowId": run[0], "runId": run[1]}, start.life)
    early.outcome, early.code = "refused", "UnknownResourceFault"
    early.sent_ms = early.answered_ms = 1 + ms(found.histories[run][0]["eventTimestamp"])
    monkeypatch.setattr(start, "answered_ms", early.sent_ms + 1)
    monkeypatch.setattr(journal, "calls", [*journal.calls, early])
    assert not broken(audit.r5_refusals_are_true, journal, found)


def test_a_call_without_an_answer_and_a_run_without_an_end_are_noticed(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, found: Found
) -> None:
    monkeypatch.setattr(journal.calls[-1], "outcome", "hung")
    assert broken(audit.r7_everything_comes_to_its_end, journal, found)
    monkeypatch.undo()
    info = next(iter(found.descriptions.values()))["executionInfo"]
    monkeypatch.setitem(info, "executionStatus", "OPEN")
    assert broken(audit.r7_everything_comes_to_its_end, journal, found)
