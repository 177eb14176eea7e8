"""`workflowsvc batch`: the same for all runs that meet conditions: starts, shows, follows and stops such work."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from workflowsvc.client.answers import Object, count, part, rows, seconds, text
from workflowsvc.commands import asking, statuses
from workflowsvc.commands.asking import Asking, filled, read_text, whole
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.commands.filters import add_filter, filter_of
from workflowsvc.commands.follow import add_pace, pace_of, patiently
from workflowsvc.commands.starting import POLICIES
from workflowsvc.display.text import counted, moment, number, span
from workflowsvc.options import SettingsError

DESCRIPTION = """\
Signal, cancel, terminate, re-run or delete all runs that meet conditions, at a limited rate. The server does the work:
it goes on when this program ends, and after a crash. `start` first says how many runs match, and asks.

Exit status of `start --follow` and `follow`: 0 when all was done, 10 when it failed for a run or was stopped."""
EXAMPLES = (
    "batch start rerun --status TIMED_OUT --closed-after 1d --reason 'outage of 28 November'",
    "batch start terminate --type order:0.9 --open --reason 'version 0.9 is gone' --dry-run",
    "batch follow B-17",
    "batch list",
    "batch rate B-17 100",
    "batch stop B-17",
)
OPERATIONS = {
    "signal": "SIGNAL",
    "cancel": "REQUEST_CANCEL",
    "terminate": "TERMINATE",
    "rerun": "RERUN",
    "delete": "DELETE",
}


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.describe(parser, DESCRIPTION, EXAMPLES)
    parsers = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)
    start = parsers.add_parser("start", allow_abbrev=False, help="start a batch")
    asking.describe(start, "Start a batch. First, say how many runs match, and ask.", EXAMPLES[:2])
    asking.add_server(start)
    start.add_argument("operation", choices=tuple(OPERATIONS), help="what is done to each run")
    start.add_argument(
        "--reason",
        required=True,
        metavar="TEXT",
        type=filled,
        help="why; kept with the batch, in the server's log and, where they have a place for it, in histories",
    )
    start.add_argument(
        "--all",
        action="store_true",
        help="all runs of the domain; needed when no condition but --open or --closed is given",
    )
    start.add_argument("--rate", metavar="N", type=filled, help="at most N runs a second [10]")
    start.add_argument("--signal-name", metavar="NAME", type=filled, help="the signal to send")
    start.add_argument("--input", metavar="TEXT", help="its input; @FILE reads a file, - standard input")
    start.add_argument("--details", metavar="TEXT", help="details of the termination")
    start.add_argument("--child-policy", choices=POLICIES, help="what happens to children of terminated runs")
    start.add_argument("--dry-run", action="store_true", help="only count the runs, and name some")
    start.add_argument("--yes", action="store_true", help="do not ask")
    start.add_argument("--follow", action="store_true", help="show how far it is until it is over")
    add_pace(start)
    add_filter(start)
    for name, said, example in (
        ("list", "list batches, the newest first", "batch list --json"),
        ("show", "show one batch and its results by run", "batch show B-17 --failed"),
        ("follow", "show how far a batch is until it is over", "batch follow B-17"),
        ("stop", "stop a batch; what is done stays done", "batch stop B-17"),
        ("rate", "change the rate of a batch at work", "batch rate B-17 100"),
    ):
        action = parsers.add_parser(name, allow_abbrev=False, help=said)
        asking.describe(action, f"{said[0].upper()}{said[1:]}.", [example])
        asking.add_server(action)
        if name == "list":
            continue
        action.add_argument(
            "batch_id", metavar="BATCH_ID", type=filled, help="as `start` and `list` print it"
        )
        if name == "show":
            action.add_argument("--failed", action="store_true", help="only runs for which it failed")
        if name == "follow":
            add_pace(action)
        if name == "rate":
            action.add_argument("rate", metavar="N", type=filled, help="at most N runs a second")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    actions = {
        "start": _start,
        "list": _list,
        "show": _show,
        "follow": _follow_named,
        "stop": _stop,
        "rate": _rate,
    }
    return actions[arguments.action](at_work)


def _start(at_work: Asking) -> int:
    arguments = at_work.arguments
    condition = filter_of(arguments, at_work.now)
    if not condition.keys() - {"executionStatus"} and not arguments.all:  # the operation implies the status
        raise SettingsError("no condition is given: say --all to mean all runs of the domain")
    if (arguments.operation == "signal") != bool(arguments.signal_name):
        raise SettingsError("--signal-name belongs to `batch start signal`, which needs it")
    members: dict[str, Any] = {
        "filter": condition or None,
        "all": arguments.all or None,
        "operation": OPERATIONS[arguments.operation],
        "reason": arguments.reason,
        "signalName": arguments.signal_name,
        "input": read_text(at_work.context, arguments.input),
        "details": arguments.details,
        "childPolicy": arguments.child_policy,
        "ratePerSecond": whole("--rate", arguments.rate, minimum=1) if arguments.rate else None,
    }
    if arguments.dry_run or not arguments.yes:
        matching = at_work.own("StartBatch", **members, dryRun=True)
        _print_matching(at_work, matching)
        if arguments.dry_run:
            return statuses.DONE
        if not count(matching, "matching") and matching.get("countIsComplete"):
            raise CommandFailed("no run matches: nothing was started")
        at_work.confirm(f"{arguments.operation.capitalize()} these runs?")
    answer = at_work.own("StartBatch", **members)
    batch_id = text(answer, "batchId")
    if at_work.json:
        at_work.print_json(answer)
    at_work.say(f"started batch {batch_id}; `workflowsvc batch follow {batch_id}` shows how far it is")
    return _follow(at_work, batch_id) if arguments.follow else statuses.DONE


def _print_matching(at_work: Asking, answer: Object) -> None:
    if at_work.json:
        if at_work.arguments.dry_run:
            at_work.print_json(answer)
        return
    runs = count(answer, "matching")
    least = "" if answer.get("countIsComplete") else "at least "
    at_work.say(f"{least}{counted(runs, 'run', 'runs')} of {at_work.domain} to {at_work.arguments.operation}")
    for example in rows(answer, "examples"):
        at_work.screen.line(f"  {text(example, 'workflowId')}  {text(example, 'runId')}")


def _list(at_work: Asking) -> int:
    found = [row for page in at_work.own_pages("ListBatches") for row in rows(page, "batches")]
    at_work.print_list(found, _print)
    return statuses.DONE


def _show(at_work: Asking) -> int:
    batch: Object = {}
    results: list[Object] = []
    for page in at_work.own_pages("DescribeBatch", batchId=at_work.arguments.batch_id, maximumPageSize=1000):
        batch = part(page, "batch")
        results += rows(page, "results")
    if at_work.arguments.failed:
        results = [row for row in results if row.get("status") == "FAILED"]
    if at_work.json:
        at_work.print_json(batch)
        for row in results:
            at_work.print_json(row)
        return statuses.DONE
    from workflowsvc.display.screen import Column, Toned

    _print(at_work, [batch])
    at_work.say(f"reason: {text(batch, 'reason')}")
    if results:
        at_work.say("")
        at_work.screen.table(
            [
                Column("RESULT"),
                Column("WORKFLOW ID", wraps=True),
                Column("RUN ID"),
                Column("NOTE", wraps=True),
            ],
            [
                [
                    Toned(text(row, "status"), "good" if row.get("status") == "SUCCEEDED" else "bad"),
                    text(part(row, "execution"), "workflowId"),
                    text(part(row, "execution"), "runId"),
                    text(row, "error") or (f"new run {text(row, 'newRunId')}" if row.get("newRunId") else ""),
                ]
                for row in results
            ],
        )
    return statuses.DONE


def _print(at_work: Asking, found: list[Object]) -> None:
    from workflowsvc.display.screen import Column, Toned

    if not found:
        at_work.screen.line(Toned("No batches.", "dim"))
        return
    tones = {"RUNNING": "open", "COMPLETED": "good", "STOPPED": "neutral"}
    columns = [
        Column("BATCH"),
        Column("STATUS"),
        Column("WORK"),
        Column("STARTED"),
        Column("TOOK", right=True),
        Column("DONE", right=True),
        Column("FAILED", right=True),
        Column("A SECOND", right=True),
    ]
    table = [
        [
            text(batch, "batchId"),
            Toned(text(batch, "status"), tones.get(text(batch, "status"), "")),
            text(batch, "operation").lower().replace("request_", ""),
            moment(batch.get("startTimestamp")),
            _took(at_work, batch),
            number(batch.get("succeeded")),
            Toned(number(batch.get("failed")), "bad" if batch.get("failed") else ""),
            number(batch.get("ratePerSecond")),
        ]
        for batch in found
    ]
    at_work.screen.table(columns, table)


def _took(at_work: Asking, batch: Object) -> str:
    started, closed = seconds(batch, "startTimestamp"), seconds(batch, "closeTimestamp")
    return span((at_work.now if closed is None else closed) - started) if started is not None else ""


def _follow_named(at_work: Asking) -> int:
    return _follow(at_work, at_work.arguments.batch_id)


def _follow(at_work: Asking, batch_id: str) -> int:
    """Shows how far the batch is until it is over, as a bar or in lines of a log; the exit status."""
    pause = pace_of(at_work.arguments)
    if at_work.json:
        batch = _until_over(at_work, batch_id, pause, at_work.print_json)
    else:
        with at_work.screen.progress("runs", None) as bar:

            def report(batch: Object) -> None:
                bar.advance_to(count(batch, "succeeded") + count(batch, "failed"), count(batch, "matching"))

            batch = _until_over(at_work, batch_id, pause, report)
        at_work.say(_progress_line(batch))
    over = batch.get("status") == "COMPLETED" and not count(batch, "failed")
    return statuses.DONE if over else statuses.FOUND


def _until_over(at_work: Asking, batch_id: str, pause: int, report: Any) -> Object:
    while True:
        ask = partial(at_work.own, "DescribeBatch", batchId=batch_id, maximumPageSize=1)
        batch = part(patiently(at_work, ask, pause), "batch")
        report(batch)
        if batch.get("status") != "RUNNING":
            return batch
        at_work.context.clock.sleep(pause)


def _progress_line(batch: Object) -> str:
    done, failed = count(batch, "succeeded"), count(batch, "failed")
    return (
        f"{text(batch, 'status').lower()}: {done:,} done, {failed:,} failed, of {count(batch, 'matching'):,}"
    )


def _stop(at_work: Asking) -> int:
    at_work.own("StopBatch", batchId=at_work.arguments.batch_id)
    batch = part(at_work.own("DescribeBatch", batchId=at_work.arguments.batch_id, maximumPageSize=1), "batch")
    if at_work.json:
        at_work.print_json(batch)
    at_work.say(f"batch {at_work.arguments.batch_id} is over: {_progress_line(batch)}")
    return statuses.DONE


def _rate(at_work: Asking) -> int:
    rate = whole("N", at_work.arguments.rate, minimum=1)
    at_work.own("UpdateBatch", batchId=at_work.arguments.batch_id, ratePerSecond=rate)
    if at_work.json:
        at_work.print_json({"batchId": at_work.arguments.batch_id, "ratePerSecond": rate})
    at_work.say(f"batch {at_work.arguments.batch_id} does at most {rate:,} runs a second")
    return statuses.DONE
