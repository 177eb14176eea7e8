"""What a decider reads of a run that is being played: the pages of a task, the history, the description.

Owns that it sees no further than the task that it has been handed. Pages and their tokens are those of the service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from workflowsvc.core.execution import Execution
from workflowsvc.model import shapes
from workflowsvc.model.events import decode_event
from workflowsvc.replay.shadow_run import ShadowRun
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.executions import description_of, history_page
from workflowsvc.service.paging import Pages
from workflowsvc.service.tasks import DecisionPage
from workflowsvc.service.tokens import TaskToken

ANY_DOMAIN = 0  # pages are bound to a domain; here all are one


def first_page(
    context: CallContext, request: shapes.PollForDecisionTaskInput, run: ShadowRun
) -> shapes.DecisionTask:
    """The task that is handed out."""
    step = run.step
    begins = step.previous_started_id if request.start_at_previous_started_event else 0
    page = DecisionPage(
        run.number, step.scheduled_id, step.started_id, step.previous_started_id, begins or 1, 0
    )
    return task_page(context, request, run, page)


def position(context: CallContext, request: shapes.PollForDecisionTaskInput) -> DecisionPage:
    """The page that a poll goes on with; ValidationException when its token is none of ours."""
    return Pages(context, request, ANY_DOMAIN).position(DecisionPage)


def task_page(
    context: CallContext,
    request: shapes.PollForDecisionTaskInput,
    run: ShadowRun,
    page: DecisionPage,
) -> shapes.DecisionTask:
    """The history up to the start of the task, as `service.tasks` gives it (SWF §2.31)."""
    recording = run.recording
    events, token = _events(
        Pages(context, request, ANY_DOMAIN),
        request,
        run,
        first=page.first_event_id,
        last=page.started_id,
        begin=page.next_event_id or None,
        following=lambda event_id: msgspec.structs.replace(page, next_event_id=event_id),
    )
    name, version = recording.workflow_type
    names = recording.run_id, recording.workflow_id
    task = TaskToken("decision", run.number, *names, page.scheduled_id, page.started_id)
    return shapes.DecisionTask(
        events=events,
        next_page_token=token,
        previous_started_event_id=page.previous_started_id,
        started_event_id=page.started_id,
        task_token=context.tokens.task(context.tenant, task),
        workflow_execution=shapes.WorkflowExecution(run_id=names[0], workflow_id=names[1]),
        workflow_type=shapes.WorkflowType(name=name, version=version),
    )


def history(
    context: CallContext, request: shapes.GetWorkflowExecutionHistoryInput, run: ShadowRun
) -> shapes.History:
    """As far as the decider has been handed it."""
    pages = Pages(context, request, run.number)
    events, token = _events(
        pages, request, run, first=1, last=run.seen_id, begin=pages.position(int), following=int
    )
    return shapes.History(events=events, next_page_token=token)


def description(run: ShadowRun, longest_ms: int) -> shapes.WorkflowExecutionDetail:
    """The run after the last event that the decider has been handed. `longest_ms`: that a run may last."""
    recording = run.recording
    execution = Execution(
        run=run.number,
        run_id=recording.run_id,
        domain=0,
        workflow_id=recording.workflow_id,
        longest_ms=longest_ms,
    )
    execution.replay([decode_event(body) for body in recording.events[: run.seen_id]])
    return description_of(execution)


def _events(
    pages: Pages,
    request: Any,
    run: ShadowRun,
    *,
    first: int,
    last: int,
    begin: int | None,
    following: Callable[[int], Any],
) -> tuple[list[Any], str | None]:
    events, next_id = history_page(
        _Events(run.recording.events),
        run.number,
        first=first,
        last=last,
        begin=begin,
        size=pages.size,
        descending=bool(request.reverse_order),
    )
    return events, None if next_id is None else pages.token(following(next_id))


class _Events:
    """The events of one recording, as `history_page` reads them."""

    def __init__(self, events: list[bytes]) -> None:
        self._events = events

    def events(self, run: int, first: int, last: int, limit: int, descending: bool) -> list[bytes]:
        if descending:
            return self._events[max(first - 1, last - limit) : last][::-1]
        return self._events[first - 1 : min(last, first - 1 + limit)]
