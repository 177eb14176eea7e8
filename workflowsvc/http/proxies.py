"""Where a request comes from: the client's address, and whether it came by TLS.

Owns which forwarding headers are believed: those that a named proxy has sent, and no others (QUALITY §5.3). Must not
know who the client is.
"""

from __future__ import annotations

import functools
import ipaddress
from typing import NamedTuple, Protocol

from workflowsvc.http.answer import HeaderFields
from workflowsvc.http.request import values_of
from workflowsvc.options import SettingsError

FORWARDED_FOR, FORWARDED_PROTO = b"x-forwarded-for", b"x-forwarded-proto"
MAX_HOPS = 20  # addresses that are looked at, from the last one on: each costs microseconds

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Received(Protocol):
    """What is asked of a request (`workflowsvc.http.request.HttpRequest`)."""

    @property
    def peer(self) -> str: ...
    @property
    def is_tls(self) -> bool: ...
    @property
    def fields(self) -> HeaderFields: ...
    @property
    def first(self) -> dict[bytes, bytes]: ...


class Origin(NamedTuple):
    source_ip: str
    is_secure: bool


class Proxies:
    """The proxies that an operator has named."""

    def __init__(self, trusted: str) -> None:
        """`trusted`: addresses and networks with commas between them; SettingsError when one is neither."""
        self._networks = [_network(text) for text in trusted.split(",") if text]
        self._is_trusted = functools.lru_cache(1_024)(self._is_in_a_network)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def origin(self, request: Received) -> Origin:
        """What this server has seen, or what the named proxies wrote down, from the last of them to the first."""
        peer = _plain(request.peer)
        if not self._networks or not self._is_trusted(peer):
            return Origin(peer, request.is_tls)
        hops = _list_of(request, FORWARDED_FOR)
        protocols = _list_of(request, FORWARDED_PROTO)
        if not hops and not protocols:
            return Origin(peer, request.is_tls)  # of the proxy itself
        source = peer
        for hop in reversed(hops[-MAX_HOPS:]):
            address = _without_port(hop)
            if _address(address) is None:
                break  # what stands before it was not written by a proxy of ours
            source = _plain(address)
            if not self._is_trusted(source):
                break
        return Origin(source, bool(protocols) and all(each.lower() == "https" for each in protocols))

    def _is_in_a_network(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise SettingsError(
            f"--trusted-proxies: {text!r} is neither an address nor a network: {error}"
        ) from None


def _list_of(request: Received, name: bytes) -> list[str]:
    """The elements of all header fields of this name, in their order."""
    if name not in request.first:
        return []
    whole = b",".join(values_of(request.fields, name)).decode("latin-1")
    return [element.strip() for element in whole.split(",") if element.strip()]


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


@functools.lru_cache(1_024)
def _plain(text: str) -> str:
    """An address in its one spelling; one of IPv4 is never in the form of IPv6."""
    address = _address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return text if address is None else str(address)


@functools.lru_cache(1_024)
def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
