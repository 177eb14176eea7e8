"""`workflowsvc serve`: the service over HTTP, until SIGTERM or SIGINT.

Owns the order in which a server starts and stops, the refusal to listen to other machines by accident, and the banner.
The parts below HTTP are put together by `node.py`. Exit status 0 after a clean stop.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workflowsvc import __version__
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.commands.log_lines import log_to
from workflowsvc.engine.outage import Outage
from workflowsvc.node import Node
from workflowsvc.options import Option, SettingsError, by_group, spell
from workflowsvc.settings import OPTIONS, Settings, unknown_variables
from workflowsvc.store.errors import StoreError, StoreUnusable
from workflowsvc.stores import schema_number

if TYPE_CHECKING:
    from workflowsvc.console.listener import ConsoleServer
    from workflowsvc.http.calls import Service

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser, context: CommandContext) -> None:
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


def metavar(option: Option) -> str:
    if option.choices:
        return "{" + ",".join(option.choices) + "}"
    if option.type is str:
        return option.name.upper()
    return option.unit.upper() or "N"


def settings_of(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    """The settings that the options and the environment give. SettingsError when a value cannot be used."""
    return Settings.from_environment(
        environment, {option.name: getattr(arguments, option.name) for option in OPTIONS}
    )


def run(context: CommandContext, arguments: argparse.Namespace) -> int:
    """Returns after a clean stop."""
    settings = settings_of(arguments, context.environment)
    log_to(context.stderr, settings.log_level)
    for name in unknown_variables(context.environment):
        log.warning("%s is not a setting and is ignored", name)

    from workflowsvc.http import hosts, server
    from workflowsvc.lambdas import function_map
    from workflowsvc.service import startup_gate
    from workflowsvc.service.startup_gate import StartupGate, is_passing

    started = False
    console: ConsoleServer | None = None

    def announce(url: str) -> None:
        nonlocal started
        started = True
        log.info(
            "workflowsvc %s has started: store %s, schema %d, address %s",
            __version__,
            node.where(),
            schema_number(settings.store),
            url,
        )
        context.write(banner(url, node.where(), settings, console.url if console else "") + "\n")
        context.stdout.flush()

    require_loopback(settings, local=hosts.is_loopback(settings.host))
    functions = function_map.read(settings.lambda_functions) if settings.lambda_functions else None
    node = Node(settings, context.clock, functions, context.random_bytes)
    try:
        try:
            service = node.open()
        except (StoreUnusable, StoreError) as reason:
            if not is_passing(reason):
                raise
            outage = Outage(log, context.clock, startup_gate.CONSEQUENCE)
            service = StartupGate(node.open, reason, outage)
        console = console_of(service, settings, context)
        status = server.run(service, settings, context.clock, announce, console)
    except hosts.CannotListen as error:
        raise CommandFailed(str(error)) from error
    finally:
        node.close()
        if started:
            log.info("workflowsvc %s has stopped", __version__)
    if isinstance(service, StartupGate) and service.failure is not None:
        raise service.failure
    return status


def require_loopback(settings: Settings, *, local: bool) -> None:
    """SettingsError for an address that other machines can reach, unless the operator has allowed it: requests are not
    authenticated."""
    if local:
        return
    if not settings.insecure_allow_remote:
        raise SettingsError(
            f"{settings.host} can be reached from other machines and requests are not authenticated; "
            "listen on 127.0.0.1, or add --insecure-allow-remote if the network is trusted"
        )
    log.warning("requests are not authenticated: any client that reaches %s may do everything", settings.host)


def console_of(service: Service, settings: Settings, context: CommandContext) -> ConsoleServer | None:
    """The console, unless it is off; CommandFailed when what it needs is not installed though its port is given."""
    if settings.console_port == "off":
        return None
    try:
        from workflowsvc.console.listener import ConsoleServer
    except ModuleNotFoundError as error:
        missing = f"{error.name} is not installed: the extra `console` of workflowsvc has it"
        if settings.console_port != "auto":
            raise CommandFailed(f"--console-port is given, but {missing}") from error
        log.warning("the console is left out: %s", missing)
        return None
    return ConsoleServer(service, settings, context.clock, context.random_bytes)


def banner(url: str, where: str, settings: Settings, console: str) -> str:
    """What a person needs next, in one piece."""
    page = f"\n  Console   {console}" if console else ""
    return f"""
  workflowsvc {__version__}: Amazon SWF, API version 2012-01-25
  API       {url}{page}
  Storage   {where}
  Auth      off: any client that reaches this address may do everything

  export AWS_ENDPOINT_URL_SWF={url}
  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION={settings.region}
"""
