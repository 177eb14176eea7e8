"""Messages between executions: each must be one that its sender's history still waits to have delivered, and no
such one may be missing (QUALITY §2.5).

Owns what a run awaits, and whether a waiting message or a history elsewhere accounts for it. A message that is
lost can be sent again when the histories at hand say that it has not arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from workflowsvc.core.execution import Execution
from workflowsvc.core.messages import (
    Answer,
    AnyMessage,
    ApplyPolicy,
    CancelRequest,
    ChildClosed,
    ChildNotStarted,
    ChildStarted,
    InvokeLambda,
    Signal,
    StartChild,
    messages_of,
)
from workflowsvc.core.run_ids import run_of
from workflowsvc.fsck import stored as rows_of
from workflowsvc.model.events import Event, decode_event
from workflowsvc.model.shapes import (
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
    WorkflowExecution,
    WorkflowExecutionCancelRequestedEventAttributes,
    WorkflowExecutionSignaledEventAttributes,
)
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.rows import ExecutionQuery, ExecutionRow, MessageRow

MESSAGES_AT_ONCE = 1_000
ANY_LENGTH_MS = 0  # of a run: deadlines play no part here
RUNS_OF_A_WORKFLOW = 10_000

_decode = msgspec.json.Decoder(AnyMessage).decode

Key = tuple[type, str, int]
"""The kind of a message, the runId of the execution whose Initiated or Scheduled event it is about, that event."""


class Finding(NamedTuple):
    run: int | None
    text: str
    repairable: bool
    delete: int | None = None  # the message to take away
    put: AnyMessage | None = None  # the message to send


@dataclass
class Outbox:
    """All waiting messages."""

    rows: list[MessageRow] = field(default_factory=list[MessageRow])
    by_key: dict[Key, list[tuple[MessageRow, AnyMessage]]] = field(
        default_factory=dict[Key, list[tuple[MessageRow, AnyMessage]]]
    )
    findings: list[Finding] = field(default_factory=list[Finding])
    """What is wrong with messages in themselves."""
    _keys: dict[str, list[Key]] = field(default_factory=dict[str, list[Key]])

    def take_in(self, row: MessageRow, message: AnyMessage) -> None:
        owner, event_id = _about(message)
        key = (type(message), owner.run_id, event_id)
        if key not in self.by_key:
            self._keys.setdefault(owner.run_id, []).append(key)
        self.by_key.setdefault(key, []).append((row, message))

    def about(self, run_id: str) -> list[tuple[Key, list[tuple[MessageRow, AnyMessage]]]]:
        """All about events of this run, but the policies it applies to its children when it is closed."""
        keys = self._keys.get(run_id, [])
        return [(key, self.by_key[key]) for key in keys if key[0] is not ApplyPolicy]

    def waiting(self, run_id: str, event_id: int, *kinds: type) -> list[tuple[MessageRow, AnyMessage]]:
        return [found for kind in kinds for found in self.by_key.get((kind, run_id, event_id), [])]


def read(reader: AuditReader) -> Outbox:
    """Every waiting message, decoded."""
    box = Outbox()
    after = -1
    while rows := reader.waiting_messages(after, MESSAGES_AT_ONCE):
        after = rows[-1].id
        box.rows += rows
        domains = reader.domains_by_id(sorted({row.domain for row in rows}))
        for row in rows:
            _take_in(box, row, row.domain in domains)
    return box


def _take_in(box: Outbox, row: MessageRow, domain_is_known: bool) -> None:
    def wrong(text: str) -> None:
        # Nobody can say what it was, but if it is still needed its sender's history says so.
        box.findings.append(Finding(row.run, f"message {row.id} {text}", repairable=True, delete=row.id))

    try:
        message = _decode(row.body)
    except msgspec.MsgspecError as error:
        return wrong(f"cannot be read: {error}")
    owner, _ = _about(message)
    if type(message).__name__ != row.kind:
        return wrong(f"is a {type(message).__name__}, but is kept as {row.kind}")
    if not domain_is_known:
        return wrong(f"belongs to domain {row.domain}, which there is not")
    if row.run not in (run_of(owner.run_id), run_of(message.sender.run_id)):
        return wrong(f"of {owner.workflow_id}/{owner.run_id} is kept under run {row.run}")
    return box.take_in(row, message)


def _about(message: AnyMessage) -> tuple[WorkflowExecution, int]:
    """Whose event it is about, and which."""
    if isinstance(message, InvokeLambda):
        return message.sender, message.scheduled_id
    owner = message.to if isinstance(message, ChildStarted | ChildClosed | Answer) else message.sender
    return owner, message.initiated_id


# --- what one run awaits ---


def examine(
    reader: AuditReader, execution: Execution, closing: Event | None, box: Outbox
) -> Iterator[Finding]:
    """Messages about this run's events that are missing, or that nobody waits for."""
    if closing is not None:
        yield from _policy_not_applied(reader, execution, closing, box)
        return
    awaited = _awaited(execution)
    for event_id, kinds in awaited.items():
        found = box.waiting(execution.run_id, event_id, *kinds)
        if not found:
            yield from _missing(reader, execution, event_id)
        for row, message in found[1:]:
            yield _needless(row, message, "is one too many")
    for initiated_id, child in execution.children.items():
        unborn = not child.started_id and not box.waiting(execution.run_id, initiated_id, ChildStarted)
        if not unborn and not box.waiting(execution.run_id, initiated_id, ChildClosed):
            yield from _end_not_told(reader, execution, initiated_id)
    for key, found in box.about(execution.run_id):
        kind, _, event_id = key
        still = event_id in execution.children if kind is ChildClosed else kind in awaited.get(event_id, ())
        for row, message in found if not still else found[1:] if kind is ChildClosed else []:
            yield _needless(row, message, "is waited for by nobody")


