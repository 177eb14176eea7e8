"""Relays messages between executions: each is applied to its receiver and removed in the same transaction.

Owns which receiver a message has, and that a receiver that is closed or gone is no error. What the receiver
records is decided by the rules in core. A message cannot be applied twice, as its removal commits with its effect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from workflowsvc.core import children, external
from workflowsvc.core.execution import Execution
from workflowsvc.core.key_layout import moment_of
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
)
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.agenda import RETRY_LOCKED_MS, Agenda
from workflowsvc.engine.quarantine import Quarantined
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.model.shapes import WorkflowExecution
from workflowsvc.store.errors import Conflict, LockedByPeer, StoreError
from workflowsvc.store.rows import MessageRow

MESSAGES_PER_BATCH = 100  # a batch must not keep callers waiting: about 5 ms

_decode: Callable[[bytes], AnyMessage] = msgspec.json.Decoder(AnyMessage).decode


class OutboxRelay:
    """A duty (duties.py): applies the oldest waiting messages."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def next_at(self) -> int | None:
        return self._agenda.relay_at if self._agenda.messages_waiting else None

    def run(self, work: UnitOfWork) -> None:
        agenda, quarantine = self._agenda, work.state.quarantine
        limit = MESSAGES_PER_BATCH + len(quarantine.messages)
        rows = work.tx.messages(limit)
        agenda.messages_waiting = len(rows) >= limit  # those in quarantine do not make the relay due
        for row in rows:
            if row.id in quarantine.messages:
                continue
            work.last_run = None
            work.see_moment(moment_of(row.id))
            try:
                _relay(work, row)
            except StoreError:
                raise
            except LockedByPeer as locked:
                if not work.is_clean:
                    raise Conflict(str(locked)) from locked
                agenda.messages_waiting = True
                agenda.relay_at = work.now + RETRY_LOCKED_MS
            except Exception as error:
                raise work.bug(met_in=f"message {row.id} ({row.kind})", message=row.id) from error

    def roll_back(self, *, ran: bool) -> None:
        """Messages were applied in memory alone: they still wait."""
        self._agenda.messages_waiting = True


def _relay(work: UnitOfWork, row: MessageRow) -> None:
    quarantine = work.state.quarantine
    try:
        apply(work, row)
    except (Quarantined, _NotNow):
        quarantine.messages.add(row.id)
        return
    work.collect()
    if quarantine.isolate_failures:
        work.match()  # so that a bug in what it leads to is this message's
    work.tx.delete_messages([row.id])
    if quarantine.isolate_failures:
        work.flush()


class _NotNow(Exception):
    """The message is left to the next process; nothing was changed."""


def apply(work: UnitOfWork, row: MessageRow) -> None:
    message = _decode(row.body)
    _APPLY[type(message)](work, row.domain, message)


def _open(work: UnitOfWork, domain: int, name: WorkflowExecution) -> Execution | None:
    return work.load_open_execution(domain, name.workflow_id, name.run_id)


def _start_child(work: UnitOfWork, domain: int, message: StartChild) -> None:
    workflow_id = message.initiated.workflow_id
    if work.load_open_execution(domain, workflow_id, None) is not None:
        refusal = ChildNotStarted(sender=message.sender, initiated_id=message.initiated_id)
        parent = work.load_named_execution(domain, message.sender.workflow_id, message.sender.run_id)
        if parent is not None:
            work.send(parent.run, domain, [refusal])
        return
    first = children.first_event(message.initiated, message.sender, message.initiated_id)
    work.create(domain, workflow_id, first)


def _child_started(work: UnitOfWork, domain: int, message: ChildStarted) -> None:
    parent = _open(work, domain, message.to)
    if parent is not None and children.awaits_start(parent, message.initiated_id):
        children.started(parent, work.now_in(domain), message.initiated_id, message.sender)
        work.changed(parent)


