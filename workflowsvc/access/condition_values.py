"""What the values of a condition and of a request mean to each family of operators (SWF §13.5.5).

Owns how texts are read as numbers, moments, booleans, addresses, ARNs and strings, and how two are compared. Must not
know set operators, absent keys or statements.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from workflowsvc.access.alternatives import Matches
from workflowsvc.access.arn_patterns import arn_pattern, split_arn
from workflowsvc.access.policy import Context
from workflowsvc.access.policy_error import PolicyError, shown
from workflowsvc.access.policy_json import Number, kind, string
from workflowsvc.access.wildcards import find_plain, has_variables, matcher, resolve, tokens_of

Accepts = Matches[str]
"""Whether a value of the request matches one value of the policy; None: a variable of the policy has no value."""
Order = Literal["Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]

_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")
_EPOCH = re.compile(r"[0-9]{5,12}(\.[0-9]{1,9})?")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9]{2}:[0-9]{2})(:[0-9]{2})?(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2}))?"
)
_ADDRESS = re.compile(r"[0-9a-fA-F:.]{2,45}(/[0-9]{1,3})?")
_START = datetime(1970, 1, 1, tzinfo=UTC)


def string_value(
    value: object, position: str, *, variables: bool, wildcards: bool, any_case: bool
) -> Accepts:
    text = string(value, position)
    tokens = tokens_of(text, position, wildcards=wildcards, variables=variables)
    if has_variables(tokens):

        def accepts_resolved(given: str, context: Context) -> bool | None:
            resolved = resolve(tokens, context)
            if resolved is None:
                return None
            if any_case:
                return given.casefold() == (find_plain(resolved) or "").casefold()
            return matcher(resolved)(given)

        return accepts_resolved
    plain = find_plain(tokens)
    if plain is None:
        matches = matcher(tokens)
        return lambda given, context: matches(given)
    if any_case:
        folded = plain.casefold()
        return lambda given, context: given.casefold() == folded
    return lambda given, context: given == plain


def arn_value(value: object, position: str, *, variables: bool) -> Accepts:
    pattern = arn_pattern(string(value, position), position, variables=variables)
    return lambda given, context: pattern(split_arn(given), context)


def number_value(value: object, position: str, *, order: Order) -> Accepts:
    mine = _read_number(_scalar(value, position))
    if mine is None:
        raise PolicyError(position, f"{shown(str(value))} is no number, such as 10 or 2.5")
    compare = _COMPARE[order]

    def accepts(given: str, context: Context) -> bool:
        other = _read_number(given)
        return other is not None and compare(other, mine)

    return accepts


def date_value(value: object, position: str, *, order: Order) -> Accepts:
    text = _scalar(value, position)
    mine = _read_moment(text)
    if mine is None:
        raise PolicyError(
            position,
            f'{shown(text)} is no moment: write "2026-12-31T23:59:59Z", "2026-12-31" or seconds since 1970',
        )
    compare = _COMPARE[order]

    def accepts(given: str, context: Context) -> bool:
        other = _read_moment(given)
        return other is not None and compare(other, mine)

    return accepts


def bool_value(value: object, position: str) -> Accepts:
    mine = read_bool(value, position)
    return lambda given, context: given.lower() == mine


def read_bool(value: object, position: str) -> str:
    """`true` or `false`."""
    text = str(value).lower()
    if not isinstance(value, bool | str) or text not in ("true", "false"):
        raise PolicyError(position, f'must be "true" or "false", not {_what(value)}')
    return text


def address_value(value: object, position: str) -> Accepts:
    text = string(value, position)
    network = None
    if _ADDRESS.fullmatch(text):
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            network = None
    if network is None:
        raise PolicyError(
            position, f'{shown(text)} is no address or range, such as "203.0.113.0/24" or "2001:db8::/32"'
        )
    version, mask, first = network.version, int(network.netmask), int(network.network_address)

    def accepts(given: str, context: Context) -> bool:
        address = _read_address(given)
        return address is not None and address[0] == version and address[1] & mask == first

    return accepts


_COMPARE: dict[Order, Callable[[Decimal, Decimal], bool]] = {
    "Equals": Decimal.__eq__,
    "LessThan": Decimal.__lt__,
    "LessThanEquals": Decimal.__le__,
    "GreaterThan": Decimal.__gt__,
    "GreaterThanEquals": Decimal.__ge__,
}


def _scalar(value: object, position: str) -> str:
    """A string, or a number as it is written."""
    return str(value) if isinstance(value, Number) else string(value, position)


def _what(value: object) -> str:
    return shown(value) if isinstance(value, str) else kind(value)


def _read_number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@functools.lru_cache(256)  # the moment of a request is compared by many statements
def _read_moment(text: str) -> Decimal | None:
    """Seconds since 1970, of ISO 8601 with a date or of the number itself; a date alone is its midnight in UTC."""
    if _EPOCH.fullmatch(text):
        return Decimal(text)
    parts = _MOMENT.fullmatch(text)
    if parts is None:
        return None
    day, minute, second, fraction, zone = parts.groups()
    zone = zone if zone and zone != "Z" else "+00:00"
    try:
        moment = datetime.fromisoformat(f"{day}T{minute or '00:00'}{second or ':00'}{zone}")
    except ValueError:
        return None
    seconds = (moment - _START) // timedelta(seconds=1)
    return Decimal(seconds) + Decimal(f"0{fraction}") if fraction else Decimal(seconds)


@functools.lru_cache(1_024)  # as for moments
def _read_address(text: str) -> tuple[int, int] | None:
    """Version and number; IPv4 in the form of IPv6 is IPv4, and the name of an interface is left out."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.version, int(address)
