"""`workflowsvc why`: why a run does not go on, or how it ended: the findings of ExplainExecution."""

from __future__ import annotations

import argparse

from workflowsvc.client.answers import Object, count, part, rows, seconds, text
from workflowsvc.commands import asking, statuses
from workflowsvc.commands.asking import Asking
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.list import status_cell
from workflowsvc.display.text import moment, span

DESCRIPTION = """\
Say why a run does not go on, or how it ended, the most urgent reason first, with the evidence and what to do.

Exit status: 0 when nothing is wrong, 10 when a finding is WARNING or CRITICAL."""
EXAMPLES = (
    "why order-17",
    "why order-17 --run-id 22bd…",
    "why order-17 --json | jq -r .code",
)
URGENT = ("CRITICAL", "WARNING")


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    asking.add_run(parser)


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    answer = at_work.own("ExplainExecution", execution=at_work.reference())
    findings = rows(answer, "findings")
    if at_work.json:
        for finding in findings:
            at_work.print_json(finding)
    else:
        _print(at_work, answer, findings)
    return statuses.FOUND if any(urgent(finding) for finding in findings) else statuses.DONE


def urgent(finding: Object) -> bool:
    """Whether it is more than information."""
    return finding.get("severity") in URGENT


def _print(at_work: Asking, answer: Object, findings: list[Object]) -> None:
    from workflowsvc.display.screen import Toned

    execution = part(answer, "execution")
    screen = at_work.screen
    screen.line(
        Toned(text(execution, "workflowId"), "bold"),
        "  ",
        status_cell(answer),
        "  ",
        Toned(text(execution, "runId"), "dim"),
    )
    for finding in findings:
        screen.line()
        severity = text(finding, "severity")
        screen.line(Toned(f"{severity:<8}  {text(finding, 'code')}", severity))
        screen.line(f"  {text(finding, 'message')}")
        evidence = _evidence(finding, at_work.now)
        if evidence:
            screen.line(Toned(f"  {evidence}", "dim"))
        action = text(finding, "action")
        if action:
            screen.line(Toned("  do: ", "bold"), action)


def _evidence(finding: Object, now: float) -> str:
    """Since when, until when, and the events that show it."""
    since, until = seconds(finding, "sinceTimestamp"), seconds(finding, "untilTimestamp")
    found: list[str] = []
    if since is not None:
        found.append(f"since {moment(since)} ({span(now - since)})")
    if until is not None:
        found.append(f"until {moment(until)} (in {span(until - now)})")
    if count(finding, "count") > 1:
        found.append(f"count {count(finding, 'count'):,}")
    ids = finding.get("eventIds")
    if isinstance(ids, list) and ids:
        shown = [str(number) for number in ids[:8]]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        more = ", …" if len(ids) > len(shown) else ""  # pyright: ignore[reportUnknownArgumentType]
        found.append(f"events {', '.join(shown)}{more}")
    return ", ".join(found)
