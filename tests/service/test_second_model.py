"""Another API beside SWF: its own prefix, shapes and table of actions, on the same port, by the same dispatcher."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

import msgspec
import pytest

from tests.http.support import Running, post
from workflowsvc.access.caller import Caller
from workflowsvc.clock import SystemClock
from workflowsvc.engine.engine import Engine
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import UnknownOperationException, UnknownResourceFault, ValidationException
from workflowsvc.http.app import HttpApp
from workflowsvc.http.server import HttpServer
from workflowsvc.model import shapes
from workflowsvc.model.shapes import Operation, Shape
from workflowsvc.service.action import Action, Rate
from workflowsvc.service.actions import SWF
from workflowsvc.service.api import Api
from workflowsvc.service.buckets import Buckets
from workflowsvc.service.call_context import CallContext
from workflowsvc.service.paging import Pages
from workflowsvc.service.service_model import ServiceModel, ServiceModels
from workflowsvc.service.tokens import Tokens
from workflowsvc.settings import Settings
from workflowsvc.store.interface import Reader
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.tenant import Tenant
from workflowsvc.testing import World

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=8)]


class PutNoteInput(Shape):
    name: Name
    text: str


class DescribeDomainInput(Shape):
    """Named as a structure of SWF, whose rules must not hold here."""

    name: Name


class Note(Shape):
    name: str
    request_id: str
    text: str


def put_note(work: UnitOfWork, context: CallContext, request: PutNoteInput) -> None:
    note = Note(name=request.name, request_id=context.request_id, text=request.text)
    work.tx.put_meta(f"note {request.name}", msgspec.json.encode(note))


def read_note(reader: Reader, context: CallContext, request: DescribeDomainInput) -> Note:
    stored = reader.meta(f"note {request.name}")
    if stored is None:
        raise UnknownResourceFault(f"Unknown note: {request.name}")
    return msgspec.json.decode(stored, type=Note)


NOTES = ServiceModel(
    ["NoteService"],
    [
        Action(Operation("PutNote", PutNoteInput, None, ()), "write", put_note),
        # the name of an action of SWF: the prefix decides which one is meant
        Action(Operation("DescribeDomain", DescribeDomainInput, Note, ()), "read", read_note, Rate(1, 1)),
    ],
)
BOTH = ServiceModels([SWF, NOTES])


@pytest.fixture
def server() -> Iterator[Running]:
    store = SqliteStore(None)
    settings, clock = Settings(port=0, store="memory", limits="aws"), SystemClock()
    api = Api(Engine(store, clock, settings, os.urandom))
    server = Running(settings, api)
    server.app = HttpApp(api, settings, clock, models=BOTH)
    server.server = HttpServer(server.app, settings, clock)
    server.start()
    try:
        server.do(api.start())
        yield server
    finally:
        server.stop()
        api.close()
        store.close()


def test_both_apis_answer_on_one_port(server: Running) -> None:
    put = server.ask(post("PutNote", {"name": "a/b", "text": "x"}, target="NoteService."))
    assert (put.status, put.body) == (200, b"")
    read = server.ask(post("DescribeDomain", {"name": "a/b"}, target="NoteService."))
    assert read.json == {"name": "a/b", "requestId": put.headers["x-amzn-requestid"], "text": "x"}
    assert server.ask(post("DescribeDomain", {"name": "d"})).json["message"] == "Unknown domain: d"
    assert server.ask(post("PutNote", {"name": "a", "text": "x"})).code == "UnknownOperationException"
    assert server.ask(post("ListDomains", {}, target="NoteService.")).code == "UnknownOperationException"


def test_the_shapes_of_the_other_api_are_explained_as_those_of_swf(server: Running) -> None:
    refused = server.ask(post("PutNote", {"name": "123456789"}, target="NoteService."))
    assert refused.code == "ValidationException"
    assert refused.json["message"].startswith("2 validation errors detected: ")


def test_actions_of_the_same_name_have_buckets_of_their_own(server: Running) -> None:
    asked = [server.ask(post("DescribeDomain", {"name": "a"}, target="NoteService.")) for _ in range(10)]
    assert "ThrottlingException" in [answer.code for answer in asked]
    assert server.ask(post("DescribeDomain", {"name": "d"})).code == "UnknownResourceFault"


def test_a_world_dispatches_the_other_api_too() -> None:
    world = World(models=BOTH)
    world.call("NoteService.PutNote", name="a", text="x")
    assert world.call("NoteService.DescribeDomain", name="a") == {"name": "a", "requestId": "", "text": "x"}
    with pytest.raises(ValidationException):
        world.call("NoteService.PutNote", name="", text="x")
    with pytest.raises(UnknownResourceFault):
        world.call("DescribeDomain", name="a")


@pytest.mark.parametrize("name", ["PutNote", "Register_Domain", "", "Other.ListDomains"])
def test_a_world_names_the_action_that_it_does_not_know(name: str) -> None:
    with pytest.raises(UnknownOperationException) as caught:
        World().call(name)
    assert f"There is no action {name!r}" in str(caught.value)


def test_a_page_token_is_bound_to_the_model_of_its_action() -> None:
    """Two models may have an action of one name."""
    swf, other = (model.actions["DescribeDomain"] for model in (SWF, NOTES))
    assert {action.model for action in SWF.actions.values()} == {"SimpleWorkflowService"}
    tokens, request = Tokens(b"key"), shapes.ListDomainsInput(registration_status="REGISTERED")
    asked, elsewhere = (
        CallContext(action, Caller(Tenant()), 0, tokens, Settings(), Buckets(enforced=False))
        for action in (swf, other)
    )
    request.next_page_token = Pages(asked, request).token("d")
    assert Pages(asked, request).position(str) == "d"
    with pytest.raises(ValidationException, match="Invalid token"):
        Pages(elsewhere, request).position(str)
