"""`workflowsvc retention`: how long the closed runs of a domain are kept, and rules for that. The service's own API
answers it.
"""

from __future__ import annotations

import argparse
from typing import Any

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, type_name_and_version, whole
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.filters import STATUSES
from workflowsvc.display.retention import kept
from workflowsvc.display.text import moment

DESCRIPTION = """\
Show for how long the closed runs of a domain are kept, or make rules for that: for all of them, for a type, for one way
of closing. The rule that is most about a run holds; where there is none, the days do with which the domain was
registered. Rules also hold for runs that are closed already."""
EXAMPLES = (
    "retention show --domain shop",
    "retention set --domain shop --days 365",
    "retention set --domain shop --type payment --forever",
    "retention set --domain shop --type probe:2 --status COMPLETED --days 1",
    "retention remove --domain shop --type payment",
)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.describe(parser, DESCRIPTION, EXAMPLES)
    parsers = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)

    def add(action: str, help: str, description: str, *, names_runs: bool = True) -> argparse.ArgumentParser:
        subparser = parsers.add_parser(action, allow_abbrev=False, help=help)
        examples = tuple(example for example in EXAMPLES if example.startswith(f"retention {action} "))
        asking.describe(subparser, description, examples)
        asking.add_server(subparser)
        if names_runs:
            _add_runs(subparser)
        return subparser

    add("show", "say how long runs are kept", "Say for how long the closed runs of a domain are kept.",
        names_runs=False)  # fmt: skip
    setting = add(
        "set",
        "make or change a rule",
        "Make a rule, or change the one about the same runs. What it makes too old is deleted soon.",
    )
    how_long = setting.add_mutually_exclusive_group(required=True)
    how_long.add_argument("--days", metavar="N", help="keep them for this number of days, 0 to 36500")
    how_long.add_argument("--forever", action="store_true", help="never delete them because of their age")
    add(
        "remove",
        "delete a rule",
        "Delete the rule about these runs; what holds then, holds for closed runs, too.",
    )


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--type",
        dest="workflow_type",
        metavar="NAME[:VERSION]",
        type=type_name_and_version,
        help="the rule is about runs of this workflow type, in one or all of its versions [all types]",
    )
    parser.add_argument(
        "--status",
        choices=STATUSES,
        metavar="STATUS",
        help=f"the rule is about runs that closed in this way: {', '.join(STATUSES)} [all]",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    if arguments.action == "show":
        found = at_work.own("DescribeRetention")
    else:
        about: dict[str, Any] = {"workflowType": arguments.workflow_type, "closeStatus": arguments.status}
        if arguments.action == "remove":
            found = at_work.own("DeleteRetentionRule", **about)
        elif arguments.forever:
            found = at_work.own("PutRetentionRule", forever=True, **about)
        else:
            found = at_work.own("PutRetentionRule", days=whole("--days", arguments.days), **about)
    if at_work.json:
        at_work.print_json(found)
    else:
        print_retention(at_work, found)
    return 0


def print_retention(at_work: Asking, found: Object) -> None:
    """The rules of a domain, in the order in which they hold, and what becomes of runs that are too old."""
    from workflowsvc.display.screen import Column

    table = [
        [
            _type(part(rule, "workflowType")) or "all types",
            text(rule, "closeStatus") or "any",
            kept(rule.get("days")),
            moment(rule.get("updateTimestamp")),
        ]
        for rule in rows(found, "rules")
    ]
    registered = text(found, "registeredPeriodInDays")
    table.append(["all others" if table else "all types", "any", kept(registered), "as registered"])
    at_work.screen.table(
        [Column("TYPE", wraps=True), Column("CLOSED AS"), Column("KEPT"), Column("SINCE")], table
    )
    if not found.get("isApplied"):
        reached = found.get("appliedToTimestamp")
        how_far = f"; those started up to {moment(reached)} follow them" if reached is not None else ""
        at_work.say(f"Runs that are closed already are being looked through{how_far}.")
    if found.get("isArchived"):
        at_work.say("Histories are archived before they are deleted.")


def _type(named: Object) -> str:
    return ":".join(name for name in (text(named, "name"), text(named, "version")) if name)
