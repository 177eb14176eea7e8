"""`workflowsvc list`: the runs of a domain that meet any mix of conditions."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workflowsvc.client.answers import Object, part, rows, seconds, text, type_name
from workflowsvc.commands import asking, searching
from workflowsvc.commands.asking import Asking, filled, whole
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.filters import add_filter, filter_of
from workflowsvc.display.text import moment, number, span

if TYPE_CHECKING:
    from workflowsvc.display.screen import Toned

DESCRIPTION = "List the runs of a domain that meet any mix of conditions, the newest first."
EXAMPLES = (
    "list --open",
    "list --status FAILED --status TIMED_OUT --closed-after 1d --type order",
    "list --id-begins order- --sort duration --limit 10",
    "list --tag urgent --json | jq -r .execution.workflowId",
)
SORT_KEYS = {
    "started": "START_TIME",
    "closed": "CLOSE_TIME",
    "duration": "DURATION",
    "events": "EVENTS",
    "id": "WORKFLOW_ID",
}
PAGE_SIZE = 1000  # the largest: fewer round trips


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument("--sort", choices=tuple(SORT_KEYS), default="started", help="the order [started]")
    parser.add_argument("--ascending", action="store_true", help="the smallest or earliest first")
    parser.add_argument(
        "--limit", metavar="N", type=filled, default="50", help="at most N runs; 0 for all [50]"
    )
    parser.add_argument("--run-ids", action="store_true", help="show runIds")
    add_filter(parser)


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    limit = whole("--limit", arguments.limit)
    found: list[Object] = []
    more = False
    for listed, summary in enumerate(search(at_work, limit)):
        if limit and listed == limit:
            more = True
            break
        if at_work.json:
            at_work.print_json(summary)
        else:
            found.append(summary)
    if not at_work.json:
        print_runs(at_work, found, run_ids=arguments.run_ids)
        if more:
            at_work.note(f"more runs match than these {limit:,}: --limit 0 lists all")
    return 0


def search(at_work: Asking, limit: int) -> Iterator[Object]:
    """The runs that the arguments ask for, in their order; one more than `limit` tells that there are more."""
    arguments = at_work.arguments
    pages = searching.search(
        at_work,
        filter_of(arguments, at_work.now),
        sort_by=SORT_KEYS[arguments.sort],
        ascending=arguments.ascending,
        page_size=min(limit + 1, PAGE_SIZE) if limit else PAGE_SIZE,
    )
    if at_work.json:
        for page in pages:
            yield from rows(page, "executions")
        return
    examined = 0
    with at_work.screen.status("Searching …") as status:
        for page in pages:
            yield from rows(page, "executions")
            looked_at = page.get("examined")
            examined += looked_at if isinstance(looked_at, int) else 0
            status.say(
                f"Searching … {examined:,} runs looked at, back to {moment(page.get('reachedTimestamp'))}"
            )


def print_runs(at_work: Asking, found: list[Object], *, run_ids: bool) -> None:
    """A table of the summaries of runs."""
    from workflowsvc.display.screen import Column, Toned

    columns = [
        Column("STATUS"),
        Column("WORKFLOW ID", wraps=True),
        Column("TYPE", wraps=True),
        Column("STARTED"),
        Column("TOOK", right=True),
    ]
    has_events = any("events" in summary for summary in found)  # not where the lists of SWF were asked
    if has_events:
        columns.append(Column("EVENTS", right=True))
    if run_ids:
        columns.append(Column("RUN ID"))
    if not found:
        at_work.screen.line(Toned("No run matches.", "dim"))
        return
    table = [
        [
            status_cell(summary),
            text(part(summary, "execution"), "workflowId"),
            type_name(summary, "workflowType"),
            moment(summary.get("startTimestamp")),
            span(seconds(summary, "durationInSeconds")),
            *([number(summary.get("events"))] if has_events else []),
            *([text(part(summary, "execution"), "runId")] if run_ids else []),
        ]
        for summary in found
    ]
    at_work.screen.table(columns, table)


def status_cell(summary: Object) -> Toned:
    """The status of a run, in its colour."""
    from workflowsvc.display.history import BAD, GOOD, NEUTRAL, OPEN
    from workflowsvc.display.screen import Toned

    status = text(summary, "closeStatus") or text(summary, "executionStatus")
    tone = {"OPEN": OPEN, "COMPLETED": GOOD, "CONTINUED_AS_NEW": NEUTRAL, "CANCELED": NEUTRAL}.get(
        status, BAD
    )
    if status == "OPEN" and summary.get("cancelRequested"):
        status = "OPEN, cancel requested"
    return Toned(status, tone)
