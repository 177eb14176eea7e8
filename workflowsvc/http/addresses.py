"""Which addresses a host name leads to, and which of them are never called.

A cloud machine's own credentials are served on link-local and a few other well-known addresses, to whoever
asks from the machine. A name that resolves to one of them is an attack or a mistake; an operator who means it
writes the address itself (QUALITY §5.5).
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Metadata services outside of 169.254.0.0/16 and fe80::/10: AWS and Google over IPv6, Azure, Alibaba.
METADATA: frozenset[Address] = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200"))
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(Exception):
    """The name leads where we do not go."""


def addresses_of(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    """What to connect to, in the order the machine prefers; raises OSError for an unknown name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host} is no host name: {error}") from None
    addresses = [(family, address) for family, _, _, _, address in found]
    if not _is_literal(host):
        for _, address in addresses:
            if is_refused(str(address[0])):
                raise AddressRefused(
                    f"{host} resolves to {address[0]}, an address of the machine's own network"
                )
    return addresses


def is_refused(text: str) -> bool:
    """Whether a name must not lead to this address."""
    address = _behind(ipaddress.ip_address(text.partition("%")[0]))
    return address.is_link_local or address.is_unspecified or address.is_multicast or address in METADATA


def _behind(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_literal(host: str) -> bool:
    """Only as addresses are commonly written: `2852039166` is a name to us, whatever the resolver thinks."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
