"""`workflowsvc serve`: the service over HTTP, until SIGTERM or SIGINT.

Owns the order in which a server starts and stops, the refusal to listen to other machines by accident, and the banner.
The parts below HTTP are put together by `node.py`. Exit status 0 after a clean stop.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workflowsvc import __version__
from workflowsvc.commands.context import CommandContext, CommandFailed
from workflowsvc.commands.log_lines import log_to
from workflowsvc.commands.master_key_file import read_master_keys
from workflowsvc.engine.outage import Outage
from workflowsvc.faults import ServiceUnavailable
from workflowsvc.node import Node
from workflowsvc.options import Option, SettingsError, by_group, spell
from workflowsvc.outgoing.targets import read_targets
from workflowsvc.passwords import without_password
from workflowsvc.settings import OPTIONS, AuthMode, Settings, unknown_variables
from workflowsvc.store.errors import StoreError, StoreUnusable
from workflowsvc.stores import schema_number

if TYPE_CHECKING:
    from workflowsvc.archive.place import Place
    from workflowsvc.backups.schedule import ScheduledBackups
    from workflowsvc.console.listener import ConsoleServer
    from workflowsvc.http.calls import Service
    from workflowsvc.metrics.listener import MetricsServer
    from workflowsvc.otel.export import Export
    from workflowsvc.service.api import Api
    from workflowsvc.service.startup_gate import StartupGate

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
    log_to(context.stderr, settings.log_level, settings.log_format)
    for name in unknown_variables(context.environment):
        log.warning("%s is not a setting and is ignored", name)

    from workflowsvc.http import hosts, server, tls
    from workflowsvc.http.proxies import Proxies
    from workflowsvc.http.service_manager import ServiceManager
    from workflowsvc.service.startup_gate import StartupGate

    started, console, metrics, traces = False, None, None, None

    def announce(url: str) -> None:
        nonlocal started
        started = True
        log_start(node, settings, url)
        pages = {"Console": console.url if console else "", "Metrics": metrics.url if metrics else ""}
        context.write(banner(url, node.where(), settings, pages, has_keys=has_keys(service)) + "\n")
        context.stdout.flush()

    tls.require_usable(settings)
    read_targets(settings.webhook_targets, open_by_default=True)
    proxies = Proxies(settings.trusted_proxies)
    require_reach(settings, local=hosts.is_loopback(settings.host), has_proxies=bool(proxies))
    backups = backups_of(settings, context)
    node = node_of(settings, context)
    try:
        service = open_service(node, context)
        traces = traces_of(settings, context)
        tracer = None if traces is None else traces.tracer_of(service, settings, context.clock)
        console = console_of(service, settings, context)
        metrics = metrics_of(service, settings, context, backups, traces)
        besides = [beside for beside in (console, metrics) if beside is not None]
        manager = ServiceManager(context.environment)
        figures = metrics and metrics.figures
        with running(backups):
            status = server.run(service, settings, context.clock, announce, besides, figures, manager, tracer)
    except (hosts.CannotListen, tls.CertificateError) as error:
        raise CommandFailed(str(error)) from error
    finally:
        if traces is not None:
            traces.close()
        node.close()
        if started:
            log.info("workflowsvc %s has stopped", __version__)
    if isinstance(service, StartupGate) and service.failure is not None:
        raise service.failure
    return status


def log_start(node: Node, settings: Settings, url: str) -> None:
    log.info(
        "workflowsvc %s has started: store %s, schema %d, address %s",
        __version__,
        node.where(),
        schema_number(settings.store),
        url,
    )


def node_of(settings: Settings, context: CommandContext) -> Node:
    """The node, its store not yet opened; raises when the map of functions or the master key cannot be read."""
    from workflowsvc.lambdas import function_map

    return Node(
        settings,
        context.clock,
        function_map.read(settings.lambda_functions) if settings.lambda_functions else None,
        context.random_bytes,
        master_keys=read_master_keys(settings.master_key_file, context.environment),
        place=archive_of(settings, context),
    )


def archive_of(settings: Settings, context: CommandContext) -> Place | None:
    """Where runs are archived, if that is said; SettingsError for a folder that there is not, or without what reaches a
    bucket."""
    if settings.archive in ("", "off"):
        return None
    from workflowsvc.archive.folder import Folder
    from workflowsvc.archive.place import PlaceFailed, open_place

    place = open_place(settings.archive, settings.archive_endpoint)
    if isinstance(place, Folder):
        try:
            place.prepare(context.clock.now_ms() / 1000)
        except PlaceFailed as error:
            raise SettingsError(f"--archive: {error}") from error
    return place


def backups_of(settings: Settings, context: CommandContext) -> ScheduledBackups | None:
    """What makes backups at intervals, if a folder for them is named; SettingsError for a store without a file."""
    if not settings.backup_to:
        return None
    from workflowsvc.backups.schedule import ScheduledBackups
    from workflowsvc.commands.backup import require_sqlite

    require_sqlite(settings.store)
    if not os.path.isdir(settings.backup_to):
        raise SettingsError(f"--backup-to: {settings.backup_to} is no folder")
    return ScheduledBackups(settings, context.clock.now_ms)


@contextmanager
def running(backups: ScheduledBackups | None) -> Generator[None]:
    """Backups are made meanwhile, if any are to be made."""
    if backups is not None:
        backups.start()
    try:
        yield
    finally:
        if backups is not None:
            backups.stop()


def open_service(node: Node, context: CommandContext) -> Api | StartupGate:
    """The service, or what waits for its database when the reason may pass; the reason is raised otherwise."""
    from workflowsvc.service import startup_gate

    try:
        return node.open()
    except (StoreUnusable, StoreError) as reason:
        if not startup_gate.is_passing(reason):
            raise
        outage = Outage(log, context.clock, startup_gate.CONSEQUENCE)
        return startup_gate.StartupGate(node.open, reason, outage)


def require_reach(settings: Settings, *, local: bool, has_proxies: bool) -> None:
    """SettingsError for an address that other machines can reach, unless calls are held against access keys or the
    operator has allowed it. `has_proxies`: proxies are named."""
    if local:
        return
    if settings.auth == "enforce":
        if not settings.tls_certificate and not has_proxies:
            log.warning(
                "%s can be reached from other machines without TLS: those who read the network see all data, and can "
                "repeat a request for %d seconds; give --tls-certificate, or --trusted-proxies if a proxy ends TLS",
                settings.host,
                settings.signature_window_seconds,
            )
        return
    if not settings.insecure_allow_remote:
        raise SettingsError(
            f"{settings.host} can be reached from other machines and --auth {settings.auth} refuses no request; "
            "listen on 127.0.0.1, give --auth enforce, or add --insecure-allow-remote if the network is trusted"
        )
    log.warning("requests are not authenticated: any client that reaches %s may do everything", settings.host)


def has_keys(service: Service) -> bool | None:
    """Whether any caller can sign requests; None when that is not known yet."""
    try:
        return not service.book().is_empty
    except ServiceUnavailable:
        return None


AUTH_LINES: dict[AuthMode, str] = {
    "off": "off: any client that reaches this address may do everything",
    "log": "log: any client that reaches this address may do everything; the log has what would be refused",
    "enforce": "enforce: calls are signed with an access key, and policies say what they may do",
}


def console_of(
    service: Api | StartupGate, settings: Settings, context: CommandContext
) -> ConsoleServer | None:
    """The console, unless it is off; CommandFailed when its port is given and it cannot be there."""
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


def metrics_of(
    service: Api | StartupGate,
    settings: Settings,
    context: CommandContext,
    backups: ScheduledBackups | None,
    traces: Export | None,
) -> MetricsServer | None:
    """What answers on the port of the metrics, unless that is off; CommandFailed when what renders them is not
    installed."""
    if settings.metrics_port == "off":
        return None
    try:
        from workflowsvc.metrics.listener import MetricsServer
    except ModuleNotFoundError as error:
        missing = f"{error.name} is not installed: the extra `metrics` of workflowsvc has it"
        raise CommandFailed(f"--metrics-port is given, but {missing}") from error
    return MetricsServer(service, settings, context.clock, backups, traces and traces.figures)


def traces_of(settings: Settings, context: CommandContext) -> Export | None:
    """What sends the spans of calls, if they are asked for; CommandFailed when --trace-to is given and what that needs
    is not installed, SettingsError for an address that cannot be used."""
    from workflowsvc.traces.endpoint import BadEndpoint, wanted

    try:
        found = wanted(settings.trace_to, context.environment)
    except BadEndpoint as error:
        if settings.trace_to:
            raise SettingsError(f"--trace-to: {error}") from error
        log.warning("calls are not traced: %s", error)
        return None
    if found is None:
        return None
    try:
        from workflowsvc.otel.export import Export
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        missing = f"{package} is not installed: the extra `otel` of workflowsvc has it"
        if found.by_option:
            raise CommandFailed(f"--trace-to is given, but {missing}") from error
        log.warning("calls are not traced: %s", missing)
        return None
    log.info("calls are traced, and spans are sent to %s", found.url)
    return Export(found.url, settings.trace_ratio, context.random_bytes)


def banner(
    url: str, where: str, settings: Settings, pages: Mapping[str, str], *, has_keys: bool | None
) -> str:
    """What a person needs next, in one piece. `pages`: further addresses by what they are; empty for none."""
    page = "".join(f"\n  {what:<9} {address}" for what, address in pages.items() if address)
    access_key, secret = "local", "local"
    auth = AUTH_LINES[settings.auth]
    if settings.auth == "enforce":
        access_key, secret = "YOUR_KEY_ID", "YOUR_SECRET"
        if has_keys is False:
            auth += "".join(f"\n            {line}" for line in how_to_begin(settings.store))
    return f"""
  workflowsvc {__version__}: Amazon SWF, API version 2012-01-25
  API       {url}{page}
  Storage   {where}
  Auth      {auth}

  export AWS_ENDPOINT_URL_SWF={url}
  export AWS_ACCESS_KEY_ID={access_key} AWS_SECRET_ACCESS_KEY={secret} AWS_DEFAULT_REGION={settings.region}
"""


def how_to_begin(store: str) -> list[str]:
    """How the first access key is made, in lines."""
    if store == "memory":
        return ["There is no access key, and a store in memory cannot be given one: name another --store."]
    at = f"--store {without_password(store)} --master-key-file FILE"
    stopped = "stop this server and " if store.startswith("sqlite:") else ""
    return [
        f"There is no access key yet. To make the first, {stopped}run (docs/access.md explains it):",
        f"workflowsvc access user create NAME --policy SwfFullAccess {at}",
        f"workflowsvc access key create NAME {at}",
    ]
