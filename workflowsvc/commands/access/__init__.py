"""`workflowsvc access`: users, groups, access keys and policies, of a server or of a database without one.

Owns which subject has which actions. Each subject is a module with `add_actions(parsers)`; an action's parser carries
the function that does it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack

from workflowsvc.access.secrets import MasterKeyError
from workflowsvc.commands import asking
from workflowsvc.commands.access import documents, groups, keys, master_keys, policies, simulation, users
from workflowsvc.commands.access.calling import AtWork
from workflowsvc.commands.context import CommandContext, CommandFailed

DESCRIPTION = """\
Say who may call the service, and what each may do: users with access keys, groups, and policies in the JSON of IAM.

With --store the work is done on the database itself, without a server: so the first user is made."""
EXAMPLES = (
    "access master-key master.key",
    "access user create ann --policy SwfWorker",
    "access key create ann --store sqlite:workflowsvc.db --master-key-file master.key",
    "access simulate --as ann --action swf:ListDomains --resource 'arn:aws:swf:us-east-1:000000000000:/domain/*'",
)
_SUBJECTS = (users, keys, groups, policies, simulation, documents, master_keys)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
    asking.describe(parser, DESCRIPTION, EXAMPLES)
    parsers = parser.add_subparsers(title="what to do", metavar="SUBJECT", dest="subject", required=True)
    for subject in _SUBJECTS:
        subject.add_actions(parsers)


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    act: Callable[[AtWork], int] | None = getattr(arguments, "act", None)
    try:
        if act is None:  # needs no calls: it is about files, or about the database as a whole
            by_itself: Callable[[CommandContext, argparse.Namespace], int] = arguments.act_alone
            return by_itself(context, arguments)
        with ExitStack() as opened:
            return act(AtWork(context, arguments, opened))
    except MasterKeyError as error:
        raise CommandFailed(str(error)) from error
