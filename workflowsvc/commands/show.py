"""`workflowsvc show`: one run, compactly or in full, with its children on request. Plain SWF operations answer it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workflowsvc.client.answers import Object, part, rows, seconds, text, type_name
from workflowsvc.client.problems import NotFound
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, Speaking
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.list import status_cell
from workflowsvc.display import history
from workflowsvc.display.clock import spoken_clock
from workflowsvc.display.history import Line, attributes_of
from workflowsvc.display.text import counted, moment, span

if TYPE_CHECKING:
    from workflowsvc.display.screen import Branch, Cell

DESCRIPTION = """\
Show a run: one line for everything about one activity, timer, child or signal. Decision tasks that a decider has
answered are left out unless --decisions is given. Works with every server of SWF."""
EXAMPLES = (
    "show order-17",
    "show order-17 --full",
    "show order-17 --tree",
    "show order-17 --full --json | jq 'select(.eventType == \"ActivityTaskFailed\")'",
)
MAX_RUNS_OF_A_TREE = 500  # each costs two calls or more


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.add_arguments(parser, DESCRIPTION, EXAMPLES)
    asking.add_run(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--full", action="store_true", help="every event with its attributes")
    form.add_argument("--decisions", action="store_true", help="the decision tasks as well")
    form.add_argument("--tree", action="store_true", help="the run and its children, and theirs")


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    at_work = Asking(context, arguments)
    execution = at_work.run()
    if arguments.tree:
        _show_tree(at_work, execution)
        return 0
    detail = at_work.swf("DescribeWorkflowExecution", execution=execution)
    if arguments.full:
        if not at_work.json:
            _show_head(at_work, detail)
        for event in events_of(at_work, execution):
            if at_work.json:
                at_work.print_json(event)
            else:
                show_event(at_work, event)
        return 0
    if at_work.json:
        lines = history.fold(events_of(at_work, execution))
        at_work.print_json({"kind": "run", **detail})
        for line in lines:
            if arguments.decisions or not line.is_quiet():
                at_work.print_json(line.as_json())
        return 0
    with at_work.screen.status("Reading the history …"):
        lines = history.fold(events_of(at_work, execution))
    _show_head(at_work, detail)
    show_lines(at_work, lines, decisions=arguments.decisions)
    return 0


def events_of(at_work: Asking, execution: dict[str, str]) -> Iterator[Object]:
    """The whole history, oldest event first."""
    for page in at_work.swf_pages("GetWorkflowExecutionHistory", execution=execution, maximumPageSize=1000):
        yield from rows(page, "events")


def _show_head(at_work: Asking, detail: Object) -> None:
    from workflowsvc.display.screen import Toned

    info, configuration = part(detail, "executionInfo"), part(detail, "executionConfiguration")
    execution = part(info, "execution")
    screen = at_work.screen
    screen.line(
        Toned(text(execution, "workflowId"), "bold"),
        "  ",
        status_cell(info),
        "  ",
        type_name(info, "workflowType"),
    )
    screen.line(Toned("run      ", "dim"), text(execution, "runId"))
    started, closed = seconds(info, "startTimestamp"), seconds(info, "closeTimestamp")
    clock = at_work.clock(at_work.domain)
    here = at_work.now if clock is None else seconds(clock, "now") or at_work.now
    took = span((closed if closed is not None else here) - started) if started is not None else ""
    ended = f", closed {moment(closed)} after {took}" if closed is not None else f", {took} ago"
    screen.line(Toned("started  ", "dim"), f"{moment(started)}{ended}")
    if clock is not None:
        screen.line(Toned("clock    ", "dim"), f"the time of the domain is not real: {spoken_clock(clock)}")
    task_list = text(part(configuration, "taskList"), "name")
    if task_list:
        screen.line(Toned("decider  ", "dim"), f"polls {task_list}")
    parent = part(info, "parent")
    if parent:
        screen.line(Toned("parent   ", "dim"), f"{text(parent, 'workflowId')} {text(parent, 'runId')}")
    tags = info.get("tagList")
    if isinstance(tags, list) and tags:
        screen.line(Toned("tags     ", "dim"), ", ".join(map(str, tags)))  # pyright: ignore[reportUnknownArgumentType]
    pending = history.pending(part(detail, "openCounts"))
    if pending:
        screen.line(Toned("pending  " if closed is None else "at close ", "dim"), ", ".join(pending))
    screen.line()


def show_lines(at_work: Speaking, lines: list[Line], *, decisions: bool) -> None:
    """One line for everything about one activity, timer, child or signal."""
    from workflowsvc.display.screen import Column, Toned

    start = next((line.began for line in lines if line.began is not None), None)
    table = [
        [
            history.event_ids(line.events),
            f"+{span(line.began - start)}" if line.began is not None and start is not None else "",
            f"{line.kind} {line.name}".strip() + (f" ({line.type})" if line.type else ""),
            Toned(f"{line.state} × {line.times}" if line.times > 1 else line.state, line.tone),
            history.took(line),
            Toned(history.note(line), "dim"),
        ]
        for line in history.shown(lines, decisions=decisions)
    ]
    columns = [
        Column("EVENTS"),
        Column("AT", right=True),
        Column("WHAT", wraps=True),
        Column("STATE"),
        Column("TOOK", right=True),
        Column("NOTE", cut=True),
    ]
    at_work.screen.table(columns, table)
    answered = sum(line.is_quiet() for line in lines)
    if answered and not decisions:
        left_out = counted(answered, "answered decision task", "answered decision tasks")
        at_work.screen.line(Toned(f"{left_out} left out: --decisions shows them", "dim"))


def show_event(at_work: Speaking, event: Object) -> None:
    """An event with its attributes, a line each."""
    from workflowsvc.display.screen import Toned

    at_work.screen.line(
        Toned(f"{text(event, 'eventId'):>6}  ", "dim"),
        moment(event.get("eventTimestamp")),
        "  ",
        Toned(text(event, "eventType"), "bold"),
    )
    for name, value in attributes_of(event).items():
        at_work.screen.line("        ", Toned(f"{name}: ", "dim"), _value(value))


def _value(value: Any) -> str:
    if isinstance(value, dict) and set(value) <= {"name", "version"}:  # pyright: ignore[reportUnknownArgumentType]
        return ":".join(map(str, value.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    if isinstance(value, dict | list):
        return asking.json_line({"": value})[4:-2]  # pyright: ignore[reportUnknownArgumentType]
    return str(value)


def _show_tree(at_work: Asking, execution: dict[str, str]) -> None:
    """The run with all runs that it started as children, theirs below them, whatever became of them."""
    seen: set[str] = set()
    root = _node(at_work, execution, seen, "")
    if not at_work.json:
        at_work.screen.tree(root)
    if len(seen) >= MAX_RUNS_OF_A_TREE:
        at_work.note(f"these are the first {MAX_RUNS_OF_A_TREE} runs; show a child to see those below it")


def _node(at_work: Asking, execution: dict[str, str], seen: set[str], parent: str) -> Branch:
    """The branch of one run. Nothing is recursive: a chain of children may be long."""
    from workflowsvc.display.screen import Branch

    root: list[Branch] = []
    waiting: list[tuple[dict[str, str], str, list[Branch]]] = [(execution, parent, root)]
    while waiting:
        named, above, place = waiting.pop()
        if named["runId"] in seen or len(seen) >= MAX_RUNS_OF_A_TREE:
            continue
        seen.add(named["runId"])
        below: list[Branch] = []
        cells, children = _run_of_a_tree(at_work, named, above)
        place.append(Branch(cells, below))
        waiting.extend((child, named["runId"], below) for child in reversed(children))
    return root[0]


def _run_of_a_tree(
    at_work: Asking, execution: dict[str, str], above: str
) -> tuple[list[Cell], list[dict[str, str]]]:
    """The line of one run, and its children."""
    from workflowsvc.display.screen import Toned

    try:
        info = part(at_work.swf("DescribeWorkflowExecution", execution=execution), "executionInfo")
    except NotFound:
        gone = "no longer stored"
        if at_work.json:
            at_work.print_json({"execution": execution, "parentRunId": above, "executionStatus": gone})
        return [execution["workflowId"], "  ", Toned(gone, "dim")], []
    children: list[dict[str, str]] = []
    for event in events_of(at_work, execution):
        if event.get("eventType") == "ChildWorkflowExecutionStarted":
            child = part(attributes_of(event), "workflowExecution")
            children.append({"workflowId": text(child, "workflowId"), "runId": text(child, "runId")})
    if at_work.json:
        at_work.print_json({**info, **({"parentRunId": above} if above else {})})
    started = seconds(info, "startTimestamp")
    closed = seconds(info, "closeTimestamp")
    lasted = span((closed or at_work.now) - started) if started is not None else ""
    return [
        Toned(execution["workflowId"], "bold"),
        "  ",
        status_cell(info),
        f"  {type_name(info, 'workflowType')}  ",
        Toned(f"{moment(started)}, {lasted}", "dim"),
    ], children
