"""Histories for unit tests of deciders: a short story becomes the task that a decider would be given.

    task = decision_task('''
        start order-1 workflowType=order@1 input="two apples"
        decide: ScheduleActivityTask charge activityType=charge@1
        a = poll activity
        complete a result=paid
    ''')
    assert decide(task["events"]) == [...]

The story is in the language of scenarios (docs/testing.md has its commands). The service itself plays it, and lint
judges what comes of it, so a history that is handed out is one that the service could have made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from workflowsvc.settings import Limits
from workflowsvc.tenant import Tenant
from workflowsvc.testing.history import History
from workflowsvc.testing.report import findings_text
from workflowsvc.testing.scenarios.in_world import InWorld
from workflowsvc.testing.scenarios.judge import Auditor
from workflowsvc.testing.scenarios.language import Broken, Step, read_commands
from workflowsvc.testing.scenarios.play import Play
from workflowsvc.testing.scenarios.service import Refused
from workflowsvc.testing.world import World

DOMAIN = "d"
STORY = Path("story")
POLLS = ("poll", "decide")

# What a type gets that the story names and does not register; as those of tests/histories/prelude.txt.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "WorkflowType": {
        "defaultTaskList": {"name": "deciders"},
        "defaultExecutionStartToCloseTimeout": "31536000",
        "defaultTaskStartToCloseTimeout": "300",
        "defaultChildPolicy": "TERMINATE",
    },
    "ActivityType": {
        "defaultTaskList": {"name": "workers"},
        "defaultTaskScheduleToStartTimeout": "NONE",
        "defaultTaskScheduleToCloseTimeout": "NONE",
        "defaultTaskStartToCloseTimeout": "NONE",
        "defaultTaskHeartbeatTimeout": "NONE",
    },
}
_TYPES = {"workflowType": "WorkflowType", "activityType": "ActivityType"}


class WrongStory(ValueError):
    """A story that cannot be played; the message says which line, and why."""


def decision_task(
    story: str, workflow_id: str | None = None, *, as_boto3: bool = False, **members: Any
) -> dict[str, Any]:
    """What PollForDecisionTask answers at the end of the story: `taskToken`, `startedEventId`, `workflowExecution`,
    `workflowType`, `events`, `previousStartedEventId`.

    `workflow_id`: of the run, where the story has several; the first otherwise. `members` are those of the request, as
    `maximumPageSize=10` or `reverseOrder=True`. Times are seconds since the epoch, as in JSON; with `as_boto3` they are
    datetimes, as boto3 gives them. WrongStory when a line cannot be played, or no decision task waits at the end.
    """
    told = _Told(story)
    task = told.decision_task(workflow_id, members)
    return _with_datetimes(task) if as_boto3 else task


def history(story: str, workflow_id: str | None = None) -> History:
    """The history of a run at the end of the story. WrongStory when a line cannot be played."""
    told = _Told(story)
    return told.history(workflow_id)


class _Told:
    """A story that was played."""

    def __init__(self, story: str) -> None:
        self._stage = _Stage(World())
        self._auditor = Auditor(self._stage, Limits())
        self._play = Play(self._stage, self._auditor)
        self._play.perform(Step(0, f"register domain {DOMAIN} retention=90"))
        for step in _steps(story):
            self._perform(step)

    def _perform(self, step: Step) -> None:
        where = f"line {step.line} of the story, {step.text!r}"
        try:
            lines = self._play.perform(step)
        except IndexError as error:
            raise WrongStory(f"{where}: a word is missing") from error
        except (Refused, ValueError, TypeError) as error:
            raise WrongStory(f"{where}: {error}") from error
        for line in lines:
            if line.startswith("BROKEN: "):
                raise WrongStory(f"{where}: {line.removeprefix('BROKEN: ')}")
            if line == "nothing" and any(f"{verb} " in f"{step.text.rstrip(':')} " for verb in POLLS):
                raise WrongStory(f"{where}: there is no task")
        if self._stage.refusal is not None:
            raise WrongStory(f"{where}: {self._stage.refusal}")
        if step.expected and step.expected != lines:
            raise WrongStory(
                "\n".join([f"{where} is answered otherwise:", *(f"  + {line}" for line in lines)])
            )

    def _execution(self, workflow_id: str | None) -> dict[str, str]:
        started = self._stage.started
        wanted = workflow_id or next(iter(started), None)
        if wanted is None:
            raise WrongStory(
                "the story starts no run: its first command is `start WORKFLOW_ID workflowType=NAME@1`"
            )
        try:
            return self._play.names.execution(wanted)
        except Broken:
            raise WrongStory(f"the story has no run of {wanted!r}; it starts {', '.join(started)}") from None

    def history(self, workflow_id: str | None) -> History:
        execution = self._execution(workflow_id)
        return History(execution, self._auditor.history(Tenant(), DOMAIN, execution))

    def decision_task(self, workflow_id: str | None, members: dict[str, Any]) -> dict[str, Any]:
        execution = self._execution(workflow_id)
        self._auditor.judge_domain(Tenant(), DOMAIN)
        named = {"domain": DOMAIN, "execution": execution}
        detail = self._call("DescribeWorkflowExecution", named)
        task_list = detail["executionConfiguration"]["taskList"]
        asked = {"domain": DOMAIN, "taskList": task_list} | members
        while True:
            task: dict[str, Any] = self._call("PollForDecisionTask", asked)
            if "taskToken" not in task:
                break
            if task["workflowExecution"] == execution:
                return task
        explained = findings_text(self._call("ExplainExecution", named))
        raise WrongStory(
            f"no decision task of {execution['workflowId']} waits at the end of the story: let something happen about"
            f" which its decider is asked, as a signal, the end of an activity, `advance 30d`\n{explained}"
        )

    def _call(self, operation: str, members: dict[str, Any]) -> Any:
        try:
            return self._stage.call(operation, Tenant(), members)
        except Refused as refusal:
            raise WrongStory(str(refusal)) from refusal


def _steps(story: str) -> list[Step]:
    try:
        return read_commands(STORY, textwrap.dedent(story))
    except Broken as broken:
        raise WrongStory(str(broken)) from None


class _Stage(InWorld):
    """A World in which every type exists that is named, and which remembers what it has refused."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.refusal: Refused | None = None
        self.started: list[str] = []  # workflowIds, in the order of their first start
        self._known: set[tuple[str, str, str]] = set()

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        for kind, name, version in _types_in(members):
            self._register(tenant, kind, name, version)
        try:
            answer = super().call(operation, tenant, members)
        except Refused as refusal:
            self.refusal = refusal
            raise
        if operation == "StartWorkflowExecution" and members["workflowId"] not in self.started:
            self.started.append(members["workflowId"])
        return answer

    def _register(self, tenant: Tenant, kind: str, name: str, version: str) -> None:
        if (kind, name, version) in self._known:
            return
        self._known.add((kind, name, version))
        members = {"domain": DOMAIN, "name": name, "version": version, **_DEFAULTS[kind]}
        try:
            super().call(f"Register{kind}", tenant, members)
        except Refused as refusal:
            if not str(refusal).startswith("TypeAlreadyExistsFault"):  # the story has registered it
                self.refusal = refusal


def _types_in(value: Any) -> Iterator[tuple[str, str, str]]:
    """The types that a request names: (kind, name, version)."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        for name, member in members.items():
            if name in _TYPES and isinstance(member, dict):
                named = cast("dict[str, Any]", member)
                yield _TYPES[name], str(named.get("name")), str(named.get("version"))
            else:
                yield from _types_in(member)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _types_in(item)


def _with_datetimes(task: dict[str, Any]) -> dict[str, Any]:
    events = [
        event | {"eventTimestamp": datetime.fromtimestamp(event["eventTimestamp"], UTC)}
        for event in task["events"]
    ]
    return task | {"events": events}
