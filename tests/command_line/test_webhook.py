"""`workflowsvc webhook`: a feed is pushed to a URL, tested, listed, and what was given up on is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from interop.server import Server, running_server
from tests.command_line.conftest import Run
from tests.support.waiting import until
from tests.webhooks.receiver import Received, Receiver, receiving
from workflowsvc import cli

TYPE = {"name": "order", "version": "1"}


@pytest.fixture(scope="module")
def keyed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a master key."""
    folder = tmp_path_factory.mktemp("webhooks")
    key_file = folder / "master.key"
    assert cli.main(["access", "master-key", str(key_file)]) == 0
    with running_server(folder, "--master-key-file", str(key_file)) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def swf(keyed_server: Server) -> Any:
    client = keyed_server.client()
    if not client.list_domains(registrationStatus="REGISTERED")["domainInfos"]:
        client.register_domain(name="orders", workflowExecutionRetentionPeriodInDays="1")
        client.register_workflow_type(
            domain="orders",
            **TYPE,
            defaultTaskList={"name": "deciders"},
            defaultExecutionStartToCloseTimeout="3600",
            defaultTaskStartToCloseTimeout="60",
            defaultChildPolicy="TERMINATE",
        )
    return client


def test_a_feed_is_pushed_and_what_is_given_up_on_is_sent_again(
    run: Run, keyed_server: Server, swf: Any, receiver: Receiver
) -> None:
    def webhook(*words: str) -> Any:
        return run("webhook", *words, "--endpoint", keyed_server.endpoint)

    added = webhook("add", "orders", "billing", receiver.url)
    assert added.out.startswith("Secret: whsec_")
    assert "The feed is off: workflowsvc feed on orders" in added.out
    assert "nothing delivered yet" in webhook("list", "orders").out
    secret = added.out.splitlines()[0].split()[1]
    run("feed", "on", "orders", "--endpoint", keyed_server.endpoint)
    assert webhook("test", "orders", "billing").out.startswith("delivered: answered 204 after ")
    assert receiver.received[0].is_signed_with(secret)

    def refuse(received: Received) -> tuple[int, dict[str, str]]:
        return (422, {}) if b'"workflowId":"bad"' in received.body else (200, {})

    receiver.answer = refuse
    ended = webhook("test", "orders", "none")
    assert (ended.status, "Unknown webhook" in ended.err) == (3, True)
    swf.start_workflow_execution(domain="orders", workflowId="bad", workflowType=TYPE)
    swf.start_workflow_execution(domain="orders", workflowId="good", workflowType=TYPE)
    until(lambda: len(receiver.received) >= 4, "the bad one is tried again")
    (listed,) = webhook("list", "orders", "--json").objects[0]["webhooks"]
    assert (listed["name"], listed["url"]) == ("billing", receiver.url)
    assert secret not in webhook("list", "orders").out
    assert webhook("dead", "orders", "billing").out == ""
    assert webhook("resend", "orders", "billing", "--all").out == "0 dead letters will be sent once more\n"
    assert webhook("forget", "orders", "billing", "7").out == "0 dead letters deleted\n"
    assert webhook("resend", "orders", "billing").status == 2
    assert webhook("resend", "orders", "billing", "x").status == 2
    assert webhook("remove", "orders", "billing").status == 0
    assert webhook("list", "orders", "--json").objects == [{"webhooks": []}]
