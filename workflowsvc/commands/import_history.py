"""`workflowsvc import`: makes closed, read-only runs of exported histories, to look at them."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflowsvc.client.answers import count, part, text
from workflowsvc.client.problems import Refused
from workflowsvc.commands import asking, statuses
from workflowsvc.commands.asking import Asking, filled
from workflowsvc.commands.context import CommandContext
from workflowsvc.model.history_file import execution_of, names_of, packed, text_of
from workflowsvc.options import SettingsError

DESCRIPTION = """\
Make a closed, read-only run of each history in a file, as `workflowsvc export` or `aws swf
get-workflow-execution-history` wrote it, in a domain that is made for imported histories.

Exit status: 1 when a file was refused; the others are imported all the same."""
EXAMPLES = (
    "import order-17.json --domain imported",
    "import failed/*.json --domain imported --json",
)


COMPRESSED_FROM = 100_000  # letters; a request may have about a megabyte


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument(
        "files", nargs="+", metavar="FILE", type=filled, help="a file with a history; - is standard input"
    )
    parser.add_argument(
        "--workflow-id",
        metavar="W",
        type=filled,
        help="its workflowId here [the one that the file has beside the events, or else the name of the file]",
    )
    parser.add_argument("--run-id", metavar="R", type=filled, help="the runId that it had")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    if (arguments.workflow_id or arguments.run_id) and len(arguments.files) > 1:
        raise SettingsError("--workflow-id and --run-id are for one file")
    if "-" in arguments.files and not arguments.workflow_id:
        raise SettingsError("what standard input holds has no name: give --workflow-id")
    if not (arguments.domain or context.environment.get(asking.DOMAIN_VARIABLE)):
        raise SettingsError(
            "give --domain: the domain for imported histories, which is made if it does not exist"
        )
    at_work = Asking(context, arguments)
    refused = 0
    if at_work.json:
        for file in arguments.files:
            refused += not _import(at_work, file)
    else:
        with at_work.screen.progress("histories", len(arguments.files)) as bar:
            for number, file in enumerate(arguments.files, 1):
                refused += not _import(at_work, file)
                bar.advance_to(number)
    return statuses.FAILED if refused else statuses.DONE


def _import(at_work: Asking, file: str) -> bool:
    """Whether the file was imported; what was wrong with it is reported."""
    try:
        history = _read(at_work.context, file)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        at_work.note(f"{file} cannot be read: {reason}")
        return False
    return import_text(at_work, file, history, *_names(at_work, file, history))


def import_text(at_work: Asking, name: str, history: str, workflow_id: str, run_id: str | None) -> bool:
    """Whether the history was imported; a refusal is reported. `name`: of the file or object that holds it."""
    whole = (
        {"history": history}
        if len(history) < COMPRESSED_FROM
        else {"compressedHistory": packed(history.encode())}
    )
    try:
        answer = at_work.own("ImportHistory", workflowId=workflow_id, runId=run_id, **whole)
    except Refused as error:
        at_work.note(f"{name}: {error}")
        return False
    execution = part(answer, "execution")
    if at_work.json:
        at_work.print_json({"file": name, **answer})
    named = f"{text(execution, 'workflowId')}, run {text(execution, 'runId')}"
    at_work.say(f"imported {name}: {named}, {count(answer, 'events'):,} events")
    return True


def _read(context: CommandContext, file: str) -> str:
    data = context.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    return text_of(data)


def _names(at_work: Asking, file: str, history: str) -> tuple[str, str | None]:
    """The workflowId that the run gets, and the runId that it had: as given, else of the file, else of its name."""
    found = execution_of(history.encode()) or (names_of(Path(file).name) if file != "-" else ("", None))
    return str(at_work.arguments.workflow_id or found[0]), at_work.arguments.run_id or found[1]
