"""What makes a new run of one that was: re-run it as it was, or start one like it with anything changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflowsvc.console.as_command import Forms, Server, aws_line, boto3_code, own_line
from workflowsvc.console.pages.action_kinds import POLICIES, Field, Members, RunAction, Subject
from workflowsvc.console.paths import path

if TYPE_CHECKING:
    from workflowsvc.console.visit import Visit


def _rerun_meaning(subject: Subject) -> list[str]:
    started = subject.started
    named = started["workflowType"]
    return [
        f"A new run of the type {named['name']}, version {named['version']}, is started as this one was: with its "
        f"input, tags and settings, on the task list {started['taskList']['name']}. This run stays as it is.",
        "If a run of the workflowId is open, none is started.",
    ]


def _rerun_fields(subject: Subject) -> list[Field]:
    return [
        Field("workflowId", "workflowId of the new run", subject.workflow_id, is_required=True),
        Field("version", "Version of its type", subject.started["workflowType"]["version"], is_required=True),
    ]


def _rerun_members(subject: Subject, values: dict[str, str]) -> Members:
    """Of StartWorkflowExecution; what is not given is as it was."""
    named = {**subject.started["workflowType"], "version": values["version"]}
    return {**_as_started(subject), "workflowId": values["workflowId"], "workflowType": named}


async def _rerun(visit: Visit, subject: Subject, members: Members) -> str:
    answer = await visit.own(
        "RerunExecution",
        domain=subject.domain,
        execution=subject.execution,
        workflowId=members["workflowId"],
        workflowType=members["workflowType"],
    )
    return _to_new_run(subject, answer["execution"]["workflowId"], answer["execution"]["runId"])


def _rerun_forms(server: Server, subject: Subject, members: Members) -> Forms:
    is_same_id = members["workflowId"] == subject.workflow_id
    is_same_type = members["workflowType"] == subject.started["workflowType"]
    options = {
        "domain": subject.domain,
        "run-id": subject.run_id,
        "new-id": None if is_same_id else members["workflowId"],
        "type": None if is_same_type else "{name}:{version}".format_map(members["workflowType"]),
    }
    return Forms(
        aws_line(server, "StartWorkflowExecution", members),
        boto3_code(server, "StartWorkflowExecution", members),
        own_line(server, "rerun", (subject.workflow_id,), options),
    )


# --- start one like this ---


def _start_meaning(_: Subject) -> list[str]:
    return [
        "A new run is started with these values, which are those that this run was started with. This run stays as it "
        "is.",
        "If a run of the workflowId is open, none is started.",
    ]


def _start_fields(subject: Subject) -> list[Field]:
    started = subject.started
    return [
        Field("workflowId", "workflowId", subject.workflow_id, is_required=True),
        Field("typeName", "Name of its type", started["workflowType"]["name"], is_required=True),
        Field("version", "Version of its type", started["workflowType"]["version"], is_required=True),
        Field("taskList", "Task list of its decision tasks", started["taskList"]["name"]),
        Field("taskPriority", "Priority of its decision tasks", started.get("taskPriority") or ""),
        Field(
            "executionStartToCloseTimeout",
            "Timeout of the run, in seconds",
            started.get("executionStartToCloseTimeout") or "",
        ),
        Field(
            "taskStartToCloseTimeout",
            "Timeout of decision tasks, in seconds or NONE",
            started.get("taskStartToCloseTimeout") or "",
        ),
        Field("childPolicy", "Children, when it closes", started["childPolicy"], choices=POLICIES),
        Field("lambdaRole", "Role for its Lambda tasks", started.get("lambdaRole") or ""),
        Field("tagList", "Tags, one in each line", "\n".join(started.get("tagList") or []), is_long=True),
        Field("input", "Input", started.get("input") or "", is_long=True),
    ]


def _start_members(subject: Subject, values: dict[str, str]) -> Members:
    started = subject.started
    tags = "\n".join(started.get("tagList") or [])
    return {
        "domain": subject.domain,
        "workflowId": values["workflowId"],
        "workflowType": {"name": values["typeName"], "version": values["version"]},
        "taskList": {"name": values["taskList"]} if values["taskList"] else None,
        "taskPriority": values["taskPriority"] or None,
        "executionStartToCloseTimeout": values["executionStartToCloseTimeout"] or None,
        "taskStartToCloseTimeout": values["taskStartToCloseTimeout"] or None,
        "childPolicy": values["childPolicy"] or None,
        "lambdaRole": values["lambdaRole"] or None,
        "tagList": started.get("tagList")
        if values["tagList"] == tags
        else [tag for tag in values["tagList"].split("\n") if tag] or None,
        "input": values["input"] or None,
    }


async def _start(visit: Visit, subject: Subject, members: Members) -> str:
    answer = await visit.swf("StartWorkflowExecution", **members)
    return _to_new_run(subject, members["workflowId"], answer["runId"])


def _start_forms(server: Server, subject: Subject, members: Members) -> Forms:
    options: dict[str, str | list[str] | None] = {
        "domain": subject.domain,
        "type": "{name}:{version}".format_map(members["workflowType"]),
        "task-list": members["taskList"] and members["taskList"]["name"],
        "priority": members["taskPriority"],
        "timeout": members["executionStartToCloseTimeout"],
        "task-timeout": members["taskStartToCloseTimeout"],
        "child-policy": members["childPolicy"],
        "lambda-role": members["lambdaRole"],
        "tag": members["tagList"] or [],
    }
    return Forms(
        aws_line(server, "StartWorkflowExecution", members),
        boto3_code(server, "StartWorkflowExecution", members),
        own_line(server, "start", (members["workflowId"],), options, texts={"input": members["input"]}),
    )


def _as_started(subject: Subject) -> Members:
    """The members of the call that would start such a run."""
    started = subject.started
    return {
        "domain": subject.domain,
        "workflowId": subject.workflow_id,
        "workflowType": started["workflowType"],
        "taskList": started["taskList"],
        "taskPriority": started.get("taskPriority"),
        "input": started.get("input"),
        "executionStartToCloseTimeout": started.get("executionStartToCloseTimeout"),
        "tagList": started.get("tagList"),
        "taskStartToCloseTimeout": started.get("taskStartToCloseTimeout"),
        "childPolicy": started["childPolicy"],
        "lambdaRole": started.get("lambdaRole"),
    }


def _to_new_run(subject: Subject, workflow_id: str, run_id: str) -> str:
    return path("domains", subject.domain, "runs", workflow_id, run_id, notice="run-started")


ACTIONS = {
    "rerun": RunAction(
        heading="Re-run",
        verb="Re-run",
        status="CLOSED",
        needs_start=True,
        asks_decider=False,
        is_dangerous=False,
        meaning=_rerun_meaning,
        fields=_rerun_fields,
        members=_rerun_members,
        do=_rerun,
        forms=_rerun_forms,
    ),
    "start": RunAction(
        heading="Start one like",
        verb="Start",
        status="",
        needs_start=True,
        asks_decider=False,
        is_dangerous=False,
        meaning=_start_meaning,
        fields=_start_fields,
        members=_start_members,
        do=_start,
        forms=_start_forms,
    ),
}
