"""A request can be read in one way, or it is refused (QUALITY §2.3, §5.3)."""

from __future__ import annotations

import pytest

from tests.http.fake_service import EMPTY_POLL
from tests.http.support import LIST_DOMAINS, POLL, SLOW, Answer, Raw, Running, post, running
from tests.support.waiting import until

QUESTION = b'{"registrationStatus":"REGISTERED"}'


def request(*lines: str, body: bytes = b"", ends: str = "\r\n") -> bytes:
    """A request with exactly these lines."""
    return ends.join([*lines, "", ""]).encode("latin-1") + body


def start(*headers: str) -> list[str]:
    return ["POST / HTTP/1.1", "Host: localhost", "X-Amz-Target: SimpleWorkflowService.ListDomains", *headers]


def refused_and_closed(client: Raw, data: bytes) -> Answer:
    """The answer to a request after which the server reads nothing more."""
    client.send(data + LIST_DOMAINS)  # what follows must never be answered
    answer = client.answer()
    assert answer.headers["connection"] == "close"
    assert client.is_closed()
    return answer


AMBIGUOUS = {
    "two lengths": request(*start("Content-Length: 35", "Content-Length: 35"), body=QUESTION),
    "two different lengths": request(*start("Content-Length: 35", "Content-Length: 3"), body=QUESTION),
    "a list of lengths": request(*start("Content-Length: 35, 35"), body=QUESTION),
    "a length and chunks": request(
        *start("Content-Length: 5", "Transfer-Encoding: chunked"), body=b"0\r\n\r\n"
    ),
    "chunks and a length": request(
        *start("Transfer-Encoding: chunked", "Content-Length: 5"), body=b"0\r\n\r\n"
    ),
    "a length with a sign": request(*start("Content-Length: +35"), body=QUESTION),
    "a negative length": request(*start("Content-Length: -1")),
    "a length past 64 bits": request(*start("Content-Length: 99999999999999999999")),
    "an empty length": request(*start("Content-Length:")),
    "an encoding that is not chunked": request(*start("Transfer-Encoding: gzip"), body=QUESTION),
    "chunks within gzip": request(*start("Transfer-Encoding: gzip, chunked"), body=b"0\r\n\r\n"),
    "chunks twice": request(*start("Transfer-Encoding: chunked, chunked"), body=b"0\r\n\r\n"),
    "a hidden chunked": request(*start("Transfer-Encoding: \x0bchunked"), body=b"0\r\n\r\n"),
    "a line feed alone": request(*start("Content-Length: 35"), body=QUESTION, ends="\n"),
    "one line feed alone": request(*start("X: y\nContent-Length: 35"), body=QUESTION),
    "a carriage return alone": request(*start("X: y\rZ: z", "Content-Length: 35"), body=QUESTION),
    "a folded header": request(*start("X: y\r\n z", "Content-Length: 35"), body=QUESTION),
    "a blank before the colon": request(*start("Content-Length : 35"), body=QUESTION),
    "a header without a name": request(*start(": y", "Content-Length: 35"), body=QUESTION),
    "a NUL in a header": request(*start("X: a\x00b", "Content-Length: 35"), body=QUESTION),
    "no host": request("POST /ListDomains HTTP/1.1", "Content-Length: 35", body=QUESTION),
    "two hosts": request(*start("Host: localhost", "Content-Length: 35"), body=QUESTION),
    "chunks in HTTP/1.0": request(
        "POST /ListDomains HTTP/1.0", "Host: localhost", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "another version": request("POST / HTTP/2.0", "Host: localhost", "Content-Length: 0"),
    "an upgrade with a body": request(
        *start("Connection: upgrade", "Upgrade: h2c", "Content-Length: 35"), body=QUESTION
    ),
    "a chunk longer than it says": request(
        *start("Transfer-Encoding: chunked"), body=b"3\r\nabcd\r\n0\r\n\r\n"
    ),
    "a chunk size past 64 bits": request(*start("Transfer-Encoding: chunked"), body=b"F" * 17 + b"\r\n"),
    "a chunk ended by a line feed": request(*start("Transfer-Encoding: chunked"), body=b"3\nabc\n0\n\n"),
}


@pytest.mark.parametrize("data", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_request_that_can_be_read_in_two_ways_is_refused(client: Raw, data: bytes) -> None:
    answer = refused_and_closed(client, data)
    assert answer.status == 400
    assert answer.json["__type"] == "com.amazon.coral.service#MalformedHttpRequestException"


GARBAGE = {
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bytes": bytes(range(256)),
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method in small letters": b"post / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a target that is none": b"POST where HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a target outside ASCII": b"POST /\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a control character in the target": b"POST /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_what_is_not_http_ends_the_connection(server: Running, client: Raw, data: bytes) -> None:
    before = len(server.service.calls)
    client.send(data + LIST_DOMAINS)
    try:
        assert client.answer().status == 400
    except ConnectionError:  # closed without a word
        return
    assert client.is_closed()
    assert len(server.service.calls) == before


def test_connect_is_refused(client: Raw) -> None:
    assert client_answer(client, b"CONNECT h:1 HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 400


def client_answer(client: Raw, data: bytes) -> Answer:
    client.send(data)
    return client.answer()


@pytest.mark.parametrize(
    "target", ["*", "http://elsewhere/x", "//x", "/%00", "/ListDomains/", "/?Action=ListDomains"]
)
def test_odd_targets_name_no_action(client: Raw, target: str) -> None:
    answer = client_answer(client, request(f"POST {target} HTTP/1.1", "Host: localhost", "Content-Length: 0"))
    assert (answer.status, answer.code) == (400, "UnknownOperationException")


def test_chunks_make_a_body(client: Raw) -> None:
    chunks = b"7;note=ignored\r\n" + QUESTION[:7] + b"\r\n1c\r\n" + QUESTION[7:] + b"\r\n0\r\n\r\n"
    assert client_answer(client, request(*start("Transfer-Encoding: Chunked"), body=chunks)).status == 200


def test_a_trailer_changes_nothing(client: Raw) -> None:
    chunks = (
        b"23\r\n"
        + QUESTION
        + b"\r\n0\r\nX-Amz-Target: SimpleWorkflowService.DescribeDomain\r\nOrigin: x\r\n\r\n"
    )
    answer = client_answer(client, request(*start("Transfer-Encoding: chunked"), body=chunks))
    assert (answer.status, answer.json["region"]) == (200, "us-east-1")


def test_an_offer_to_upgrade_is_declined_by_answering(client: Raw) -> None:
    offer = request(
        "GET / HTTP/1.1", "Host: localhost", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"
    )
    client.send(offer + LIST_DOMAINS)
    assert client.answer("GET").status == 200
    assert client.answer().status == 200


def test_the_length_of_head_is_that_of_get(client: Raw) -> None:
    client.send(request("HEAD / HTTP/1.1", "Host: localhost") + request("GET / HTTP/1.1", "Host: localhost"))
    head = client.answer("HEAD")
    get = client.answer("GET")
    assert head.body == b""
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))


def test_http_1_0_is_answered_and_closed(client: Raw) -> None:
    client.send(post("ListDomains", QUESTION, version="1.0"))
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert client.is_closed()


def test_a_client_that_wants_to_close_is_answered_first(client: Raw) -> None:
    client.send(post("ListDomains", QUESTION, "Connection: close") + LIST_DOMAINS)
    assert client.answer().headers["connection"] == "close"
    assert client.is_closed()


def test_a_client_that_expects_100_is_told_to_continue(client: Raw) -> None:
    data = post("ListDomains", QUESTION, "Expect: 100-continue")
    client.send(data[: -len(QUESTION)])
    assert client.line() == b"HTTP/1.1 100 Continue\r\n"
    assert client.line() == b"\r\n"
    client.send(QUESTION)
    assert client.answer().status == 200


def test_the_100_waits_for_the_answers_before_it(server: Running) -> None:
    with running() as alone, alone.client() as client:
        data = post("ListDomains", QUESTION, "Expect: 100-continue")
        client.send(SLOW + data[: -len(QUESTION)])
        until(lambda: len(alone.service.calls) == 1, "the slow request is in work")
        alone.loop.call_soon_threadsafe(alone.service.release.set)
        assert client.answer().code == "UnknownResourceFault"
        assert client.line() == b"HTTP/1.1 100 Continue\r\n"
        assert client.line() == b"\r\n"
        client.send(QUESTION)
        assert client.answer().status == 200


def test_requests_sent_at_once_are_answered_in_order() -> None:
    with running() as alone, alone.client() as client:
        unknown = [post("DescribeDomain", {"name": f"n{number}"}) for number in range(10)]
        client.send(b"".join([SLOW, *unknown, LIST_DOMAINS]))
        until(lambda: len(alone.service.calls) == 1, "the slow request is in work")
        alone.loop.call_soon_threadsafe(alone.service.release.set)
        names = [client.answer().json["message"] for _ in range(11)]
        assert names == ["Unknown domain: slow", *(f"Unknown domain: n{number}" for number in range(10))]
        assert client.answer().json["account"] == "000000000000"


def test_requests_arriving_byte_by_byte_are_answered(client: Raw) -> None:
    for byte in LIST_DOMAINS + LIST_DOMAINS:
        client.send(bytes([byte]))
    assert client.answer().status == 200
    assert client.answer().status == 200


def test_a_refused_request_does_not_overtake_the_answers_before_it() -> None:
    with running() as alone, alone.client() as client:
        client.send(SLOW + LIST_DOMAINS + AMBIGUOUS["two lengths"] + LIST_DOMAINS)
        until(lambda: len(alone.service.calls) == 1, "the slow request is in work")
        alone.loop.call_soon_threadsafe(alone.service.release.set)
        assert client.answer().code == "UnknownResourceFault"
        assert client.answer().status == 200
        assert client.answer().code == "MalformedHttpRequestException"
        assert client.is_closed()
        assert [call[0] for call in alone.service.calls] == ["DescribeDomain", "ListDomains"]


def test_garbage_behind_a_request_does_not_cost_its_answer() -> None:
    with running() as alone, alone.client() as client:
        client.send(SLOW + b"\x00\x01\x02 what?\r\n\r\n")
        until(lambda: len(alone.service.calls) == 1, "the slow request is in work")
        alone.loop.call_soon_threadsafe(alone.service.release.set)
        assert client.answer().code == "UnknownResourceFault"
        assert client.is_closed()


@pytest.mark.punctual  # reads before the server has lingered long enough
def test_a_client_that_sends_more_and_more_is_told_where_it_was_cut_off(client: Raw) -> None:
    client.send(LIST_DOMAINS * 500)
    answers = 0
    while True:
        answer = client.answer()
        answers += 1
        assert answer.status == 200
        if answer.headers.get("connection") == "close":
            break
    assert client.is_closed()
    assert answers >= 16


def test_a_client_that_closes_its_half_is_still_answered(client: Raw) -> None:
    client.send(LIST_DOMAINS * 3)
    client.socket.shutdown(1)
    for _ in range(3):
        assert client.answer().status == 200
    assert client.is_closed()


def test_a_client_that_closes_its_half_too_early_gets_nothing(server: Running, client: Raw) -> None:
    before = len(server.service.calls)
    client.send(LIST_DOMAINS[:-1])
    client.socket.shutdown(1)
    assert client.is_closed()
    assert len(server.service.calls) == before


def test_a_poll_of_a_client_that_closed_its_half_takes_no_task() -> None:
    with running() as alone, alone.client() as client:
        client.send(POLL)
        until(lambda: bool(alone.service.waiting), "the poll waits")
        client.socket.shutdown(1)
        until(lambda: not alone.service.waiting, "the poll has ended")
        assert client.answer().body == EMPTY_POLL
