"""`workflowsvc access export` and `access import`: users, groups and policies as one JSON document, without secrets."""

from __future__ import annotations

from pathlib import Path

from workflowsvc.client.answers import count, rows, text
from workflowsvc.commands import statuses
from workflowsvc.commands.access.actions import Parsers, add_action
from workflowsvc.commands.access.calling import AtWork, read_file
from workflowsvc.commands.asking import filled
from workflowsvc.commands.context import CommandFailed
from workflowsvc.display.text import counted


def add_actions(parsers: Parsers) -> None:
    export = add_action(
        parsers,
        "export",
        "write users, groups and policies as one JSON document",
        _export,
        "access export --to access.json",
        more="It holds no keys and no secrets.",
    )
    export.add_argument("--to", metavar="FILE", type=filled, help="the file [standard output]")
    importing = add_action(
        parsers,
        "import",
        "create and update what a document says",
        _import,
        "access import access.json --dry-run",
        more="Nothing is deleted, and a document with an error is refused as a whole.",
    )
    importing.add_argument("file", metavar="FILE", type=filled, help="the document; - reads standard input")
    importing.add_argument("--dry-run", action="store_true", help="only say what would be changed")


def _export(at_work: AtWork) -> int:
    document = text(at_work.ask("ExportAccess"), "document")
    to = at_work.arguments.to
    if to is None:
        at_work.context.write(document)
        return statuses.DONE
    try:
        Path(to).write_text(document, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{to} cannot be written: {error.strerror}") from error
    if at_work.json:
        at_work.print_json({"file": to})
    at_work.say(f"written to {to}")
    return statuses.DONE


def _import(at_work: AtWork) -> int:
    document = read_file(at_work, at_work.arguments.file)
    answer = at_work.ask("ImportAccess", document=document, dryRun=at_work.arguments.dry_run or None)
    if at_work.json:
        at_work.print_json(answer)
        return statuses.DONE
    for change in rows(answer, "changes"):
        at_work.say(f"{text(change, 'kind').lower()}  {text(change, 'subject')}")
    changes = counted(count(answer, "count"), "change", "changes")
    at_work.say(changes if answer.get("applied") else f"{changes} would be made")
    return statuses.DONE
