"""Audits the messages between executions: each one in the outbox must be awaited by a history, and each awaited one
must be in the outbox (QUALITY §2.5).

Owns which messages a run awaits, and whether the outbox or the history of another run accounts for each. A message
that is lost can be sent again when the stored histories show that it has not arrived.
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
from workflowsvc.fsck.net import require_connection, text_of
from workflowsvc.model.events import Event, decode_event
from workflowsvc.model.shapes import (
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    StartChildWorkflowExecutionInitiatedEventAttributes,
    WorkflowExecution,
    WorkflowExecutionCancelRequestedEventAttributes,
    WorkflowExecutionSignaledEventAttributes,
)
from workflowsvc.store.interface import AuditReader
from workflowsvc.store.row_types import misfit
from workflowsvc.store.rows import ExecutionQuery, ExecutionRow, MessageRow

MESSAGES_BATCH_SIZE = 1_000
BEFORE_ALL = -(1 << 63)
NO_LONGEST_MS = 0  # ms a run may stay open: unused here, since deadlines play no part
MAX_RUNS_OF_A_WORKFLOW = 10_000  # of one workflowId and status

_decode = msgspec.json.Decoder(AnyMessage).decode

Key = tuple[type, str, int]
"""(kind of message, runId, event id): the Initiated or Scheduled event that the message is about."""


class MessageProblem(NamedTuple):
    """What is wrong about one message, and its repair."""

    run: int | None
    text: str
    repairable: bool
    delete: int | None = None  # id of the message to delete
    put: AnyMessage | None = None  # message to send


@dataclass
class Outbox:
    """All waiting messages."""

    rows: list[MessageRow] = field(default_factory=list[MessageRow])
    by_key: dict[Key, list[tuple[MessageRow, AnyMessage]]] = field(
        default_factory=dict[Key, list[tuple[MessageRow, AnyMessage]]]
    )
    problems: list[MessageProblem] = field(default_factory=list[MessageProblem])
    """What is wrong with messages by themselves, whatever the histories say."""
    is_whole: bool = True  # else histories may await messages that were not read
    _keys: dict[str, list[Key]] = field(default_factory=dict[str, list[Key]])

    def add(self, row: MessageRow, message: AnyMessage) -> None:
        owner, event_id = _about(message)
        key = (type(message), owner.run_id, event_id)
        if key not in self.by_key:
            self._keys.setdefault(owner.run_id, []).append(key)
        self.by_key.setdefault(key, []).append((row, message))

    def about(self, run_id: str) -> list[tuple[Key, list[tuple[MessageRow, AnyMessage]]]]:
        """All messages about events of this run, except the policies that it applies to its children once closed."""
        keys = self._keys.get(run_id, [])
        return [(key, self.by_key[key]) for key in keys if key[0] is not ApplyPolicy]

    def waiting(self, run_id: str, event_id: int, *kinds: type) -> list[tuple[MessageRow, AnyMessage]]:
        return [found for kind in kinds for found in self.by_key.get((kind, run_id, event_id), [])]


def read(reader: AuditReader) -> Outbox:
    """Every waiting message, decoded."""
    box = Outbox()
    after = BEFORE_ALL
    try:
        while rows := reader.waiting_messages(after, MESSAGES_BATCH_SIZE):
            after = rows[-1].id
            box.rows += rows
            readable = [row for row in rows if misfit(row) is None]
            known = {domain for domain in {row.domain for row in readable} if _is_known(reader, domain)}
            for row in rows:
                _add(box, row, row.domain in known)
    except Exception as error:
        box.is_whole = False
        text = f"messages behind {after} cannot be read: {text_of(error)}"
        box.problems.append(MessageProblem(None, text, repairable=False))
    return box


def _is_known(reader: AuditReader, domain: int) -> bool:
    """One that cannot be read is there: it is reported with the domains."""
    try:
        return domain in reader.domains_by_id([domain])
    except Exception as error:
        require_connection(error)
        return True


def _add(box: Outbox, row: MessageRow, domain_is_known: bool) -> None:
    def wrong(text: str) -> None:
        # It is deleted: if a message was needed in its place, the sender's history says so.
        run = row.run if type(row.run) is int else None
        box.problems.append(MessageProblem(run, f"message {row.id} {text}", repairable=True, delete=row.id))

    if why := misfit(row):
        return wrong(f"cannot be read: {why}")
    try:
        message = _decode(row.body)
    except (msgspec.MsgspecError, ValueError) as error:
        return wrong(f"cannot be read: {error}")
    owner, _ = _about(message)
    if type(message).__name__ != row.kind:
        return wrong(f"is a {type(message).__name__}, but is kept as {row.kind}")
    if not domain_is_known:
        return wrong(f"belongs to domain {row.domain}, which there is not")
    if row.run not in (run_of(owner.run_id), run_of(message.sender.run_id)):
        return wrong(f"of {owner.workflow_id}/{owner.run_id} is kept under run {row.run}")
    return box.add(row, message)


def _about(message: AnyMessage) -> tuple[WorkflowExecution, int]:
    """The execution whose event the message is about, and the event's id."""
    if isinstance(message, InvokeLambda):
        return message.sender, message.scheduled_id
    owner = message.to if isinstance(message, ChildStarted | ChildClosed | Answer) else message.sender
    return owner, message.initiated_id


# --- the messages that one run awaits ---


