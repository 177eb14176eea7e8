"""Carries messages between executions: each is applied to its receiver and removed in the same transaction.

Owns which receiver a message has, and that a receiver that is closed or gone is no error. What the receiver
records is said by the rules in core. Applying a message twice is impossible, as its removal commits with its
effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from workflowsvc.core import children, external
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
)
from workflowsvc.core.run_ids import run_of
from workflowsvc.engine.ids import moment_of
from workflowsvc.engine.matching import HELD_MS
from workflowsvc.engine.poison import Bug, Quarantined
from workflowsvc.engine.session import Session
from workflowsvc.model.shapes import WorkflowExecution
from workflowsvc.store.interface import Conflict, Held, MessageRow, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES_PER_BATCH = 100  # a batch must not keep callers waiting: about 5 ms

_decode: Callable[[bytes], AnyMessage] = msgspec.json.Decoder(AnyMessage).decode


def carry(session: Session) -> None:
    """Applies the oldest waiting messages."""
    state = session.state
    most = MESSAGES_PER_BATCH + len(state.stuck_messages)
    rows = session.tx.messages(most)
    state.messages_waiting = len(rows) >= most  # those that are stuck are no reason to look again
    for row in rows:
        if row.id in state.stuck_messages:
            continue
        session.last_run = None
        session.see_moment(moment_of(row.id))
        try:
            _deliver(session, row)
        except StoreError:
            raise
        except Held as held:
            if not session.is_clean:
                raise Conflict(str(held)) from held
            state.messages_waiting = True
            state.carry_at = session.now + HELD_MS
        except Exception as error:
            raise Bug.met(session, message=row.id) from error


def _deliver(session: Session, row: MessageRow) -> None:
    try:
        apply(session, row)
    except (Quarantined, _NotNow):
        session.state.stuck_messages.add(row.id)
        return
    session.flush()
    if session.state.careful:
        session.match()  # so that a bug in what it leads to is this message's
    session.tx.delete_messages([row.id])
    if session.state.careful:
        session.store()


class _NotNow(Exception):
    """The message is left to the next process; nothing was changed."""


def apply(session: Session, row: MessageRow) -> None:
    message = _decode(row.body)
    _APPLY[type(message)](session, row.domain, message)


def _open(session: Session, domain: int, name: WorkflowExecution) -> Execution | None:
    return session.open_execution(domain, name.workflow_id, name.run_id)


def _start_child(session: Session, domain: int, message: StartChild) -> None:
    workflow_id = message.initiated.workflow_id
    if session.open_execution(domain, workflow_id, None) is not None:
        refusal = ChildNotStarted(sender=message.sender, initiated_id=message.initiated_id)
        parent = session.named_execution(domain, message.sender.workflow_id, message.sender.run_id)
        if parent is not None:
            session.send(parent.run, domain, [refusal])
        return
    first = children.first_event(message.initiated, message.sender, message.initiated_id)
    session.create(domain, workflow_id, first)


def _child_started(session: Session, domain: int, message: ChildStarted) -> None:
    parent = _open(session, domain, message.to)
    if parent is not None and children.awaits_start(parent, message.initiated_id):
        children.started(parent, session.now, message.initiated_id, message.sender)
        session.changed(parent)


def _child_not_started(session: Session, domain: int, message: ChildNotStarted) -> None:
    parent = _open(session, domain, message.sender)
    if parent is not None and children.awaits_start(parent, message.initiated_id):
        children.already_running(parent, session.now, message.initiated_id)
        session.changed(parent)


def _child_closed(session: Session, domain: int, message: ChildClosed) -> None:
    """A parent that has closed meanwhile hears nothing; nor does the run that continued it (SWF §15.25)."""
    parent = _open(session, domain, message.to)
    if parent is not None and message.initiated_id in parent.children:
        children.closed(
            parent,
            session.now,
            message.initiated_id,
            child=message.sender,
            workflow_type=message.workflow_type,
            closing_type=message.closing_type,
            result=message.result,
            reason=message.reason,
            details=message.details,
        )
        session.changed(parent)


def _signal(session: Session, domain: int, message: Signal) -> None:
    target = session.open_execution(domain, message.workflow_id, message.run_id)
    if target is not None:
        external.deliver_signal(
            target,
            session.now,
            sender=message.sender,
            initiated_id=message.initiated_id,
            signal_name=message.signal_name,
            input=message.input,
        )
        session.changed(target)
    _answer(session, domain, message, target)


def _cancel_request(session: Session, domain: int, message: CancelRequest) -> None:
    target = session.open_execution(domain, message.workflow_id, message.run_id)
    if target is not None:
        external.deliver_cancel_request(
            target, session.now, sender=message.sender, initiated_id=message.initiated_id
        )
        session.changed(target)
    _answer(session, domain, message, target)


def _answer(session: Session, domain: int, message: Signal | CancelRequest, target: Execution | None) -> None:
    """Whether the sender is still open is found out when the answer is delivered: two executions need not be held at
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
    session.send(run, domain, [answer])


def _answered(session: Session, domain: int, message: Answer) -> None:
    sender = _open(session, domain, message.to)
    if sender is not None and message.initiated_id in sender.externals:
        target = message.sender if message.found else None
        external.answered(sender, session.now, message.initiated_id, target)
        session.changed(sender)


def _apply_policy(session: Session, domain: int, message: ApplyPolicy) -> None:
    """To the child's open run, which may be a later one of its chain; a namesake with another parent is left
    alone.
    """
    child = session.open_execution(domain, message.workflow_id, None)
    if child is None:
        return
    started = child.started
    if (
        started.parent_workflow_execution != message.sender
        or started.parent_initiated_event_id != message.initiated_id
    ):
        return
    if message.policy == "TERMINATE":
        children.terminate_by_policy(child, session.now)
    else:
        children.request_cancel_by_policy(child, session.now, message.sender)
    session.changed(child)


def _invoke_lambda(session: Session, domain: int, message: InvokeLambda) -> None:
    if session.state.draining:
        raise _NotNow  # a function that is called by a process about to end could not tell its result
    execution = _open(session, domain, message.sender)
    if execution is not None and message.scheduled_id in execution.lambdas:
        session.state.invoke(session, execution, message.scheduled_id)


_APPLY: dict[type, Callable[[Session, int, Any], None]] = {
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
