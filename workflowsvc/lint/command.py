"""`workflowsvc lint`: judge one history and say what is wrong with it.

Owns the command's options and exit codes: 0 no rule is broken, 1 some are, 2 there is no history to judge.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import cast

from workflowsvc.lint.checker import lint_history
from workflowsvc.lint.report import as_json, as_text
from workflowsvc.lint.source import LoadedHistory, Unusable, fetch, parse_answer, parse_execution, read_file

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = """\
Judge a workflow history by the rules of Amazon SWF: is this what the real service could have written?

HISTORY is the JSON that `aws swf get-workflow-execution-history` prints (or GetWorkflowExecutionHistory or
PollForDecisionTask answers), or a bare list of events; - is standard input. With --endpoint the history is
read from a running service instead, with its description."""

_CLEAN, _FOUND, _UNUSABLE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of this command its options."""
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "history", nargs="?", metavar="HISTORY", help="a file with a history, or - for standard input"
    )
    parser.add_argument("--partial", action="store_true", help="more events may follow these")
    parser.add_argument(
        "--describe",
        metavar="FILE",
        help="compare with this DescribeWorkflowExecution answer of the same moment",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    service = parser.add_argument_group("from a running service")
    service.add_argument("--endpoint", metavar="URL", help="where the service is; requests are not signed")
    service.add_argument("--domain", metavar="D")
    service.add_argument("--workflow-id", metavar="W")
    service.add_argument("--run-id", metavar="R", help="default: the open run, or else the newest")


def run(args: argparse.Namespace) -> int:
    """Judge what the arguments name, print the report; the exit code."""
    try:
        source = _find(args)
    except Unusable as error:
        sys.stderr.write(f"workflowsvc lint: {error}\n")
        return _UNUSABLE
    events = cast("Sequence[Mapping[str, object]]", source.events)
    findings = lint_history(events, complete=source.complete, execution=source.execution)
    report = as_json(source, findings) if args.json else as_text(source, findings)
    # A terminal that cannot show every letter must not hide the findings.
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(report.encode(encoding, "replace").decode(encoding))
    return _FOUND if findings else _CLEAN


def _find(args: argparse.Namespace) -> LoadedHistory:
    if args.endpoint:
        if args.history or args.describe or args.partial:
            raise Unusable("--endpoint reads the history itself; leave out HISTORY, --describe and --partial")
        if not args.domain or not args.workflow_id:
            raise Unusable("--endpoint needs --domain and --workflow-id")
        return fetch(args.endpoint, args.domain, args.workflow_id, args.run_id)
    if args.domain or args.workflow_id or args.run_id:
        raise Unusable("--domain, --workflow-id and --run-id need --endpoint")
    if not args.history:
        raise Unusable("name a file with a history, - for standard input, or --endpoint")
    name = "standard input" if args.history == "-" else args.history
    source = parse_answer(read_file(args.history, sys.stdin.buffer), name, partial=args.partial)
    if not args.describe:
        return source
    if not source.complete:
        raise Unusable("--describe needs the whole history, this is a beginning")
    return source._replace(
        execution=parse_execution(read_file(args.describe, sys.stdin.buffer), args.describe)
    )
