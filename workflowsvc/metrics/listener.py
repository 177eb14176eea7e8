"""The address of the metrics: in the event loop of the server, beside the API.

Owns the port, which machines may reach it and how, and the start and end.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from workflowsvc.http.hosts import Hosts, is_loopback
from workflowsvc.http.server import HttpServer
from workflowsvc.http.server_figures import ServerFigures
from workflowsvc.metrics.collection import Collection, MeasuredService, registry_of
from workflowsvc.metrics.page import PATH, MetricsApp
from workflowsvc.options import SettingsError

if TYPE_CHECKING:
    from workflowsvc.backups.schedule import ScheduledBackups
    from workflowsvc.clock import Clock
    from workflowsvc.http.tls import Certificate
    from workflowsvc.settings import Settings
    from workflowsvc.traces.span_figures import SpanFigures

OFF = "off"
MAX_CONNECTIONS = 50  # a few Prometheus servers hold one each
MIN_TOKEN = 16  # characters


class MetricsServer:
    """Listens for readers of the metrics."""

    def __init__(
        self,
        service: MeasuredService,
        settings: Settings,
        clock: Clock,
        backups: ScheduledBackups | None = None,
        spans: SpanFigures | None = None,
    ) -> None:
        """SettingsError when other machines could read without a token and the operator has not allowed it."""
        self.figures = ServerFigures()
        """What the server is to count in."""
        token = _token(settings.metrics_token_file)
        is_local = is_loopback(settings.metrics_host)
        if not is_local and not token and not settings.insecure_allow_remote:
            raise SettingsError(
                f"metrics at {settings.metrics_host} can be read from other machines by any client; give "
                "--metrics-token-file, listen on 127.0.0.1, or add --insecure-allow-remote if the network is trusted"
            )
        # A certificate names the machine as others call it; on a loopback address no reader would accept it.
        certificate = "" if is_local else settings.tls_certificate
        self._app = MetricsApp(
            registry_of(Collection(service, self.figures, settings, clock, backups, spans)),
            Hosts(settings.metrics_host, settings.allowed_hosts),
            token,
        )
        own = dataclasses.replace(
            settings,
            host=settings.metrics_host,
            port=int(settings.metrics_port),
            tls_certificate=certificate,
            tls_key=settings.tls_key if certificate else "",
            max_connections=MAX_CONNECTIONS,
            max_connections_per_address=MAX_CONNECTIONS,
            drain_seconds=min(settings.drain_seconds, 1.0),
        )
        self._server = HttpServer(self._app, own, clock)

    @property
    def url(self) -> str:
        """Where the metrics are, once `bind` has run."""
        return self._server.url + PATH

    def bind(self, _api_port: int, _certificate: Certificate | None) -> None:
        """Takes the address; CannotListen when it cannot."""
        self._server.bind()

    async def start(self) -> None:
        """Metrics are answered when this returns."""
        await self._server.start()

    async def drain(self) -> None:
        """Answers what was asked, for at most a second, then closes."""
        await self._server.drain()
        self._app.close()


def _token(path: str) -> str:
    """What the file holds, without blanks around it; "" without a file. SettingsError when it cannot be used."""
    if not path:
        return ""
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not plain text"
        raise SettingsError(f"--metrics-token-file {path} cannot be read: {reason}") from error
    if len(token) < MIN_TOKEN or not token.isprintable() or " " in token:
        raise SettingsError(
            f"--metrics-token-file {path} holds no token: it needs {MIN_TOKEN} characters or more on one line"
        )
    return token
