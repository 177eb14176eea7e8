"""A listening server, and its life from the first byte to a clean stop.

Owns sockets, the event loop's signals, and the order of stopping (QUALITY §6.3): not ready, no new connections, polls
answered empty, calls in work committed and answered, connections closed, exit status 0. A second signal that is not an
echo of the first ends the process at once. Must not know SWF, nor what a store is.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import uvloop

from workflowsvc.http.app import HttpApp
from workflowsvc.http.calls import Service
from workflowsvc.http.connection import PARTING_SECONDS, App, Connection
from workflowsvc.http.connections import Connections
from workflowsvc.http.hosts import CannotListen, addresses
from workflowsvc.http.service_manager import ServiceManager
from workflowsvc.http.tls import Certificate
from workflowsvc.http.tls_transport import TlsTransport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from workflowsvc.clock import Clock
    from workflowsvc.http.call_tracer import CallTracer
    from workflowsvc.http.loop_lag import LoopLag
    from workflowsvc.http.server_figures import ServerFigures
    from workflowsvc.settings import Settings

log = logging.getLogger(__name__)

# Connections that wait to be accepted: what Linux allows by default (somaxconn). After a restart a fleet of pollers
# connects all at once.
BACKLOG = 4_096
STOPPING = (signal.SIGTERM, signal.SIGINT)

# A second signal within this time is an echo of the first: `timeout`, and `make` below systemd, signal a process and
# then its whole group.
ECHO_SECONDS = 1.0

SPARE_FILES = 100  # descriptors for other things than connections: store, listening sockets, logs

# A poller whose machine was switched off sends nothing. TCP probes the connection after 15 s of silence and gives up
# after three unanswered probes, so that a poll occupies its place for at most half of its minute. Accepted sockets
# inherit these options on Linux.
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


class Beside(Protocol):
    """Another server in the same event loop (`workflowsvc.console.listener.ConsoleServer`)."""

    def bind(self, api_port: int, certificate: Certificate | None, /) -> None:
        """Takes its address, with that of the API known, and its certificate, which is kept up to date; CannotListen
        when it cannot."""
        ...

    async def start(self) -> None: ...
    async def drain(self) -> None:
        """Stops cleanly and soon."""
        ...


class ServedApp(App, Protocol):
    """What answers requests (`workflowsvc.http.app.HttpApp`)."""

    draining: bool
    lag: LoopLag


class HttpServer:
    """Listens on an address for an application, in the running event loop."""

    def __init__(self, app: ServedApp, settings: Settings, clock: Clock, room: int | None = None) -> None:
        """`room`: the connections for which this process may open files, if that is known."""
        self._app = app
        self._settings = settings
        self.connections = Connections(settings, clock, room)
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.certificate = (
            Certificate(settings.tls_certificate, settings.tls_key, clock)
            if settings.tls_certificate
            else None
        )

    @property
    def url(self) -> str:
        """The address that clients use; the real port, once `bind` has run."""
        host = self._settings.host
        if ":" in host:
            host = f"[{host}]"
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://{host}:{self.port}"

    @property
    def port(self) -> int:
        """The real one, once `bind` has run."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def is_started(self) -> bool:
        """Whether `start` has run."""
        return bool(self._servers)

    def bind(self) -> None:
        """Takes the address, so that a busy port is reported before anything else has started."""
        self._sockets = bind(self._settings.host, self._settings.port)

    async def start(self) -> None:
        """Connections are accepted when this returns."""
        if not self._sockets:
            self.bind()
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            server = await loop.create_server(partial(self._accept, loop), sock=sock, backlog=BACKLOG)
            self._servers.append(server)
        self._tasks = [loop.create_task(self._sweep())]
        if self.certificate is not None:
            self._tasks.append(loop.create_task(self.certificate.watch()))

    def _accept(self, loop: asyncio.AbstractEventLoop) -> asyncio.Protocol:
        if self.certificate is None:
            return Connection(self._app, self.connections, loop)
        connection = Connection(self._app, self.connections, loop, is_tls=True)
        return TlsTransport(
            connection, self.certificate.context, loop, partial(self._handshake_failed, connection)
        )

    def _handshake_failed(self, connection: Connection, error: ssl.SSLError) -> bytes:
        """What to send to the client, in plain text."""
        reason = (error.reason or str(error)).replace("_", " ").lower()
        self.connections.refusals.write(
            ("no TLS", reason), lambda: f"a TLS handshake of {connection.address} failed: {reason}"
        )
        return connection.plain_refusal() if error.reason == "HTTP_REQUEST" else b""

    async def _sweep(self) -> None:
        time = asyncio.get_running_loop().time
        while True:
            self._sweep_now()
            due = time() + self.connections.sweep_seconds
            await asyncio.sleep(self.connections.sweep_seconds)
            self._app.lag.woke(max(time() - due, 0.0))

    def _sweep_now(self) -> None:
        try:
            self.connections.sweep(asyncio.get_running_loop().time())
        except Exception:
            # Without sweeps there are no deadlines: a bug in one connection must not end them for all.
            log.exception("a sweep failed")

    async def drain(self, finish: Callable[[], Any] | None = None) -> int:
        """Stops cleanly; `finish` ends what requests wait for. Returns how many connections had to be cut off."""
        self._app.draining = True
        for server in self._servers:
            server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.drain_seconds
        self.connections.drain()
        loop.call_later(PARTING_SECONDS, self._sweep_now)  # the regular sweep may come up to a second later
        cut = 0
        try:
            async with asyncio.timeout_at(deadline):
                if finish is not None:
                    await finish()
                await self.connections.emptied.wait()
        except TimeoutError:
            cut = len(self.connections.open)
            log.warning("%d connections were not finished within %s s", cut, self._settings.drain_seconds)
        await self._close()
        return cut

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.connections.abort_all()


