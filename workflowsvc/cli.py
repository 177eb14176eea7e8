"""The command line: `workflowsvc <command>`, and the place where the parts of the service are put together.

Owns the list of commands, what is printed, and exit statuses: 0 done, 1 it did not work, 2 it was asked
wrongly. A command is a module with `add_arguments(parser)` and `run(args) -> status`; `serve` is this one.
Only the module of the command that was asked for is imported, so that `--version` and small tools need not
wait for the server's parts.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from workflowsvc import __version__
from workflowsvc.clock import SystemClock
from workflowsvc.options import Option, SettingsError, spell
from workflowsvc.passwords import without_password
from workflowsvc.settings import OPTIONS, Settings, unknown_variables
from workflowsvc.store.errors import StoreError, StoreUnusable

if TYPE_CHECKING:
    from workflowsvc.clock import Clock
    from workflowsvc.lambdas.function_map import FunctionMap
    from workflowsvc.service.api import Api
    from workflowsvc.store.interface import RepairStore
    from workflowsvc.store.postgres.read_only import PostgresReadOnlyStore
    from workflowsvc.store.sqlite.read_only import SqliteReadOnlyStore

log = logging.getLogger(__name__)

DID_NOT_WORK, ASKED_WRONGLY = 1, 2
INTERRUPTED = 130  # 128 + SIGINT, as shells say it
MEMORY, SQLITE, POSTGRESQL = "memory", "sqlite:", ("postgresql://", "postgres://")


class Command(NamedTuple):
    """Something that the command line can do."""

    name: str
    help: str
    module: str


class CommandModule(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, args: argparse.Namespace) -> int: ...


COMMANDS = (
    Command("serve", "run the service until it is told to stop", "workflowsvc.cli"),
    Command("lint", "judge a workflow history by the rules of SWF", "workflowsvc.lint.command"),
    Command(
        "fsck", "audit a database, and rebuild what follows from its histories", "workflowsvc.fsck.command"
    ),
    Command(
        "migrate", "bring the tables of a PostgreSQL database up to date", "workflowsvc.store.migrate_command"
    ),
    Command(
        "copy",
        "move a stopped installation to another store, and prove that all of it is there",
        "workflowsvc.copying.command",
    ),
    Command(
        "doctor",
        "look for what slows or endangers a PostgreSQL database",
        "workflowsvc.store.postgres.doctor",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="workflowsvc", description="Amazon Simple Workflow Service (SWF), self-hosted."
    )
    parser.add_argument("--version", action="version", version=f"workflowsvc {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    module: CommandModule | None = None
    asked = parser
    for command in COMMANDS:
        subparser = commands.add_parser(
            command.name, help=command.help, description=sentence(command.help), allow_abbrev=False
        )
        if words and words[0] == command.name:
            module = cast("CommandModule", importlib.import_module(command.module))
            module.add_arguments(subparser)
            asked = subparser
            subparser.set_defaults(now_ms=SystemClock().now_ms)
            subparser.set_defaults(open_store=open_store, open_read_only=open_read_only)
    args, unknown = parser.parse_known_args(words)
    if unknown:
        asked.error(f"unrecognized arguments: {' '.join(unknown)}")
    if module is None:
        parser.print_help()
        return 0
    try:
        status = module.run(args)
        sys.stdout.flush()
        return status
    except SettingsError as error:
        return fail(args.command, error, ASKED_WRONGLY)
    except (StoreUnusable, StoreError) as error:
        return fail(args.command, error, DID_NOT_WORK)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has had enough. Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DID_NOT_WORK


def fail(command: str, error: Exception, status: int) -> int:
    print(f"workflowsvc {command}: {without_password(str(error))}", file=sys.stderr)
    return status


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


# --- serve ---


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An option for every setting. Values are checked by the settings, wherever they come from."""
    parser.usage = "%(prog)s [options]"
    parser.epilog = (
        "Every option can also be given as an environment variable: --log-level is WORKFLOWSVC_LOG_LEVEL."
    )
    for title, options in by_group(OPTIONS):
        group = parser.add_argument_group(title)
        for option in options:
            text = option.help.replace("%", "%%")
            if option.type is bool:
                group.add_argument(option.flag, action=argparse.BooleanOptionalAction, help=text)
            else:
                default = spell(option.default) or "none"
                group.add_argument(option.flag, metavar=metavar(option), help=f"{text} [{default}]")


def by_group(options: Iterable[Option]) -> list[tuple[str, list[Option]]]:
    """The knobs under their headings, in the order of the settings."""
    groups: dict[str, list[Option]] = {}
    for option in options:
        groups.setdefault(option.group, []).append(option)
    return list(groups.items())


def metavar(option: Option) -> str:
    if option.choices:
        return "{" + ",".join(option.choices) + "}"
    if option.type is str:
        return option.name.upper()
    return option.unit.upper() or "N"


