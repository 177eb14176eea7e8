"""How `workflowsvc access` carries operations out: by asking a server, or on a database that it opens itself.

Owns the options that choose between the two. What is asked is the same, and so are the answers and the refusals.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Protocol

from workflowsvc.client.answers import Object
from workflowsvc.client.client import Client
from workflowsvc.client.problems import NotFound, Refused
from workflowsvc.client.profile import Options, read_profile
from workflowsvc.commands import asking
from workflowsvc.commands.asking import Speaking, filled, read_text
from workflowsvc.commands.context import CommandContext
from workflowsvc.commands.master_key_file import read_master_keys
from workflowsvc.engine.single_node import SingleNode
from workflowsvc.faults import Fault, UnknownResourceFault
from workflowsvc.options import SettingsError
from workflowsvc.settings import Settings
from workflowsvc.stores import is_there
from workflowsvc.tenant import Tenant


class Calls(Protocol):
    """Carries out operations of the service's own API."""

    def own(self, operation: str, members: Mapping[str, Any]) -> Object:
        """The answer. A CallFailed when there is none."""
        ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that name a server, --json, and those for a database without a server."""
    asking.add_server(parser, domain=False)
    add_store(parser)


def add_store(parser: argparse.ArgumentParser) -> None:
    """--store and what belongs to it."""
    group = parser.add_argument_group("without a server")
    group.add_argument(
        "--store",
        metavar="STORE",
        type=filled,
        help="work on this database itself, as its owner: sqlite:FILE, which no server may have open, or postgresql://…",
    )
    group.add_argument(
        "--account", metavar="A", type=filled, help="with --store: the account [WORKFLOWSVC_ACCOUNT]"
    )
    group.add_argument(
        "--master-key-file",
        metavar="FILE",
        type=filled,
        help="with --store: the master key of the server [WORKFLOWSVC_MASTER_KEY_FILE]",
    )


class Offline:
    """The operations on a database that this process has opened."""

    def __init__(self, context: CommandContext, arguments: argparse.Namespace, opened: ExitStack) -> None:
        from workflowsvc.service.access.offline import OfflineService  # imports all operations

        settings = settings_of(context, arguments)
        keys = read_master_keys(settings.master_key_file, context.environment)
        if not is_there(settings.store):
            context.stderr.write(f"workflowsvc access: {settings.store} is new\n")
        store = context.open_store(settings.store)
        opened.callback(store.close)
        region = arguments.region or context.environment.get("AWS_REGION") or settings.region
        self.service = OfflineService(
            store,
            SingleNode(context.clock),
            settings,
            Tenant(settings.account, region),
            keys,
            context.random_bytes,
        )

    def own(self, operation: str, members: Mapping[str, Any]) -> Object:
        given = {name: value for name, value in members.items() if value is not None}
        try:
            return self.service.call(operation, given)
        except UnknownResourceFault as fault:
            raise NotFound(operation, fault.code, fault.message or "") from fault
        except Fault as fault:
            raise Refused(operation, fault.code, fault.message or "") from fault


def settings_of(context: CommandContext, arguments: argparse.Namespace) -> Settings:
    """The settings of a server on this store. SettingsError for a store in memory, which no other process has."""
    given = {
        "store": arguments.store,
        "account": arguments.account,
        "master_key_file": arguments.master_key_file,
    }
    settings = Settings.from_environment(context.environment, given)
    if settings.store == "memory":
        raise SettingsError("a database in memory is gone with its server; name another --store")
    return settings


class AtWork(Speaking):
    """One command of `workflowsvc access`."""

    def __init__(self, context: CommandContext, arguments: argparse.Namespace, opened: ExitStack) -> None:
        super().__init__(context, arguments)
        self.calls: Calls
        if arguments.store:
            for name in ("endpoint", "profile"):
                if getattr(arguments, name):
                    raise SettingsError(f"--{name} names a server, and --store a database without one")
            self.calls = Offline(context, arguments, opened)
        else:
            for name in ("account", "master_key_file"):
                if getattr(arguments, name):
                    raise SettingsError(f"--{name.replace('_', '-')} belongs to --store")
            options = Options(arguments.endpoint, arguments.region, arguments.profile)
            client = Client(read_profile(context.environment, options), context.clock, context.environment)
            opened.callback(client.close)
            self.calls = client

    def ask(self, operation: str, /, **members: Any) -> Object:
        return self.calls.own(operation, members)

    def pages(self, operation: str, /, **members: Any) -> Iterator[Object]:
        """All pages of an answer that has several."""
        token: str | None = None
        while True:
            answer = self.ask(operation, **members, nextPageToken=token)
            yield answer
            token = answer.get("nextPageToken")
            if not token:
                return


def read_file(at_work: Speaking, file: str) -> str:
    """The text of a file, or of standard input for `-`. SettingsError when it cannot be read."""
    found = read_text(at_work.context, "-" if file == "-" else f"@{file}")
    assert found is not None
    return found