def run(
    api: Service,
    settings: Settings,
    clock: Clock,
    announce: Callable[[str], None],
    besides: Sequence[Beside] = (),
    figures: ServerFigures | None = None,
    manager: ServiceManager | None = None,
    tracer: CallTracer | None = None,
) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status. `announce` gets the URL once it can be used; `besides`
    start and stop with this server, which counts in `figures` and has its calls traced by `tracer`."""
    settle_interpreter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        life = _Life(api, settings, clock, announce, besides, figures, manager or ServiceManager({}), tracer)
        status = runner.run(life.serve())
        # The loop that handles signals is about to end, and an echo must not turn a clean end into another one.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    return status


class _Life:
    """From the first signal handler to the end of the last connection."""

    def __init__(
        self,
        api: Service,
        settings: Settings,
        clock: Clock,
        announce: Callable[[str], None],
        besides: Sequence[Beside],
        figures: ServerFigures | None,
        manager: ServiceManager,
        tracer: CallTracer | None,
    ) -> None:
        self._api = api
        self._settings = settings
        self._clock = clock
        self._announce = announce
        self._besides = besides
        self._figures = figures
        self._manager = manager
        self._tracer = tracer
        self._stop = asyncio.Event()
        self._asked_at = 0.0

    async def serve(self) -> int:
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            loop.add_signal_handler(number, self._stopped, loop, number)
        server = self._server()
        server.bind()
        if server.certificate is not None:
            loop.add_signal_handler(signal.SIGHUP, server.certificate.reload_soon)
        for beside in self._besides:
            beside.bind(server.port, server.certificate)
        try:
            await self._api.start()
            await server.start()
            for beside in self._besides:
                await beside.start()
            self._announce(server.url)
            watched = loop.create_task(self._manager.watch(lambda: self._api.is_alive))
            self._manager.ready(f"serving {server.url}")
            await self._stop.wait()
            log.info("stopping: waiting polls are answered, work in hand is finished")
            self._manager.stopping()
            await asyncio.gather(server.drain(self._api.drain), *(beside.drain() for beside in self._besides))
            watched.cancel()
        finally:
            self._api.close()
        return 0

    def _server(self) -> HttpServer:
        room = make_room_for(self._settings.max_connections)
        figures = self._figures
        app = HttpApp(
            self._api,
            self._settings,
            self._clock,
            figures=None if figures is None else figures.calls,
            tracer=self._tracer,
        )
        server = HttpServer(app, self._settings, self._clock, room)
        if figures is not None:
            figures.connections, figures.lag = server.connections, app.lag
        return server

    def _stopped(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        if self._stop.is_set():
            if loop.time() - self._asked_at < ECHO_SECONDS:
                return
            log.warning("stopped again: ending at once")
            sys.stdout.flush()
            sys.stderr.flush()
            # Not sys.exit: a thread that hangs must not delay this. The store survives it by design.
            os._exit(128 + number)
        self._asked_at = loop.time()
        self._stop.set()


def settle_interpreter() -> None:
    """Sets what a server needs of the interpreter and a script does not."""
    # After each commit the writer's thread asks for the interpreter back while the event loop is busy with requests. By
    # default it waits up to 5 ms: at half load calls then take 1.4 times as long. With 0.5 ms a workflow takes a
    # twentieth more CPU, as the threads take it from each other too often.
    sys.setswitchinterval(0.001)
    # What was imported lives until the process ends; the structures of the wire are trees that the collector does not
    # track (model/shapes.py). What is left for it are a few cycles per thousand requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def make_room_for(connections: int) -> int:
    """Raises this process's limit of open files as far as it may; logs a warning when that is too little. Returns the
    number of connections for which there is room.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_FILES
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < needed:
        log.warning("%d open files are allowed here, too few for %d connections", soft, connections)
    return soft - min(SPARE_FILES, soft // 2)


# --- addresses ---


def bind(host: str, port: int) -> list[socket.socket]:
    """A socket for every address of the host; with port 0 they share one free port."""
    bound: list[socket.socket] = []
    problem: OSError | None = None
    for family, address in addresses(host, port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            _enable_keepalive(sock)
            if bound and not port:
                address = (address[0], bound[0].getsockname()[1], *address[2:])
            sock.bind(address)
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except OSError as error:
            sock.close()
            problem = error
        else:
            bound.append(sock)
    if not bound:
        assert problem is not None
        raise CannotListen(f"cannot listen on {host} port {port}: {os.strerror(problem.errno or 0)}")
    return bound


def _enable_keepalive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
