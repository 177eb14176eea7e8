"""What holds for plain connections holds for encrypted ones: deadlines, caps, order, half-closed clients."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from tests.http import certificates
from tests.http import test_framing as framing
from tests.http import test_limits as limits
from tests.http.certificates import Files
from tests.http.fake_service import EMPTY_POLL
from tests.http.support import LIST_DOMAINS, POLL, SLOW, Answer, Raw, Running, over_tls, running
from tests.support.waiting import until
from workflowsvc.http.connection import LINGER_SECONDS

# Those below say what is different: a client that is turned away gets no handshake, and Python's sockets cannot
# close half of a TLS connection.
DIFFERENT = {
    "test_a_client_that_closes_its_half_is_still_answered",
    "test_a_client_that_closes_its_half_too_early_gets_nothing",
    "test_a_client_that_sends_more_and_more_is_told_where_it_was_cut_off",  # is reset while it sends its second record
    "test_a_poll_of_a_client_that_closed_its_half_takes_no_task",
    "test_connections_are_capped_by_the_files_that_may_be_opened",
    "test_connections_of_one_address_can_be_capped",
    "test_connections_over_the_cap_are_turned_away",
    "test_no_address_takes_all_connections",
}
globals().update(
    {
        name: test
        for module in (framing, limits)
        for name, test in vars(module).items()
        if name.startswith("test_") and name not in DIFFERENT
    }
)


@pytest.fixture(autouse=True, scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    made = certificates.make(tmp_path_factory.mktemp("tls"))
    over_tls.append(made)
    yield made
    over_tls.clear()


@pytest.fixture(scope="module")
def server(files: Files) -> Iterator[Running]:
    with running() as it:
        assert it.server.url.startswith("https://")
        yield it


@pytest.fixture
def client(server: Running) -> Iterator[Raw]:
    with server.client() as it:
        yield it


class Half:
    """A client that can say that it sends nothing more and go on reading, as TLS 1.3 has it."""

    def __init__(self, server: Running, files: Files) -> None:
        over_tls.clear()
        self.raw = Raw(server.port)
        over_tls.append(files)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = files.client_context().wrap_bio(self._in, self._out, server_hostname="localhost")
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.receive()
        self.flush()

    def __enter__(self) -> Half:
        return self

    def __exit__(self, *_: object) -> None:
        self.raw.socket.close()

    def flush(self) -> None:
        if self._out.pending:
            self.raw.socket.sendall(self._out.read())

    def receive(self) -> bool:
        data = self.raw.socket.recv(65_536)
        self._in.write(data)
        return bool(data)

    def send(self, data: bytes) -> None:
        self.tls.write(data)
        self.flush()

    def say_goodbye(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()

    def everything(self) -> bytes:
        """What the server sends until it says in TLS that this is all."""
        whole = b""
        while True:
            try:
                plain = self.tls.read(65_536)
            except ssl.SSLWantReadError:
                assert self.receive(), "cut off without a goodbye"
            except ssl.SSLZeroReturnError:
                return whole
            else:
                if not plain:
                    return whole
                whole += plain


@pytest.mark.parametrize("by_tls", [True, False], ids=["in TLS", "by TCP alone"])
def test_a_client_that_closes_its_half_is_still_answered(
    server: Running, files: Files, *, by_tls: bool
) -> None:
    with Half(server, files) as client:
        client.send(LIST_DOMAINS * 3)
        if by_tls:
            client.say_goodbye()
        else:
            client.raw.socket.shutdown(1)
        assert client.everything().count(b"HTTP/1.1 200") == 3


def test_a_client_that_closes_its_half_too_early_gets_nothing(server: Running, files: Files) -> None:
    before = len(server.service.calls)
    with Half(server, files) as client:
        client.send(LIST_DOMAINS[:-1])
        client.say_goodbye()
        assert client.everything() == b""
    assert len(server.service.calls) == before


def test_a_poll_of_a_client_that_closed_its_half_takes_no_task(files: Files) -> None:
    with running() as alone, Half(alone, files) as client:
        client.send(POLL)
        until(lambda: bool(alone.service.waiting), "the poll waits")
        client.say_goodbye()
        until(lambda: not alone.service.waiting, "the poll has ended")
        assert client.everything().endswith(EMPTY_POLL)


def test_a_refused_client_reads_why_and_that_it_was_all(server: Running, files: Files) -> None:
    with Half(server, files) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 100_000)
        assert client.everything().startswith(b"HTTP/1.1 413 ")
    assert LINGER_SECONDS < 60


def test_connections_over_a_cap_are_cut_off_before_their_handshake() -> None:
    with running(max_connections=2, max_connections_per_address=2) as server:
        first, second = server.client(), server.client()
        for client in (first, second):
            client.send(LIST_DOMAINS)
            assert client.answer().status == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            server.client()
        with first, second:
            second.send(LIST_DOMAINS)
            assert second.answer().status == 200
        until(lambda: server.open_connections == 0, "both are forgotten")
        with server.client() as again:
            again.send(LIST_DOMAINS)
            assert again.answer().status == 200


def test_a_handshake_that_is_never_finished_holds_its_place_for_the_header_deadline_alone(
    files: Files,
) -> None:
    with running(header_deadline_seconds=0.3) as server:
        over_tls.clear()
        silent, slow = Raw(server.port), Raw(server.port)
        over_tls.append(files)
        with silent, slow:
            until(lambda: server.open_connections == 2, "both are counted")
            assert silent.is_closed()
            assert slow.dribble(b"\x16\x03\x01\x02\x00\x01", b"\x00")
        until(lambda: server.open_connections == 0, "both are forgotten")


def test_answers_of_megabytes_arrive_whole_and_in_order(server: Running, client: Raw) -> None:
    from tests.http.support import post

    big = post("DescribeDomain", {"name": "big"})
    client.send(big + LIST_DOMAINS + big)
    answers: list[Answer] = [client.answer() for _ in range(3)]
    assert [len(answer.body) for answer in answers] == [8_000_002, len(answers[1].body), 8_000_002]
    assert answers[0].body == server.service.big


def test_waiting_polls_are_answered_when_the_server_stops() -> None:
    with running() as server, server.client() as poller, server.client() as slow:
        poller.send(POLL)
        slow.send(SLOW)
        until(lambda: bool(server.service.waiting), "the poll waits")
        server.loop.call_soon_threadsafe(server.service.drained.set)
        server.loop.call_soon_threadsafe(server.service.release.set)
        assert poller.answer().body == EMPTY_POLL
        assert slow.answer().status == 400
