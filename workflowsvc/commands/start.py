"""`workflowsvc start`: starts a run. Plain SWF operations answer it."""

from __future__ import annotations

import argparse

from workflowsvc.client.answers import part, rows, text
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.follow import add_pace, follow, started_run
from workflowsvc.commands.starting import add_start, start_members
from workflowsvc.options import SettingsError

DESCRIPTION = "Start a run. Works with every server of SWF."
EXAMPLES = (
    "start order-18 --type order:1.0 --input '{\"cents\": 4200}'",
    "start order-18 --type order --input @order.json --tag urgent --follow",
)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument(
        "workflow_id", metavar="WORKFLOW_ID", type=filled, help="the workflowId of the new run"
    )
    parser.add_argument(
        "--type", required=True, metavar="NAME[:VERSION]", type=filled,
        help="its type; without a version, the only one that is registered",
    )  # fmt: skip
    parser.add_argument("--follow", action="store_true", help="go on as `workflowsvc follow` does")
    add_pace(parser)
    add_start(parser, default="what its type has as the default holds")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    members = start_members(context, arguments)
    answer = at_work.swf(
        "StartWorkflowExecution", workflowId=arguments.workflow_id, workflowType=_type(at_work), **members
    )
    execution = started_run(at_work, answer)
    if at_work.json:
        at_work.print_json(execution)
    else:
        at_work.say(f"started {execution['workflowId']}, run {execution['runId']}")
    return follow(at_work, execution) if arguments.follow else 0


def _type(at_work: Asking) -> dict[str, str]:
    """The type that --type names; its version is looked up when it is left out. SettingsError if it is not one."""
    name, _, version = at_work.arguments.type.partition(":")
    if version:
        return {"name": name, "version": version}
    pages = at_work.swf_pages("ListWorkflowTypes", registrationStatus="REGISTERED", name=name)
    versions = [
        text(part(info, "workflowType"), "version") for page in pages for info in rows(page, "typeInfos")
    ]
    if len(versions) == 1:
        return {"name": name, "version": versions[0]}
    there = f"it is registered as {', '.join(versions)}" if versions else "none is registered"
    raise SettingsError(f"--type: which version of {name!r}? In {at_work.domain}, {there}")
