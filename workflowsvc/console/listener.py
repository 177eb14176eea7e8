"""The console's address: uvicorn in the event loop of the server, beside the API.

Owns the port, which machines may reach it and how, and the start and end. Must not know pages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import uvicorn

from workflowsvc.console.app import Console
from workflowsvc.console.door import Door, as_protocol_class
from workflowsvc.http.hosts import CannotListen, Hosts, is_loopback
from workflowsvc.http.server import bind

if TYPE_CHECKING:
    from workflowsvc.clock import Clock
    from workflowsvc.console.calls import ConsoleService
    from workflowsvc.http.tls import Certificate
    from workflowsvc.settings import Settings

log = logging.getLogger(__name__)

AUTO, OFF = "auto", "off"
LAST_PORT = 65_535
LOOPBACK = "127.0.0.1"
# Two hundred open tabs. Each request holds the event loop for milliseconds, so more would be felt by the API.
MAX_CONNECTIONS = 200
KEEP_ALIVE_SECONDS = 30
STOPPING_SECONDS = 3


class ConsoleServer:
    """Listens for the console."""

    def __init__(
        self, service: ConsoleService, settings: Settings, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._settings = settings
        # While readers need not sign in, only this machine may look, whatever the API does; and no reader shall sign in
        # over a line that others can read.
        self._has_sign_in = settings.auth == "enforce"
        is_safe = self._has_sign_in and bool(settings.tls_certificate or settings.trusted_proxies)
        self._host = settings.host if is_safe or is_loopback(settings.host) else LOOPBACK
        self._is_tls = self._has_sign_in and bool(settings.tls_certificate)
        hosts = Hosts(self._host, settings.allowed_hosts)
        self._console = Console(service, settings, clock, hosts, random_bytes)
        self._server: _Server
        self._sockets: list[socket.socket] = []
        self._serving: asyncio.Task[None] | None = None

    def _serve_with(self, certificate: Certificate | None) -> _Server:
        door = Door(
            MAX_CONNECTIONS,
            certificate if self._is_tls else None,
            counts_addresses=not self._settings.trusted_proxies,
        )
        config = uvicorn.Config(
            self._console,
            http=as_protocol_class(door),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOPPING_SECONDS,
        )
        logging.getLogger("uvicorn").setLevel(logging.WARNING)  # start and stop are in the server's own log
        return _Server(config)

    @property
    def url(self) -> str:
        """Its address; empty when it does not listen."""
        if not self._sockets:
            return ""
        host = f"[{self._host}]" if ":" in self._host else self._host
        scheme = "https" if self._is_tls else "http"
        return f"{scheme}://{host}:{self._sockets[0].getsockname()[1]}"

    def bind(self, api_port: int, certificate: Certificate | None) -> None:
        """Takes the address. CannotListen when it is taken; but where no port was asked for, the log says so and the
        console is left out."""
        self._console.api_port = api_port
        self._server = self._serve_with(certificate)
        given = self._settings.console_port
        if given != AUTO:
            self._sockets = bind(self._host, int(given))
            return
        wanted = 0 if self._settings.port == 0 else api_port + 1
        try:
            if wanted > LAST_PORT:
                raise CannotListen(f"cannot listen on {self._host} port {wanted}: there is no such port")
            self._sockets = bind(self._host, wanted)
        except CannotListen as error:
            log.warning("the console is left out: %s; --console-port names another port", error)

    async def start(self) -> None:
        """Pages are answered when this returns."""
        if self._sockets:
            self._serving = asyncio.get_running_loop().create_task(self._server.serve(self._sockets))
            self._serving.add_done_callback(_report)
            await self._server.begun.wait()

    async def drain(self) -> None:
        """Answers what was asked, for at most a few seconds, then closes."""
        if self._serving is not None:
            self._console.end()
            self._server.should_exit = True
            with contextlib.suppress(Exception):
                await self._serving


class _Server(uvicorn.Server):
    """Leaves the process's signals to the server that it stands beside."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.begun.set()


def _report(serving: asyncio.Task[None]) -> None:
    """The API goes on without a console that has failed."""
    if not serving.cancelled() and (error := serving.exception()) is not None:
        log.error("the console has ended", exc_info=error)
