"""A feed is pushed: signed, in order for a run, again after failures, on from where it was, and by one node alone."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

from tests.failing_store import FailingStore
from tests.postgres.places import new_place
from tests.support.waiting import PATIENCE_SECONDS, until
from tests.webhooks.conftest import Node, serving
from tests.webhooks.receiver import Received, Receiver, ok, receiving
from workflowsvc.engine import leases
from workflowsvc.store.interface import Store
from workflowsvc.store.meta import WEBHOOKS_LEASE
from workflowsvc.store.postgres.store import PostgresStore
from workflowsvc.webhooks import pushing, window

pytestmark = pytest.mark.usefixtures("short_pauses")


def create(node: Node, receiver: Receiver, name: str = "hook", **members: Any) -> str:
    """The secret."""
    return node.own("CreateWebhook", name=name, url=receiver.url, **members)["secret"]


def down(_: Received) -> tuple[int, dict[str, str]]:
    return 503, {}


def refusing(workflow_id: str) -> Any:
    def answer(received: Received) -> tuple[int, dict[str, str]]:
        return (400, {}) if received.told.startswith(f"{workflow_id} ") else (200, {})

    return answer


def until_given_up_on(node: Node) -> None:
    """An entry that is refused, while others are delivered."""
    numbers = itertools.count()

    def is_given_up_on() -> bool:
        node.start(f"good{next(numbers)}")
        return node.webhook()["deadLetters"] == 1

    until(is_given_up_on, "it was given up on")


def test_an_entry_is_sent_signed(node: Node, receiver: Receiver) -> None:
    node.run("before")
    secret = create(node, receiver)
    assert node.webhook()["status"] == "WAITING"
    node.run("w")
    until(lambda: len(receiver.received) == 2, "both were sent")
    assert receiver.told == ["w 1 WorkflowExecutionStarted", "w 5 WorkflowExecutionCompleted"]
    for received in receiver.received:
        assert received.is_signed_with(secret)
        assert not received.is_signed_with("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        assert received.headers["content-type"] == "application/json"
        assert received.headers["webhook-id"] == received.event["id"]
        assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 300
        assert received.headers["user-agent"].startswith("workflowsvc/")
    assert receiver.connections == 1
    until(lambda: "deliveredTimestamp" in node.webhook(), "it is noted")
    assert node.webhook()["status"] == "DELIVERING"


def test_a_webhook_may_begin_with_the_oldest_and_have_types_of_its_own(
    node: Node, receiver: Receiver
) -> None:
    node.run("before")
    create(node, receiver, begin="OLDEST", eventTypes=["WorkflowExecutionCompleted"])
    node.run("w")
    until(lambda: len(receiver.received) == 2, "both were sent")
    assert {told.split(" ", 1)[0] for told in receiver.told} == {"before", "w"}


def test_what_fails_is_sent_again_with_the_same_id_in_order(node: Node, receiver: Receiver) -> None:
    receiver.answer = down
    create(node, receiver)
    node.run("w")
    until(lambda: len(receiver.received) >= 3, "it is tried again and again")
    until(lambda: node.webhook()["status"] == "FAILING", "the failure is noted")
    assert node.webhook()["error"] == "the receiver answered 503"
    ids = {received.headers["webhook-id"] for received in receiver.received}
    assert len(ids) == 1
    receiver.answer = ok
    until(lambda: receiver.told[-1] == "w 5 WorkflowExecutionCompleted", "the rest follows")
    until(lambda: node.webhook()["status"] == "DELIVERING", "the end of the failure is noted")
    assert "error" not in node.webhook()


@pytest.mark.parametrize("status", [301, 307, 404, 410, 500])
def test_nothing_but_2xx_is_a_delivery_and_redirects_are_not_followed(
    node: Node, receiver: Receiver, status: int
) -> None:
    with receiving() as elsewhere:
        receiver.answer = lambda _: (status, {"Location": elsewhere.url})
        create(node, receiver)
        found = node.own("TestWebhook", name="hook")
        assert (found["isDelivered"], found["statusCode"]) == (False, status)
        assert found["error"] == f"the receiver answered {status}"
        assert not elsewhere.received


def test_a_test_event_is_sent_at_once(node: Node, receiver: Receiver) -> None:
    secret = create(node, receiver)
    found = node.own("TestWebhook", name="hook")
    assert (found["isDelivered"], found["statusCode"]) == (True, 204)
    (received,) = receiver.received
    assert received.event["detail-type"] == "Workflowsvc Webhook Test"
    assert received.is_signed_with(secret)


def test_one_caller_cannot_take_the_places_of_all_tests(
    node: Node, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One test at a time for a domain, and a few for an account."""
    monkeypatch.setattr(pushing, "MAX_TESTS_OF_ACCOUNT", 2)
    go_on = threading.Event()

    def hang(_: Received) -> tuple[int, dict[str, str]]:
        go_on.wait(60)
        return 200, {}

    receiver.answer = hang
    create(node, receiver)
    for domain in ("e", "f"):
        node.ask("RegisterDomain", name=domain, workflowExecutionRetentionPeriodInDays="1")
        node.own("CreateWebhook", domain=domain, name="hook", url=receiver.url)
    with ThreadPoolExecutor() as threads:
        tests = [threads.submit(node.own, "TestWebhook", name="hook")]
        until(lambda: len(receiver.received) == 1, "the first is under way")
        refused = node.answer("WorkflowSvc.TestWebhook", name="hook")
        assert (refused.code, "of this domain" in refused.json["message"]) == ("LimitExceededFault", True)
        tests.append(threads.submit(node.own, "TestWebhook", domain="e", name="hook"))
        until(lambda: len(receiver.received) == 2, "that of another domain is under way")
        refused = node.answer("WorkflowSvc.TestWebhook", domain="f", name="hook")
        assert "limit of 2 tests of webhooks at once in an account" in refused.json["message"]
        go_on.set()
        assert all(test.result()["isDelivered"] for test in tests)
    assert node.own("TestWebhook", domain="f", name="hook")["isDelivered"]