def examine(
    reader: AuditReader, execution: Execution, closing: Event | None, box: Outbox
) -> Iterator[MessageProblem]:
    """Messages about this run's events that are missing, or that no history awaits."""
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
        not_started = not child.started_id and not box.waiting(execution.run_id, initiated_id, ChildStarted)
        if not not_started and not box.waiting(execution.run_id, initiated_id, ChildClosed):
            yield from _end_not_reported(reader, execution, initiated_id)
    for key, found in box.about(execution.run_id):
        kind, _, event_id = key
        still = event_id in execution.children if kind is ChildClosed else kind in awaited.get(event_id, ())
        for row, message in found if not still else found[1:] if kind is ChildClosed else []:
            yield _needless(row, message, "is not awaited")


def _awaited(execution: Execution) -> dict[int, tuple[type, ...]]:
    """By event: the kinds of message of which exactly one must be under way."""
    awaited: dict[int, tuple[type, ...]] = {}
    for initiated_id, child in execution.children.items():
        if child.started_id == 0:
            awaited[initiated_id] = (StartChild, ChildStarted, ChildNotStarted)
    for initiated_id, external in execution.externals.items():
        signal = isinstance(external.initiated, SignalExternalWorkflowExecutionInitiatedEventAttributes)
        awaited[initiated_id] = (Signal if signal else CancelRequest, Answer)
    for scheduled_id, task in execution.lambdas.items():
        if task.started_id == 0:
            awaited[scheduled_id] = (InvokeLambda,)
    return awaited


def _needless(row: MessageRow, message: AnyMessage, why: str) -> MessageProblem:
    owner, event_id = _about(message)
    text = f"message {row.id}, {row.kind} for event {event_id} of {owner.workflow_id}, {why}"
    return MessageProblem(row.run, text, repairable=True, delete=row.id)


def _missing(reader: AuditReader, execution: Execution, event_id: int) -> Iterator[MessageProblem]:
    """No message is under way about this event: which one to send depends on how far the exchange had come."""
    message = _lost_message(reader, execution, event_id)
    text = f"nothing is under way about event {event_id}; {type(message).__name__} was lost"
    yield MessageProblem(execution.run, text, repairable=True, put=message)


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
    external = execution.externals[event_id].initiated
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


def _end_not_reported(
    reader: AuditReader, execution: Execution, initiated_id: int
) -> Iterator[MessageProblem]:
    """A child that the parent holds open has an open run, or a message about its end is under way."""
    initiated = execution.children[initiated_id].initiated
    chain = _children(reader, execution, initiated_id, initiated)
    if any(child.is_open for child in chain):
        return
    text = f"the child of event {initiated_id} has ended, and ChildClosed was lost"
    for child in chain:
        for message in messages_of(child, [_last_event(reader, child)], "documented"):
            if isinstance(message, ChildClosed):
                yield MessageProblem(execution.run, text, repairable=True, put=message)
                return
    yield MessageProblem(
        execution.run, f"{text}; no run of the child is stored to send it again", repairable=False
    )


def _policy_not_applied(
    reader: AuditReader, execution: Execution, closing: Event, box: Outbox
) -> Iterator[MessageProblem]:
    """Whether a close by decision applied the policy depends on the setting at that time (SWF §15.1), so only
    termination and time-out are checked.
    """
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
        not_started = bool(box.waiting(execution.run_id, initiated_id, StartChild))
        reached = message.policy == "REQUEST_CANCEL" and any(_was_asked(reader, child) for child in chain)
        if not_started or (any(child.is_open for child in chain) and not reached):
            text = f"its policy {message.policy} did not reach the child of event {initiated_id}"
            yield MessageProblem(execution.run, text, repairable=True, put=message)


# --- the histories of other runs ---


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
            limit=MAX_RUNS_OF_A_WORKFLOW,
        )
        rows += reader.list_executions(query)
    return [row for row in rows if misfit(row) is None]  # the others are reported by themselves


def _replayed(reader: AuditReader, rows: list[ExecutionRow]) -> list[Execution]:
    """The runs that can be replayed; the audit reports the others by themselves."""
    found: list[Execution] = []
    for stored in rows_of.read_what_can_be(reader, [row.run for row in rows])[0]:
        try:
            found.append(rows_of.replay(stored, rows_of.events_of(stored), NO_LONGEST_MS))
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
    for body in reader.events(row.run, 1, row.next_event_id, rows_of.MAX_EVENTS):
        with suppress(msgspec.MsgspecError, ValueError, TypeError, ArithmeticError):
            yield decode_event(body)


def _receiver(
    reader: AuditReader, sender: Execution, initiated_id: int, workflow_id: str
) -> WorkflowExecution | None:
    """The run whose history says that it received this signal or cancel request."""
    kinds = (WorkflowExecutionSignaledEventAttributes, WorkflowExecutionCancelRequestedEventAttributes)
    for row in _runs_of(reader, sender.domain, workflow_id):
        for event in _received(reader, row):
            received = event.attributes
            if (
                isinstance(received, kinds)
                and received.external_workflow_execution == sender.name
                and received.external_initiated_event_id == initiated_id
            ):
                return WorkflowExecution(workflow_id=row.workflow_id, run_id=row.run_id)
    return None


def _was_asked(reader: AuditReader, child: Execution) -> bool:
    """Whether the child was asked to cancel by its parent's policy."""
    last = child.next_event_id - 1
    events = map(decode_event, reader.events(child.run, 1, last, last))
    return any(
        isinstance(event.attributes, WorkflowExecutionCancelRequestedEventAttributes)
        and event.attributes.cause == "CHILD_POLICY_APPLIED"
        for event in events
    )
