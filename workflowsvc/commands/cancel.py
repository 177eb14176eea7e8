"""`workflowsvc cancel`: asks the decider of a run to cancel it. Plain SWF operations answer it."""

from __future__ import annotations

import argparse

from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking
from workflowsvc.commands.context import CommandContext

DESCRIPTION = """\
Request the cancellation of an open run: its decider gets a decision task and decides what to do. Works with every
server of SWF. To end a run whose decider does nothing, use `workflowsvc terminate`."""
EXAMPLES = ("cancel order-17",)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    asking.add_run(parser, newest="the open run")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    at_work.swf("RequestCancelWorkflowExecution", **at_work.reference())
    if at_work.json:
        at_work.print_json({"execution": at_work.reference(), "cancelRequested": True})
    at_work.say(f"requested the cancellation of {arguments.workflow_id}")
    return 0