def _child_not_started(work: UnitOfWork, domain: int, message: ChildNotStarted) -> None:
    parent = _open(work, domain, message.sender)
    if parent is not None and children.awaits_start(parent, message.initiated_id):
        children.already_running(parent, work.now_in(domain), message.initiated_id)
        work.changed(parent)


def _child_closed(work: UnitOfWork, domain: int, message: ChildClosed) -> None:
    """A parent that has closed meanwhile records nothing; nor does the run that continued it (SWF §15.25)."""
    parent = _open(work, domain, message.to)
    if parent is not None and message.initiated_id in parent.children:
        children.closed(
            parent,
            work.now_in(domain),
            message.initiated_id,
            child=message.sender,
            workflow_type=message.workflow_type,
            closing_type=message.closing_type,
            result=message.result,
            reason=message.reason,
            details=message.details,
        )
        work.changed(parent)


def _signal(work: UnitOfWork, domain: int, message: Signal) -> None:
    target = work.load_open_execution(domain, message.workflow_id, message.run_id)
    if target is not None:
        external.deliver_signal(
            target,
            work.now_in(domain),
            sender=message.sender,
            initiated_id=message.initiated_id,
            signal_name=message.signal_name,
            input=message.input,
        )
        work.changed(target)
    _answer(work, domain, message, target)


def _cancel_request(work: UnitOfWork, domain: int, message: CancelRequest) -> None:
    target = work.load_open_execution(domain, message.workflow_id, message.run_id)
    if target is not None:
        external.deliver_cancel_request(
            target, work.now_in(domain), sender=message.sender, initiated_id=message.initiated_id
        )
        work.changed(target)
    _answer(work, domain, message, target)


def _answer(work: UnitOfWork, domain: int, message: Signal | CancelRequest, target: Execution | None) -> None:
    """Whether the sender is still open is found out when the answer is delivered: two executions need not be locked at
    once.
    """
    run = run_of(message.sender.run_id)
    assert run is not None
    answer = Answer(
        sender=target.name if target is not None else message.sender,
        to=message.sender,
        initiated_id=message.initiated_id,
        found=target is not None,
    )
    work.send(run, domain, [answer])


def _answered(work: UnitOfWork, domain: int, message: Answer) -> None:
    sender = _open(work, domain, message.to)
    if sender is not None and message.initiated_id in sender.externals:
        target = message.sender if message.found else None
        external.answered(sender, work.now_in(domain), message.initiated_id, target)
        work.changed(sender)


def _apply_policy(work: UnitOfWork, domain: int, message: ApplyPolicy) -> None:
    """To the child's open run, which may be a later one of its chain; a namesake with another parent is left
    alone.
    """
    child = work.load_open_execution(domain, message.workflow_id, None)
    if child is None:
        return
    started = child.started
    if (
        started.parent_workflow_execution != message.sender
        or started.parent_initiated_event_id != message.initiated_id
    ):
        return
    if message.policy == "TERMINATE":
        children.terminate_by_policy(child, work.now_in(domain))
    else:
        children.request_cancel_by_policy(child, work.now_in(domain), message.sender)
    work.changed(child)


def _invoke_lambda(work: UnitOfWork, domain: int, message: InvokeLambda) -> None:
    if work.state.pollers.draining:
        raise _NotNow  # a process about to end could not record what the function returns
    execution = _open(work, domain, message.sender)
    if execution is not None and message.scheduled_id in execution.lambdas:
        work.state.invoke(work, execution, message.scheduled_id)


_APPLY: dict[type, Callable[[UnitOfWork, int, Any], None]] = {
    StartChild: _start_child,
    ChildStarted: _child_started,
    ChildNotStarted: _child_not_started,
    ChildClosed: _child_closed,
    Signal: _signal,
    CancelRequest: _cancel_request,
    Answer: _answered,
    ApplyPolicy: _apply_policy,
    InvokeLambda: _invoke_lambda,
}
