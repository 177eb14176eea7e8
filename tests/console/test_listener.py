"""The console on a real port: beside the API of a real server, off, on a port that is taken, and reached by nothing but
this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.support.server import HOST, Server, free_port


def with_server(tmp_path: Path, work: Callable[[Server], Awaitable[None]], **settings: str) -> None:
    async def run() -> None:
        server = Server(tmp_path, settings)
        try:
            await server.start()
            await work(server)
            assert await server.stop() == 0
            assert not server.bugs_in_log()
        finally:
            await server.end()

    asyncio.run(run())


def test_a_server_serves_pages_beside_its_api_and_stops_cleanly(tmp_path: Path) -> None:
    port = free_port()

    async def look(_: Server) -> None:
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}", follow_redirects=True) as client:
            page = await client.get("/")
            assert (page.status_code, str(page.url.path)) == (200, "/domains")
            assert "server" not in page.headers
            # A connection that stays open does not hold up the end.

    with_server(tmp_path, look, console_port=str(port))


def test_without_it_no_further_port_is_taken(tmp_path: Path) -> None:
    async def look(server: Server) -> None:
        with pytest.raises(OSError), socket.create_connection((HOST, server.port + 1), timeout=5):
            pass

    with_server(tmp_path, look, console_port="off")


def test_a_next_port_that_is_taken_leaves_the_console_out_and_says_so(tmp_path: Path) -> None:
    async def look(server: Server) -> None:
        assert "the console is left out: cannot listen on" in server.said()

    with _next_to_a_free_one() as (api, _taken):

        async def run() -> None:
            server = Server(tmp_path, {"console_port": "auto"})
            server.port = api
            try:
                await server.start()
                await look(server)
                assert await server.stop() == 0
            finally:
                await server.end()

        asyncio.run(run())


def test_a_port_that_was_asked_for_and_is_taken_ends_the_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        async def run() -> None:
            server = Server(tmp_path, {"console_port": port})
            try:
                with pytest.raises(ChildProcessError, match=f"cannot listen on 127.0.0.1 port {port}"):
                    await server.start()
            finally:
                await server.end()

        asyncio.run(run())


class _next_to_a_free_one:
    """A free port whose successor is taken."""

    def __enter__(self) -> tuple[int, int]:
        while True:
            self._taken = socket.socket()
            self._taken.bind((HOST, 0))
            self._taken.listen()
            port = self._taken.getsockname()[1]
            try:
                with socket.socket() as before:
                    before.bind((HOST, port - 1))
            except OSError:
                self._taken.close()
                continue
            return port - 1, port

    def __exit__(self, *_: object) -> None:
        self._taken.close()
