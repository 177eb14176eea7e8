"""Which addresses a host name resolves to, and which of them are never called.

A cloud machine's own credentials are served on link-local and a few other well-known addresses, to every process on the
machine. A name that resolves to one of them is an attack or a mistake; an operator who means it writes the address
itself where names are configured (QUALITY §5.5). Must not know who calls.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, NamedTuple

Check = Callable[[str, str], None]
"""(host, address) raises AddressRefused when this address of the host must not be called."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Metadata services outside of 169.254.0.0/16 and fe80::/10: AWS and Google over IPv6, Azure, Alibaba.
METADATA: frozenset[Address] = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200"))
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(Exception):
    """The name resolves to an address that is never called."""


class Resolved(NamedTuple):
    """An address to connect to; `scope_id` is the index of the interface of a link-local one, else 0."""

    text: str
    scope_id: int


def check_name(host: str, address: str) -> None:
    """A `Check`: a name must not lead to a machine's own credentials; an address may be written."""
    if not is_literal(host) and is_refused(address):
        raise AddressRefused(f"{host} resolves to {address}, an address of the machine's own network")


async def resolve(host: str, port: int, check: Check = check_name) -> list[Resolved]:
    """The addresses to connect to, in the order that the system prefers, without blocking the event loop.

    Raises OSError for an unknown name, AddressRefused for one that must not be followed.

    A name is resolved by a daemon thread of its own. The event loop's executor, or a pool, would hold up the end of the
    process until a lookup that hangs is over. How many lookups run is bounded by the caller.
    """
    if is_literal(host):
        return _resolved(addresses_of(host, port, check))
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Resolved]] = loop.create_future()

    def settle(addresses: list[Resolved] | None, error: Exception | None) -> None:
        if found.done():
            return  # cancelled: the time of the call was over
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(addresses or [])

    def look_up() -> None:
        addresses, error = None, None
        try:
            addresses = _resolved(addresses_of(host, port, check))
        except Exception as raised:
            error = raised
        with suppress(RuntimeError):  # the event loop has been closed
            loop.call_soon_threadsafe(settle, addresses, error)

    try:
        Thread(target=look_up, name="lookup", daemon=True).start()
    except RuntimeError as error:
        raise OSError(f"{host} cannot be resolved: {error}") from None
    return await found


def _resolved(addresses: list[tuple[socket.AddressFamily, Any]]) -> list[Resolved]:
    found = (
        Resolved(str(address[0]).partition("%")[0], address[3] if family == socket.AF_INET6 else 0)
        for family, address in addresses
    )
    return list(dict.fromkeys(found))


def addresses_of(host: str, port: int, check: Check = check_name) -> list[tuple[socket.AddressFamily, Any]]:
    """Families and socket addresses, in the order that the system prefers. Blocks; raises as `resolve` does."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host} is no host name: {error}") from None
    addresses = [(family, address) for family, _, _, _, address in found]
    for _, address in addresses:
        check(host, str(address[0]))
    return addresses


def is_refused(text: str) -> bool:
    """Whether a name must not resolve to this address."""
    address = behind(text)
    return address.is_link_local or address.is_unspecified or address.is_multicast or address in METADATA


def behind(text: str) -> Address:
    """The address, or the IPv4 address that an IPv6 address stands for, if it does."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_literal(host: str) -> bool:
    """Whether it is an address in its usual notation. `2852039166` is a name here, although resolvers accept it."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
