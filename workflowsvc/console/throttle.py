"""How often a sign-in may fail: by address and by key, so that secrets cannot be tried out.

Owns the counting, in bounded memory. A failure counts for a while, then is forgotten. While too many count, no visitor
of that address or key is let try, with the right secret neither: the answer would tell which it was.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable

MAX_REMEMBERED = 10_000  # addresses, or keys; of more, those that have failed longest ago are forgotten
# A person mistypes a few times. One who tries secrets of 240 bits gets nowhere at any of these rates.
TRIES_OF_ADDRESS, SECONDS_OF_ADDRESS = 10, 30.0
# Higher, since who knows a key id could else keep its owner out. Who is signed in is never affected.
TRIES_OF_KEY, SECONDS_OF_KEY = 30, 10.0
NETWORK_BITS = 64  # of IPv6: one machine has as many addresses as it likes


class Throttle:
    """Failures of one kind of names. Each takes `seconds` to be forgotten, one after the other."""

    def __init__(self, monotonic: Callable[[], float], tries: int, seconds: float) -> None:
        self._monotonic = monotonic
        self._tries = tries
        self._seconds = seconds
        self._forgotten_at: OrderedDict[str, float] = OrderedDict()  # when no failure counts any more

    def __len__(self) -> int:
        return len(self._forgotten_at)

    def wait_seconds(self, name: str) -> int:
        """How long until the name may be tried again; 0: now."""
        left = self._forgotten_at.get(name, 0.0) - self._monotonic()
        return max(0, math.ceil(left - (self._tries - 1) * self._seconds))

    def failed(self, name: str) -> None:
        """Counts one failure."""
        now = self._monotonic()
        self._forgotten_at[name] = max(self._forgotten_at.get(name, 0.0), now) + self._seconds
        self._forgotten_at.move_to_end(name)
        if len(self._forgotten_at) > MAX_REMEMBERED:
            self._forgotten_at.popitem(last=False)


class SignInThrottle:
    """Of one console."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._addresses = Throttle(monotonic, TRIES_OF_ADDRESS, SECONDS_OF_ADDRESS)
        self._keys = Throttle(monotonic, TRIES_OF_KEY, SECONDS_OF_KEY)

    def wait_seconds(self, address: str, key_id: str) -> int:
        """How long until this address may try this key; 0: now."""
        return max(self._addresses.wait_seconds(network_of(address)), self._keys.wait_seconds(key_id))

    def failed(self, address: str, key_id: str) -> None:
        """Counts a failure."""
        self._addresses.failed(network_of(address))
        self._keys.failed(key_id)


def network_of(address: str) -> str:
    """Of an address of IPv6 its network, since one machine has all of it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, NETWORK_BITS), strict=False))
