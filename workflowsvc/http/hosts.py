"""The names by which this machine may be called while only it can call, and no request is authenticated.

Owns the check of the Host header. A web page can have its own name lead to 127.0.0.1 (DNS rebinding): its requests then
come from this machine, and only their Host tells them from those of a local client. A server that other machines reach
has names that it cannot know, and an operator who trusts the network.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path
from typing import Any

# A name or address, and a port or none.
_HOST = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([^\[\]:/]{1,255}))(?::[0-9]{0,5})?")
HOSTS_FILE = Path("/etc/hosts")

MAX_REMEMBERED = 100  # clients of one machine use a few names


class CannotListen(Exception):
    """The address cannot be used; the message says why."""


class Hosts:
    """Host header -> whether a request with it is served."""

    def __init__(self, listening_on: str, further: str, hosts_file: Path = HOSTS_FILE) -> None:
        """`listening_on`: the name or address that the server listens on. `further`: names with commas between them.
        `hosts_file`: names of this machine that its owner has written down.
        """
        self._any = not is_loopback(listening_on)
        machine = socket.gethostname()
        own = (listening_on, machine, machine.partition(".")[0], *further.split(","), *_names_in(hosts_file))
        self._names = {name.lower() for name in own if name} | {"localhost"}
        self._remembered: set[bytes] = set()

    def admit(self, host: bytes | None) -> bool:
        """Whether a request with this Host header is served; without one, as in HTTP/1.0, it is."""
        if host is None or self._any or host in self._remembered:
            return True
        if not self._is_own(host.decode("latin-1").lower()):
            return False
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered.add(host)
        return True

    def _is_own(self, host: str) -> bool:
        parts = _HOST.fullmatch(host.strip())
        if parts is None:
            return False
        name = parts[1] or parts[2].removesuffix(".")
        # Names below localhost never leave the machine (RFC 6761, 6.3).
        return name in self._names or name.endswith(".localhost") or is_loopback_address(name)


def _names_in(hosts_file: Path) -> list[str]:
    """The names of loopback addresses; none without a file."""
    try:
        lines = hosts_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    entries = [line.partition("#")[0].split() for line in lines]
    return [name for entry in entries if entry and is_loopback_address(entry[0]) for name in entry[1:]]


def is_loopback_address(text: str) -> bool:
    """Whether a connection from this address comes from this machine."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    # Before Python 3.13, an IPv4 address in the form of IPv6 is no loopback address to this library.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on this host; CannotListen when it has no address."""
    return all(is_loopback_address(address[0].split("%")[0]) for _, address in addresses(host, 0))


def addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    """The addresses of a host, IPv4 before IPv6; CannotListen when it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CannotListen(f"cannot listen on {host!r}: {error}") from None
    return sorted({(family, address) for family, _, _, _, address in found}, key=lambda item: item[0])
