"""Which hosts a caller may have called: never a machine's own network, and no others than the operator allows."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.lambdas.test_addresses import REFUSED
from tests.support.waiting import until
from tests.webhooks.conftest import serving
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_answers import send_to
from workflowsvc.options import SettingsError
from workflowsvc.outgoing.addresses import AddressRefused
from workflowsvc.outgoing.targets import Targets, read_targets
from workflowsvc.store.sqlite.store import SqliteStore
from workflowsvc.webhooks.sender import NO_ADDRESS

pytestmark = pytest.mark.usefixtures("short_pauses")


def targets(text: str) -> Targets:
    return read_targets(text, open_by_default=True)


@pytest.mark.parametrize("address", REFUSED)
@pytest.mark.parametrize("text", ["any", "public", "hooks.example.com"])
def test_a_machines_own_network_is_never_called(text: str, address: str) -> None:
    with pytest.raises(AddressRefused):
        targets(text).check("hooks.example.com", address)
    with pytest.raises(AddressRefused):
        targets(text).check_host(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1"])
def test_private_addresses_are_called_unless_only_public_ones_are_allowed(address: str) -> None:
    targets("any").check("h", address)
    with pytest.raises(AddressRefused, match="does not allow"):
        targets("public").check("h", address)


@pytest.mark.parametrize(
    "address",
    ["2002:a00:1::", "64:ff9b:1::a00:1", "::a00:1", "::ffff:0:a00:1", "fec0::1", "192.88.99.1"],
)
def test_addresses_that_may_lead_to_private_ones_are_not_public(address: str) -> None:
    with pytest.raises(AddressRefused):
        targets("public").check("h", address)


@pytest.mark.parametrize("text", ["any,off", "public,10.0.0.0/8", "h.example,AUTO"])
def test_a_word_for_all_hosts_stands_alone(text: str) -> None:
    with pytest.raises(SettingsError, match="stands alone"):
        targets(text)


def test_auto_depends_on_who_may_set_webhooks() -> None:
    assert read_targets("auto", open_by_default=True).scope == "any"
    assert read_targets("auto", open_by_default=False).scope == "public"


def test_a_list_names_hosts_and_networks() -> None:
    listed = targets("hooks.example.com,*.corp.example,10.0.0.0/8,169.254.7.7")
    for host, address in [
        ("hooks.example.com", "93.184.216.34"),
        ("HOOKS.example.com.", "192.168.0.1"),
        ("a.b.corp.example", "192.168.0.1"),
        ("anything", "10.9.8.7"),
        ("169.254.7.7", "169.254.7.7"),
    ]:
        listed.check(host, address)
    for host, address in [
        ("example.com", "93.184.216.34"),
        ("corp.example", "192.168.0.1"),
        ("evilcorp.example", "192.168.0.1"),
        ("hooks.example.com", "169.254.169.254"),
        ("11.0.0.1", "11.0.0.1"),
    ]:
        with pytest.raises(AddressRefused):
            listed.check(host, address)


@pytest.mark.parametrize("host", ["2852039166", "127.1", "0", "a%2fb", "a\\b", ""])
def test_an_address_in_another_notation_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused, match="neither a name nor an address"):
        targets("any").check_host(host)


@pytest.mark.parametrize("text", ["hooks example.com", "10.0.0.1/8", "1.2.3", "http://h", "a,,b", "*"])
def test_a_word_that_names_no_host_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="--webhook-targets"):
        targets(text)


@pytest.mark.parametrize(
    ("text", "url", "code", "said"),
    [
        ("off", "http://h/", "OperationNotPermittedFault", "--webhook-targets is off"),
        ("any", "http://169.254.169.254/", "OperationNotPermittedFault", "own network"),
        ("any", "http://[fe80::1]/", "OperationNotPermittedFault", "own network"),
        ("public", "http://127.0.0.1/", "OperationNotPermittedFault", "public"),
        ("h.example", "http://other.example/", "OperationNotPermittedFault", "not among"),
        ("any", "http://2852039166/", "OperationNotPermittedFault", "usual notation"),
        ("any", "ftp://h/", "ValidationException", "http:// or https://"),
        ("any", "http://u:geheim@h/", "ValidationException", "user name or a password"),
        ("any", "http://h/#f", "ValidationException", "fragment"),
        ("any", "http://h:0/", "ValidationException", "port 0"),
        ("any", "http://h:99999/", "ValidationException", "out of range"),
        ("any", "http://h /", "ValidationException", "not a URL"),
    ],
)
def test_a_url_that_must_not_be_called_is_refused(text: str, url: str, code: str, said: str) -> None:
    with serving(SqliteStore(None), webhook_targets=text) as node:
        node.prepare()
        answer = node.answer("WorkflowSvc.CreateWebhook", name="hook", url=url)
        assert answer.code == code
        assert said in answer.json["message"]
        assert node.own("ListWebhooks")["webhooks"] == []


def test_what_a_name_leads_to_is_judged_when_it_is_called(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    """A name may come to lead elsewhere at any time."""
    addresses = ["127.0.0.1"]
    genuine = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *given: Any, **named: Any) -> Any:
        if host == "hooks.example.com":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]
        return genuine(host, port, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with serving(SqliteStore(None)) as node:
        node.prepare()
        node.own("CreateWebhook", name="hook", url=f"http://hooks.example.com:{receiver.port}/")
        node.run("w")
        until(lambda: len(receiver.received) == 2, "both were sent")
        assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.port}"
        addresses[:] = ["127.0.0.1", "169.254.169.254"]
        found = node.own("TestWebhook", name="hook")
        assert not found["isDelivered"]
        assert found["error"] == NO_ADDRESS
    assert len(receiver.received) == 2


def test_callers_cannot_tell_a_private_name_from_one_that_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or they would learn by trying which names there are in the operator's network."""

    def getaddrinfo(host: Any, port: Any, *given: Any, **named: Any) -> Any:
        if host == "db.corp.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", port))]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    said = [
        asyncio.run(send_to(f"https://{host}/", targets="public"))
        for host in ("db.corp.example", "none.corp.example")
    ]
    assert [[(outcome.status, outcome.error) for outcome in each] for each in said] == [
        [(None, NO_ADDRESS)]
    ] * 2
