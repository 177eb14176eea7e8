"""`workflowsvc terminate`: ends a run at once. Plain SWF operations answer it."""

from __future__ import annotations

import argparse

from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.starting import POLICIES

DESCRIPTION = "End an open run at once, without asking its decider. Works with every server of SWF."
EXAMPLES = (
    "terminate order-17 --reason 'duplicate of order-16'",
    "terminate order-17 --child-policy ABANDON",
)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    asking.add_run(parser, newest="the open run")
    parser.add_argument("--reason", metavar="TEXT", help="why; it is kept in the history")
    parser.add_argument("--details", metavar="TEXT", help="more about it; it is kept in the history")
    parser.add_argument(
        "--child-policy", choices=POLICIES, help="what happens to its children [as it was started]"
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    at_work.swf(
        "TerminateWorkflowExecution",
        **at_work.reference(),
        reason=arguments.reason,
        details=arguments.details,
        childPolicy=arguments.child_policy,
    )
    if at_work.json:
        at_work.print_json({"execution": at_work.reference(), "closeStatus": "TERMINATED"})
    at_work.say(f"terminated {arguments.workflow_id}")
    return 0
