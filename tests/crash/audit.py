"""QUALITY §2.5.R1 to §2.5.R7: the answers that clients got must agree with the histories.

Owns the rules about calls that leave an event. Names and tags are judged in `audit_names.py`. Each rule takes the
journal and the histories and yields a sentence for each violation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.crash.findings import CARRIED, Event, EventOfRun, Found, Run, attributes
from tests.support.journal import Call, Journal
from tests.support.names import LONE
from workflowsvc.lint import check_growth, check_related, lint_history

ENDED_TASK = {
    "RespondDecisionTaskCompleted": ("DecisionTaskCompleted", "DecisionTaskTimedOut"),
    **dict.fromkeys(
        (
            "RespondActivityTaskCompleted",
            "RespondActivityTaskFailed",
            "RespondActivityTaskCanceled",
            "RecordActivityTaskHeartbeat",
        ),
        ("ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskTimedOut", "ActivityTaskCanceled"),
    ),
}
MAX_INVERSIONS = 0.01  # share of tasks; SWF promises best effort (R6)


def audit(journal: Journal, found: Found) -> list[str]:
    """All violations of all rules."""
    wrong: list[str] = []
    for rule in RULES:
        wrong += [f"{rule.__name__}: {sentence}" for sentence in rule(journal, found)]
    return wrong


def r1_what_was_acknowledged_is_there_once(journal: Journal, found: Found) -> Iterator[str]:
    """An acknowledged call is in the history exactly once; an empty poll has taken nothing."""
    for call in _marked(journal):
        places = found.carrying(call.action, call.marker)
        if call.action.startswith("PollFor") and "taskToken" not in (call.answer or ()):
            if call.acknowledged and places:
                yield f"{call} was answered without a task, and started {places}"
        elif call.acknowledged and len(places) != 1:
            yield f"{call} is in {len(places)} events: {places}"
        elif call.acknowledged and not _agrees(call, places[0]):
            yield f"{call} is in {places[0]}, which its answer does not name"


def _marked(journal: Journal) -> Iterator[Call]:
    return (call for call in journal.of(*CARRIED) if call.marker)


def _agrees(call: Call, place: EventOfRun) -> bool:
    """The answer, or what the caller knew, names this event."""
    if call.action.startswith("PollFor"):
        named = call.answer["workflowExecution"]
        return (named["workflowId"], named["runId"], call.answer["startedEventId"]) == (
            *place.run,
            place.event_id,
        )
    if call.action == "StartWorkflowExecution":
        return (call.about["workflowId"], call.answer["runId"]) == place.run
    if "startedEventId" in call.about:
        started = place.said["startedEventId"] == call.about["startedEventId"]
        return started and (call.about["workflowId"], call.about["runId"]) == place.run
    return call.about["workflowId"] == place.run[0]


def r1_every_decision_became_its_event(journal: Journal, found: Found) -> Iterator[str]:
    """A completion has one event for each decision, in order; that they stand together is linted (D5)."""
    for call in journal.of("RespondDecisionTaskCompleted"):
        for run, event in found.carrying(call.action, call.marker):
            events, first = found.histories[run], event["eventId"]
            wanted = call.about["decisions"]
            batch = [one for one in events[first:] if _is_decided_by(first, one)]
            if len(batch) != len(wanted):
                yield f"{call}: {len(wanted)} decisions became {batch}"
                continue
            for (decision_type, sign), one in zip(wanted, batch, strict=True):
                if not _is_result_of(decision_type, one) or not _bears(sign, one):
                    yield f"{call}: {decision_type} {sign} became {one}"


def _is_decided_by(completed_id: int, event: Event) -> bool:
    """Excludes later consequences of a decision, such as a signal to an unknown execution, which name the completion
    too.
    """
    said = attributes(event)
    later = event["eventType"].endswith("Failed") and said.get("initiatedEventId")
    return said.get("decisionTaskCompletedEventId") == completed_id and not later


def _is_result_of(decision_type: str, event: Event) -> bool:
    became = {
        "ScheduleActivityTask": ("ActivityTaskScheduled", "ScheduleActivityTaskFailed"),
        "RequestCancelActivityTask": ("ActivityTaskCancelRequested", "RequestCancelActivityTaskFailed"),
        "StartTimer": ("TimerStarted", "StartTimerFailed"),
        "CancelTimer": ("TimerCanceled", "CancelTimerFailed"),
        "RecordMarker": ("MarkerRecorded", "RecordMarkerFailed"),
        "ScheduleLambdaFunction": ("LambdaFunctionScheduled", "ScheduleLambdaFunctionFailed"),
        "CompleteWorkflowExecution": ("WorkflowExecutionCompleted", "CompleteWorkflowExecutionFailed"),
        "FailWorkflowExecution": ("WorkflowExecutionFailed", "FailWorkflowExecutionFailed"),
        "CancelWorkflowExecution": ("WorkflowExecutionCanceled", "CancelWorkflowExecutionFailed"),
        "ContinueAsNewWorkflowExecution": (
            "WorkflowExecutionContinuedAsNew",
            "ContinueAsNewWorkflowExecutionFailed",
        ),
    }
    usual = (f"{decision_type}Initiated", f"{decision_type}Failed")
    return event["eventType"] in became.get(decision_type, usual)


def _bears(sign: str, event: Event) -> bool:
    """Whether the event contains the sign; a close that failed has only its cause."""
    closing_failed = event["eventType"].endswith("WorkflowExecutionFailed") and "cause" in attributes(event)
    return closing_failed or sign in str(attributes(event))


def r1_cancel_requests_are_counted(journal: Journal, found: Found) -> Iterator[str]:
    """RequestCancelWorkflowExecution has nothing to carry a marker, so its events are counted."""
    least: dict[str, int] = defaultdict(int)
    most: dict[str, int] = defaultdict(int)
    for call in journal.of("RequestCancelWorkflowExecution"):
        least[call.about["workflowId"]] += call.acknowledged
        most[call.about["workflowId"]] += call.may_have_happened
    for workflow_id in most:
        events = [
            event
            for run in found.runs_of[workflow_id]
            for event in found.histories[run]
            if event["eventType"] == "WorkflowExecutionCancelRequested"
            and not attributes(event).get("externalInitiatedEventId")
            and "cause" not in attributes(event)
        ]
        if not least[workflow_id] <= len(events) <= most[workflow_id]:
            yield (
                f"{workflow_id} was asked to cancel {least[workflow_id]} to {most[workflow_id]} times "
                f"and has {len(events)} events of it"
            )


def r1_heartbeats_are_remembered(journal: Journal, found: Found) -> Iterator[str]:
    """A time-out shows the details of the last heartbeat that was acknowledged, or of a later one."""
    beats: dict[tuple[str, int], list[Call]] = defaultdict(list)
    for call in journal.of("RecordActivityTaskHeartbeat"):
        beats[call.about["runId"], call.about["startedEventId"]].append(call)
    for run, events in found.histories.items():
        for event in events:
            if event["eventType"] != "ActivityTaskTimedOut":
                continue
            said = attributes(event)
            calls = beats.get((run[1], said["startedEventId"]), [])
            last = max((n for n, call in enumerate(calls) if call.acknowledged), default=-1)
            allowed = [call.marker for call in calls[max(last, 0) :] if call.may_have_happened]
            if last < 0:
                allowed.append("")
            if said.get("details", "") not in allowed:
                yield f"{event} of {run} should have the details of one of {[*map(str, calls)]}"


def r2_no_task_is_given_out_twice(journal: Journal, found: Found) -> Iterator[str]:
    """No token and no started task in two answers; each start in a history belongs to one poll. A further
    page of a task is no new poll and carries no marker.
    """
    tokens: dict[Any, Call] = {}
    polls = {call.marker: call for call in _marked(journal) if call.action.startswith("PollFor")}
    for call in polls.values():
        if call.acknowledged and "taskToken" in call.answer:
            task = (call.answer["workflowExecution"]["runId"], call.answer["startedEventId"])
            for key in (call.answer["taskToken"], task):
                if key in tokens:
                    yield f"{call} and {tokens[key]} were given the same task"
                tokens[key] = call
    for (event_type, identity), places in found.by_marker.items():
        if event_type in ("DecisionTaskStarted", "ActivityTaskStarted"):
            call = polls.get(identity)
            if len(places) > 1:
                yield f"the poll {identity} has started {places}"
            if call is None or not call.may_have_happened:
                yield f"{places} was started for {call}"


def r3_an_unknown_outcome_is_none_or_one(journal: Journal, found: Found) -> Iterator[str]:
    """What was refused has left nothing; what is unknown, one event at the most."""
    hopes: dict[tuple[str, str], bool] = defaultdict(bool)
    for call in _marked(journal):
        hopes[call.action, call.marker] |= call.may_have_happened
    for (action, marker), hope in hopes.items():
        places = found.carrying(action, marker)
        if len(places) > hope:
            yield f"{action} {marker} is in {len(places)} events: {places}"


def r4_events_stand_in_the_order_of_real_time(journal: Journal, found: Found) -> Iterator[str]:
    """A call that was sent after another was answered stands behind it in the same history."""
    by_run: dict[Run, list[tuple[int, Call]]] = defaultdict(list)
    for call in _marked(journal):
        if call.acknowledged:
            for place in found.carrying(call.action, call.marker):
                by_run[place.run].append((place.event_id, call))
    for run, calls in by_run.items():
        calls.sort(key=lambda pair: pair[0], reverse=True)
        soonest, by = float("inf"), None
        for event_id, call in calls:
            if soonest < call.sent:
                yield f"{call} is event {event_id} of {run}, before {by}, which was answered before it was sent"
            if call.answered < soonest:
                soonest, by = call.answered, call
    yield from _readings_hold_what_was_acknowledged(journal, by_run)


def _readings_hold_what_was_acknowledged(
    journal: Journal, by_run: dict[Run, list[tuple[int, Call]]]
) -> Iterator[str]:
    for reading in journal.of("GetWorkflowExecutionHistory"):
        if not reading.acknowledged or not reading.about:
            continue
        run, events = (reading.about["workflowId"], reading.about["runId"]), reading.answer["events"]
        if "nextPageToken" in reading.answer:
            continue  # the rest was not asked for
        for event_id, call in by_run.get(run, ()):
            if call.answered < reading.sent and event_id > len(events):
                yield f"{call} was acknowledged, then a reading of {run} had only {len(events)} events"


def r5_refusals_are_true(journal: Journal, found: Found) -> Iterator[str]:
    """UnknownResourceFault for a token: the task had ended, or its run had. For a name: no run was open."""
    for call in journal.calls:
        allowed = (
            ("WorkflowExecutionAlreadyStartedFault",)
            if call.action == "StartWorkflowExecution"
            else ("UnknownResourceFault",)
        )
        if call.outcome == "refused" and "entity" not in call.about and call.code not in allowed:
            yield f"{call}: the clients of the load never cause this fault"
    for call in journal.of(*ENDED_TASK):
        if call.outcome == "refused" and not _had_ended(call, found):
            yield f"{call}, although its task was open"
    named = ("SignalWorkflowExecution", "TerminateWorkflowExecution", "RequestCancelWorkflowExecution")
    starts = acknowledged_starts(journal)
    for call in journal.of(*named):
        if call.outcome == "refused" and _was_open_throughout(call, found, starts):
            yield f"{call}, although the execution was open"
    for call in journal.of("StartWorkflowExecution"):
        if call.outcome == "refused" and not _was_ever_open(call, found):
            yield f"{call}, although no run was open"


def _had_ended(call: Call, found: Found) -> bool:
    events = found.histories.get((call.about["workflowId"], call.about["runId"]), [])
    types, started_id = ENDED_TASK[call.action], call.about["startedEventId"]
    for event in events:
        if EventOfRun(("", ""), event).at_ms > call.answered_ms:
            return False
        if event["eventType"] in types and attributes(event)["startedEventId"] == started_id:
            return True
    return found.descriptions[call.about["workflowId"], call.about["runId"]]["executionInfo"][
        "executionStatus"
    ] == "CLOSED" and bool(events)


class _Span(NamedTuple):
    run: Run
    start_ms: int
    end_ms: float


def _spans(call: Call, found: Found) -> Iterator[_Span]:
    """When the runs that the call could mean were open."""
    for run in found.runs_of[call.about["workflowId"]]:
        if call.about.get("runId", run[1]) == run[1]:
            info = found.descriptions[run]["executionInfo"]
            end = info.get("closeTimestamp", float("inf")) * 1000
            yield _Span(run, round(info["startTimestamp"] * 1000), end)


def acknowledged_starts(journal: Journal) -> dict[Run, Call]:
    """The calls by which runs are known to have begun."""
    return {
        (call.about["workflowId"], call.answer["runId"]): call
        for call in journal.of("StartWorkflowExecution")
        if call.acknowledged
    }


def _was_open_throughout(call: Call, found: Found, starts: dict[Run, Call]) -> bool:
    """A start bears the time at which its transaction began. Until it is committed other nodes cannot know of it, so
    what counts is when it was answered; but a run that was continued is open until its successor is.
    """

    def known_ms(run: Run, start_ms: int) -> float:
        if run in starts:
            return starts[run].answered_ms
        return start_ms if _is_continued(run, found) else float("inf")

    return any(
        known_ms(run, start) < call.sent_ms and call.answered_ms < end - 1
        for run, start, end in _spans(call, found)
    )


def _is_continued(run: Run, found: Found) -> bool:
    return "continuedExecutionRunId" in attributes(found.histories[run][0])


def _was_ever_open(call: Call, found: Found) -> bool:
    return any(start <= call.answered_ms and call.sent_ms <= end + 1 for _, start, end in _spans(call, found))


def r6_tasks_leave_in_order(journal: Journal, found: Found) -> Iterator[str]:
    """On the list with one worker: by priority, then by age. Best effort, so one in a hundred may differ."""
    inversions, tasks = inversions_of(found)
    if inversions > max(1, MAX_INVERSIONS * tasks):
        yield f"{inversions} of {tasks} tasks were overtaken"


def inversions_of(found: Found) -> tuple[int, int]:
    """How many tasks were started while one that should have gone first was waiting, and how many in all."""
    tasks: list[tuple[int, int, float, float]] = []  # priority, scheduled, started, gone
    for run, events in found.histories.items():
        closed = found.descriptions[run]["executionInfo"].get("closeTimestamp", float("inf")) * 1000
        ended: dict[int, float] = {}
        started: dict[int, float] = {}
        for event in events:
            said, at = attributes(event), EventOfRun(run, event).at_ms
            if event["eventType"] == "ActivityTaskStarted":
                started[said["scheduledEventId"]] = at
            elif event["eventType"] in ENDED_TASK["RespondActivityTaskCompleted"]:
                ended[said["scheduledEventId"]] = at
        for event in events:
            said = attributes(event)
            if event["eventType"] == "ActivityTaskScheduled" and said["taskList"]["name"] == LONE:
                event_id, at = event["eventId"], EventOfRun(run, event).at_ms
                start = started.get(event_id, float("inf"))
                tasks.append((int(said["taskPriority"]), at, start, min(start, ended.get(event_id, closed))))
    overtaken = sum(
        any(
            scheduled < other_started < gone
            and (priority > other_priority or (priority == other_priority and scheduled < other_scheduled))
            for other_priority, other_scheduled, other_started, _ in tasks
        )
        for priority, scheduled, _, gone in tasks
    )
    return overtaken, len(tasks)


def r7_everything_comes_to_its_end(journal: Journal, found: Found) -> Iterator[str]:
    """Every call is answered, or its connection ends, within 61 s; everything has come to its end."""
    for call in journal.calls:
        if call.outcome in ("hung", "under way"):
            yield str(call)
    for run, description in found.descriptions.items():
        if description["executionInfo"]["executionStatus"] == "OPEN":
            yield f"{run} has not come to its end: {found.histories[run][-3:]}"


def histories_are_legal(journal: Journal, found: Found) -> Iterator[str]:
    """Groups H to T, C and W of QUALITY §2.5, judged by `workflowsvc.lint`, which shares no code with the service."""
    for run, events in found.histories.items():
        for finding in lint_history(events, execution=found.descriptions[run]):
            yield f"{run}: {finding} {events[max(0, finding.event_id - 2) : finding.event_id + 1]}"
    for finding in check_related(found.histories, settled=True):
        yield str(finding)
    for reading in journal.of("GetWorkflowExecutionHistory"):
        if reading.acknowledged and reading.about:
            run = (reading.about["workflowId"], reading.about["runId"])
            for finding in check_growth(reading.answer["events"], found.histories.get(run, [])):
                yield f"{run}: {finding}"


RULES: tuple[Callable[[Journal, Found], Iterator[str]], ...] = (
    r1_what_was_acknowledged_is_there_once,
    r1_every_decision_became_its_event,
    r1_cancel_requests_are_counted,
    r1_heartbeats_are_remembered,
    r2_no_task_is_given_out_twice,
    r3_an_unknown_outcome_is_none_or_one,
    r4_events_stand_in_the_order_of_real_time,
    r5_refusals_are_true,
    r6_tasks_leave_in_order,
    r7_everything_comes_to_its_end,
    histories_are_legal,
)