def _awaited(execution: Execution) -> dict[int, tuple[type, ...]]:
    """By event: the kinds of message of which exactly one must be under way."""
    awaited: dict[int, tuple[type, ...]] = {}
    for initiated_id, child in execution.children.items():
        if child.started_id == 0:
            awaited[initiated_id] = (StartChild, ChildStarted, ChildNotStarted)
    for initiated_id, external in execution.externals.items():
        signal = isinstance(external, SignalExternalWorkflowExecutionInitiatedEventAttributes)
        awaited[initiated_id] = (Signal if signal else CancelRequest, Answer)
    for scheduled_id, task in execution.lambdas.items():
        if task.started_id == 0:
            awaited[scheduled_id] = (InvokeLambda,)
    return awaited


def _needless(row: MessageRow, message: AnyMessage, why: str) -> Finding:
    owner, event_id = _about(message)
    text = f"message {row.id}, {row.kind} for event {event_id} of {owner.workflow_id}, {why}"
    return Finding(row.run, text, repairable=True, delete=row.id)


def _missing(reader: AuditReader, execution: Execution, event_id: int) -> Iterator[Finding]:
    """Nothing is under way about this event: what is to be sent depends on how far it had come."""
    message = _lost_message(reader, execution, event_id)
    text = f"nothing is under way about event {event_id}; {type(message).__name__} was lost"
    yield Finding(execution.run, text, repairable=True, put=message)


def _lost_message(reader: AuditReader, execution: Execution, event_id: int) -> AnyMessage:
    name = execution.name
    if event_id in execution.lambdas:
        return InvokeLambda(sender=name, scheduled_id=event_id)
    if event_id in execution.children:
        initiated = execution.children[event_id].initiated
        for child in _children(reader, execution, event_id, initiated):
            if child.started.continued_execution_run_id is None:
                return ChildStarted(sender=child.name, to=name, initiated_id=event_id)
        return StartChild(sender=name, initiated_id=event_id, initiated=initiated)
    external = execution.externals[event_id]
    target = _receiver(reader, execution, event_id, external.workflow_id)
    if target is not None:
        return Answer(sender=target, to=name, initiated_id=event_id, found=True)
    if isinstance(external, SignalExternalWorkflowExecutionInitiatedEventAttributes):
        return Signal(
            sender=name,
            initiated_id=event_id,
            workflow_id=external.workflow_id,
            run_id=external.run_id,
            signal_name=external.signal_name,
            input=external.input,
        )
    return CancelRequest(
        sender=name, initiated_id=event_id, workflow_id=external.workflow_id, run_id=external.run_id
    )


def _end_not_told(reader: AuditReader, execution: Execution, initiated_id: int) -> Iterator[Finding]:
    """A child at work has a run that is open, or has sent how it ended."""
    initiated = execution.children[initiated_id].initiated
    chain = _children(reader, execution, initiated_id, initiated)
    if any(child.is_open for child in chain):
        return
    text = f"the child of event {initiated_id} has ended, and ChildClosed was lost"
    for child in chain:
        for message in messages_of(child, [_last_event(reader, child)], "documented"):
            if isinstance(message, ChildClosed):
                yield Finding(execution.run, text, repairable=True, put=message)
                return
    yield Finding(execution.run, f"{text}; nothing of the child is left to tell it again", repairable=False)


