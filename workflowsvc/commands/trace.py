"""`workflowsvc trace`: histories as traces, for the viewers that read OpenTelemetry's protocol.

Owns the options, and where histories come from and spans go. What a span is, is `workflowsvc.traces`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from workflowsvc import __version__
from workflowsvc.client.answers import part, seconds, text
from workflowsvc.client.problems import NotFound
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Asking, Speaking, filled
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.commands.show import MAX_RUNS_OF_A_TREE, events_of
from workflowsvc.commands.trace_sending import Receiver
from workflowsvc.display.history import attributes_of
from workflowsvc.display.text import counted
from workflowsvc.model.history_file import NoHistory, execution_of, names_of, read_events
from workflowsvc.options import SettingsError
from workflowsvc.replay.recording import Source, Unusable, find_files, read_sources
from workflowsvc.traces.context import SpanContext, read_traceparent
from workflowsvc.traces.otlp_json import traces_data
from workflowsvc.traces.run_spans import NotWhole, RunHistory, require_whole
from workflowsvc.traces.span import Span
from workflowsvc.traces.tree import spans_of_runs

DESCRIPTION = "Turn histories into traces, for Jaeger, Tempo and other viewers of OpenTelemetry."
EXPORT = """\
Turn the history of a run into spans: the run, its decision tasks, activities, timers, children and Lambda tasks, each
with its wait in the task list apart from its work. They are written as one object in OpenTelemetry's JSON, or sent to a
collector with --to. The same history gives the same ids each time. Works with every server of SWF, and with files as
`workflowsvc export` or `aws swf get-workflow-execution-history` writes them. Inputs, results and details are left
out."""
EXAMPLES = (
    "trace export order-17 --to http://127.0.0.1:4318",
    "trace export order-17 --children > order-17.trace.json",
    "trace export --from recordings/ --to http://127.0.0.1:4318",
)
SERVICE = "workflowsvc"


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.describe(parser, DESCRIPTION, EXAMPLES)
    parsers = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)
    export = parsers.add_parser("export", allow_abbrev=False, help="turn histories into spans")
    asking.add_arguments(export, EXPORT, EXAMPLES)
    export.add_argument(
        "workflow_id", nargs="?", metavar="WORKFLOW_ID", type=filled, help="the workflowId of the run"
    )
    export.add_argument(
        "--run-id", metavar="R", type=filled, help="which run of it [the open run, or else the newest]"
    )
    export.add_argument(
        "--children", action="store_true", help="its children and theirs as well, in the same trace"
    )
    export.add_argument(
        "--from",
        dest="files",
        nargs="+",
        metavar="FILE",
        type=filled,
        help="read histories from files or folders of them; - is standard input",
    )
    given = export.add_argument_group("the spans")
    given.add_argument(
        "-o", "--output", metavar="FILE", type=filled, help="write them there [standard output]"
    )
    given.add_argument(
        "--to",
        metavar="URL",
        type=filled,
        help="send them to this address of OTLP over HTTP, such as http://127.0.0.1:4318",
    )
    given.add_argument(
        "--below",
        metavar="TRACEPARENT",
        type=filled,
        help="put them into another trace, below the span that this W3C header names",
    )
    given.add_argument(
        "--service",
        metavar="NAME",
        type=filled,
        default=SERVICE,
        help=f"the service that viewers show them under [{SERVICE}]",
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    if (arguments.workflow_id is None) == (arguments.files is None):
        raise SettingsError("name a WORKFLOW_ID, or give --from with files")
    if arguments.files and (arguments.run_id or arguments.children):
        raise SettingsError("--run-id and --children go with a WORKFLOW_ID")
    if arguments.output and arguments.to:
        raise SettingsError("give --output or --to")
    below = None
    if arguments.below is not None:
        below = read_traceparent(arguments.below)
        if below is None:
            raise SettingsError(
                f"--below: {arguments.below!r} is no traceparent, such as "
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            )
    receiver = Receiver(arguments.to, context) if arguments.to else None
    if arguments.files:
        return _export(Speaking(context, arguments), _of_files(context, arguments.files), below, receiver)
    at_work = Asking(context, arguments)
    return _export(at_work, list(_of_server(at_work)), below, receiver)


def _export(
    at_work: Speaking, runs: list[RunHistory], below: SpanContext | None, receiver: Receiver | None
) -> int:
    arguments = at_work.arguments
    spans = spans_of_runs(runs, below)
    resource = {"service.name": str(arguments.service), "service.version": __version__}
    if receiver is not None:
        receiver.send(spans, resource)
    else:
        _write(
            at_work.context, arguments.output, json.dumps(traces_data(spans, resource, __version__)) + "\n"
        )
    _report(at_work, runs, spans)
    return 0


def _write(context: CommandContext, output: str | None, line: str) -> None:
    if output is None:
        context.write(line)
        return
    try:
        Path(output).write_text(line, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written: {error.strerror}") from error


def _report(at_work: Speaking, runs: list[RunHistory], spans: list[Span]) -> None:
    """What was written where; on standard error, unless standard output is free for it."""
    arguments = at_work.arguments
    traces = list(dict.fromkeys(span.context.trace_id for span in spans))
    where = arguments.to or arguments.output
    if at_work.json and where:
        at_work.print_json({"traceIds": traces, "runs": len(runs), "spans": len(spans), "to": where})
    named = f"trace {traces[0]}" if len(traces) == 1 else f"{len(traces):,} traces"
    done = f", {'sent' if arguments.to else 'written'} to {where}" if where else ""
    at_work.note(
        f"{counted(len(spans), 'span', 'spans')} of {counted(len(runs), 'run', 'runs')}, {named}{done}"
    )


# --- histories from a server ---


def _of_server(at_work: Asking) -> Iterator[RunHistory]:
    """The run that is named and, where they are asked for, its children and theirs."""
    waiting, seen = [at_work.run()], set[str]()
    clock = at_work.clock(at_work.domain)
    now = at_work.now if clock is None else seconds(clock, "now") or 0
    while waiting:
        execution = waiting.pop(0)
        if execution["runId"] in seen:
            continue
        if len(seen) >= MAX_RUNS_OF_A_TREE:
            at_work.note(
                f"these are the first {MAX_RUNS_OF_A_TREE} runs; export a child to have those below it"
            )
            return
        is_child = bool(seen)
        seen.add(execution["runId"])
        try:
            events = list(events_of(at_work, execution))
            require_whole(events)
        except NotFound:
            if not is_child:
                raise
            at_work.note(f"{execution['workflowId']}, run {execution['runId']}, is no longer stored")
            continue
        except NotWhole as error:
            raise CommandFailed(
                f"the history of {execution['workflowId']} cannot be read: {error}"
            ) from error
        yield RunHistory(
            execution["workflowId"], execution["runId"], events, at_work.domain, round(now * 1000)
        )
        if at_work.arguments.children:
            waiting += _below(execution["workflowId"], events, is_child=is_child)


def _below(workflow_id: str, events: list[asking.Object], *, is_child: bool) -> Iterator[dict[str, str]]:
    """The children of a run, and what a child continued as: that is a child of the same parent."""
    for event in events:
        attributes = attributes_of(event)
        if event.get("eventType") == "ChildWorkflowExecutionStarted":
            child = part(attributes, "workflowExecution")
            yield {"workflowId": text(child, "workflowId"), "runId": text(child, "runId")}
        elif is_child and event.get("eventType") == "WorkflowExecutionContinuedAsNew":
            yield {"workflowId": workflow_id, "runId": text(attributes, "newExecutionRunId")}


# --- histories from files ---


def _of_files(context: CommandContext, names: list[str]) -> list[RunHistory]:
    found: dict[str, RunHistory] = {}
    try:
        for source in read_sources(find_files(names), context.stdin.buffer):
            run = _of_source(source)
            known = found.get(run.run_id)
            if known is None or len(known.events) < len(run.events):
                found[run.run_id] = run
    except Unusable as error:
        raise SettingsError(str(error)) from error
    return list(found.values())


def _of_source(source: Source) -> RunHistory:
    if source.problem:
        raise CommandFailed(f"{source.name} {source.problem}")
    try:
        events = read_events(source.text)
        require_whole(events)
    except (NoHistory, NotWhole) as error:
        raise CommandFailed(f"{source.name} holds no whole history: {error}") from error
    workflow_id, run_id = execution_of(source.text) or names_of(source.stem)
    # Without its runId a run is known by its events: the same file gives the same trace wherever it lies.
    made = hashlib.sha256(json.dumps(events, sort_keys=True).encode()).hexdigest()
    return RunHistory(workflow_id, run_id or f"file-{made}", events)
