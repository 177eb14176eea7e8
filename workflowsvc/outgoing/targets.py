"""Which hosts may be called when a caller, and not the operator, has named them.

Owns the form of the setting and the judgement of each address: those of a machine's own network, which may hold its
credentials, are called only when the operator has named them. Must not know what is sent there.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Literal, NamedTuple

from workflowsvc.options import SettingsError
from workflowsvc.outgoing.addresses import Address, AddressRefused, behind, is_literal, is_refused

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Scope = Literal["off", "public", "any", "listed"]

# What Python calls global although an IPv4 address stands in it or a relay nearby may take it.
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        ("2002::/16", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96", "fec0::/10", "192.88.99.0/24"),
    )
)
_WORDS = ("auto", "off", "public", "any")

_is_host = re.compile(r"[A-Za-z0-9_.-]+").fullmatch
_is_name = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?").fullmatch


class Targets(NamedTuple):
    """`names`: with `*.` in front for all hosts below."""

    scope: Scope
    names: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    def check(self, host: str, address: str) -> None:
        """AddressRefused when the host must not be called at this address."""
        if self.scope == "off":
            raise AddressRefused("no host may be called: --webhook-targets is off")
        found = behind(address)
        if any(found in network for network in self.networks if network.version == found.version):
            return
        if self.scope == "listed" and not self._is_named(host):
            raise AddressRefused(f"{host} ({address}) is not among --webhook-targets")
        if is_refused(address):
            raise AddressRefused(f"{host} is at {address}, an address of the machine's own network")
        if self.scope == "public" and not _is_public(found):
            raise AddressRefused(f"{host} is at {address}, which --webhook-targets public does not allow")

    def check_host(self, host: str) -> None:
        """AddressRefused when no address of this host may be called, as far as its name alone tells. To be asked before
        each call: an address in place of a name is looked up by no resolver.
        """
        if is_literal(host):
            self.check(host, host)
        elif not _is_host(host) or host.replace(".", "").isdigit():
            raise AddressRefused(f"{host!r} is neither a name nor an address in its usual notation")
        elif self.scope == "off" or (
            self.scope == "listed" and not self.networks and not self._is_named(host)
        ):
            self.check(host, "255.255.255.255")

    def _is_named(self, host: str) -> bool:
        lower = host.lower().rstrip(".")
        return any(
            lower.endswith(name[1:]) if name.startswith("*.") else lower == name for name in self.names
        )


def _is_public(address: Address) -> bool:
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def read_targets(text: str, *, open_by_default: bool) -> Targets:
    """What `--webhook-targets` says. `open_by_default`: what `auto` means. SettingsError for a word that is neither."""
    if text == "auto":
        return Targets("any" if open_by_default else "public")
    if text in ("off", "public", "any"):
        return Targets(text)  # type: ignore[arg-type]
    names: list[str] = []
    networks: list[Network] = []
    for word in text.split(","):
        if word.lower() in _WORDS:
            raise SettingsError(f"--webhook-targets: {word!r} stands alone, never in a list")
        try:
            networks.append(ipaddress.ip_network(word))
        except ValueError:
            if not _is_name(word.lower()) or word.replace(".", "").isdigit():
                raise SettingsError(
                    f"--webhook-targets: {word!r} is no host, no *.domain and no network such as 10.0.0.0/8"
                ) from None
            names.append(word.lower())
    return Targets("listed", tuple(names), tuple(networks))
