"""Writes the reference of commands in docs/command-line.md from the parsers themselves.

`python -m tools.command_page` writes it; `--check` exits 1 when the committed page is stale. Owns how a parser reads as
a page: what stands above MARK is written by hand. It reads parsers rather than their `--help`, whose layout differs
between versions of Python.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from workflowsvc.cli import context_of_process
from workflowsvc.commands import COMMANDS, whole_parser
from workflowsvc.commands.access.calling import add_store
from workflowsvc.commands.asking import add_server
from workflowsvc.commands.filters import add_filter

TARGET = Path(__file__).resolve().parent.parent / "docs" / "command-line.md"
MARK = "<!-- Generated from here on by `python -m tools.command_page`. Do not edit. -->\n"
# Commands with a page of their own.
PAGES = {
    "serve": "configuration.md",
    "lint": "lint.md",
    "fsck": "fsck.md",
    "migrate": "postgresql.md#upgrade",
    "copy": "copy.md",
    "doctor": "postgresql.md",
    "api-model": "api.md",
}


def page() -> str:
    """The text that docs/command-line.md must have."""
    by_hand, mark, _ = TARGET.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise SystemExit(f"{TARGET} has lost the line {MARK!r}")
    return by_hand + mark + "\n" + "\n".join(_reference())


def _reference() -> Iterator[str]:
    yield "## Reference\n"
    yield "### Options of all commands that ask a server\n"
    yield _block(_options(_parser(add_server), set()))
    yield "### Options of access without a server\n"
    yield "For all actions of `access` but `master-key`.\n"
    yield _block(_options(_parser(add_store), set()))
    yield "### Conditions on runs\n"
    yield "For `list`, `count`, `export --to` and `batch start`. Runs must meet all that are given.\n"
    yield _block(_options(_parser(add_filter), set()))
    commands = _subparsers(whole_parser(context_of_process()))
    common = _flags(_parser(add_server)) | _flags(_parser(add_store)) | {"--help"}
    for command in COMMANDS:
        yield f"### {command.name}\n"
        if command.name in PAGES:
            link = PAGES[command.name]
            yield f"{command.help[0].upper()}{command.help[1:]}: [{link.partition('#')[0]}]({link}).\n"
            continue
        parser = commands[command.name]
        yield from _command(parser, common)
        yield from _actions(parser, common)


def _actions(parser: argparse.ArgumentParser, common: set[str]) -> Iterator[str]:
    """What a command can do, each under its words; a subject that only holds actions has no part of its own."""
    for action in _subparsers(parser).values():
        if _subparsers(action):
            yield from _actions(action, common)
        else:
            yield f"#### {action.prog.removeprefix('workflowsvc ')}\n"
            yield from _command(action, common)


def _command(parser: argparse.ArgumentParser, common: set[str]) -> Iterator[str]:
    yield f"{(parser.description or '').strip()}\n"
    takes_conditions = "--id-begins" in _flags(parser)
    shared = common | _flags(_parser(add_filter)) if takes_conditions else common
    options = _options(parser, shared)
    if takes_conditions:
        options.append(("conditions", "which runs; see above"))
    if options:
        yield _block(options)
    examples = (parser.epilog or "").partition("\n")[2]
    if examples:
        yield f"```\n{_without_indent(examples)}\n```\n"


def _without_indent(text: str) -> str:
    return "\n".join(line.removeprefix("  ") for line in text.splitlines())


def _parser(add: object) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    assert callable(add)
    add(parser)
    return parser


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _flags(parser: argparse.ArgumentParser) -> set[str]:
    return {flag for action in parser._actions for flag in action.option_strings}


def _options(parser: argparse.ArgumentParser, left_out: set[str]) -> list[tuple[str, str]]:
    """Arguments and options with what they mean."""
    found: list[tuple[str, str]] = []
    for action in parser._actions:
        if set(action.option_strings) & left_out or isinstance(action, argparse._SubParsersAction):
            continue
        choices = "|".join(map(str, action.choices)) if action.choices and not action.metavar else ""
        value = "" if action.nargs == 0 else str(choices or action.metavar or action.dest.upper())
        names = ", ".join(action.option_strings)
        left = f"{names} {value}".strip()
        if not action.option_strings and action.nargs == "?":
            left = f"[{left}]"
        if action.nargs == "+":
            left += " …"
        found.append((left, action.help or ""))
    return found


def _block(rows: list[tuple[str, str]]) -> str:
    """Two columns as code; a long name stands in a line of its own."""
    width = 26
    lines: list[str] = []
    for left, right in rows:
        if len(left) > width:
            lines += [left, f"{'':{width}}  {right}"]
        else:
            lines.append(f"{left:{width}}  {right}")
    return "```text\n" + "\n".join(lines) + "\n```\n"


def main() -> int:
    """Writes the page, or with --check compares it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.command_page")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when the page is stale")
    if not parser.parse_args().check:
        TARGET.write_text(page(), encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != page():
        sys.stderr.write("docs/command-line.md is stale: run `python -m tools.command_page`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
