"""`workflowsvc lists`: the task lists of a domain, or one of them with its pollers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workflowsvc.client.answers import Object, count, part, rows, seconds, text
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, filled
from workflowsvc.commands.context import CommandContext
from workflowsvc.display.text import moment, number, span

if TYPE_CHECKING:
    from workflowsvc.display.screen import Toned

DESCRIPTION = """\
List the task lists of a domain: how many tasks wait, how long, and who polls. With a NAME, say who polls that list."""
EXAMPLES = ("lists", "lists order-deciders", "lists --kind activity --json | jq 'select(.backlog > 100)'")
KINDS = ("decision", "activity")


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        type=filled,
        help="one list, with its backlog by priority and its pollers",
    )
    parser.add_argument("--kind", choices=KINDS, help="only lists of this kind of tasks")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    if arguments.name is not None:
        return _one(at_work)
    kind = arguments.kind.upper() if arguments.kind else None
    found = [row for page in at_work.own_pages("ListTaskLists", kind=kind) for row in rows(page, "taskLists")]
    at_work.print_list(found, _print)
    return 0


def _one(at_work: Asking) -> int:
    """The lists of one name, of both kinds unless one is given. Of two, one without tasks and pollers is left out."""
    kinds = [at_work.arguments.kind] if at_work.arguments.kind else KINDS
    details = [
        at_work.own("DescribeTaskList", taskList={"name": at_work.arguments.name}, kind=kind.upper())
        for kind in kinds
    ]
    used = [
        detail for detail in details if count(part(detail, "summary"), "backlog") or rows(detail, "pollers")
    ]
    for index, detail in enumerate(used or details[:1]):
        if at_work.json:
            at_work.print_json(detail)
        else:
            if index:
                at_work.say("")
            _print_detail(at_work, detail)
    return 0


def _print(at_work: Asking, found: list[Object]) -> None:
    from workflowsvc.display.screen import Column, Toned

    if not found:
        at_work.screen.line(Toned("No task list has tasks or pollers.", "dim"))
        return
    columns = [
        Column("TASK LIST", wraps=True),
        Column("KIND"),
        Column("BACKLOG", right=True),
        Column("OLDEST", right=True),
        Column("POLLERS", right=True),
        Column("LAST POLL", right=True),
        Column("ADDED/MIN", right=True),
        Column("STARTED/MIN", right=True),
    ]
    at_work.screen.table(columns, [_row(at_work, summary) for summary in found])


def _row(at_work: Asking, summary: Object) -> list[str | Toned]:
    from workflowsvc.display.screen import Toned

    waits_unpolled = count(summary, "backlog") > 0 and count(summary, "pollers") == 0
    return [
        text(part(summary, "taskList"), "name"),
        text(summary, "kind").lower(),
        number(summary.get("backlog")),
        _age(at_work, seconds(summary, "oldestTaskTimestamp")),
        Toned(number(summary.get("pollers")), "CRITICAL" if waits_unpolled else ""),
        _age(at_work, seconds(summary, "lastPollTimestamp")) or "never",
        f"{seconds(summary, 'addedPerMinute') or 0:g}",
        f"{seconds(summary, 'startedPerMinute') or 0:g}",
    ]


def _age(at_work: Asking, since: float | None) -> str:
    return span(at_work.now - since) if since is not None else ""


def _print_detail(at_work: Asking, detail: Object) -> None:
    from workflowsvc.display.screen import Column, Toned

    _print(at_work, [part(detail, "summary")])
    priorities, pollers = rows(detail, "priorities"), rows(detail, "pollers")
    if len(priorities) > 1:
        at_work.say("")
        table = [
            [
                text(row, "taskPriority"),
                number(row.get("backlog")),
                _age(at_work, seconds(row, "oldestTaskTimestamp")),
            ]
            for row in priorities
        ]
        columns = [
            Column("PRIORITY", right=True),
            Column("BACKLOG", right=True),
            Column("OLDEST", right=True),
        ]
        at_work.screen.table(columns, table)
    at_work.say("")
    if not pollers:
        at_work.screen.line(Toned("No client polls it.", "CRITICAL"))
        return
    at_work.screen.table(
        [
            Column("POLLER", wraps=True),
            Column("LAST SEEN"),
            Column("WAITING POLLS", right=True),
            Column("WAITING", right=True),
            Column("NODE", wraps=True),
        ],
        [
            [
                text(poller, "identity") or Toned("(no identity)", "dim"),
                moment(poller.get("lastSeenTimestamp")),
                number(poller.get("waitingPolls")),
                _age(at_work, seconds(poller, "waitingSinceTimestamp")),
                text(poller, "node"),
            ]
            for poller in pollers
        ],
    )
