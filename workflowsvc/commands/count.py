"""`workflowsvc count`: how many runs meet any mix of conditions, on request by group."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from workflowsvc.client.answers import Object, count, part, rows, seconds, text
from workflowsvc.client.problems import NoSuchOperation
from workflowsvc.commands import asking, searching
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
    condition = filter_of(arguments, at_work.now)
    try:
        total, groups = _counted(at_work, condition)
    except NoSuchOperation as lacking:
        total, groups = _counted_by_swf(at_work, condition, lacking)
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


def _counted(at_work: Asking, condition: dict[str, Any]) -> tuple[int, Counter[str]]:
    """All runs, and those of each group."""
    total, groups = 0, Counter[str]()
    for page in at_work.own_pages(
        "CountExecutions", filter=condition, groupBy=GROUPS.get(at_work.arguments.by)
    ):
        total += count(page, "count")
        for group in rows(page, "groups") if "groups" in page else ():
            groups[text(group, "key")] += count(group, "count")
    return total, groups


def _counted_by_swf(
    at_work: Asking, condition: dict[str, Any], lacking: NoSuchOperation
) -> tuple[int, Counter[str]]:
    """The same from the lists of SWF, whose own counts know one condition at most and no groups."""
    by = at_work.arguments.by
    if by == "task-list":
        raise NoSuchOperation(f"{lacking}, and the lists of SWF cannot serve --by task-list")
    total, groups = 0, Counter[str]()
    for summary in searching.listed_by_swf(at_work, condition, lacking):
        total += 1
        key = _group_of(summary, by)
        if key is not None:
            groups[key] += 1
    return total, Counter(dict(sorted(groups.items())))


def _group_of(summary: Object, by: str | None) -> str | None:
    """The key of its group, as CountExecutions words it."""
    if by == "status":
        return text(summary, "closeStatus") or "OPEN"
    if by == "type":
        found = part(summary, "workflowType")
        return f"{text(found, 'name')} {text(found, 'version')}"
    at = seconds(summary, "startTimestamp" if by == "start-day" else "closeTimestamp")
    return None if by is None or at is None else datetime.fromtimestamp(at, UTC).date().isoformat()
