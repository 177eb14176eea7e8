"""`workflowsvc access master-key` and `access rotate-master-key`: the key that stored secrets are encrypted with."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from workflowsvc.commands import asking, statuses
from workflowsvc.commands.access import calling
from workflowsvc.commands.access.actions import Parsers
from workflowsvc.commands.access.calling import Offline
from workflowsvc.commands.asking import filled
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.master_key_file import write_master_key
from workflowsvc.display.text import counted
from workflowsvc.stores import require_there


def add_actions(parsers: Parsers) -> None:
    make = parsers.add_parser(
        "master-key", allow_abbrev=False, help="make the key that secrets are encrypted with"
    )
    asking.describe(
        make,
        "Make the key that stored secrets are encrypted with. Keep a copy of the file apart from copies of the "
        "database: neither is of use without the other.",
        ("access master-key master.key", "access master-key new.key --before master.key"),
    )
    make.add_argument(
        "file", metavar="FILE", type=filled, help="the file to make; one that exists is never replaced"
    )
    make.add_argument(
        "--before",
        metavar="FILE",
        type=filled,
        help="the file with the key that the new one replaces, which follows it in the new file",
    )
    make.set_defaults(act_alone=_make)
    rotate = parsers.add_parser(
        "rotate-master-key", allow_abbrev=False, help="encrypt all secrets anew with another master key"
    )
    asking.describe(
        rotate,
        "Encrypt all stored secrets anew with the first key of the file, which also holds the one in use. It may be "
        "interrupted and repeated. Servers on PostgreSQL that were given the same file go on meanwhile.",
        ("access rotate-master-key --store sqlite:workflowsvc.db --master-key-file new.key",),
    )
    calling.add_store(rotate)
    rotate.add_argument(
        "--discard-lost",
        action="store_true",
        help="delete the access keys whose secrets no given master key can read: the old one is lost",
    )
    rotate.set_defaults(act_alone=_rotate, region=None)


def _make(context: CommandContext, arguments: argparse.Namespace) -> int:
    key = write_master_key(arguments.file, arguments.before, context.random_bytes)
    context.write(
        f"{arguments.file} holds the master key {key.id}; give it to servers with --master-key-file\n"
    )
    return statuses.DONE


def _rotate(context: CommandContext, arguments: argparse.Namespace) -> int:
    require_there(calling.settings_of(context, arguments).store)
    with ExitStack() as opened:
        offline = Offline(context, arguments, opened)
        done = offline.service.rotate_master_key(discard_lost=arguments.discard_lost)
    context.write(f"{counted(done.anew, 'secret was', 'secrets were')} encrypted anew\n")
    if done.deleted:
        context.write(f"{counted(done.deleted, 'access key was', 'access keys were')} deleted\n")
    return statuses.DONE