def _policy_not_applied(
    reader: AuditReader, execution: Execution, closing: Event, box: Outbox
) -> Iterator[Finding]:
    """Of a close by decision the setting of that day decides (SWF §15.1), so only the two sure ways are demanded."""
    for message in messages_of(execution, [closing], "documented"):
        if not isinstance(message, ApplyPolicy):
            continue
        initiated_id = message.initiated_id
        waiting = box.waiting(execution.run_id, initiated_id, ApplyPolicy)
        for row, again in waiting[1:]:
            yield _needless(row, again, "is one too many")
        if waiting:
            continue
        initiated = execution.children[initiated_id].initiated
        chain = _children(reader, execution, initiated_id, initiated)
        unborn = bool(box.waiting(execution.run_id, initiated_id, StartChild))
        reached = message.policy == "REQUEST_CANCEL" and any(_was_asked(reader, child) for child in chain)
        if unborn or (any(child.is_open for child in chain) and not reached):
            text = f"its policy {message.policy} did not reach the child of event {initiated_id}"
            yield Finding(execution.run, text, repairable=True, put=message)


# --- what other runs know of it ---


def _runs_of(reader: AuditReader, domain: int, workflow_id: str) -> list[ExecutionRow]:
    """All runs of a workflowId, the oldest first; the open one is the newest."""
    rows: list[ExecutionRow] = []
    for status in ("CLOSED", "OPEN"):
        query = ExecutionQuery(
            domain=domain,
            status=status,
            order_by="started_at",
            oldest=0,
            latest=None,
            workflow_id=workflow_id,
            ascending=True,
            limit=RUNS_OF_A_WORKFLOW,
        )
        rows += reader.list_executions(query)
    return rows


def _replayed(reader: AuditReader, rows: list[ExecutionRow]) -> list[Execution]:
    """Runs that cannot be replayed are told elsewhere and know nothing here."""
    found: list[Execution] = []
    for stored in rows_of.read(reader, [row.run for row in rows]):
        try:
            found.append(rows_of.replay(stored, rows_of.events_of(stored), ANY_LENGTH_MS))
        except rows_of.Unreadable:
            continue
    return found


def _children(
    reader: AuditReader,
    parent: Execution,
    initiated_id: int,
    initiated: StartChildWorkflowExecutionInitiatedEventAttributes,
) -> list[Execution]:
    """The child of this event and the runs that continued it, as far as they are still stored."""
    rows = _runs_of(reader, parent.domain, initiated.workflow_id)
    named = [
        row
        for row in rows
        if (row.parent_workflow_id, row.parent_run_id) == (parent.workflow_id, parent.run_id)
    ]
    return [
        child for child in _replayed(reader, named) if child.started.parent_initiated_event_id == initiated_id
    ]


def _last_event(reader: AuditReader, execution: Execution) -> Event:
    last = execution.next_event_id - 1
    return decode_event(reader.events(execution.run, last, last, 1)[0])


def _received(reader: AuditReader, row: ExecutionRow) -> Iterator[Event]:
    for body in reader.events(row.run, 1, row.next_event_id, rows_of.MOST_EVENTS):
        with suppress(msgspec.MsgspecError):
            yield decode_event(body)


def _receiver(
    reader: AuditReader, sender: Execution, initiated_id: int, workflow_id: str
) -> WorkflowExecution | None:
    """The run whose history says that it received this signal or cancel request."""
    kinds = (WorkflowExecutionSignaledEventAttributes, WorkflowExecutionCancelRequestedEventAttributes)
    for row in _runs_of(reader, sender.domain, workflow_id):
        for event in _received(reader, row):
            told = event.attributes
            if (
                isinstance(told, kinds)
                and told.external_workflow_execution == sender.name
                and told.external_initiated_event_id == initiated_id
            ):
                return WorkflowExecution(workflow_id=row.workflow_id, run_id=row.run_id)
    return None


def _was_asked(reader: AuditReader, child: Execution) -> bool:
    """To cancel, by its parent's policy."""
    last = child.next_event_id - 1
    events = map(decode_event, reader.events(child.run, 1, last, last))
    return any(
        isinstance(event.attributes, WorkflowExecutionCancelRequestedEventAttributes)
        and event.attributes.cause == "CHILD_POLICY_APPLIED"
        for event in events
    )
