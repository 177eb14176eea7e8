"""Findings between senders and receivers of signals and cancel requests (C11, C12; SWF §5.11, §5.12)."""

from collections.abc import Iterator

from workflowsvc.lint.externals import MESSAGE_KINDS, MessageKind
from workflowsvc.lint.history import Event, Finding, History
from workflowsvc.lint.recorded_runs import RecordedRuns, Run, key_of

__all__ = ["check"]

_RULES = {"C5": "C11", "C6": "C12"}
_Received = dict[tuple[Run, int], list[tuple[Run, Event]]]


def check(recorded: RecordedRuns) -> Iterator[Finding]:
    """All findings about messages between executions."""
    for kind in MESSAGE_KINDS:
        received = _find_received(recorded, kind)
        for (sender, initiated_id), arrivals in received.items():
            yield from _check_arrivals(recorded, kind, sender, initiated_id, arrivals)
        for run, history in recorded.runs.items():
            yield from _check_sender(recorded, kind, run, history, received)


def _find_received(recorded: RecordedRuns, kind: MessageKind) -> _Received:
    """(sender, Initiated id) -> the events in which executions say that they received it."""
    received: _Received = {}
    for run, history in recorded.runs.items():
        for event in history.events:
            sender = key_of(event, "externalWorkflowExecution")
            if event.type == kind.received and event.number("externalInitiatedEventId"):
                key = (sender, event.number("externalInitiatedEventId"))
                received.setdefault(key, []).append((run, event))
    return received


def _check_arrivals(
    recorded: RecordedRuns,
    kind: MessageKind,
    sender: Run,
    initiated_id: int,
    arrivals: list[tuple[Run, Event]],
) -> Iterator[Finding]:
    rule, name = _RULES[kind.rule], f"{sender[0]}/{sender[1]}"
    for run, event in arrivals[1:]:
        first = arrivals[0][1]
        yield event.breaks(rule, f"event {initiated_id} of {name} had arrived with event {first.id}", run)
    if sender not in recorded.runs:
        return
    initiated = recorded.runs[sender].find(initiated_id, kind.initiated)
    for run, event in arrivals:
        if initiated is None:
            yield event.breaks(rule, f"event {initiated_id} of {name} is no {kind.initiated}", run)
            continue
        own = (initiated.text("workflowId"), initiated.text("runId") or run[1])
        if own != run:
            yield event.breaks(rule, f"event {initiated_id} of {name} was meant for {own[0]}/{own[1]}", run)
        for member in ("signalName", "input") if rule == "C11" else ():
            if event.attributes.get(member) != initiated.attributes.get(member):
                yield event.breaks(rule, f"{member} is not that of event {initiated_id} of {name}", run)
        if recorded.is_before(event, initiated):
            yield event.breaks(rule, f"is earlier than event {initiated_id} of {name}", run)


def _check_sender(
    recorded: RecordedRuns, kind: MessageKind, run: Run, history: History, received: _Received
) -> Iterator[Finding]:
    rule, answered = _RULES[kind.rule], set[int]()
    for event in history.events:
        if event.type not in (kind.delivered, kind.failed) or not event.number("initiatedEventId"):
            continue
        initiated_id = event.number("initiatedEventId")
        answered.add(initiated_id)
        arrivals = received.get((run, initiated_id), [])
        if event.type == kind.failed:
            for target, arrival in arrivals:
                yield event.breaks(
                    rule, f"failed, but it arrived with event {arrival.id} of {target[0]}", run
                )
            continue
        target = key_of(event, "workflowExecution")
        there = [arrival for at, arrival in arrivals if at == target]
        if target in recorded.runs and not there:
            yield event.breaks(rule, f"{target[0]}/{target[1]} has no {kind.received} for it", run)
        if there and recorded.is_before(event, there[0]):
            yield event.breaks(rule, "is earlier than the arrival", run)
    if recorded.settled and history.closing is None:
        for event in history.events:
            if event.type == kind.initiated and event.id not in answered:
                yield event.breaks(rule, "was neither delivered nor refused", run)
