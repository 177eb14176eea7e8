"""What can be done to an open run: signal it, request its cancellation, terminate it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.console.as_command import Forms, Server, aws_line, boto3_code, own_line
from workflowsvc.console.pages.action_kinds import POLICIES, Field, Members, RunAction, Subject
from workflowsvc.display.history import pending
from workflowsvc.display.text import counted, quoted

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit


def _signal_meaning(subject: Subject) -> list[str]:
    return [
        "The run gets an event WorkflowExecutionSignaled with this name and input.",
        f"Its decider gets a decision task on the task list {quoted(subject.task_list)}, and decides what the signal "
        f"means. {_polls(subject)}",
    ]


def _polls(subject: Subject) -> str:
    """Whether a decider is there."""
    if subject.unpolled:
        return f"No poll waits there now ({subject.last_poll}); until a decider polls it, nothing happens."
    return "If no decider polls it, nothing happens."


def _signal_fields(_: Subject) -> list[Field]:
    return [
        Field("signalName", "Name of the signal", is_required=True),
        Field("input", "Input", is_long=True),
    ]


def _signal_members(subject: Subject, values: dict[str, str]) -> Members:
    return {**subject.named, "signalName": values["signalName"], "input": values["input"] or None}


async def _signal(visit: Visit, subject: Subject, members: Members) -> str:
    await visit.swf("SignalWorkflowExecution", **members)
    return subject.path(notice="run-signaled")


def _signal_forms(server: Server, subject: Subject, members: Members) -> Forms:
    return Forms(
        aws_line(server, "SignalWorkflowExecution", members),
        boto3_code(server, "SignalWorkflowExecution", members),
        own_line(
            server,
            "signal",
            (subject.workflow_id, members["signalName"]),
            {"domain": subject.domain, "run-id": subject.run_id},
            texts={"input": members["input"]},
        ),
    )


# --- request cancel ---


def _cancel_meaning(subject: Subject) -> list[str]:
    asked = subject.run["executionInfo"].get("cancelRequested", False)
    return [
        *(["Its cancellation was requested before; the decider is asked once more."] if asked else []),
        "The run gets an event WorkflowExecutionCancelRequested. It goes on until its decider ends it.",
        f"The decider gets a decision task on the task list {quoted(subject.task_list)}. {_polls(subject)} Then "
        "terminate the run instead.",
    ]


def _cancel_members(subject: Subject, _: dict[str, str]) -> Members:
    return subject.named


async def _cancel(visit: Visit, subject: Subject, members: Members) -> str:
    await visit.swf("RequestCancelWorkflowExecution", **members)
    return subject.path(notice="run-cancel-requested")


def _cancel_forms(server: Server, subject: Subject, members: Members) -> Forms:
    return Forms(
        aws_line(server, "RequestCancelWorkflowExecution", members),
        boto3_code(server, "RequestCancelWorkflowExecution", members),
        own_line(
            server, "cancel", (subject.workflow_id,), {"domain": subject.domain, "run-id": subject.run_id}
        ),
    )


# --- terminate ---


def _terminate_meaning(subject: Subject) -> list[str]:
    policy = subject.run["executionConfiguration"]["childPolicy"]
    children = subject.run["openCounts"].get("openChildWorkflowExecutions", 0)
    lost = [what for what in pending(subject.run["openCounts"]) if "child" not in what]
    said = ["The run ends at once. Its decider is not asked, and it cannot be opened again."]
    if lost:
        said.append(
            f"What is open ends with it: {', '.join(lost)}. Workers that are at work are not stopped."
        )
    if children:
        said.append(
            f"It has {counted(children, 'open child', 'open children')}. Unless another policy is chosen, the run's "
            f"own holds for them: {policy.replace('_', ' ').lower()}."
        )
    return said


def _terminate_fields(_: Subject) -> list[Field]:
    return [
        Field("reason", "Reason, for the history"),
        Field("details", "Details, for the history", is_long=True),
        Field("childPolicy", "Open children", choices=("", *POLICIES), hint="as the run was started"),
    ]


def _terminate_members(subject: Subject, values: dict[str, str]) -> Members:
    given = {name: values[name] or None for name in ("reason", "details", "childPolicy")}
    return {**subject.named, **given}


async def _terminate(visit: Visit, subject: Subject, members: Members) -> str:
    await visit.swf("TerminateWorkflowExecution", **members)
    return subject.path(notice="run-terminated")


def _terminate_forms(server: Server, subject: Subject, members: Members) -> Forms:
    options = {
        "domain": subject.domain,
        "run-id": subject.run_id,
        "reason": members["reason"],
        "details": members["details"],
        "child-policy": members["childPolicy"],
    }
    return Forms(
        aws_line(server, "TerminateWorkflowExecution", members),
        boto3_code(server, "TerminateWorkflowExecution", members),
        own_line(server, "terminate", (subject.workflow_id,), options),
    )


def _no_fields(_: Subject) -> list[Field]:
    return []


ACTIONS = {
    "signal": RunAction(
        heading="Signal",
        verb="Send the signal",
        status="OPEN",
        needs_start=False,
        asks_decider=True,
        is_dangerous=False,
        meaning=_signal_meaning,
        fields=_signal_fields,
        members=_signal_members,
        do=_signal,
        forms=_signal_forms,
    ),
    "cancel": RunAction(
        heading="Request the cancellation of",
        verb="Request cancel",
        status="OPEN",
        needs_start=False,
        asks_decider=True,
        is_dangerous=False,
        meaning=_cancel_meaning,
        fields=_no_fields,
        members=_cancel_members,
        do=_cancel,
        forms=_cancel_forms,
    ),
    "terminate": RunAction(
        heading="Terminate",
        verb="Terminate",
        status="OPEN",
        needs_start=False,
        asks_decider=False,
        is_dangerous=True,
        meaning=_terminate_meaning,
        fields=_terminate_fields,
        members=_terminate_members,
        do=_terminate,
        forms=_terminate_forms,
    ),
}
