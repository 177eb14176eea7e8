"""ImportHistory: a history from elsewhere is looked at, searched and explained as a run; what is none is refused."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.own_api.asking import own, state, why
from tests.own_api.conftest import Stage
from tests.world_fixture import ACTIVITY, LIST, WORKFLOW, WorldFixture, decision
from workflowsvc.faults import (
    DomainAlreadyExistsFault,
    DomainDeprecatedFault,
    LimitExceededFault,
    UnknownResourceFault,
    ValidationException,
)
from workflowsvc.fsck.audit import Options, audit
from workflowsvc.service.own import imported_history, imports
from workflowsvc.settings import Limits, Settings

Events = list[dict[str, Any]]
ELSEWHERE = "22TaVn2X3uTLoyQXLsFhmZwGtVTv7h6kCGiyIEFfcn4pQ="


def made(on: WorldFixture, *, close: bool = True) -> Events:
    """The history of a run with an activity and a timer."""
    run_id = on.start("made", tagList=["red"], input="two apples")
    on.decide(
        decision("ScheduleActivityTask", activityId="a", activityType=ACTIVITY),
        decision("StartTimer", timerId="t", startToFireTimeout="5"),
        *[decision("CancelTimer", timerId="none")] * 4,
    )
    task = on.ask("PollForActivityTask", taskList=LIST)
    on.call("RespondActivityTaskCompleted", taskToken=task["taskToken"], result="done")
    on.world.advance(seconds=5)
    if close:
        on.decide(decision("FailWorkflowExecution", reason="no stock"))
    return on.history(run_id, "made")


def bring(on: WorldFixture, history: Any, /, **members: Any) -> dict[str, Any]:
    text = history if isinstance(history, str) else json.dumps(history)
    given = {"domain": "archive", "workflowId": "old", "history": text} | members
    return on.call("WorkflowSvc.ImportHistory", **{k: v for k, v in given.items() if v is not None})


def archive(on: WorldFixture) -> WorldFixture:
    """The domain of imported histories."""
    found = WorldFixture.__new__(WorldFixture)
    found.world, found.tenant, found.domain = on.world, on.tenant, "archive"
    return found


def problems(on: WorldFixture) -> list[str]:
    with on.world.store.reader() as reader:  # type: ignore[attr-defined]
        return list(map(str, audit(reader, Options(on.world.clock.now_ms()))))  # type: ignore[arg-type]


def test_an_imported_history_is_read_back_event_by_event(stage: Stage) -> None:
    on = stage()
    events = made(on)
    answer = bring(on, {"events": events}, runId=ELSEWHERE)
    assert (answer["events"], answer["originalRunId"]) == (len(events), ELSEWHERE)
    named = answer["execution"]
    assert named["workflowId"] == "old"
    assert archive(on).history(named["runId"], "old") == events
    assert problems(on) == []


def test_an_imported_run_is_found_described_and_explained(stage: Stage) -> None:
    on = stage()
    bring(on, {"events": made(on)}, runId=ELSEWHERE)
    there = archive(on)
    (found,) = own(there, "SearchExecutions", filter={"tagsAny": ["red"], "failureReasonContains": "stock"})[
        "executions"
    ]
    assert (found["closeStatus"], found["workflowType"]) == ("FAILED", WORKFLOW)
    answer = state(there, "old")
    assert (answer["originalRunId"], answer["executionStatus"]) == (ELSEWHERE, "CLOSED")
    findings = why(there, "old")
    assert findings["RUN_CLOSED"]["message"].endswith("no stock.")
    assert findings["DECISION_FAILS"]["count"] == 4


def test_times_as_the_aws_cli_prints_them_are_read(stage: Stage) -> None:
    on = stage()
    events = made(on)
    printed = [
        event | {"eventTimestamp": datetime.fromtimestamp(event["eventTimestamp"], UTC).isoformat()}
        for event in events
    ]
    named = bring(on, {"events": printed})["execution"]
    assert archive(on).history(named["runId"], "old") == events


def test_a_bare_list_and_the_newest_first_are_read_too(stage: Stage) -> None:
    on = stage()
    events = made(on)
    for number, history in enumerate((events, {"events": events[::-1]})):
        named = bring(on, history, workflowId=f"old-{number}")["execution"]
        assert archive(on).history(named["runId"], named["workflowId"]) == events


def test_a_long_history_comes_compressed_and_is_stored_in_pieces(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "EVENTS_PER_STEP", 3)
    on = stage()
    events = made(on)
    packed = b64encode(gzip.compress(json.dumps({"events": events}).encode())).decode()
    named = bring(on, "", history=None, compressedHistory=packed)["execution"]
    assert archive(on).history(named["runId"], "old") == events


def test_an_import_that_a_crash_has_ended_is_purged_after_an_hour(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "EVENTS_PER_STEP", 3)
    on = stage()
    history = json.dumps({"events": made(on)})
    on.world.submit(
        "WorkflowSvc.ImportHistory", on.tenant, domain="archive", workflowId="old", history=history
    )
    for _ in range(2):
        on.world.writer.step()
    on.world.restart()
    on.world.clock.advance(3_601_000)
    on.world.run()
    assert own(archive(on), "SearchExecutions")["executions"] == []
    assert problems(on) == []


def test_an_imported_run_stays_however_old_it_is(stage: Stage) -> None:
    on = stage()
    events = made(on)
    on.world.clock.advance(100 * 86_400_000)
    bring(on, events)
    on.world.clock.advance(100 * 86_400_000)
    on.world.run()
    assert len(own(archive(on), "SearchExecutions")["executions"]) == 1


def test_no_run_is_started_where_histories_are_imported(stage: Stage) -> None:
    on = stage()
    bring(on, made(on))
    with pytest.raises(DomainDeprecatedFault):
        archive(on).start()
    with pytest.raises(DomainDeprecatedFault):
        own(archive(on), "RerunExecution", execution={"workflowId": "old"})


def test_imported_runs_and_their_domain_can_be_deleted(stage: Stage) -> None:
    on = stage()
    first = bring(on, made(on), runId=ELSEWHERE)["execution"]
    own(archive(on), "DeleteExecution", execution=first)
    with pytest.raises(UnknownResourceFault):
        state(archive(on), "old")
    bring(on, made(on), runId=ELSEWHERE)
    own(archive(on), "DeleteDomain")
    on.world.run()
    with on.world.store.reader() as reader:
        assert reader.metas("imported ", "imported!", 10) == []


def test_a_domain_of_another_purpose_is_left_alone(stage: Stage) -> None:
    on = stage()
    events = made(on)
    with pytest.raises(DomainAlreadyExistsFault, match="is not one for imported histories"):
        bring(on, events, domain=on.domain)
    assert own(on, "CountExecutions")["count"] == 1


def test_a_full_account_can_import_nothing_into_a_new_domain(stage: Stage) -> None:
    on = stage(settings=Settings(quotas=Limits(max_domains=1)))
    with pytest.raises(LimitExceededFault, match="DeleteDomain"):
        bring(on, made(on))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda events: "no json", "it holds no history"),
        (lambda events: '{"runs": []}', "it holds no history"),
        (lambda events: [], "it holds no events"),
        (lambda events: [1], "an event is no object"),
        (lambda events: {"events": events, "nextPageToken": "x"}, "it is a page: more events follow"),
        (lambda events: events[1:], "it breaks rules of SWF"),
        (lambda events: events[:-1], "it has no closing event"),
        (lambda events: [*events[:3], *events[4:]], "it breaks rules of SWF"),
        (lambda events: [events[0] | {"eventTimestamp": "noon"}, *events[1:]], "'noon' is no time"),
        (
            lambda events: [events[0] | {"eventType": "Nothing"}, *events[1:]],
            "; H4 at event 1: Nothing is no event type of SWF",
        ),
    ],
)
def test_what_is_no_whole_legal_history_of_a_closed_run_is_refused(
    stage: Stage, spoil: Any, why: str
) -> None:
    on = stage()
    history = spoil(made(on))
    with pytest.raises(ValidationException) as caught:
        bring(on, history)
    message = caught.value.message or ""
    assert message.startswith(
        "1 validation error detected: Value at 'history' failed to satisfy constraint: "
    )
    assert why in message
    with pytest.raises(UnknownResourceFault):
        on.call("DescribeDomain", name="archive")


def test_the_history_of_an_open_run_is_refused(stage: Stage) -> None:
    on = stage()
    with pytest.raises(
        ValidationException, match="it has no closing event: only closed runs can be imported"
    ):
        bring(on, made(on, close=False))


def test_names_that_swf_does_not_allow_are_refused(stage: Stage) -> None:
    on = stage()
    events = made(on)
    with pytest.raises(ValidationException, match="Invalid name: a/b"):
        bring(on, events, domain="a/b")
    with pytest.raises(ValidationException, match="Invalid workflowId"):
        bring(on, events, workflowId="a\0b")
    started = events[0]["workflowExecutionStartedEventAttributes"]
    for spoilt in (
        {"workflowType": {"name": "a\0b", "version": "1"}},
        {"parentWorkflowExecution": {"workflowId": "a\0b", "runId": "r"}, "parentInitiatedEventId": 3},
    ):
        first = events[0] | {"workflowExecutionStartedEventAttributes": started | spoilt}
        with pytest.raises(ValidationException, match=r"a name that SWF does not allow|breaks rules"):
            bring(on, [first, *events[1:]])


def test_a_history_that_is_longer_than_one_may_be_is_refused(stage: Stage) -> None:
    on = stage(settings=Settings(quotas=Limits(max_events=40)))
    events = made(on)
    while len(events) <= 40:
        events.append(events[-1] | {"eventId": len(events) + 1})
    with pytest.raises(ValidationException, match="it has 41 events; a history may have 40"):
        bring(on, events)


def test_compressed_histories_are_bounded_and_must_be_gzip(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported_history, "MAX_BYTES", 1_000)
    on = stage()
    bomb = b64encode(gzip.compress(b"[" * 10_000)).decode()
    with pytest.raises(ValidationException, match="it is longer than 1000 bytes"):
        bring(on, "", history=None, compressedHistory=bomb)
    for wrong in ("?", b64encode(b"plain").decode(), b64encode(gzip.compress(b"[]")[:-4]).decode()):
        with pytest.raises(ValidationException, match="it is not gzip in base64"):
            bring(on, "", history=None, compressedHistory=wrong)


def test_exactly_one_of_the_two_forms_is_needed(stage: Stage) -> None:
    on = stage()
    for members in ({"history": None}, {"compressedHistory": "x"}):
        with pytest.raises(ValidationException, match="exactly one of history and compressedHistory"):
            bring(on, [], **members)
