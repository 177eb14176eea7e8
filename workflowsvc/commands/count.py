"""`workflowsvc count`: how many runs meet any mix of conditions, on request by group."""

from __future__ import annotations

import argparse
from collections import Counter

from workflowsvc.client.answers import count, rows, text
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.filters import add_filter, filter_of

DESCRIPTION = "Count the runs of a domain that meet any mix of conditions, on request by group."
EXAMPLES = (
    "count --open",
    "count --by status --started-after 1d",
    "count --by type --status FAILED",
)
GROUPS = {
    "status": "STATUS",
    "type": "WORKFLOW_TYPE",
    "task-list": "TASK_LIST",
    "start-day": "START_DAY",
    "close-day": "CLOSE_DAY",
}


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument("--by", choices=tuple(GROUPS), help="one count for each of these")
    add_filter(parser)


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    total, groups = 0, Counter[str]()
    pages = at_work.own_pages(
        "CountExecutions",
        filter=filter_of(arguments, at_work.now),
        groupBy=GROUPS.get(arguments.by),
    )
    for page in pages:
        total += count(page, "count")
        for group in rows(page, "groups") if "groups" in page else ():
            groups[text(group, "key")] += count(group, "count")
    if at_work.json:
        if arguments.by:
            for key, found in groups.items():
                at_work.print_json({"key": key, "count": found})
        else:
            at_work.print_json({"count": total})
        return 0
    if not arguments.by:
        at_work.say(f"{total:,}")
        return 0
    from workflowsvc.display.screen import Column, Toned

    table = [[Toned(key, ""), f"{found:,}"] for key, found in groups.items()]
    at_work.screen.table(
        [Column(arguments.by.replace("-", " ").upper(), wraps=True), Column("RUNS", right=True)],
        [*table, [Toned("all", "bold"), Toned(f"{total:,}", "bold")]],
    )
    return 0
