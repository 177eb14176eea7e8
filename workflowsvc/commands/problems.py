"""`workflowsvc problems`: what is wrong with the open runs of a domain: the findings of ExplainDomain, grouped."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from workflowsvc.client.answers import count, part, rows, seconds, text
from workflowsvc.commands import asking, statuses
from workflowsvc.commands.asking import Asking, filled, whole
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.why import urgent
from workflowsvc.display.finding_groups import SEVERITIES, FindingGroups
from workflowsvc.display.text import counted, moment, span

DESCRIPTION = """\
Say what is wrong with the open runs of a domain: findings that runs share, the most urgent first.

Exit status: 0 when nothing is wrong, 10 when a finding is WARNING or CRITICAL."""
EXAMPLES = (
    "problems",
    "problems --severity critical --domain orders",
    "problems --json | jq -r '[.code, .executions] | @tsv'",
)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument(
        "--severity",
        choices=[name.lower() for name in SEVERITIES],
        default="warning",
        help="leave out what is less urgent [warning]",
    )
    parser.add_argument(
        "--examples",
        metavar="N",
        type=filled,
        default="3",
        help="runs to name for each finding, at most 100 [3]",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    examples = whole("--examples", arguments.examples)
    if at_work.json:
        groups, examined = _ask(at_work, examples, _ignore)
        for group in groups:
            at_work.print_json(group)
    else:
        with at_work.screen.status("Looking at the open runs …") as status:
            groups, examined = _ask(
                at_work, examples, lambda done: status.say(f"Looking at the open runs … {done:,} so far")
            )
        _print(at_work, groups, examined)
    return statuses.FOUND if any(urgent(group) for group in groups) else statuses.DONE


def _ignore(done: int) -> None:
    """With --json there is nothing for people."""


def _ask(at_work: Asking, examples: int, say: Callable[[int], None]) -> tuple[list[dict[str, Any]], int]:
    """The groups of all pages, those about the same thing added up, and how many runs were looked at."""
    found = FindingGroups(examples)
    examined = 0
    pages = at_work.own_pages(
        "ExplainDomain", minimumSeverity=at_work.arguments.severity.upper(), maximumExamples=examples
    )
    for page in pages:
        examined += count(page, "examined")
        found.add(rows(page, "groups"))
        say(examined)
    return found.ranked(), examined


def _of_type(group: dict[str, Any]) -> str:
    named = part(group, "workflowType")
    return f" of type {text(named, 'name')}:{text(named, 'version')}" if named else ""


def _print(at_work: Asking, groups: list[dict[str, Any]], examined: int) -> None:
    from workflowsvc.display.screen import Toned

    screen = at_work.screen
    for group in groups:
        severity, runs = text(group, "severity"), count(group, "executions")
        since = seconds(group, "sinceTimestamp")
        screen.line(
            Toned(f"{severity:<8}  {text(group, 'code')}", severity),
            f"  {counted(runs, 'run', 'runs')}{_of_type(group)}",
            Toned(
                f"  since {moment(since)} ({span(at_work.now - since)})" if since is not None else "", "dim"
            ),
        )
        screen.line(f"  {text(group, 'message')}")
        action = text(group, "action")
        if action:
            screen.line(Toned("  do: ", "bold"), action)
        named = ", ".join(text(example, "workflowId") for example in rows(group, "examples"))
        if named:
            screen.line(
                Toned(f"  runs: {named}{', …' if runs > len(rows(group, 'examples')) else ''}", "dim")
            )
        screen.line()
    found = "nothing is wrong" if not groups else counted(len(groups), "finding", "findings")
    screen.line(
        Toned(f"{counted(examined, 'open run', 'open runs')} of {at_work.domain} looked at: {found}.", "dim")
    )
