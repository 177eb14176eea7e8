"""What the application sees of a request is what the client sent, byte for byte; and which handler sees it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.http.support import Running, post
from workflowsvc.http.framing import NotHttp, Refusal, RequestParser
from workflowsvc.http.request import HttpRequest
from workflowsvc.http.routes import ANY_PATH, Route, Router
from workflowsvc.settings import Settings


class Taken:
    """A connection that keeps what it receives."""

    def __init__(self, last: int = 1_000) -> None:
        self.requests: list[HttpRequest] = []
        self.body_bytes = 0
        self.answers: list[bytes] = []
        self._last = last

    def body_grew(self, size: int) -> None:
        self.body_bytes += size

    def request_received(self, request: HttpRequest) -> bool:
        self.requests.append(request)
        return len(self.requests) < self._last

    def date_line(self) -> bytes:
        return b"date: now\r\n"

    def stays_open(self, request: HttpRequest) -> bool:
        return request.keep_alive

    def write_answer(self, request: HttpRequest, answer: bytes) -> None:
        self.answers.append(answer)


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def parser(taken: Taken) -> Iterator[RequestParser]:
    parser = RequestParser(taken, Settings())
    yield parser
    parser.close()


WHOLE = (
    b"POST /a%20b?x=1&y=%2F&x=2 HTTP/1.1\r\n"
    b"Host: h:1\r\n"
    b"X-Amz-Meta: first\r\n"
    b"x-amz-META:   second \r\n"
    b'X-Raw: \xe9 "  b"\r\n'
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"\x00\xff{}"
)


@pytest.mark.parametrize("piece", [len(WHOLE), 7, 1])
def test_a_request_is_kept_as_it_was_sent(taken: Taken, parser: RequestParser, piece: int) -> None:
    for start in range(0, len(WHOLE), piece):
        parser.feed(WHOLE[start : start + piece])
    [request] = taken.requests
    assert request.method == b"POST"
    assert request.target == b"/a%20b?x=1&y=%2F&x=2"
    assert (request.path, request.query) == ("/a b", b"x=1&y=%2F&x=2")
    assert request.fields == [
        (b"Host", b"h:1"),
        (b"X-Amz-Meta", b"first"),
        (b"x-amz-META", b"second "),  # blanks before a value are not part of it, those behind are kept
        (b"X-Raw", b'\xe9 "  b"'),
        (b"Content-Length", b"4"),
    ]
    assert request.header(b"x-amz-meta") == b"first"
    assert request.header(b"x-nothing") is None
    assert request.body == b"\x00\xff{}"
    assert request.keep_alive


def test_a_trailer_is_not_among_the_fields(taken: Taken, parser: RequestParser) -> None:
    parser.feed(
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Late: y\r\n\r\n"
    )
    [request] = taken.requests
    assert request.fields == [(b"Host", b"h"), (b"Transfer-Encoding", b"chunked")]
    assert request.header(b"x-late") is None


def test_two_requests_share_nothing(taken: Taken, parser: RequestParser) -> None:
    one = b"POST /%b HTTP/1.1\r\nHost: %b\r\nContent-Length: 1\r\n\r\n%b"
    parser.feed(one % (b"a", b"b", b"c") + one % (b"d", b"e", b"f"))
    assert [(r.path, r.header(b"host"), r.body) for r in taken.requests] == [
        ("/a", b"b", b"c"),
        ("/d", b"e", b"f"),
    ]


def test_what_follows_the_last_request_is_never_parsed() -> None:
    """So that no leniency is needed for data after `Connection: close` (docs/decisions/0018)."""
    taken = Taken(last=1)
    parser = RequestParser(taken, Settings())
    parser.feed(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n\x00 garbage")
    assert len(taken.requests) == 1


def test_data_after_connection_close_is_an_error_of_a_strict_parser(parser: RequestParser) -> None:
    with pytest.raises((Refusal, NotHttp)):
        parser.feed(
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"
        )


def test_a_bug_of_the_receiver_is_no_refusal(taken: Taken, parser: RequestParser) -> None:
    def fail(_: HttpRequest) -> bool:
        raise ZeroDivisionError("on purpose")

    taken.request_received = fail  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        parser.feed(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")


def test_a_closed_parser_leaves_nothing_to_the_garbage_collector(taken: Taken) -> None:
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(thing, RequestParser) for thing in gc.get_objects())
        parser = RequestParser(taken, Settings())
        parser.feed(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Le")
        parser.close()
        del parser
        assert sum(isinstance(thing, RequestParser) for thing in gc.get_objects()) == before
    finally:
        gc.enable()


def test_of_a_header_sent_twice_the_first_value_counts(server: Running) -> None:
    answer = server.ask(
        post("ListDomains", {"registrationStatus": "REGISTERED"}, "Content-Type: application/json")
    )
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-amz-json-1.0")


# --- routes ---


def handler(_: HttpRequest) -> None: ...


def other(_: HttpRequest) -> None: ...


def otherwise(_: HttpRequest) -> None: ...


ROUTER = Router(
    [Route(b"POST", "/", handler), Route(b"POST", ANY_PATH, other), Route(b"GET", "/metrics", other)],
    otherwise=otherwise,
)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        (b"POST", "/", handler),
        (b"POST", "/ListDomains", other),
        (b"POST", "/metrics", other),
        (b"GET", "/metrics", other),
        (b"HEAD", "/metrics", other),
        (b"GET", "/", otherwise),
        (b"GET", "/metrics/", otherwise),
        (b"PUT", "/", otherwise),
    ],
)
def test_a_row_is_found_by_method_and_path(method: bytes, path: str, found: object) -> None:
    assert ROUTER.find(method, path) is found
