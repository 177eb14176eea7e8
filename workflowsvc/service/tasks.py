"""Tasks: poll for them, answer them, count them (SWF §2.31 to §2.39, §4.5, §7.5).

Owns what a poll is given, and which faults a task token gets whose task has ended. What the start and the answer of a
task record is decided by core; the token itself was opened by the dispatcher.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from workflowsvc.core import activities, decision_tasks
from workflowsvc.core.domain_clock import time_in
from workflowsvc.core.execution import Execution
from workflowsvc.core.outcome import TaskKind
from workflowsvc.engine.pollers import PendingPoll
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.model import shapes
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.decision_context import UnitOfWorkDecisionContext
from workflowsvc.service.executions import EventSource, history_page, is_forgotten, unknown_execution
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain
from workflowsvc.service.tokens import TaskToken
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Reader
from workflowsvc.store.rows import ListKey, TaskRow


def no_decision_task(settings: Settings) -> bytes:
    """The answer of a poll that found nothing: without a taskToken member, or with an empty one (SWF §1.5.2, §15.2)."""
    if settings.empty_poll_token == "empty":
        return b'{"previousStartedEventId":0,"startedEventId":0,"taskToken":""}'
    return b'{"previousStartedEventId":0,"startedEventId":0}'


def no_activity_task(settings: Settings) -> bytes:
    """As for a decision task."""
    if settings.empty_poll_token == "empty":
        return b'{"startedEventId":0,"taskToken":""}'
    return b'{"startedEventId":0}'


Reply = Callable[[Any], None]


class DecisionPage(msgspec.Struct, array_like=True):
    """Where the next page of a decision task's history begins; the task and the part of the history it belongs to."""

    run: int
    scheduled_id: int
    started_id: int
    previous_started_id: int
    first_event_id: int
    next_event_id: int
    task_list: str = ""  # on which the task was polled; empty in tokens of older releases


# --- decision tasks ---


def poll_for_decision_task(
    work: UnitOfWork, context: CallContext, request: shapes.PollForDecisionTaskInput, reply: Reply
) -> PendingPoll:
    """Answers with the next decision task of the list, now or when there is one."""
    domain = work.catalog.require_domain(context.tenant, request.domain)
    key = ListKey(domain.id, "decision", request.task_list.name)

    def start(work: UnitOfWork, row: TaskRow) -> shapes.DecisionTask | None:
        execution = work.load_execution(row.run)
        if execution is None or not execution.is_open:
            return None
        task = execution.scheduled_task
        if task is None or task.scheduled_id != row.scheduled_event_id or execution.started_task is not None:
            return None
        previous = execution.previous_started_id
        task = decision_tasks.start(execution, work.now_in(domain.id), identity=request.identity)
        work.changed(execution)
        work.state.traffic.started(key, work.now)
        first = previous if request.start_at_previous_started_event and previous else 1
        page = DecisionPage(row.run, task.scheduled_id, task.started_id, previous, first, 0, key.name)
        workflow_type = execution.started.workflow_type
        now = work.now_in(domain.id)
        return _decision_task(work, context, request, domain.id, page, execution.name, workflow_type, now)

    pending = PendingPoll(key, start, reply, request.identity, context.refusal_of_poll(request))
    work.poll(pending)
    return pending


def next_page_of_decision_task(
    reader: Reader, context: CallContext, request: shapes.PollForDecisionTaskInput
) -> shapes.DecisionTask:
    """The next page of the same task: same token and ids, never a new task, no waiting."""
    domain = require_domain(reader, context, request.domain)
    now = time_in(domain.clock, context.now)
    page: DecisionPage = Pages(context, request, domain.id, now=now).position(DecisionPage)
    if context.access is not None and page.task_list:
        # The request may name another list than the poll did; who may poll that one alone must not read on here.
        polled = msgspec.structs.replace(request, task_list=shapes.TaskList(name=page.task_list))
        context.access.require_read(reader, polled)
    row = reader.executions([page.run]).get(page.run)
    if row is None or is_forgotten(row, now):
        raise UnknownResourceFault(f"Unknown decision task, scheduledEventId = {page.scheduled_id}")
    name = shapes.WorkflowExecution(run_id=row.run_id, workflow_id=row.workflow_id)
    workflow_type = shapes.WorkflowType(name=row.type_name, version=row.type_version)
    return _decision_task(reader, context, request, domain.id, page, name, workflow_type, now)


def _decision_task(
    source: EventSource,
    context: CallContext,
    request: shapes.PollForDecisionTaskInput,
    domain: int,
    page: DecisionPage,
    name: shapes.WorkflowExecution,
    workflow_type: shapes.WorkflowType,
    now: int,
) -> shapes.DecisionTask:
    """The history as of the start of the task: its last event is the DecisionTaskStarted (SWF §2.31)."""
    pages = Pages(context, request, domain, now=now)
    events, following = history_page(
        source,
        page.run,
        first=page.first_event_id,
        last=page.started_id,
        begin=page.next_event_id or None,
        size=pages.size,
        descending=bool(request.reverse_order),
    )
    token = TaskToken(
        "decision", page.run, name.run_id, name.workflow_id, page.scheduled_id, page.started_id, domain
    )
    return shapes.DecisionTask(
        events=events,
        next_page_token=None
        if following is None
        else pages.token(msgspec.structs.replace(page, next_event_id=following)),
        previous_started_event_id=page.previous_started_id,
        started_event_id=page.started_id,
        task_token=context.tokens.task(context.tenant, token),
        workflow_execution=name,
        workflow_type=workflow_type,
    )


