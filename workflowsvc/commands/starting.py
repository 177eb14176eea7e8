"""What `start` and `rerun` have in common: the options that say how a run is started.

Owns these options and how they become members of the two operations.
"""

from __future__ import annotations

import argparse
from typing import Any

from workflowsvc.commands.asking import filled, read_text, span_of
from workflowsvc.commands.context import CommandContext
from workflowsvc.options import SettingsError

POLICIES = ("TERMINATE", "REQUEST_CANCEL", "ABANDON")


def add_start(parser: argparse.ArgumentParser, *, default: str) -> None:
    """Options; `default` says what holds without them."""
    group = parser.add_argument_group("the new run", f"Without an option, {default}.")
    group.add_argument("--input", metavar="TEXT", help="its input; @FILE reads a file, - standard input")
    group.add_argument("--task-list", metavar="L", type=filled, help="the list for its decision tasks")
    group.add_argument("--priority", metavar="N", type=filled, help="the priority of its decision tasks")
    group.add_argument("--tag", action="append", metavar="T", type=filled, help="a tag; up to five")
    group.add_argument("--timeout", metavar="SPAN", type=filled, help="how long it may take, such as 1h")
    group.add_argument(
        "--task-timeout",
        metavar="SPAN",
        type=filled,
        help="how long a decision task may take, such as 30s, or NONE",
    )
    group.add_argument(
        "--child-policy", choices=POLICIES, help="what happens to its children when it is terminated"
    )
    group.add_argument("--lambda-role", metavar="ARN", type=filled, help="the role for its Lambda tasks")


def start_members(context: CommandContext, arguments: argparse.Namespace) -> dict[str, Any]:
    """The members that the options give. SettingsError when a value cannot be read."""
    found: dict[str, Any] = {
        "input": read_text(context, arguments.input),
        "taskPriority": arguments.priority,
        "tagList": arguments.tag,
        "executionStartToCloseTimeout": _span("--timeout", arguments.timeout),
        "taskStartToCloseTimeout": _span("--task-timeout", arguments.task_timeout),
        "childPolicy": arguments.child_policy,
        "lambdaRole": arguments.lambda_role,
        "taskList": {"name": arguments.task_list} if arguments.task_list else None,
    }
    if arguments.tag and len(arguments.tag) > 5:
        raise SettingsError("a run has at most five tags")
    return {name: value for name, value in found.items() if value is not None}


def _span(option: str, given: str | None) -> str | None:
    return given if given is None or given == "NONE" else str(span_of(option, given))
