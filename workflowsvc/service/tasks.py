"""Tasks: poll for them, answer them, count them (SWF §2.31 to §2.39, §4.5, §7.5).

Owns what a poll is given and how a token is checked; what starts and answers record is said by core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from workflowsvc.core import activities, decision_tasks
from workflowsvc.core.execution import Execution
from workflowsvc.engine.pollers import Waiter
from workflowsvc.engine.session import Session
from workflowsvc.faults import UnknownResourceFault
from workflowsvc.model import shapes
from workflowsvc.service.caller import Caller
from workflowsvc.service.executions import EventSource, history_page, is_forgotten, unknown_execution
from workflowsvc.service.paging import Pages
from workflowsvc.service.registration import require_domain
from workflowsvc.service.surroundings import SessionSurroundings
from workflowsvc.service.tokens import TaskToken
from workflowsvc.store.interface import ListKey, Reader, TaskKind, TaskRow

NO_DECISION_TASK = b'{"previousStartedEventId":0,"startedEventId":0}'
"""The answer of a poll that found nothing: without a taskToken member (SWF §1.5.2, §15.2)."""

NO_ACTIVITY_TASK = b'{"startedEventId":0}'

Reply = Callable[[Any], None]


class DecisionPage(msgspec.Struct, array_like=True):
    """Where the next page of a decision task's history begins; the task it belongs to."""

    run: int
    scheduled_id: int
    started_id: int
    previous_started_id: int
    next_event_id: int


# --- decision tasks ---


def poll_for_decision_task(
    session: Session, caller: Caller, request: shapes.PollForDecisionTaskInput, reply: Reply
) -> Waiter:
    """Answers with the next decision task of the list, now or when there is one."""
    domain = session.names.require_domain(caller.tenant, request.domain)

    def start(session: Session, row: TaskRow) -> shapes.DecisionTask | None:
        execution = session.execution(row.run)
        if execution is None or not execution.is_open:
            return None
        task = execution.scheduled_task
        if task is None or task.scheduled_id != row.scheduled_event_id or execution.started_task is not None:
            return None
        previous = execution.previous_started_id
        task = decision_tasks.start(execution, session.now, identity=request.identity)
        session.changed(execution)
        session.gather(execution)
        page = DecisionPage(row.run, task.scheduled_id, task.started_id, previous, 0)
        return _decision_task(session, caller, request, page, execution.name, execution.started.workflow_type)

    waiter = Waiter(ListKey(domain.id, "decision", request.task_list.name), start, reply)
    session.poll(waiter)
    return waiter


def next_page_of_decision_task(
    reader: Reader, caller: Caller, request: shapes.PollForDecisionTaskInput
) -> shapes.DecisionTask:
    """The next page of the same task: same token and ids, never a new task, no waiting."""
    require_domain(reader, caller, request.domain)
    page = _pages(caller, request).position(DecisionPage)
    row = reader.executions([page.run]).get(page.run)
    if row is None or is_forgotten(row, caller):
        raise UnknownResourceFault(f"Unknown decision task, scheduledEventId = {page.scheduled_id}")
    name = shapes.WorkflowExecution(run_id=row.run_id, workflow_id=row.workflow_id)
    workflow_type = shapes.WorkflowType(name=row.type_name, version=row.type_version)
    return _decision_task(reader, caller, request, page, name, workflow_type)


def _pages(caller: Caller, request: shapes.PollForDecisionTaskInput) -> Pages:
    return Pages(caller, "PollForDecisionTask", request, caller.settings.max_page_size)


def _decision_task(
    source: EventSource,
    caller: Caller,
    request: shapes.PollForDecisionTaskInput,
    page: DecisionPage,
    name: shapes.WorkflowExecution,
    workflow_type: shapes.WorkflowType,
) -> shapes.DecisionTask:
    """The history as of the start of the task: its last event is the DecisionTaskStarted (SWF §2.31)."""
    pages = _pages(caller, request)
    from_previous = request.start_at_previous_started_event and page.previous_started_id
    events, following = history_page(
        source,
        page.run,
        first=page.previous_started_id if from_previous else 1,
        last=page.started_id,
        begin=page.next_event_id or None,
        size=pages.size,
        descending=bool(request.reverse_order),
    )
    token = TaskToken("decision", page.run, name.run_id, name.workflow_id, page.scheduled_id, page.started_id)
    return shapes.DecisionTask(
        events=events,
        next_page_token=None
        if following is None
        else pages.token(msgspec.structs.replace(page, next_event_id=following)),
        previous_started_event_id=page.previous_started_id,
        started_event_id=page.started_id,
        task_token=caller.tokens.task(caller.tenant, token),
        workflow_execution=name,
        workflow_type=workflow_type,
    )


