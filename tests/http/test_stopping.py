"""A signal ends a real process cleanly: polls answered, work finished, exit status 0 (QUALITY §6.3)."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from tests.http.fake_service import EMPTY_POLL
from tests.http.support import LIST_DOMAINS, POLL, SLOW, Raw, running
from tests.support.waiting import PATIENCE_SECONDS, until

SIGNALS = [signal.SIGTERM, signal.SIGINT]


class Process:
    """A server as a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()
        assert self.url, "it never listened"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ends(self) -> int:
        """The exit status."""
        return self.process.wait(PATIENCE_SECONDS)

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextmanager
def serving(*options: str, **environment: str) -> Iterator[Process]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.http.fake_service", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    with process:
        try:
            yield Process(process)
        finally:
            process.kill()


def is_waiting(port: int) -> bool:
    """Whether the polls sent before have reached the service: a connection that came later is answered."""
    with Raw(port) as client:
        client.send(LIST_DOMAINS)
        return client.answer().status == 200


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_answers_polls_empty_and_ends_with_status_0(number: signal.Signals) -> None:
    with serving() as server:
        clients = [Raw(server.port) for _ in range(20)]
        for client in clients:
            client.send(POLL)
        assert is_waiting(server.port)
        server.process.send_signal(number)
        for client in clients:
            answer = client.answer()
            assert (answer.status, answer.body, answer.headers["connection"]) == (200, EMPTY_POLL, "close")
            assert client.is_closed()
        assert server.ends() == 0
        assert "Traceback" not in server.errors()


def test_work_in_hand_is_answered_and_idle_connections_end() -> None:
    with (
        serving() as server,
        Raw(server.port) as working,
        Raw(server.port) as idle,
        Raw(server.port) as silent,
    ):
        working.send(SLOW)
        idle.send(LIST_DOMAINS)
        assert idle.answer().status == 200
        server.process.terminate()
        assert working.answer().status == 400
        assert idle.is_closed()
        assert silent.is_closed()
        assert server.ends() == 0


def test_who_calls_once_more_while_the_server_stops_is_answered_and_told_that_it_was_the_last_time() -> None:
    with (
        serving() as server,
        Raw(server.port) as working,
        Raw(server.port) as idle,
        Raw(server.port) as halfway,
    ):
        working.send(SLOW)
        idle.send(LIST_DOMAINS)
        assert idle.answer().status == 200
        halfway.send(LIST_DOMAINS[:20])
        server.process.terminate()
        until(lambda: not listens(server.port), "it stops listening")
        halfway.send(LIST_DOMAINS[20:])
        idle.send(LIST_DOMAINS)
        for client in (idle, halfway):
            answer = client.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert client.is_closed()
        assert server.ends() == 0


def test_a_connection_whose_time_is_up_is_not_closed_over_a_request_that_has_arrived() -> None:
    with running() as server, server.client() as client:
        client.send(LIST_DOMAINS)
        assert client.answer().status == 200
        held = Event()

        def sweep_before_reading() -> None:
            """In the event loop, which reads nothing meanwhile."""
            held.set()
            (connection,) = server.server.connections.open_ones()
            socket = connection.transport.get_extra_info("socket")
            assert select.select([socket.fileno()], [], [], PATIENCE_SECONDS)[0]
            server.server.connections.sweep(server.loop.time() + 10_000)

        server.loop.call_soon_threadsafe(sweep_before_reading)
        assert held.wait(PATIENCE_SECONDS)
        client.send(LIST_DOMAINS)
        assert client.answer().status == 200


def test_a_second_signal_ends_at_once() -> None:
    with serving("--drain-seconds", "600", STUCK="1") as server, Raw(server.port) as client:
        client.send(POLL)
        assert is_waiting(server.port)
        server.process.terminate()
        # New connections are refused: the first signal has arrived.
        until(lambda: not listens(server.port), "it stops listening")
        assert server.process.poll() is None

        def insist() -> bool:
            server.process.terminate()
            return server.process.poll() is not None

        until(insist, "it ends")
        assert server.ends() == 128 + signal.SIGTERM


def test_a_signal_that_comes_twice_is_one() -> None:
    """As from GNU timeout, which signals the process, and then the group that it is in."""
    with serving() as server, Raw(server.port) as working:
        working.send(SLOW)
        assert is_waiting(server.port)
        server.process.terminate()
        until(lambda: not listens(server.port), "it stops listening")
        server.process.terminate()
        assert working.answer().status == 400
        assert server.ends() == 0


def listens(port: int) -> bool:
    try:
        with Raw(port):
            return True
    except ConnectionError:
        return False


def test_what_does_not_finish_is_cut_off_in_the_end() -> None:
    with serving("--drain-seconds", "0.2", STUCK="1") as server, Raw(server.port) as client:
        client.send(POLL)
        assert is_waiting(server.port)
        server.process.terminate()
        assert client.is_closed()
        assert server.ends() == 0
        assert "not finished within 0.2 s" in server.errors()


def test_new_connections_are_refused_after_the_signal() -> None:
    with running() as server:
        port = server.port
        assert listens(port)
    assert not listens(port)


def test_a_client_that_does_not_read_cannot_hold_up_the_end() -> None:
    with running(drain_seconds=0.3) as server, Raw(server.port, receive_buffer=4096) as client:
        client.send(SLOW.replace(b'"slow"', b'"big" '))
        until(lambda: len(server.service.calls) == 1, "the answer is under way")
    assert server.open_connections == 0
