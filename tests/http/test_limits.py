"""Slow, endless or many clients cannot hold the server up (QUALITY §2.3)."""

from __future__ import annotations

import socket
import time

import pytest

from tests.http.support import LIST_DOMAINS, POLL, SLOW, Raw, Running, post, running
from tests.support.waiting import until
from workflowsvc.clock import SystemClock
from workflowsvc.http.connection import LINGER_SECONDS, MAX_PIPELINED
from workflowsvc.http.connections import Connections, counted_address

MEGABYTE = 1_048_576
QUESTION = b'{"registrationStatus":"REGISTERED"}'


def head(*lines: str) -> bytes:
    return "\r\n".join(["POST / HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def padded(length: int) -> bytes:
    """A good question of exactly this length."""
    return QUESTION[:-1] + b" " * (length - len(QUESTION)) + b"}"


# --- slow ---


@pytest.mark.parametrize(
    ("data", "then"),
    [
        (LIST_DOMAINS[:150], b"x"),
        (b"", b"\r\n"),
        (b"POST /", b"x"),
        (b"\r\n", b"\r"),
    ],
    ids=["in the headers", "only line ends", "in the target", "only carriage returns"],
)
def test_headers_that_trickle_end_the_connection(data: bytes, then: bytes) -> None:
    with running(header_deadline_seconds=0.3) as server, server.client() as client:
        assert client.dribble(data, then)
        until(lambda: server.open_connections == 0, "the connection is forgotten")


def test_a_body_that_trickles_ends_the_connection() -> None:
    with running(body_deadline_seconds=0.3) as server, server.client() as client:
        assert client.dribble(head("Content-Length: 100000"), b"x")
        until(lambda: server.open_connections == 0, "the connection is forgotten")
        assert server.server.connections.body_bytes == 0


def test_chunks_that_trickle_end_the_connection() -> None:
    with running(body_deadline_seconds=0.3) as server, server.client() as client:
        assert client.dribble(head("Transfer-Encoding: chunked"), b"1\r\nx\r\n")


def test_a_connection_that_never_says_anything_is_closed() -> None:
    with running(header_deadline_seconds=0.2) as server, server.client() as client:
        assert client.is_closed()


def test_an_idle_connection_is_closed_after_a_while() -> None:
    with running(keep_alive_seconds=0.2) as server, server.client() as client:
        client.send(LIST_DOMAINS)
        assert client.answer().status == 200
        assert client.is_closed()


def test_line_ends_do_not_keep_an_idle_connection_alive() -> None:
    with running(keep_alive_seconds=0.3) as server, server.client() as client:
        client.send(LIST_DOMAINS)
        assert client.answer().status == 200
        assert client.dribble(b"", b"\r\n")


@pytest.mark.punctual  # sends its request within half a second
def test_a_long_poll_outlives_every_deadline() -> None:
    with (
        running(
            header_deadline_seconds=0.5,
            body_deadline_seconds=0.5,
            keep_alive_seconds=0.5,
            answer_deadline_seconds=0.5,
        ) as server,
        server.client() as client,
    ):
        client.send(POLL)
        until(lambda: bool(server.service.waiting), "the poll waits")
        began = server.loop.time()
        until(lambda: server.loop.time() > began + 1.1, "every deadline has passed twice")
        assert server.service.waiting
        server.loop.call_soon_threadsafe(server.service.drained.set)
        assert client.answer().status == 200


def test_a_slow_next_request_does_not_wait_for_the_one_in_work() -> None:
    with running(header_deadline_seconds=0.2) as server, server.client() as client:
        client.send(SLOW + LIST_DOMAINS[:50])
        assert client.is_closed()


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_client_that_does_not_take_its_answer_is_cut_off(connection: str) -> None:
    with running(answer_deadline_seconds=0.3) as server:
        client = Raw(server.port, receive_buffer=4096)
        with client:
            client.send(post("DescribeDomain", {"name": "big"}, f"Connection: {connection}"))
            until(lambda: len(server.service.calls) == 1, "the answer is under way")
            until(lambda: server.open_connections == 0, "the connection is cut off")


@pytest.mark.punctual  # takes a part of its answer at least once a second
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(connection: str) -> None:
    with running(answer_deadline_seconds=1) as server:
        client = Raw(server.port, receive_buffer=65_536)
        with client:
            client.send(post("DescribeDomain", {"name": "big"}, f"Connection: {connection}"))
            began, received = time.monotonic(), 0
            while received < 8_000_000:
                received += len(client.socket.recv(150_000))
                # 8 MB in about 1.6 s
                until(
                    lambda: time.monotonic() > began + received / 5_000_000,  # noqa: B023 called at once
                    "a little later",
                )


def test_answers_wait_for_a_client_that_does_not_read() -> None:
    """However many big answers a client asks for, one at a time is held for it."""
    with running() as server:
        client = Raw(server.port, receive_buffer=4096)
        with client:
            client.send(post("DescribeDomain", {"name": "big"}) * 5)
            until(lambda: len(server.service.calls) >= 2, "the second answer is made")
            (connection,) = server.server.connections.open
            for _ in range(20):  # time enough for the third, were it not held back
                assert server.ask(LIST_DOMAINS).status == 200
            assert [call[0] for call in server.service.calls].count("DescribeDomain") == 2
            assert connection.transport.get_write_buffer_size() <= len(server.service.big) + 1_000
            for _ in range(5):
                assert len(client.answer().body) == len(server.service.big)


# --- large ---


def test_a_body_of_a_megabyte_is_read(server: Running) -> None:
    assert server.ask(post("ListDomains", padded(MEGABYTE))).status == 200


@pytest.mark.parametrize(
    "send_all",
    [True, False],
    ids=["and sends it", "and waits"],
)
def test_a_body_over_a_megabyte_is_refused(server: Running, *, send_all: bool) -> None:
    data = post("ListDomains", padded(MEGABYTE + 1))
    with server.client() as client:
        client.send(data if send_all else data[: -MEGABYTE - 1])
        answer = client.answer()
        assert answer.status == 413
        assert answer.json == {"__type": "com.amazon.coral.service#RequestEntityTooLargeException"}
        assert answer.headers["connection"] == "close"
        assert client.is_closed()


def test_a_body_over_a_megabyte_in_chunks_is_refused(client: Raw) -> None:
    client.send(head("Transfer-Encoding: chunked") + b"80000\r\n" + bytes(0x80000) + b"\r\n")
    client.send(b"80001\r\n" + bytes(0x80001) + b"\r\n0\r\n\r\n")
    assert client.answer().status == 413
    assert client.is_closed()


def test_a_client_that_asks_before_it_sends_too_much_is_refused(client: Raw) -> None:
    client.send(head(f"Content-Length: {MEGABYTE + 1}", "Expect: 100-continue"))
    assert client.answer().status == 413


def test_a_megabyte_of_brackets_is_no_500(server: Running) -> None:
    for body in (b"[" * MEGABYTE, b'{"a":' * 200_000, b"{}," * 349_000):
        answer = server.ask(post("ListDomains", body))
        assert (answer.status, answer.code) == (400, "SerializationException")


@pytest.mark.parametrize(
    "data",
    [
        head("X: " + "x" * 16_384),
        head(*(f"X-{number}: {'x' * 1000}" for number in range(17))),
        head(*(f"X-{number}: y" for number in range(101))),
        b"POST /" + b"x" * 16_400 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["one header", "a few headers", "a hundred headers", "the target"],
)
def test_headers_over_16_kib_are_refused(client: Raw, data: bytes) -> None:
    client.send(data)
    answer = client.answer()
    assert (answer.status, answer.code) == (431, "RequestEntityTooLargeException")
    assert client.is_closed()


def test_headers_of_almost_16_kib_are_read(client: Raw) -> None:
    client.send(LIST_DOMAINS.replace(b"Host: ", b"X: " + b"x" * 16_000 + b"\r\nHost: "))
    assert client.answer().status == 200


def endless(client: Raw, data: bytes, then: bytes) -> int:
    """Sends without end; how much the server let in before it closed or answered."""
    client.send(data)
    sent = 0
    client.socket.settimeout(0.001)
    while True:
        try:
            if client.socket.recv(1):
                return sent
        except TimeoutError:
            pass
        except ConnectionResetError:
            return sent
        try:
            sent += client.socket.send(then)
        except (ConnectionResetError, BrokenPipeError):  # it has lingered long enough
            return sent
        assert sent < 8 * MEGABYTE


@pytest.mark.parametrize(
    ("data", "then"),
    [
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nX: ", b"x" * 4_096),
        (head("Transfer-Encoding: chunked") + b"0\r\nX: ", b"x" * 4_096),
        (head("Transfer-Encoding: chunked") + b"5;", b"x" * 4_096),
    ],
    ids=["a header", "a trailer", "a chunk's extension"],
)
def test_what_never_ends_is_refused(client: Raw, data: bytes, then: bytes) -> None:
    endless(client, data, then)


# --- many ---


def test_connections_over_the_cap_are_turned_away() -> None:
    with running(max_connections=3) as server:
        clients = [server.client() for _ in range(3)]
        for client in clients:
            client.send(LIST_DOMAINS)
            assert client.answer().status == 200
        with server.client() as late:
            answer = late.answer()
            assert (answer.status, answer.code) == (503, "ServiceUnavailable")
            assert late.is_closed()
        clients.pop().__exit__()
        until(lambda: server.open_connections == 2, "one has left")
        assert server.ask(LIST_DOMAINS).status == 200
        for client in clients:
            client.__exit__()


def test_connections_of_one_address_can_be_capped() -> None:
    with running(max_connections_per_address=1) as server:
        with server.client() as client:
            client.send(LIST_DOMAINS)
            assert client.answer().status == 200
            with server.client() as late:
                assert late.answer().status == 503
        until(lambda: server.open_connections == 0, "it has left")
        assert not server.server.connections.per_address
        assert server.ask(LIST_DOMAINS).status == 200


def test_no_address_takes_all_connections() -> None:
    """By default one has three quarters of them; a client of another address is still let in, and in turn refused."""
    with running(max_connections=8) as server:
        first = [server.client() for _ in range(6)]
        for client in first:
            client.send(LIST_DOMAINS)
            assert client.answer().status == 200
        with server.client() as seventh:
            answer = seventh.answer()
            assert (answer.status, answer.code) == (503, "ServiceUnavailable")
        until(lambda: server.open_connections == 6, "it has left")
        with server.client("127.0.0.2") as other:
            other.send(LIST_DOMAINS)
            assert other.answer().status == 200
        first.pop().__exit__()
        until(lambda: server.open_connections == 5, "both have left")
        assert server.ask(LIST_DOMAINS).status == 200
        for client in first:
            client.__exit__()


def test_addresses_of_one_machine_count_as_one() -> None:
    """It has all of a /64 of IPv6, so that a cap for each single address would be none."""
    one = counted_address("2001:db8:1:2::1")
    assert counted_address("2001:db8:1:2:ffff::9") == one
    assert counted_address("2001:db8:1:3::1") != one
    assert counted_address("fe80::1%eth0") != counted_address("fe80::2%eth0"), "two machines on one cable"
    assert counted_address("::ffff:192.0.2.1") != counted_address("::ffff:192.0.2.2")
    assert counted_address("192.0.2.1") != counted_address("192.0.2.2")


def test_connections_are_capped_by_the_files_that_may_be_opened() -> None:
    """Beyond these the system accepts no connection at all, whichever address has taken them."""
    with running(max_connections=10_000) as server:
        server.server.connections = Connections(server.settings, SystemClock(), room=2)
        first, second = server.client(), server.client("127.0.0.2")
        for client in (first, second):
            client.send(LIST_DOMAINS)
            assert client.answer().status == 200
        with server.client("127.0.0.3") as late:
            assert late.answer().status == 503
        first.__exit__()
        second.__exit__()
        until(lambda: server.open_connections == 0, "all have left")


def test_bodies_held_at_once_are_capped() -> None:
    with running(max_pending_bytes=100_000) as server:
        with server.client() as holder, server.client() as client:
            holder.send(head("Content-Length: 99000") + bytes(98_000))
            until(lambda: server.server.connections.body_bytes == 98_000, "most of the room is taken")
            client.send(post("ListDomains", padded(10_000)))
            answer = client.answer()
            assert (answer.status, answer.code) == (503, "ServiceUnavailable")
        until(lambda: server.server.connections.body_bytes == 0, "the room is free again")
        assert server.ask(post("ListDomains", padded(10_000))).status == 200
        assert server.server.connections.body_bytes == 0


def test_the_room_for_bodies_is_given_back_whatever_happens() -> None:
    with running() as server:
        for data, answered in [
            (LIST_DOMAINS, True),
            (LIST_DOMAINS * 3, True),
            (post("ListDomains", padded(MEGABYTE + 1)), True),
            (LIST_DOMAINS[:-1], False),
            (SLOW + LIST_DOMAINS * 3 + LIST_DOMAINS[:-1], False),
            (POLL + LIST_DOMAINS, False),
            (LIST_DOMAINS * (MAX_PIPELINED + 10), True),
        ]:
            with server.client() as client:
                client.send(data)
                if answered:
                    client.answer()
                else:
                    until(lambda: server.open_connections >= 1, "the server has it")
        server.loop.call_soon_threadsafe(server.service.release.set)
        until(lambda: server.open_connections == 0, "all have left")
        assert server.server.connections.body_bytes == 0
        until(lambda: not server.connection_tasks(), "nothing is left to do")


def test_a_refused_client_cannot_stay() -> None:
    assert LINGER_SECONDS < 5
    with running() as server, server.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")
        assert client.answer().status == 400
        until(lambda: server.open_connections == 0, "the connection is closed although the client stays")


def test_a_reset_connection_is_forgotten() -> None:
    with running() as server:
        client = server.client()
        client.send(POLL)
        until(lambda: bool(server.service.waiting), "the poll waits")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.__exit__()
        until(lambda: not server.service.waiting, "the poll has ended")
        until(lambda: server.open_connections == 0, "the connection is forgotten")