def respond_decision_task_completed(
    session: Session, caller: Caller, request: shapes.RespondDecisionTaskCompletedInput
) -> None:
    """SWF §4.5. The list itself was checked with the request, before token and run (SWF §15.29)."""
    execution, token = _require_task(session, caller, request.task_token, "decision")
    decision_tasks.require_started(execution, scheduled_id=token.scheduled_id, started_id=token.started_id)
    decision_tasks.complete(
        execution,
        session.now,
        decisions=request.decisions or [],
        execution_context=request.execution_context,
        task_list=request.task_list,
        schedule_to_start=request.task_list_schedule_to_start_timeout,
        surroundings=SessionSurroundings(session, caller, execution),
    )
    session.changed(execution)


# --- activity tasks ---


def poll_for_activity_task(
    session: Session, caller: Caller, request: shapes.PollForActivityTaskInput, reply: Reply
) -> Waiter:
    """Answers with the next activity task of the list, now or when there is one."""
    domain = session.names.require_domain(caller.tenant, request.domain)

    def start(session: Session, row: TaskRow) -> shapes.ActivityTask | None:
        execution = session.execution(row.run)
        if execution is None or not execution.is_open:
            return None
        activity = execution.activities.get(row.scheduled_event_id)
        if activity is None or activity.started_id:
            return None
        activities.start(execution, session.now, row.scheduled_event_id, identity=request.identity)
        session.changed(execution)
        scheduled = activity.scheduled
        token = TaskToken(
            "activity",
            execution.run,
            execution.run_id,
            execution.workflow_id,
            row.scheduled_event_id,
            activity.started_id,
        )
        return shapes.ActivityTask(
            activity_id=scheduled.activity_id,
            activity_type=scheduled.activity_type,
            input=scheduled.input,
            started_event_id=activity.started_id,
            task_token=caller.tokens.task(caller.tenant, token),
            workflow_execution=execution.name,
        )

    waiter = Waiter(ListKey(domain.id, "activity", request.task_list.name), start, reply)
    session.poll(waiter)
    return waiter


def record_activity_task_heartbeat(
    session: Session, caller: Caller, request: shapes.RecordActivityTaskHeartbeatInput
) -> shapes.ActivityTaskStatus:
    execution, scheduled_id = _require_activity(session, caller, request.task_token)
    caller.buckets.require_run(execution.run_id, "RecordActivityTaskHeartbeat", session.now)
    cancel_requested = activities.heartbeat(execution, session.now, scheduled_id, request.details)
    session.put_heartbeat(execution, scheduled_id)
    return shapes.ActivityTaskStatus(cancel_requested=cancel_requested)


def respond_activity_task_completed(
    session: Session, caller: Caller, request: shapes.RespondActivityTaskCompletedInput
) -> None:
    execution, scheduled_id = _require_activity(session, caller, request.task_token)
    activities.complete(execution, session.now, scheduled_id, request.result)
    session.changed(execution)


def respond_activity_task_failed(
    session: Session, caller: Caller, request: shapes.RespondActivityTaskFailedInput
) -> None:
    execution, scheduled_id = _require_activity(session, caller, request.task_token)
    activities.fail(execution, session.now, scheduled_id, reason=request.reason, details=request.details)
    session.changed(execution)


def respond_activity_task_canceled(
    session: Session, caller: Caller, request: shapes.RespondActivityTaskCanceledInput
) -> None:
    execution, scheduled_id = _require_activity(session, caller, request.task_token)
    activities.cancel(execution, session.now, scheduled_id, details=request.details)
    session.changed(execution)


# --- both ---


def count_pending_decision_tasks(
    reader: Reader, caller: Caller, request: shapes.CountPendingDecisionTasksInput
) -> shapes.PendingTaskCount:
    return _count(reader, caller, request.domain, "decision", request.task_list)


def count_pending_activity_tasks(
    reader: Reader, caller: Caller, request: shapes.CountPendingActivityTasksInput
) -> shapes.PendingTaskCount:
    return _count(reader, caller, request.domain, "activity", request.task_list)


def _count(
    reader: Reader, caller: Caller, domain: str, kind: TaskKind, task_list: shapes.TaskList
) -> shapes.PendingTaskCount:
    row = require_domain(reader, caller, domain)
    return shapes.PendingTaskCount(count=reader.count_tasks(row.id, kind, task_list.name), truncated=False)


def _require_task(
    session: Session, caller: Caller, text: str, kind: Literal["decision", "activity"]
) -> tuple[Execution, TaskToken]:
    """The open run of a token; the answers of SWF §7.5 otherwise."""
    token = caller.tokens.read_task(caller.tenant, text, kind)
    execution = session.execution(token.run)
    if execution is None or execution.run_id != token.run_id or not execution.is_open:
        raise unknown_execution(token.workflow_id, token.run_id)
    return execution, token


def _require_activity(session: Session, caller: Caller, text: str) -> tuple[Execution, int]:
    execution, token = _require_task(session, caller, text, "activity")
    activities.require_started(execution, scheduled_id=token.scheduled_id, started_id=token.started_id)
    return execution, token.scheduled_id
