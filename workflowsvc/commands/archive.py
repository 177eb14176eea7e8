"""`workflowsvc archive`: the histories of deleted runs in a folder or a bucket: found, shown, verified, imported again.

Owns the options and what is printed. No server is asked, but by `import`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from workflowsvc.archive.finding import FoundRun, Wanted, find
from workflowsvc.archive.form import Head, NoArchivedRun, read_head, read_run
from workflowsvc.archive.names import object_name
from workflowsvc.archive.place import Place, PlaceFailed, open_place
from workflowsvc.commands import asking, statuses
from workflowsvc.commands.asking import Asking, Speaking, filled, whole
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.display.text import counted, moment, span
from workflowsvc.options import SettingsError

if TYPE_CHECKING:
    from workflowsvc.display.screen import Cell

DESCRIPTION = """\
Find, show, verify and import the histories that `workflowsvc serve --archive` keeps of runs that were deleted because
of their age. The folder or bucket is read directly; only `import` asks a server."""
EXAMPLES = (
    "archive list --archive /srv/archive --domain shop --day 2026-11-30",
    "archive list --archive s3://histories/swf --domain shop --workflow-id order-17",
    "archive show order-17 --archive /srv/archive",
    "archive show order-17 --archive /srv/archive --full --json | jq .eventType",
    "archive verify --archive /srv/archive --day 2026-11",
    "archive import --archive /srv/archive --workflow-id order-17 --into old-orders",
)
LIMIT = 1_000  # runs that are listed without --limit; of each, the beginning of its object is read
MAX_FINDINGS = 3  # of lint, for each run that is verified


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.describe(parser, DESCRIPTION, EXAMPLES)
    parsers = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)

    def add(action: str, help: str, description: str) -> argparse.ArgumentParser:
        subparser = parsers.add_parser(action, allow_abbrev=False, help=help)
        examples = tuple(example for example in EXAMPLES if example.startswith(f"archive {action} "))
        asking.describe(subparser, description, examples)
        _add_place(subparser, context)
        return subparser

    listing = add("list", "list runs", "List archived runs, by domain and the day of their close.")
    _add_filter(listing)
    listing.add_argument("--limit", metavar="N", default=str(LIMIT), help=f"at most this number [{LIMIT}]")
    listing.add_argument(
        "--names", action="store_true", help="only the names of the objects, one a line; none is read"
    )
    showing = add(
        "show",
        "show a run",
        "Show an archived run, as `workflowsvc show` does; of several with this workflowId the one that closed last.",
    )
    showing.add_argument("workflow_id", metavar="WORKFLOW_ID", type=filled, help="the workflowId of the run")
    _add_filter(showing, workflow_id=False)
    form = showing.add_mutually_exclusive_group()
    form.add_argument("--full", action="store_true", help="every event with its attributes")
    form.add_argument("--decisions", action="store_true", help="the decision tasks as well")
    verifying = add(
        "verify",
        "read runs as a whole and judge them",
        "Read archived runs as a whole: whether each is complete and undamaged, has the right name, and a history that "
        "`workflowsvc lint` accepts. Exit status 10 when one is not sound.",
    )
    _add_filter(verifying)
    importing = add(
        "import",
        "make read-only runs of them",
        "Make a closed, read-only run of each archived run that is found, as `workflowsvc import` does. Exit status 1 "
        "when one was refused; the others are imported all the same.",
    )
    _add_filter(importing)
    importing.add_argument(
        "--into", metavar="D", type=filled, required=True,
        help="the domain for imported histories, which is made if it does not exist",
    )  # fmt: skip
    asking.add_server(importing, domain=False, json=False)


def _add_place(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    given = context.environment.get("WORKFLOWSVC_ARCHIVE")
    parser.add_argument(
        "--archive",
        metavar="WHERE",
        type=filled,
        default=given,
        required=given is None,
        help="the folder, or s3://BUCKET/PREFIX, as for serve [WORKFLOWSVC_ARCHIVE]",
    )
    parser.add_argument(
        "--archive-endpoint",
        metavar="URL",
        default=context.environment.get("WORKFLOWSVC_ARCHIVE_ENDPOINT", ""),
        help="the S3-compatible service that has the bucket [WORKFLOWSVC_ARCHIVE_ENDPOINT]",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")


def _add_filter(parser: argparse.ArgumentParser, *, workflow_id: bool = True) -> None:
    group = parser.add_argument_group("which runs")
    add = partial(group.add_argument, type=filled)
    add("-d", "--domain", metavar="D", help="of this domain [all]")
    add(
        "--day",
        metavar="DAY",
        help="that closed on this day, or in this month or year, in UTC: 2026-11-30, 2026-11",
    )
    if workflow_id:
        add(
            "--workflow-id",
            metavar="W",
            help="of this workflowId; with --day and --domain it is found at once",
        )
    add("--run-id", metavar="R", help="with this runId")
    add("--account", metavar="A", help="of this account [all]")
    add("--of-region", metavar="R", help="of this region [all]")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    place = open_place(arguments.archive, arguments.archive_endpoint)
    wanted = _wanted(arguments)
    try:
        match arguments.action:
            case "list":
                return _list(Speaking(context, arguments), place, wanted)
            case "show":
                return _show(Speaking(context, arguments), place, wanted)
            case "verify":
                return _verify(Speaking(context, arguments), place, wanted)
            case _:
                arguments.domain = arguments.into
                return _import(Asking(context, arguments), place, wanted)
    except PlaceFailed as error:
        raise CommandFailed(str(error)) from error


def _wanted(arguments: argparse.Namespace) -> Wanted:
    day = arguments.day
    if day is not None and not re.fullmatch(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?", day):
        raise SettingsError(f"--day: {day!r} is no day, month or year, such as 2026-11-30, 2026-11 or 2026")
    for option, given in (("--account", arguments.account), ("--of-region", arguments.of_region)):
        if given is not None and not re.fullmatch(r"[0-9a-z-]+", given):
            raise SettingsError(f"{option}: {given!r} is none")
    return Wanted(
        arguments.account,
        arguments.of_region,
        arguments.domain,
        day,
        arguments.workflow_id,
        arguments.run_id,
    )


# --- list ---


def _list(at_work: Speaking, place: Place, wanted: Wanted) -> int:
    limit = whole("--limit", at_work.arguments.limit, minimum=1)
    found = list(islice(find(place, wanted), limit + 1))
    rows: list[list[Cell]] = []
    unreadable = 0
    for each in found[:limit]:
        if at_work.arguments.names:
            at_work.context.write(f"{each.object.name}\n")
            continue
        head = _head(at_work, place, each)
        if head is None:
            unreadable += 1
        elif at_work.json:
            at_work.print_json(_as_json(each, head))
        else:
            rows.append(_row(head))
    if rows:
        _print(at_work, rows)
    if len(found) > limit:
        at_work.note(f"these are the first {limit}; --limit, --day or --domain show others")
    elif not found:
        at_work.note("no such run")
    return statuses.FAILED if unreadable else statuses.DONE


def _head(at_work: Speaking, place: Place, found: FoundRun) -> Head | None:
    """None for what is no archived run, which is reported."""
    try:
        with place.open(found.object.name) as source:
            return read_head(source)
    except NoArchivedRun as error:
        at_work.note(f"{found.object.name}: {error}")
        return None


def _as_json(found: FoundRun, head: Head) -> dict[str, Any]:
    info = head.execution_info
    return {
        "name": found.object.name,
        "bytes": found.object.size,
        "account": head.account,
        "region": head.region,
        "domain": head.domain,
        "execution": {"workflowId": info.execution.workflow_id, "runId": info.execution.run_id},
        "workflowType": {"name": info.workflow_type.name, "version": info.workflow_type.version},
        "closeStatus": info.close_status,
        "startTimestamp": info.start_timestamp,
        "closeTimestamp": info.close_timestamp,
        "events": head.events,
    }


def _row(head: Head) -> list[Cell]:
    from workflowsvc.display.screen import Toned

    info = head.execution_info
    tone = "good" if info.close_status == "COMPLETED" else "neutral"
    return [
        moment(info.close_timestamp),
        head.domain,
        Toned(info.execution.workflow_id, "bold"),
        Toned(info.close_status or "", tone),
        f"{info.workflow_type.name}:{info.workflow_type.version}",
        span(info.close_timestamp - info.start_timestamp),
        f"{head.events:,}",
        Toned(info.execution.run_id, "dim"),
    ]


def _print(at_work: Speaking, rows: list[list[Cell]]) -> None:
    from workflowsvc.display.screen import Column

    at_work.screen.table(
        [
            Column("CLOSED"),
            Column("DOMAIN", wraps=True),
            Column("WORKFLOW ID", wraps=True),
            Column("STATUS"),
            Column("TYPE", wraps=True),
            Column("TOOK", right=True),
            Column("EVENTS", right=True),
            Column("RUN ID"),
        ],
        rows,
    )


# --- show ---


def _show(at_work: Speaking, place: Place, wanted: Wanted) -> int:
    from workflowsvc.commands.show import show_event, show_lines
    from workflowsvc.display import history

    found = _newest(at_work, place, wanted)
    if found is None:
        at_work.note("there is no such run in the archive")
        return statuses.NOT_FOUND
    try:
        with place.open(found.object.name) as source:
            head, events = read_run(source)
            if at_work.arguments.full:
                if not at_work.json:
                    _show_head(at_work, found, head)
                for event in events:
                    (at_work.print_json if at_work.json else partial(show_event, at_work))(event)
                return statuses.DONE
            lines = history.fold(events)
    except NoArchivedRun as error:
        raise CommandFailed(f"{found.object.name}: {error}") from error
    if at_work.json:
        at_work.print_json({"kind": "run", **_as_json(found, head)})
        for line in lines:
            if at_work.arguments.decisions or not line.is_quiet():
                at_work.print_json(line.as_json())
        return statuses.DONE
    _show_head(at_work, found, head)
    show_lines(at_work, lines, decisions=at_work.arguments.decisions)
    return statuses.DONE


def _newest(at_work: Speaking, place: Place, wanted: Wanted) -> FoundRun | None:
    """The run that closed last; of those of one day their first lines decide."""
    found = list(find(place, wanted))
    if not found:
        return None
    last = max(each.name.day for each in found)
    of_day = [each for each in found if each.name.day == last]
    if len(of_day) == 1:
        return of_day[0]
    heads = [(head, each) for each in of_day if (head := _head(at_work, place, each)) is not None]
    if not heads:
        raise CommandFailed(f"none of the {len(of_day)} objects of this workflowId can be read")
    return max(heads, key=lambda pair: pair[0].execution_info.close_timestamp)[1]


def _show_head(at_work: Speaking, found: FoundRun, head: Head) -> None:
    from workflowsvc.display.screen import Toned

    info, screen = head.execution_info, at_work.screen
    screen.line(
        Toned(info.execution.workflow_id, "bold"),
        f"  {info.close_status}  {info.workflow_type.name}:{info.workflow_type.version}",
    )
    took = span(info.close_timestamp - info.start_timestamp)
    lines = [
        ("run", info.execution.run_id),
        ("domain", f"{head.domain} ({head.account}/{head.region})"),
        ("started", f"{moment(info.start_timestamp)}, closed {moment(info.close_timestamp)} after {took}"),
        ("archived", f"{found.object.name}, {found.object.size:,} bytes"),
    ]
    if info.parent is not None:
        lines.append(("parent", f"{info.parent.workflow_id} {info.parent.run_id}"))
    if info.tag_list:
        lines.append(("tags", ", ".join(map(str, info.tag_list))))
    for label, said in lines:
        screen.line(Toned(f"{label:<9}", "dim"), said)
    screen.line()


# --- verify ---


def _verify(at_work: Speaking, place: Place, wanted: Wanted) -> int:
    sound = unsound = 0
    for found in find(place, wanted):
        problems = list(_problems(place, found))
        sound, unsound = sound + (not problems), unsound + bool(problems)
        for problem in problems:
            if at_work.json:
                at_work.print_json({"name": found.object.name, "problem": problem})
            at_work.say(f"{found.object.name}: {problem}")
    at_work.note(
        f"{counted(sound, 'run is', 'runs are')} sound"
        + (f", {counted(unsound, 'run is', 'runs are')} not" if unsound else "")
    )
    return statuses.FOUND if unsound else statuses.DONE


def _problems(place: Place, found: FoundRun) -> Iterator[str]:
    from workflowsvc.lint import lint_history

    try:
        with place.open(found.object.name) as source:
            head, stream = read_run(source)
            events = list(stream)
    except NoArchivedRun as error:
        yield str(error)
        return
    info = head.execution_info
    right = object_name(
        head.account,
        head.region,
        head.domain,
        round(info.close_timestamp * 1000),
        info.execution.workflow_id,
        info.execution.run_id,
    )
    if right != found.object.name:
        yield f"its name should be {right}"
    findings = lint_history(events, complete=True)
    for finding in findings[:MAX_FINDINGS]:
        yield f"{finding.rule} at event {finding.event_id}: {finding.message}"
    if len(findings) > MAX_FINDINGS:
        yield f"and {len(findings) - MAX_FINDINGS} findings more"


# --- import ---


def _import(at_work: Asking, place: Place, wanted: Wanted) -> int:
    from workflowsvc.commands.import_history import import_text
    from workflowsvc.model.history_file import text_of

    imported = refused = 0
    for found in find(place, wanted):
        try:
            with place.open(found.object.name) as source:
                data = source.read()
            text, head = text_of(data), read_head(BytesIO(data))
        except (NoArchivedRun, OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            at_work.note(f"{found.object.name} cannot be read: {reason}")
            refused += 1
            continue
        named = head.execution
        done = import_text(at_work, found.object.name, text, named.workflow_id, named.run_id)
        imported, refused = imported + done, refused + (not done)
    at_work.note(f"{counted(imported, 'run was', 'runs were')} imported into {at_work.domain}")
    return statuses.FAILED if refused else statuses.DONE