def test_a_receiver_that_is_not_there_is_named(node: Node) -> None:
    with receiving() as receiver:
        pass
    create(node, receiver)
    found = node.own("TestWebhook", name="hook")
    assert not found["isDelivered"]
    assert "statusCode" not in found
    assert found["error"] == "Connection refused"


def test_an_entry_that_is_refused_is_given_up_on_and_can_be_sent_again(
    node: Node, receiver: Receiver
) -> None:
    receiver.answer = refusing("bad")
    create(node, receiver)
    node.start("bad")
    until_given_up_on(node)
    (letter,) = node.own("ListDeadLetters", name="hook")["deadLetters"]
    assert letter["error"] == "the receiver answered 400"
    assert letter["attempts"] >= window.ATTEMPTS
    assert '"workflowId":"bad"' in letter["event"]
    assert node.own("ResendDeadLetters", name="hook", ids=[letter["id"], 99])["count"] == 1
    until(
        lambda: node.own("ListDeadLetters", name="hook")["deadLetters"][0]["attempts"] > letter["attempts"],
        "it was sent once more",
    )
    (again,) = node.own("ListDeadLetters", name="hook")["deadLetters"]
    assert not again["isDue"]
    receiver.answer = ok
    node.own("ResendDeadLetters", name="hook", ids=[letter["id"]])
    until(lambda: node.webhook()["deadLetters"] == 0, "it was delivered")
    assert node.own("ListDeadLetters", name="hook")["deadLetters"] == []


def test_dead_letters_can_be_deleted(node: Node, receiver: Receiver) -> None:
    receiver.answer = refusing("bad")
    create(node, receiver)
    node.start("bad")
    until_given_up_on(node)
    (letter,) = node.own("ListDeadLetters", name="hook")["deadLetters"]
    assert node.own("DeleteDeadLetters", name="hook", ids=[letter["id"]])["count"] == 1
    assert node.webhook()["deadLetters"] == 0
    assert node.own("DeleteDeadLetters", name="hook", ids=[letter["id"]])["count"] == 0


def test_a_receiver_that_hangs_holds_up_no_other(node: Node, receiver: Receiver) -> None:
    go_on = threading.Event()

    def hang(_: Received) -> tuple[int, dict[str, str]]:
        go_on.wait(60)
        return 200, {}

    with receiving() as hanging:
        hanging.answer = hang
        create(node, hanging, "hanging")
        create(node, receiver)
        for number in range(20):
            node.run(f"w{number}")
        until(lambda: len(receiver.received) == 40, "the other one has all")
        assert len(hanging.received) <= window.MAX_RUNNING
        go_on.set()


def test_a_webhook_that_is_deleted_gets_nothing_more(node: Node, receiver: Receiver) -> None:
    create(node, receiver)
    node.run("w")
    until(lambda: len(receiver.received) == 2, "both were sent")
    node.own("DeleteWebhook", name="hook")
    until(lambda: not node.pushes._pushers, "it is known")
    node.run("x")
    create(node, receiver)
    node.run("y")
    until(lambda: len(receiver.received) == 4, "the next one works")
    assert [told[0] for told in receiver.told] == ["w", "w", "y", "y"]


