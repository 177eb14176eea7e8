"""A domain whose feed is on, with a workflow type, made through whatever asks a server."""

from __future__ import annotations

from typing import Any, Protocol

TYPE = {"name": "t", "version": "1"}
LIST = {"name": "l"}


class Ask(Protocol):
    """Asks for an action in the domain `d`: one of our own API by its whole name."""

    def __call__(self, action: str, /, **members: Any) -> Any: ...


def make_fed_domain(ask: Ask, *, task_seconds: int = 60) -> None:
    """Its runs of TYPE have 600 s, and their decision tasks, on LIST, `task_seconds`."""
    ask("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays="1")
    ask(
        "RegisterWorkflowType",
        **TYPE,
        defaultTaskList=LIST,
        defaultChildPolicy="TERMINATE",
        defaultTaskStartToCloseTimeout=str(task_seconds),
        defaultExecutionStartToCloseTimeout="600",
    )
    ask("WorkflowSvc.SetFeed", status="ON")
