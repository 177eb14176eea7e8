"""How the actions of `workflowsvc access` get their parsers: the same for every subject.

Owns the two levels, such as `access user` and `access user create`. Must not know a subject.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from workflowsvc.commands import asking
from workflowsvc.commands.access import calling
from workflowsvc.commands.access.calling import AtWork
from workflowsvc.commands.asking import filled

Parsers = Any
"""What argparse gives for `add_subparsers`; it has no public type."""


def add_subject(parsers: Parsers, name: str, help: str) -> Parsers:
    """The parser of a subject; what it returns takes the subject's actions."""
    subject = parsers.add_parser(name, allow_abbrev=False, help=help)
    subject.description = f"{help[0].upper()}{help[1:]}."
    return subject.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)


def add_action(
    parsers: Parsers, name: str, help: str, act: Callable[[AtWork], int], *examples: str, more: str = ""
) -> argparse.ArgumentParser:
    """The parser of an action. `more`: what its help says besides the first sentence."""
    action: argparse.ArgumentParser = parsers.add_parser(name, allow_abbrev=False, help=help)
    asking.describe(action, f"{help[0].upper()}{help[1:]}.{more and ' '}{more}", examples)
    calling.add_arguments(action)
    action.set_defaults(act=act)
    return action


def add_name(parser: argparse.ArgumentParser, name: str, help: str) -> None:
    """An argument that must be given and must not be empty."""
    parser.add_argument(name, metavar=name.upper(), type=filled, help=help)


def add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")


def pair(given: str) -> tuple[str, str]:
    """KEY=VALUE. For `type=`."""
    key, equals, value = filled(given).partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{given!r} is not KEY=VALUE")
    return key, value