def test_a_deleted_domain_takes_its_webhooks_with_it(node: Node, receiver: Receiver) -> None:
    create(node, receiver)
    node.run("w")
    until(lambda: len(receiver.received) == 2, "both were sent")
    node.own("DeleteDomain", force=True)

    def is_clean() -> bool:
        with node.api.engine.store.reader() as reader:
            return not reader.metas("webhook ", "webhook!", 9) and not reader.metas("webhook-", "webhook.", 9)

    until(is_clean, "its facts are deleted")


def test_a_server_goes_on_where_the_last_one_has_stopped(store: Store, receiver: Receiver) -> None:
    with serving(store) as node:
        node.prepare()
        create(node, receiver)
        node.run("w")
        until(lambda: len(receiver.received) == 2, "both were sent")
    with serving(store) as node:
        node.run("x")
        until(lambda: len(receiver.received) == 4, "the rest was sent")
        assert sorted(told[0] for told in receiver.told) == ["w", "w", "x", "x"]


def test_a_store_that_fails_for_a_while_loses_nothing(receiver: Receiver) -> None:
    with closing(FailingStore()) as store:
        with serving(store) as node:
            node.prepare()
            create(node, receiver)
            receiver.answer = down
            node.run("w")
            until(lambda: receiver.received, "it is tried")
            store.refusals = 3
            until(lambda: not store.refusals, "notes of how far it has got are refused")
            receiver.answer = ok
            until(lambda: receiver.told[-1] == "w 5 WorkflowExecutionCompleted", "all is delivered")
            until(lambda: "deliveredTimestamp" in node.webhook(), "it is noted")
        seen = len(receiver.received)
        with serving(store) as node:
            node.run("x")
            until(lambda: len(receiver.received) == seen + 2, "the next ones follow")
            assert {told[0] for told in receiver.told[seen:]} == {"x"}


def test_without_the_master_key_nothing_is_pushed_and_it_is_said(
    store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(store, master=None) as node:
        node.prepare()
        refused = node.answer("WorkflowSvc.CreateWebhook", name="hook", url=receiver.url)
        assert refused.code == "OperationNotPermittedFault"
        assert "No webhook can be made: there is no master key" in refused.json["message"]
    with serving(store) as node:
        secret = create(node, receiver)
    with serving(store, master=None) as node:
        node.run("w")
        until(lambda: "nothing is pushed to webhook hook" in caplog.text, "the reason is logged")
        assert "cannot be tested" in node.answer("WorkflowSvc.TestWebhook", name="hook").json["message"]
        assert not receiver.received
    with serving(store) as node:
        until(lambda: len(receiver.received) == 2, "it goes on with the key")
    assert secret not in caplog.text


@contextmanager
def two_nodes() -> Iterator[tuple[Node, Node]]:
    place = new_place()
    with ExitStack() as stack:
        stores = [PostgresStore(place.dsn) for _ in range(2)]
        for store in stores:
            stack.callback(store.close)
        one, other = (stack.enter_context(serving(store)) for store in stores)
        yield one, other


def test_a_node_that_stops_while_it_takes_the_lease_gives_it_back(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking, stopping = threading.Event(), threading.Event()
    take = leases.take_lease

    def take_late(*given: Any, **named: Any) -> int | None:
        taking.set()
        assert stopping.wait(PATIENCE_SECONDS)
        return take(*given, **named)

    with closing(PostgresStore(new_place().dsn)) as store, serving(store) as node:
        node.prepare()
        monkeypatch.setattr(leases, "take_lease", take_late)
        create(node, receiver)
        assert taking.wait(PATIENCE_SECONDS)

        async def stop() -> None:
            node.server.loop.call_later(0, stopping.set)
            await node.pushes.stop()

        node.server.do(stop())
        node.start("behind what was submitted")
        with store.reader() as reader:
            assert leases.find_lease(reader, WEBHOOKS_LEASE) is None


def test_one_of_two_nodes_pushes_and_the_other_takes_over(receiver: Receiver) -> None:
    with two_nodes() as (one, other):
        one.prepare()
        create(one, receiver)
        for number in range(5):
            one.run(f"w{number}")
            other.run(f"x{number}")
        until(lambda: len(receiver.received) >= 20, "all were sent")
        assert len(receiver.told) == len(set(receiver.told)) == 20
        until(lambda: one.pushes.figures.is_at_work != other.pushes.figures.is_at_work, "one is at work")
        working, waiting = (one, other) if one.pushes.figures.is_at_work else (other, one)
        working.server.do(working.pushes.stop())
        waiting.run("y")
        until(lambda: len(receiver.received) >= 22, "the other one has taken over")
        assert {told for told in receiver.told if told.startswith("y")} == {
            "y 1 WorkflowExecutionStarted",
            "y 5 WorkflowExecutionCompleted",
        }