def respond_decision_task_completed(
    work: UnitOfWork,
    context: CallContext,
    request: shapes.RespondDecisionTaskCompletedInput,
    token: TaskToken,
) -> None:
    """SWF §4.5. The list itself was checked with the request, before token and run (SWF §15.29)."""
    execution = _require_task(work, token)
    decision_tasks.require_started(execution, scheduled_id=token.scheduled_id, started_id=token.started_id)
    decision_tasks.complete(
        execution,
        work.now_in(execution.domain),
        decisions=request.decisions or [],
        execution_context=request.execution_context,
        task_list=request.task_list,
        schedule_to_start=request.task_list_schedule_to_start_timeout,
        decision_context=UnitOfWorkDecisionContext(work, context, execution),
    )
    work.changed(execution)


# --- activity tasks ---


def poll_for_activity_task(
    work: UnitOfWork, context: CallContext, request: shapes.PollForActivityTaskInput, reply: Reply
) -> PendingPoll:
    """Answers with the next activity task of the list, now or when there is one."""
    domain = work.catalog.require_domain(context.tenant, request.domain)
    key = ListKey(domain.id, "activity", request.task_list.name)

    def start(work: UnitOfWork, row: TaskRow) -> shapes.ActivityTask | None:
        execution = work.load_execution(row.run)
        if execution is None or not execution.is_open:
            return None
        activity = execution.activities.get(row.scheduled_event_id)
        if activity is None or activity.started_id:
            return None
        activities.start(execution, work.now_in(domain.id), row.scheduled_event_id, identity=request.identity)
        work.changed(execution)
        work.state.traffic.started(key, work.now)
        scheduled = activity.scheduled
        token = TaskToken(
            "activity",
            execution.run,
            execution.run_id,
            execution.workflow_id,
            row.scheduled_event_id,
            activity.started_id,
            domain.id,
        )
        return shapes.ActivityTask(
            activity_id=scheduled.activity_id,
            activity_type=scheduled.activity_type,
            input=scheduled.input,
            started_event_id=activity.started_id,
            task_token=context.tokens.task(context.tenant, token),
            workflow_execution=execution.name,
        )

    pending = PendingPoll(key, start, reply, request.identity, context.refusal_of_poll(request))
    work.poll(pending)
    return pending


def record_activity_task_heartbeat(
    work: UnitOfWork, context: CallContext, request: shapes.RecordActivityTaskHeartbeatInput, token: TaskToken
) -> shapes.ActivityTaskStatus:
    execution = _require_activity(work, token)
    context.buckets.require_run(execution.run_id, context.action, work.now)
    cancel_requested = activities.heartbeat(
        execution, work.now_in(execution.domain), token.scheduled_id, request.details
    )
    work.put_heartbeat(execution, token.scheduled_id)
    return shapes.ActivityTaskStatus(cancel_requested=cancel_requested)


def respond_activity_task_completed(
    work: UnitOfWork,
    context: CallContext,
    request: shapes.RespondActivityTaskCompletedInput,
    token: TaskToken,
) -> None:
    execution = _require_activity(work, token)
    activities.complete(execution, work.now_in(execution.domain), token.scheduled_id, request.result)
    work.changed(execution)


def respond_activity_task_failed(
    work: UnitOfWork, context: CallContext, request: shapes.RespondActivityTaskFailedInput, token: TaskToken
) -> None:
    execution = _require_activity(work, token)
    activities.fail(
        execution,
        work.now_in(execution.domain),
        token.scheduled_id,
        reason=request.reason,
        details=request.details,
    )
    work.changed(execution)


def respond_activity_task_canceled(
    work: UnitOfWork, context: CallContext, request: shapes.RespondActivityTaskCanceledInput, token: TaskToken
) -> None:
    execution = _require_activity(work, token)
    activities.cancel(execution, work.now_in(execution.domain), token.scheduled_id, details=request.details)
    work.changed(execution)


# --- both ---


def count_pending_decision_tasks(
    reader: Reader, context: CallContext, request: shapes.CountPendingDecisionTasksInput
) -> shapes.PendingTaskCount:
    return _count(reader, context, request.domain, "decision", request.task_list)


def count_pending_activity_tasks(
    reader: Reader, context: CallContext, request: shapes.CountPendingActivityTasksInput
) -> shapes.PendingTaskCount:
    return _count(reader, context, request.domain, "activity", request.task_list)


def _count(
    reader: Reader, context: CallContext, domain: str, kind: TaskKind, task_list: shapes.TaskList
) -> shapes.PendingTaskCount:
    row = require_domain(reader, context, domain)
    return shapes.PendingTaskCount(count=reader.count_tasks(row.id, kind, task_list.name), truncated=False)


def _require_task(work: UnitOfWork, token: TaskToken) -> Execution:
    """The open run of a token; the faults of SWF §7.5 otherwise."""
    execution = work.load_execution(token.run)
    if execution is None or execution.run_id != token.run_id or not execution.is_open:
        raise unknown_execution(token.workflow_id, token.run_id)
    return execution


def _require_activity(work: UnitOfWork, token: TaskToken) -> Execution:
    """The open run of a token whose activity task is still the one that was started."""
    execution = _require_task(work, token)
    activities.require_started(execution, scheduled_id=token.scheduled_id, started_id=token.started_id)
    return execution
