"""`workflowsvc follow`: the events of a run as they happen, until it closes. Plain SWF operations answer it.

Owns the loop: the newest events are read from the end of the history, so that one look at a long run costs one page.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from workflowsvc.client.answers import Object, count, part, rows, seconds, text
from workflowsvc.client.problems import NoAnswer
from workflowsvc.commands import asking, statuses
from workflowsvc.commands.asking import Asking, filled, span_of
from workflowsvc.commands.context import CommandContext
from workflowsvc.display.history import CLOSING, Folding, attributes_of
from workflowsvc.display.text import moment
from workflowsvc.options import SettingsError

Found = TypeVar("Found")

DESCRIPTION = """\
Print the events of a run as they happen, until the run closes; a run that continues as new is followed into the next
one. Ctrl-C ends it. Works with every server of SWF.

Exit status: 0 when the run completed, 10 when it closed otherwise."""
EXAMPLES = ("follow order-17", "follow order-17 --from-now", "follow order-17 && deploy-next")
PATIENCE_SECONDS = 120.0  # a server that is upgraded is back by then
PAGE_SIZE = 100  # events of one look; an answer of this size is small


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    asking.add_run(parser)
    add_pace(parser)
    parser.add_argument("--from-now", action="store_true", help="leave out the events until now")


def add_pace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--interval", metavar="SPAN", type=filled, default="1s", help="the pause between two looks [1s]"
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    return follow(at_work, at_work.run(), from_now=arguments.from_now)


def pace_of(arguments: argparse.Namespace) -> int:
    """The seconds between two looks. SettingsError when they are none or too few."""
    pause = span_of("--interval", arguments.interval)
    if pause < 1:
        raise SettingsError("--interval must be a second or more")
    return pause


def follow(at_work: Asking, execution: dict[str, str], *, from_now: bool = False) -> int:
    """Prints events until the last run of the chain has closed; the exit status."""
    pause = pace_of(at_work.arguments)
    if at_work.json:
        return _follow(at_work, execution, pause, _silent, from_now=from_now)
    with at_work.screen.status(f"Following {execution['workflowId']}; Ctrl-C ends it") as status:
        return _follow(at_work, execution, pause, status.say, from_now=from_now)


def _silent(text: str) -> None:
    """With --json there is nothing for people."""


def _follow(
    at_work: Asking, execution: dict[str, str], pause: int, say: Callable[[str], None], *, from_now: bool
) -> int:
    while True:
        closing = _until_closed(at_work, execution, pause, say, from_now=from_now)
        how, from_now = text(closing, "eventType"), False
        if how != "WorkflowExecutionContinuedAsNew":
            return statuses.DONE if how == "WorkflowExecutionCompleted" else statuses.FOUND
        execution = {**execution, "runId": text(attributes_of(closing), "newExecutionRunId")}
        at_work.say(f"continued as new: {execution['runId']}")


def _until_closed(
    at_work: Asking, execution: dict[str, str], pause: int, say: Callable[[str], None], *, from_now: bool
) -> Object:
    """Prints events until one closes the run; that event."""
    folding, last, quiet = Folding(), 0, from_now
    while True:
        for event in patiently(at_work, partial(_events_after, at_work, execution, last), pause):
            last = max(last, count(event, "eventId"))
            _print(at_work, folding, event, quiet=quiet)
            if event.get("eventType") in CLOSING:
                return event
        quiet = False
        say(
            f"Following {execution['workflowId']}: {last:,} events, looked at {moment(at_work.now)}; Ctrl-C ends it"
        )
        at_work.context.clock.sleep(pause)


def patiently(at_work: Asking, ask: Callable[[], Found], pause: int) -> Found:
    """What is asked for, although the server may not answer for a while: it is restarted, or throttles.

    NoAnswer when it does not come back within PATIENCE_SECONDS, or has never answered this command."""
    until = at_work.context.clock.monotonic() + PATIENCE_SECONDS
    reported = False
    while True:
        try:
            return ask()
        except NoAnswer as error:
            if at_work.client.answers == 0 or at_work.context.clock.monotonic() >= until:
                raise
            if not reported:
                at_work.note(f"{error}; trying again for {PATIENCE_SECONDS:.0f} s")
                reported = True
        at_work.context.clock.sleep(pause)


def _events_after(at_work: Asking, execution: dict[str, str], last: int) -> list[Object]:
    """The events behind this one, oldest first."""
    found: list[Object] = []
    pages = at_work.swf_pages(
        "GetWorkflowExecutionHistory",
        execution=execution,
        reverseOrder=last > 0,
        maximumPageSize=PAGE_SIZE if last else 1000,
    )
    for page in pages:
        events = rows(page, "events")
        found += [event for event in events if count(event, "eventId") > last]
        if last and (not events or count(events[-1], "eventId") <= last + 1):
            break
    return sorted(found, key=lambda event: count(event, "eventId"))


def _print(at_work: Asking, folding: Folding, event: Object, *, quiet: bool) -> None:
    line = folding.add(event)
    if quiet:
        return
    if at_work.json:
        at_work.print_json(event)
        at_work.context.stdout.flush()
        return
    from workflowsvc.display.screen import Toned

    tone = "dim" if line.kind == "decision task" and line.tone != "bad" else line.tone
    at_work.screen.line(
        Toned(f"{moment(seconds(event, 'eventTimestamp'))}  {count(event, 'eventId'):>5}  ", "dim"),
        f"{line.kind} {line.name}".strip() + (f" ({line.type})" if line.type else ""),
        "  ",
        Toned(line.state, tone),
        Toned(f"  {line.note}"[:300] if line.note else "", "dim"),
    )


def started_run(at_work: Asking, answer: Object) -> dict[str, str]:
    """The run in the answer of a start."""
    named = part(answer, "execution") or answer
    return {
        "workflowId": text(named, "workflowId") or str(at_work.arguments.workflow_id),
        "runId": text(named, "runId"),
    }
