"""Findings between senders and receivers of signals and cancel requests (C11, C12; SWF §5.11, §5.12)."""

from collections.abc import Iterator

from workflowsvc.lint.externals import MESSAGES, Message
from workflowsvc.lint.history import Event, Finding, History
from workflowsvc.lint.world import Run, World, key_of

__all__ = ["check"]

_RULES = {"C5": "C11", "C6": "C12"}
_Received = dict[tuple[Run, int], list[tuple[Run, Event]]]


def check(world: World) -> Iterator[Finding]:
    """All findings about messages between executions."""
    for message in MESSAGES:
        received = _find_received(world, message)
        for (sender, initiated_id), arrivals in received.items():
            yield from _check_arrivals(world, message, sender, initiated_id, arrivals)
        for run, history in world.runs.items():
            yield from _check_sender(world, message, run, history, received)


def _find_received(world: World, message: Message) -> _Received:
    """(sender, Initiated id) -> the events in which executions say that they received it."""
    received: _Received = {}
    for run, history in world.runs.items():
        for event in history.events:
            sender = key_of(event, "externalWorkflowExecution")
            if event.type == message.received and event.number("externalInitiatedEventId"):
                key = (sender, event.number("externalInitiatedEventId"))
                received.setdefault(key, []).append((run, event))
    return received


def _check_arrivals(
    world: World, message: Message, sender: Run, initiated_id: int, arrivals: list[tuple[Run, Event]]
) -> Iterator[Finding]:
    rule, name = _RULES[message.rule], f"{sender[0]}/{sender[1]}"
    for run, event in arrivals[1:]:
        first = arrivals[0][1]
        yield event.breaks(rule, f"event {initiated_id} of {name} had arrived with event {first.id}", run)
    if sender not in world.runs:
        return
    initiated = world.runs[sender].find(initiated_id, message.initiated)
    for run, event in arrivals:
        if initiated is None:
            yield event.breaks(rule, f"event {initiated_id} of {name} is no {message.initiated}", run)
            continue
        own = (initiated.text("workflowId"), initiated.text("runId") or run[1])
        if own != run:
            yield event.breaks(rule, f"event {initiated_id} of {name} was meant for {own[0]}/{own[1]}", run)
        for member in ("signalName", "input") if rule == "C11" else ():
            if event.attributes.get(member) != initiated.attributes.get(member):
                yield event.breaks(rule, f"{member} is not that of event {initiated_id} of {name}", run)
        if world.is_before(event, initiated):
            yield event.breaks(rule, f"is earlier than event {initiated_id} of {name}", run)


def _check_sender(
    world: World, message: Message, run: Run, history: History, received: _Received
) -> Iterator[Finding]:
    rule, answered = _RULES[message.rule], set[int]()
    for event in history.events:
        if event.type not in (message.delivered, message.failed) or not event.number("initiatedEventId"):
            continue
        initiated_id = event.number("initiatedEventId")
        answered.add(initiated_id)
        arrivals = received.get((run, initiated_id), [])
        if event.type == message.failed:
            for target, arrival in arrivals:
                yield event.breaks(
                    rule, f"failed, but it arrived with event {arrival.id} of {target[0]}", run
                )
            continue
        target = key_of(event, "workflowExecution")
        there = [arrival for at, arrival in arrivals if at == target]
        if target in world.runs and not there:
            yield event.breaks(rule, f"{target[0]}/{target[1]} has no {message.received} for it", run)
        if there and world.is_before(event, there[0]):
            yield event.breaks(rule, "is earlier than the arrival", run)
    if world.settled and history.closing is None:
        for event in history.events:
            if event.type == message.initiated and event.id not in answered:
                yield event.breaks(rule, "was neither delivered nor refused", run)
