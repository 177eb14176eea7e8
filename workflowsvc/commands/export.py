"""`workflowsvc export`: writes histories as `aws swf get-workflow-execution-history` prints them.

Owns the form and the names of the files. One run needs plain SWF operations only; many are found by a search.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, TextIO

from workflowsvc.client.answers import Object, part, rows, text
from workflowsvc.client.problems import NoSuchOperation
from workflowsvc.commands import asking, searching
from workflowsvc.commands.asking import Asking, filled
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.commands.filters import add_filter, filter_of
from workflowsvc.commands.show import events_of
from workflowsvc.display.text import counted, history_file_name, json_line, with_times
from workflowsvc.options import SettingsError

DESCRIPTION = """\
Write the history of a run as `aws swf get-workflow-execution-history` prints it, with its workflowId and runId beside
the events, to standard output or a file; or, with --to, those of all runs that meet conditions, each to a file of its
own. `workflowsvc lint`, `import` and `replay` read them. The history of one run can be read from every server of
SWF."""
EXAMPLES = (
    "export order-17 > order-17.json",
    "export --to failed --status FAILED --closed-after 7d",
    "export order-17 | workflowsvc lint -",
)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument(
        "workflow_id", nargs="?", metavar="WORKFLOW_ID", type=filled, help="the workflowId of one run"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=filled, help="write the one run there [standard output]"
    )
    parser.add_argument(
        "--to", metavar="DIR", type=filled, help="write all runs that meet the conditions below it"
    )
    add_filter(parser)


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    if (arguments.workflow_id is None) == (arguments.to is None):
        raise SettingsError("name a WORKFLOW_ID, or give --to with conditions")
    arguments.run_id = arguments.runId  # with a WORKFLOW_ID, --run-id says which run of it
    at_work = Asking(context, arguments)
    if arguments.to is not None:
        return _many(at_work, Path(arguments.to))
    given = set(filter_of(arguments, at_work.now)) - {"runId"}
    if given:
        raise SettingsError("conditions go with --to, and not with a WORKFLOW_ID")
    execution = at_work.run()
    events = list(events_of(at_work, execution))
    if arguments.output:
        _write_file(Path(arguments.output), execution, events)
        if at_work.json:
            at_work.print_json({"execution": execution, "file": arguments.output})
        at_work.note(f"{counted(len(events), 'event', 'events')} written to {arguments.output}")
    else:
        _write(context.stdout, execution, events, on_one_line=at_work.json)
    return 0


def _many(at_work: Asking, folder: Path) -> int:
    """Writes one file for each run that is found."""
    condition = filter_of(at_work.arguments, at_work.now)
    total = _count(at_work, condition)
    written = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"{folder}: {error.strerror}") from error
    pages = searching.search(at_work, condition)
    with at_work.screen.progress("histories", total) as bar:
        for page in pages:
            for summary in rows(page, "executions"):
                written += 1
                _export(at_work, folder, part(summary, "execution"))
                bar.advance_to(written, max(total, written))
    at_work.note(f"{counted(written, 'history', 'histories')} written to {folder}")
    return 0


def _count(at_work: Asking, condition: dict[str, Any]) -> int:
    """How many runs there are now, for the bar; 0 where the server does not count them."""
    answers = at_work.own_pages("CountExecutions", filter=condition)
    try:
        return sum(found for answer in answers if isinstance(found := answer.get("count"), int))
    except NoSuchOperation:
        return 0


def _export(at_work: Asking, folder: Path, execution: Object) -> None:
    named = {"workflowId": text(execution, "workflowId"), "runId": text(execution, "runId")}
    path = folder / history_file_name(named["workflowId"], named["runId"])
    _write_file(path, named, list(events_of(at_work, named)))
    if at_work.json:
        at_work.print_json({"execution": named, "file": str(path)})


def _write_file(path: Path, execution: dict[str, str], events: list[Object]) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            _write(file, execution, events)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}") from error


def _write(
    stream: TextIO, execution: dict[str, str], events: list[Object], *, on_one_line: bool = False
) -> None:
    """What AWS prints, and beside it which run it was, since no event says that."""
    if on_one_line:
        stream.write(json_line({"events": events, "execution": execution}))
        return
    json.dump({"events": with_times(events), "execution": execution}, stream, indent=4)
    stream.write("\n")
