"""One request does not hold the event loop for the others: what is dear is done beside it, or refused.

Nothing here takes time: the work that is too long for the event loop waits until the test lets it go on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.http.fake_service import FakeService
from tests.http.support import LIST_DOMAINS, PATIENCE_SECONDS, Running, post
from workflowsvc.clock import SystemClock
from workflowsvc.fair_queue import FairQueue
from workflowsvc.http.app import HttpApp
from workflowsvc.http.decoding import MAX_INLINE_BYTES, MAX_INLINE_EXPLAINED_BYTES, Decoding
from workflowsvc.http.framing import (
    MAX_PIECE_BYTES,
    MAX_SMALL_CHUNKS,
    MIN_CHUNK_BYTES,
    Refusal,
    RequestParser,
)
from workflowsvc.http.request import HttpRequest
from workflowsvc.http.server import HttpServer
from workflowsvc.model import constraints
from workflowsvc.model.input_rules import INPUT_RULES, InputRules
from workflowsvc.model.shapes import Operation, Shape
from workflowsvc.service.action import Action
from workflowsvc.service.actions import SWF
from workflowsvc.service.service_model import ServiceModel, ServiceModels
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant

going_on = threading.Event()


def wait(_: object) -> None:
    """Work that ends when the test says so."""
    assert going_on.wait(PATIENCE_SECONDS)


class DearInput(Shape):
    text: str


@contextmanager
def dear(rules: InputRules) -> Iterator[Running]:
    """A server with one action whose input these rules look at."""
    INPUT_RULES[DearInput] = rules
    going_on.clear()
    try:
        row = Action(Operation("RegisterDomain", DearInput, None, ()), "write", lambda: None)
        settings, clock = Settings(port=0), SystemClock()
        server = Running(settings, FakeService())
        server.app = HttpApp(
            server.service, settings, clock, models=ServiceModels([SWF, ServiceModel(["Dear"], [row])])
        )
        server.server = HttpServer(server.app, settings, clock)
        server.start()
        try:
            yield server
        finally:
            going_on.set()
            server.stop()
    finally:
        del INPUT_RULES[DearInput]
        from workflowsvc.model import wire

        wire.decoder.cache_clear()


def dear_request(body: bytes) -> bytes:
    return post("RegisterDomain", body, target="Dear.")


def test_a_large_body_is_looked_at_beside_the_event_loop() -> None:
    body = b'{"text":"' + b"x" * MAX_INLINE_BYTES + b'"}'
    with dear(InputRules(after_members=(wait,))) as server, server.client() as large:
        large.send(dear_request(body))
        assert server.ask(LIST_DOMAINS).status == 200
        going_on.set()
        assert large.answer().status == 200
        operation, _, request = server.service.calls[-1]
        assert (operation, len(request.text)) == ("RegisterDomain", MAX_INLINE_BYTES)


def test_a_refusal_is_worded_beside_the_event_loop() -> None:
    body = b'{"unknown":"' + b"x" * MAX_INLINE_EXPLAINED_BYTES + b'"}'
    with dear(InputRules(parsed=wait)) as server, server.client() as refused:
        refused.send(dear_request(body))
        assert server.ask(LIST_DOMAINS).status == 200
        going_on.set()
        assert refused.answer().code == "ValidationException"


def test_a_large_body_does_not_wait_for_refusals_that_are_worded() -> None:
    refused_body = b'{"unknown":"' + b"x" * MAX_INLINE_BYTES + b'"}'
    large_body = b'{"text":"' + b"x" * MAX_INLINE_BYTES + b'"}'
    with dear(InputRules(parsed=wait)) as server, server.client() as refused:
        refused.send(dear_request(refused_body))
        assert server.ask(dear_request(large_body)).status == 200
        going_on.set()
        assert refused.answer().code == "ValidationException"


class Noted:
    """Stands in for the decoder of an action: notes the order of bodies, and waits until the test lets it go on."""

    def __init__(self, *, accepts: bool) -> None:
        self.accepts = accepts
        self.order: list[bytes] = []

    def accept(self, body: bytes, max_data: int) -> Shape | None:
        return self(body, max_data) if self.accepts else None

    def __call__(self, body: bytes, max_data: int) -> Shape:
        wait(body)
        self.order.append(body[:1])
        return DearInput(text="")


@pytest.mark.parametrize("accepts", [True, False], ids=["accepted", "refused"])
def test_tenants_take_turns_with_their_large_bodies(accepts: bool) -> None:
    """One that sends many waits behind its own, and keeps no other one waiting."""
    decoder: Any = Noted(accepts=accepts)
    going_on.clear()

    async def send_all() -> None:
        ended: asyncio.Queue[object] = asyncio.Queue()
        decoding = Decoding(32_768)
        size = MAX_INLINE_BYTES if accepts else MAX_INLINE_EXPLAINED_BYTES
        for name in (b"a", b"b", b"c", b"y", b"z"):
            tenant = Tenant("222222222222" if name in b"yz" else "111111111111")
            decoding.later(tenant, decoder, name + b" " * size, ended.put_nowait)
        going_on.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert [type(await ended.get()) for _ in range(5)] == [DearInput] * 5

    asyncio.run(send_all())
    assert decoder.order == [b"a", b"y", b"b", b"z", b"c"]


def test_the_tenant_of_a_large_body_is_that_of_its_request() -> None:
    tenants: list[Tenant] = []

    class Noting(FairQueue[Tenant, Any]):
        def put(self, user: Tenant, item: Any) -> None:
            tenants.append(user)
            super().put(user, item)

    body = b'{"text":"' + b"x" * MAX_INLINE_BYTES + b'"}'
    scope = "Authorization: AWS4-HMAC-SHA256 Credential=222222222222/20261129/us-east-1/swf/aws4_request"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflowsvc.http.decoding.FairQueue", Noting)
        with dear(InputRules()) as server:
            assert server.ask(post("RegisterDomain", body, scope, target="Dear.")).status == 200
    assert tenants == [Tenant("222222222222")]


def test_a_client_that_leaves_while_its_body_is_looked_at_is_forgotten() -> None:
    body = b'{"text":"' + b"x" * MAX_INLINE_BYTES + b'"}'
    with dear(InputRules(after_members=(wait,))) as server:
        with server.client() as large:
            large.send(dear_request(body))
        going_on.set()
        assert server.ask(dear_request(body)).status == 200


def test_a_megabyte_of_tags_has_each_character_looked_at_once() -> None:
    looked_at: list[str] = []

    def look(character: str) -> bool:
        looked_at.append(character)
        return True

    tag = b'{"key":"ab","value":"a"}'
    body = b'{"resourceArn":"arn","tags":[%b]}' % b",".join([tag] * 40_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constraints, "is_tag_character", look)
        assert SWF.actions["TagResource"].decode(body, 32_768) is not None
    assert sorted(looked_at) == ["a", "b"]


CHUNKED = post("ListDomains", b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")


def test_a_body_in_very_small_chunks_is_refused(server: Running) -> None:
    with server.client() as client:
        client.send(CHUNKED + b"1\r\n \r\n" * (MAX_SMALL_CHUNKS + 1))
        answer = client.answer()
    assert (answer.status, answer.code) == (400, "MalformedHttpRequestException")
    assert answer.json["message"] == "The chunks of the body are too small"


@pytest.mark.parametrize(("size", "times"), [(1, MAX_SMALL_CHUNKS - 40), (2 * MIN_CHUNK_BYTES, 4_000)])
def test_chunks_as_clients_send_them_are_read(server: Running, size: int, times: int) -> None:
    question = b'{"registrationStatus":"REGISTERED"}'
    body = b" " * (size * times - len(question)) + question
    chunks = b"".join(b"%x\r\n%b\r\n" % (size, body[at : at + size]) for at in range(0, len(body), size))
    with server.client() as client:
        client.send(CHUNKED + chunks + b"0\r\n\r\n")
        assert client.answer().status == 200


class Counting(RequestParser):
    """Counts the header fields that it is given."""

    count = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.count += 1
        super().on_header(name, value)


class Nowhere:
    """Takes no request."""

    def body_grew(self, size: int) -> None: ...

    def request_received(self, request: HttpRequest) -> bool:
        raise AssertionError(request)

    def date_line(self) -> bytes:
        raise AssertionError

    def stays_open(self, request: HttpRequest) -> bool:
        raise AssertionError

    def write_answer(self, request: HttpRequest, answer: bytes) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    "data", [b"POST / HTTP/1.1\r\nHost: localhost\r\n", CHUNKED + b"0\r\n"], ids=["headers", "trailers"]
)
def test_of_a_read_full_of_short_fields_a_part_is_looked_at(data: bytes) -> None:
    parser = Counting(Nowhere(), Settings())
    with pytest.raises(Refusal) as refused:
        parser.feed(data + b"a:\r\n" * 60_000)
    assert refused.value.status == 431
    assert parser.count <= MAX_PIECE_BYTES // len(b"a:\r\n")


def test_every_action_decodes_a_body_with_the_same_care(server: Running) -> None:
    """No action reads its body in a way of its own."""
    decoders: set[type[Any]] = {type(action.decode) for action in SWF.actions.values()}
    assert len(decoders) == 1