def run(args: argparse.Namespace) -> int:
    """`workflowsvc serve`: returns after a clean stop."""
    settings = Settings.from_environment(
        os.environ, {option.name: getattr(args, option.name) for option in OPTIONS}
    )
    logging.basicConfig(
        level=settings.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for name in unknown_variables(os.environ):
        log.warning("%s is not a setting and is ignored", name)

    from workflowsvc.http import server
    from workflowsvc.lambdas import function_map
    from workflowsvc.service.startup_gate import StartupGate, is_passing

    try:
        require_loopback(settings, local=server.is_loopback(settings.host))
        functions = function_map.read(settings.lambda_functions) if settings.lambda_functions else None
        clock = SystemClock()
        node = Node(settings, clock, functions)
        try:
            try:
                service = node.open()
            except (StoreUnusable, StoreError) as reason:
                if not is_passing(reason):
                    raise
                service = StartupGate(node.open, reason)
            status = server.run(
                service,
                settings,
                clock,
                announce=lambda url: print(banner(url, node.where(), settings), flush=True),
            )
        finally:
            node.close()
        if isinstance(service, StartupGate) and service.failure is not None:
            raise service.failure
        return status
    except server.CannotListen as error:
        return fail("serve", error, DID_NOT_WORK)


class Node:
    """The parts of a server below HTTP, put together when its store can be opened."""

    def __init__(self, settings: Settings, clock: Clock, functions: FunctionMap | None) -> None:
        self._settings = settings
        self._clock = clock
        self._functions = functions
        self._store: RepairStore | None = None

    def open(self) -> Api:
        """StoreUnusable or StoreError when the store cannot be used, for ever or for now."""
        from workflowsvc.engine.engine import Engine
        from workflowsvc.service.api import Api

        if self._store is None:
            self._store = open_store(self._settings.store)
        engine = Engine(self._store, self._clock, self._settings, os.urandom, store_clock=True)
        runner = None
        if self._functions is not None:
            # Imported only now: their HTTP client takes a third of a second to import.
            from workflowsvc.lambdas.client import LambdaClient
            from workflowsvc.lambdas.runner import FunctionRunner

            runner = FunctionRunner(
                LambdaClient(self._functions, self._clock), self._settings.lambda_concurrency
            )
            engine.invoke_with(runner.begin, runner.later)
            log.info(
                "%d Lambda functions are mapped in %s", self._functions.size, self._settings.lambda_functions
            )
        return Api(engine, runner)

    def where(self) -> str:
        """For people."""
        return without_password(self._settings.store) if self._store is None else self._store.describe()

    def close(self) -> None:
        if self._store is not None:
            self._store.close()


def require_loopback(settings: Settings, *, local: bool) -> None:
    """Requests are not authenticated, so only this machine may send them unless somebody says otherwise."""
    if local:
        return
    if not settings.insecure_allow_remote:
        raise SettingsError(
            f"{settings.host} can be reached from other machines and requests are not authenticated; "
            "listen on 127.0.0.1, or add --insecure-allow-remote if the network is trusted"
        )
    log.warning("whoever reaches %s may do everything: requests are not authenticated", settings.host)


def open_store(where: str) -> RepairStore:
    """The store that `--store` names."""
    if where.startswith(POSTGRESQL):
        require_psycopg()
        from workflowsvc.store.postgres.store import PostgresStore

        return PostgresStore(where)
    from workflowsvc.store.sqlite.store import SqliteStore

    return SqliteStore(None if where == MEMORY else where.removeprefix(SQLITE))


def require_psycopg() -> None:
    try:
        import psycopg  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise StoreUnusable(
            "PostgreSQL needs the package psycopg: pip install 'workflowsvc[postgres]'."
        ) from error


def open_read_only(where: str, *, exclusive: bool = False) -> PostgresReadOnlyStore | SqliteReadOnlyStore:
    """The same, but nothing is made or written; a server may run beside us unless we are to be `alone`."""
    if where.startswith(POSTGRESQL):
        require_psycopg()
        from workflowsvc.store.postgres.read_only import PostgresReadOnlyStore

        return PostgresReadOnlyStore(where, exclusive=exclusive)
    from workflowsvc.store.sqlite.read_only import SqliteReadOnlyStore

    return SqliteReadOnlyStore(where.removeprefix(SQLITE), exclusive=exclusive)


def banner(url: str, where: str, settings: Settings) -> str:
    """What a person needs next, in one piece."""
    return f"""
  workflowsvc {__version__}: Amazon SWF, API version 2012-01-25
  API       {url}
  Storage   {where}
  Auth      off: whoever reaches this address may do everything

  export AWS_ENDPOINT_URL_SWF={url}
  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION={settings.region}
"""
