"""Actions on a run: each has a page that says what will happen, asks for what is needed, and shows it as a command.

Owns the way from the form to the call: what the service refuses is said above the form, which keeps what was typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc import faults
from workflowsvc.console.page import Action, Data, Form, Page, Shown
from workflowsvc.console.pages import action_messages, action_starts
from workflowsvc.console.pages.action_kinds import NEEDS, RunAction, Subject
from workflowsvc.console.pages.run_head import execution_of
from workflowsvc.console.pages.task_lists import DESCRIBE, described
from workflowsvc.console.visit import NoSuchPage
from workflowsvc.display.history import attributes_of
from workflowsvc.display.text import span

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit

ACTIONS = action_messages.ACTIONS | action_starts.ACTIONS
_WORDS = {"WorkflowExecutionAlreadyStartedFault": "A run of this workflowId is open, so none was started."}
"""Of faults that say nothing themselves."""
SHOW = "show"
"""The button that shows the values as a command and does nothing else."""
RUN = "/domains/{domain}/runs/{workflow_id}/{run_id}"


async def gather(visit: Visit) -> Data:
    """The page before anything is typed."""
    action = _action(visit)
    subject = await _subject(visit, action)
    return _page(visit, action, subject, {field.name: field.value for field in action.fields(subject)})


async def act(visit: Visit, form: Form) -> str | Shown:
    """Does it, or shows it as a command."""
    action = _action(visit)
    subject = await _subject(visit, action)
    values = {field.name: _given(form, field.name, field.value) for field in action.fields(subject)}
    if SHOW in form:
        return Shown("action.html", _page(visit, action, subject, values))
    try:
        return await action.do(visit, subject, action.members(subject, values))
    except faults.Fault as error:
        if error.status >= faults.InternalFailure.status:
            raise
        data = _page(visit, action, subject, values)
        return Shown("action.html", {**data, "problem": error.message or _WORDS.get(error.code, error.code)})


def _action(visit: Visit) -> RunAction:
    name = visit.name("action")
    if name not in ACTIONS:
        raise NoSuchPage(f"{name[:40]!r} is nothing that can be done to a run")
    return ACTIONS[name]


async def _subject(visit: Visit, action: RunAction) -> Subject:
    """The run, as it is now. Raises Fault."""
    execution = execution_of(visit)
    run = await visit.swf("DescribeWorkflowExecution", domain=visit.domain, execution=execution)
    started: Data = {}
    if action.needs_start:
        page = await visit.swf(
            "GetWorkflowExecutionHistory", domain=visit.domain, execution=execution, maximumPageSize=1
        )
        started = dict(attributes_of(page["events"][0]))
    subject = Subject(visit.domain, execution, run, started)
    if action.asks_decider and subject.is_open and visit.may(DESCRIBE, visit.domain):
        polls = await described(visit, "decision", subject.task_list)
        if polls is not None:
            summary = polls["summary"]
            return subject._replace(
                unpolled=not summary["waitingPolls"], last_poll=_last_poll(visit, summary)
            )
    return subject


def _last_poll(visit: Visit, summary: Data) -> str:
    at = summary.get("lastPollTimestamp")
    return "none since the server was started" if at is None else f"the last one {span(visit.now - at)} ago"


def _given(form: Form, name: str, before: str) -> str:
    """What was typed. Browsers send other ends of lines than a payload may have: what was left alone stays exactly as
    it was."""
    typed = form.one(name)
    return before if _as_browsers_send(typed) == _as_browsers_send(before) else typed


def _as_browsers_send(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _page(visit: Visit, action: RunAction, subject: Subject, values: dict[str, str]) -> Data:
    status = subject.run["executionInfo"]["executionStatus"]
    is_possible = action.status in ("", status)
    fields = action.fields(subject)
    # What must still be typed has its place in the command, so that it is seen to be missing.
    missing = [field for field in fields if field.is_required and not values[field.name]]
    filled = values | {field.name: f"<{field.label}>" for field in missing}
    forms = action.forms(visit.server, subject, action.members(subject, filled))
    return {
        "domain": subject.domain,
        "execution": subject.execution,
        "action": visit.name("action"),
        "heading": f"{action.heading} {subject.workflow_id}",
        "verb": action.verb,
        "needs": NEEDS[visit.name("action")],
        "isDangerous": action.is_dangerous,
        "isPossible": is_possible,
        "executionStatus": status,
        "meaning": action.meaning(subject),
        "fields": [{**field._asdict(), "value": values[field.name]} for field in fields],
        "missing": [field.label for field in missing],
        "commands": forms._asdict(),
        "problem": "",
    }


PAGES = (
    Page(f"{RUN}/{{action}}", "action.html", gather),
    Action(f"{RUN}/{{action}}", act),
)
