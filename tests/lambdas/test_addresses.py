"""A name never leads to a machine's own credentials; an operator who means the address writes it (QUALITY §5.5)."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.lambdas.function_server import answer, serving
from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.clock import SystemClock
from workflowsvc.engine.invoker import Ending, Failed, Invocation, Returned
from workflowsvc.lambdas import function_map
from workflowsvc.lambdas.client import LambdaClient
from workflowsvc.outgoing.addresses import AddressRefused, addresses_of, is_refused, resolve
from workflowsvc.tenant import Tenant

REFUSED = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%lo",
    "fd00:ec2::254",
    "fd20:ce::254",
    "168.63.129.16",
    "100.100.100.200",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "0.0.0.0",
    "::",
    "224.0.0.1",
]


@pytest.mark.parametrize("address", REFUSED)
def test_link_local_and_metadata_addresses_are_refused(address: str) -> None:
    assert is_refused(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "93.184.216.34", "fd00::1"]
)
def test_the_machine_itself_and_private_networks_are_where_functions_live(address: str) -> None:
    assert not is_refused(address)


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize("address", REFUSED)
def test_a_name_that_resolves_to_one_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolves_to(monkeypatch, "127.0.0.1", address)
    with pytest.raises(AddressRefused):
        addresses_of("functions.example", 80)


def test_a_refused_address_is_never_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "functions.json"
    path.write_text(json.dumps({"f": "http://functions.example/"}))
    client = LambdaClient(function_map.read(str(path)), SystemClock())
    resolves_to(monkeypatch, "169.254.169.254")
    ended = asyncio.run(call(client))
    assert isinstance(ended, Failed)
    assert ended.reason == "AddressRefused"


async def call(client: LambdaClient) -> Ending | None:
    return await client(Invocation(1, 5, "f", "{}", Tenant().key, SystemClock().monotonic() + 60))


def test_a_number_that_a_resolver_takes_for_an_address_is_a_name() -> None:
    with pytest.raises((AddressRefused, OSError)):
        addresses_of("2852039166", 80)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1"])
def test_an_address_that_the_operator_writes_down_is_meant(address: str) -> None:
    assert addresses_of(address, 80)[0][1][:2] == (address, 80)


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A name that resolves differently the second time changes nothing: it is resolved once."""
    with serving(answer(b"1")) as server:
        path = tmp_path / "functions.json"
        path.write_text(json.dumps({"f": f"http://functions.example:{server.port}/"}))
        client = LambdaClient(function_map.read(str(path)), SystemClock())
        answers = iter(["127.0.0.1"])

        def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            address = host if host[0].isdigit() else next(answers, "169.254.169.254")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        assert asyncio.run(call(client)) == Returned("1")
        assert server.requests[0].headers["host"] == f"functions.example:{server.port}"
        ended = asyncio.run(call(client))
        assert isinstance(ended, Failed)
        assert ended.reason == "AddressRefused"
        assert len(server.requests) == 1


def test_the_next_address_is_tried_when_one_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving(answer(b"1")) as server:
        path = tmp_path / "functions.json"
        path.write_text(json.dumps({"f": f"http://functions.example:{server.port}/"}))
        client = LambdaClient(function_map.read(str(path)), SystemClock())
        resolves_to(monkeypatch, "127.0.0.2", "127.0.0.1")
        assert asyncio.run(call(client)) == Returned("1")


def test_a_lookup_that_hangs_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released, asked = threading.Event(), threading.Event()

    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        asked.set()
        released.wait(PATIENCE_SECONDS)
        raise OSError("too late")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    async def look_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await resolve("functions.example", 80)

    asyncio.run(look_up())
    assert asked.is_set()
    assert not released.is_set()
    released.set()
