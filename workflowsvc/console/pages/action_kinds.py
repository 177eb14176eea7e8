"""What an action on a run is: its fields, what it means for the run, the call, and the call as a command.

Owns these forms. The actions are in `action_messages.py` and `action_starts.py`, the way from form to answer in
`actions.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from workflowsvc.console.paths import path

if TYPE_CHECKING:
    from workflowsvc.console.as_command import Forms, Server
    from workflowsvc.console.page import Data
    from workflowsvc.console.visit import Visit

Members = dict[str, Any]
NEEDS = {
    "signal": ("swf:SignalWorkflowExecution",),
    "cancel": ("swf:RequestCancelWorkflowExecution",),
    "terminate": ("swf:TerminateWorkflowExecution",),
    "rerun": ("workflowsvc:RerunExecution", "swf:StartWorkflowExecution"),
    "start": ("swf:StartWorkflowExecution",),
}
"""What policies must allow for each action on a run."""
POLICIES = ("TERMINATE", "REQUEST_CANCEL", "ABANDON")

OPERATIONS = {
    "SIGNAL": ("signal", "signal"),
    "REQUEST_CANCEL": ("request cancel", "cancel"),
    "TERMINATE": ("terminate", "terminate"),
    "RERUN": ("re-run", "rerun"),
}
"""What can be done to several runs, by its name in StartBatch: its verb, and the action that it is on each."""


class Subject(NamedTuple):
    """The run that something is done to."""

    domain: str
    execution: dict[str, str]
    run: Data
    """DescribeWorkflowExecution."""
    started: Members
    """The attributes of its first event; empty where no form needs them."""
    unpolled: bool = False
    """No poll waits on its list of decision tasks now."""
    last_poll: str = ""
    """When the last one came, in words."""

    @property
    def workflow_id(self) -> str:
        return self.execution["workflowId"]

    @property
    def run_id(self) -> str:
        return self.execution["runId"]

    @property
    def named(self) -> Members:
        return {"domain": self.domain, **self.execution}

    @property
    def is_open(self) -> bool:
        return self.run["executionInfo"]["executionStatus"] == "OPEN"

    @property
    def task_list(self) -> str:
        return self.run["executionConfiguration"]["taskList"]["name"]

    def path(self, **query: str) -> str:
        return path("domains", self.domain, "runs", self.workflow_id, self.run_id, **query)


class Field(NamedTuple):
    """A field of the form of an action."""

    name: str
    label: str
    value: str = ""
    is_long: bool = False
    is_required: bool = False
    choices: tuple[str, ...] = ()
    hint: str = ""


class RunAction(NamedTuple):
    """One thing that can be done."""

    heading: str
    verb: str
    status: str
    """That the run must have, OPEN or CLOSED; empty where both will do."""
    needs_start: bool
    asks_decider: bool
    """Whether nothing comes of it until a decider polls."""
    is_dangerous: bool
    meaning: Callable[[Subject], list[str]]
    fields: Callable[[Subject], list[Field]]
    members: Callable[[Subject, dict[str, str]], Members]
    """What the values of the fields ask for."""
    do: Callable[[Visit, Subject, Members], Awaitable[str]]
    """Does it; the path of the page to see next."""
    forms: Callable[[Server, Subject, Members], Forms]
