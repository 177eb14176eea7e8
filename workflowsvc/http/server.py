"""A listening server, and its life from the first byte to a clean stop.

Owns sockets, the event loop's signals, and the order of stopping (QUALITY §6.3): not ready, no new
connections, polls answered empty, work in hand committed and answered, connections closed, exit status 0. A
second signal that is no echo of the first ends at once. Must not know SWF, nor what a store is.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, cast

import uvloop
from uvicorn.config import Config

from workflowsvc.http.app import HttpApp, Service
from workflowsvc.http.connections import Connections
from workflowsvc.http.protocol import PARTING_SECONDS, Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflowsvc.clock import Clock
    from workflowsvc.settings import Settings

log = logging.getLogger(__name__)

BACKLOG = 4_096  # what Linux allows by default (somaxconn): a fleet of pollers comes back all at once
STOPPING = (signal.SIGTERM, signal.SIGINT)
ECHO_SECONDS = (
    1.0  # one wish may come twice: `timeout`, and `make` below systemd, signal a process and its whole group
)
SPARE_FILES = 100  # descriptors that are not connections: store, sockets that listen, logs

# A poller whose machine was switched off says nothing. Ask after 15 s of silence, give up after three more
# questions, so that a poll waits at most half its minute for the dead (SWF §1.5.6). Accepted sockets
# inherit these on Linux.
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


class CannotListen(Exception):
    """The address cannot be used; the message says why."""


class HttpServer:
    """Listens on an address for an application, in the running event loop."""

    def __init__(self, app: HttpApp, settings: Settings, clock: Clock) -> None:
        self._app = app
        self._settings = settings
        self.connections = Connections(settings, clock)
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The address that clients use; the real port, once `bind` has run."""
        host = self._settings.host
        if ":" in host:
            host = f"[{host}]"
        return f"http://{host}:{self._sockets[0].getsockname()[1]}"

    def bind(self) -> None:
        """Takes the address, so that a busy port is known before anything else is set in motion."""
        self._sockets = bind(self._settings.host, self._settings.port)

    async def start(self) -> None:
        """Connections are accepted when this returns."""
        if not self._sockets:
            self.bind()
        loop = asyncio.get_running_loop()
        # Config only carries the application and what uvicorn's constructor reads.
        config = Config(
            cast("Any", self._app),  # which is no ASGI application: it is called by our Connection alone
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            interface="asgi3",
            proxy_headers=False,
        )
        config.load()
        state: dict[str, Any] = {}
        for sock in self._sockets:
            server = await loop.create_server(
                lambda: Connection(config, self.connections, state, loop), sock=sock, backlog=BACKLOG
            )
            self._servers.append(server)
        self._sweeper = loop.create_task(self._sweep())

    async def _sweep(self) -> None:
        while True:
            self._sweep_now()
            await asyncio.sleep(self.connections.sweep_seconds)

    def _sweep_now(self) -> None:
        try:
            self.connections.sweep(asyncio.get_running_loop().time())
        except Exception:
            # Without sweeps there are no deadlines: one connection's bug must not end them for all.
            log.exception("a sweep failed")

    async def drain(self, finish: Callable[[], Any] | None = None) -> int:
        """Stops politely; `finish` ends what requests wait for. How many connections had to be cut."""
        self._app.draining = True
        for server in self._servers:
            server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.drain_seconds
        self.connections.drain()
        loop.call_later(PARTING_SECONDS, self._sweep_now)  # not up to a second later
        cut = 0
        try:
            async with asyncio.timeout_at(deadline):
                if finish is not None:
                    await finish()
                await self.connections.emptied.wait()
        except TimeoutError:
            cut = len(self.connections.connections)
            log.warning("%d connections were not finished within %s s", cut, self._settings.drain_seconds)
        await self._close()
        return cut

    async def _close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        for connection in self.connections.open_ones():
            connection.abort()
        tasks = list(self.connections.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def run(api: Service, settings: Settings, clock: Clock, announce: Callable[[str], None]) -> int:
    """Serves until SIGTERM or SIGINT; the exit status. `announce` is told the URL once it can be used."""
    settle_interpreter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        status = runner.run(_serve(api, settings, clock, announce))
        # The loop that listens for signals is about to go, and an echo must not make a clean end look like another one.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    return status


async def _serve(api: Service, settings: Settings, clock: Clock, announce: Callable[[str], None]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    asked_at = 0.0

    def stopped(number: int) -> None:
        nonlocal asked_at
        if stop.is_set():
            if loop.time() - asked_at < ECHO_SECONDS:
                return
            log.warning("stopped again: ending at once")
            sys.stdout.flush()
            sys.stderr.flush()
            # Not sys.exit: whatever hangs must not be able to hold this up. The store survives it by design.
            os._exit(128 + number)
        asked_at = loop.time()
        stop.set()

    for number in STOPPING:
        loop.add_signal_handler(number, stopped, number)
    make_room_for(settings.max_connections)
    server = HttpServer(HttpApp(api, settings, clock), settings, clock)
    server.bind()
    try:
        await api.start()
        await server.start()
        announce(server.url)
        await stop.wait()
        log.info("stopping: waiting polls are answered, work in hand is finished")
        await server.drain(api.drain)
    finally:
        api.close()
    return 0


def settle_interpreter() -> None:
    """What a server wants of the interpreter that a script does not."""
    # After each commit the lane asks for the interpreter back, while the event loop is busy with requests. By default
    # it waits up to 5 ms for it, longer than the commit took.
    sys.setswitchinterval(0.0005)
    # What was imported lives as long as the process; structures of the wire are trees that the collector never sees
    # (model/shapes.py). What is left for it are a few cycles per thousand requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def make_room_for(connections: int) -> None:
    """Raises this process's limit of open files as far as it may; says so when that is too little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_FILES
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < needed:
        log.warning("%d open files are allowed here, too few for %d connections", soft, connections)


# --- addresses ---


def bind(host: str, port: int) -> list[socket.socket]:
    """A socket for every address of the host; with port 0 they share one free port."""
    bound: list[socket.socket] = []
    problem: OSError | None = None
    for family, address in _addresses(host, port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            _watch_for_the_dead(sock)
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


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CannotListen(f"cannot listen on {host!r}: {error}") from None
    return sorted({(family, address) for family, _, _, _, address in found}, key=lambda item: item[0])


def _watch_for_the_dead(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on this host."""
    return all(
        ipaddress.ip_address(address[0].split("%")[0]).is_loopback for _, address in _addresses(host, 0)
    )
