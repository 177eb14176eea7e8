"""`workflowsvc delete`: deletes a closed run, or a domain with everything in it."""

from __future__ import annotations

import argparse

from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled
from workflowsvc.commands.context import CommandContext
from workflowsvc.options import SettingsError

DESCRIPTION = """\
Delete a closed run and its history, or, with --whole-domain, a domain with its types and all its runs. SWF has no call
for either. What is deleted cannot be brought back; `workflowsvc export` keeps a copy of a history."""
EXAMPLES = (
    "delete order-17 --run-id 22bd…",
    "delete --whole-domain --domain tests-41 --force --yes",
)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument(
        "workflow_id", nargs="?", metavar="WORKFLOW_ID", type=filled, help="the workflowId of the run"
    )
    parser.add_argument(
        "--run-id", metavar="R", type=filled, help="which run of it [the newest, which must be closed]"
    )
    parser.add_argument("--whole-domain", action="store_true", help="delete the domain that --domain names")
    parser.add_argument(
        "--force",
        action="store_true",
        help="delete the domain although it is not deprecated or has open runs",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    if arguments.whole_domain == (arguments.workflow_id is not None):
        raise SettingsError("name a WORKFLOW_ID, or give --whole-domain with --domain")
    if arguments.whole_domain and not arguments.domain:
        raise SettingsError("--whole-domain needs --domain, which must be spelled out")
    if arguments.force and not arguments.whole_domain:
        raise SettingsError("--force is for --whole-domain; a run can be deleted when it is closed")
    at_work = Asking(context, arguments)
    if arguments.whole_domain:
        at_work.confirm(f"Delete the domain {at_work.domain} with all its types, runs and histories?")
        at_work.own("DeleteDomain", force=arguments.force or None)
        if at_work.json:
            at_work.print_json({"domain": at_work.domain})
        at_work.say(f"deleted the domain {at_work.domain}")
        return 0
    execution = at_work.run()
    at_work.confirm(f"Delete the run {execution['runId']} of {execution['workflowId']} and its history?")
    at_work.own("DeleteExecution", execution=execution)
    if at_work.json:
        at_work.print_json({"execution": execution})
    at_work.say(f"deleted {execution['workflowId']}, run {execution['runId']}")
    return 0
