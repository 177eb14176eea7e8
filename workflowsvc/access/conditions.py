"""The Condition of a statement: operators, set operators, absent keys (QUALITY §4.2, SWF §13.5).

Owns which operators there are and how the values of a key and of a policy make one answer. How two values are
compared is in `condition_values.py`. What is not known here is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol

from workflowsvc.access.alternatives import none_of, one_of
from workflowsvc.access.condition_values import (
    Accepts,
    Order,
    address_value,
    arn_value,
    bool_value,
    date_value,
    number_value,
    read_bool,
    string_value,
)
from workflowsvc.access.known_names import CONDITION_KEYS, TAG_KEYS, find_key
from workflowsvc.access.policy import Context
from workflowsvc.access.policy_error import PolicyError, did_you_mean, shown
from workflowsvc.access.policy_json import members, one_or_more

Test = Callable[[Context], bool]


class Condition(NamedTuple):
    """One key of one operator."""

    operator: str
    """With its set operator and IfExists, as it is written."""
    key: str
    """As it is written."""
    test: Test
    holds_without_key: bool
    """Whether it is true when the key is absent."""


class _Read(Protocol):
    def __call__(self, value: object, position: str, *, variables: bool) -> Accepts: ...


class Operator(NamedTuple):
    """`StringEquals` and the like, without IfExists."""

    read: _Read
    negated: bool = False
    kinds: tuple[str, ...] = ()
    """Which keys it may be about; empty: any."""


def _without_variables(read: Callable[[object, str], Accepts]) -> _Read:
    """Only operators of strings and ARNs replace variables, so one elsewhere is refused as a wrong value."""

    def read_plain(value: object, position: str, *, variables: bool) -> Accepts:
        return read(value, position)

    return read_plain


def _string_operators() -> dict[str, Operator]:
    made: dict[str, Operator] = {}
    for name, wildcards, any_case in (
        ("Equals", False, False),
        ("EqualsIgnoreCase", False, True),
        ("Like", True, False),
    ):
        read = partial(string_value, wildcards=wildcards, any_case=any_case)
        made[f"String{name}"] = Operator(read)
        made[f"StringNot{name}"] = Operator(read, negated=True)
    return made


def _ordered_operators(
    family: str, read: Callable[..., Accepts], kinds: tuple[str, ...]
) -> dict[str, Operator]:
    orders: tuple[Order, ...] = ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
    made = {
        f"{family}{order}": Operator(_without_variables(partial(read, order=order)), kinds=kinds)
        for order in orders
    }
    equals = made[f"{family}Equals"]
    return {**made, f"{family}NotEquals": equals._replace(negated=True)}


OPERATORS: Mapping[str, Operator] = {
    **_string_operators(),
    **_ordered_operators("Numeric", number_value, ("string", "epoch")),
    **_ordered_operators("Date", date_value, ("date", "epoch")),
    "Bool": Operator(_without_variables(bool_value), kinds=("bool",)),
    "IpAddress": Operator(_without_variables(address_value), kinds=("address",)),
    "NotIpAddress": Operator(_without_variables(address_value), negated=True, kinds=("address",)),
    "ArnEquals": Operator(arn_value, kinds=("arn",)),
    "ArnLike": Operator(arn_value, kinds=("arn",)),
    "ArnNotEquals": Operator(arn_value, negated=True, kinds=("arn",)),
    "ArnNotLike": Operator(arn_value, negated=True, kinds=("arn",)),
}
"""Without `Null`, which asks for no value."""

SET_OPERATORS = ("ForAllValues", "ForAnyValue")
_IF_EXISTS = "IfExists"


def read_conditions(value: object, position: str, *, variables: bool, allows: bool) -> tuple[Condition, ...]:
    """All of which must hold. `allows` is whether the statement is an Allow, in which a variable without a value makes
    the condition false, also that of a negated operator (SWF §13.5.7)."""
    found: list[Condition] = []
    for written, keys in members(value, position).items():
        place = f"{position}.{written}"
        set_operator, name, if_exists = parts_of_operator(written, place)
        for key, values in members(keys, place).items():
            test = _test(
                (set_operator, name, if_exists),
                key,
                values,
                f"{place}.{key}",
                variables=variables,
                allows=allows,
            )
            found.append(Condition(written, key, test, holds_without_key=test({})))
    return tuple(found)


def parts_of_operator(written: str, position: str) -> tuple[str, str, bool]:
    """Its set operator or nothing, its name, and whether it ends with IfExists."""
    set_operator, colon, rest = written.rpartition(":")
    if colon and set_operator not in SET_OPERATORS:
        raise PolicyError(
            position, f"{shown(set_operator)} is no set operator{did_you_mean(set_operator, SET_OPERATORS)}"
        )
    name, if_exists = rest.removesuffix(_IF_EXISTS), rest.endswith(_IF_EXISTS)
    if name == "Null":
        if if_exists or set_operator:
            raise PolicyError(
                position, "Null asks whether the key is there, so it has neither set operator nor IfExists"
            )
    elif name == "BinaryEquals":
        raise PolicyError(position, "no condition key of this service has binary values")
    elif name not in OPERATORS:
        raise PolicyError(
            position, f"{shown(rest)} is no condition operator{did_you_mean(name, (*OPERATORS, 'Null'))}"
        )
    if set_operator == "ForAnyValue" and if_exists:
        raise PolicyError(
            position, "ForAnyValue is false without a value and IfExists true: write two statements instead"
        )
    return set_operator, name, if_exists


def _test(
    operator: tuple[str, str, bool], key: str, values: object, position: str, *, variables: bool, allows: bool
) -> Test:
    set_operator, name, if_exists = operator
    kind = find_key(key)
    if kind is None:
        hint = did_you_mean(key, (*CONDITION_KEYS, *TAG_KEYS))
        raise PolicyError(position, f"{shown(key)} is no condition key that this service knows{hint}")
    lower = key.lower()
    if name == "Null":
        return _null(lower, values, position)
    if kind.many and not set_operator:
        raise PolicyError(
            position, f"{key} can have several values: write ForAllValues:{name} or ForAnyValue:{name}"
        )
    found = OPERATORS[name]
    if found.kinds and kind.values not in (*found.kinds, "tag"):
        raise PolicyError(
            position, f"{name} cannot be asked of {key}, whose value is {_KIND_WORDS[kind.values]}"
        )
    accepts = [found.read(each, place, variables=variables) for each, place in one_or_more(values, position)]
    one = (none_of if found.negated else one_of)(accepts, allows=allows)
    if set_operator == "ForAllValues":
        return _for_all(lower, one)
    return _for_any(lower, one, absent=if_exists or (found.negated and not set_operator))


_KIND_WORDS = {
    "string": "a string",
    "arn": "an ARN",
    "date": "a moment",
    "epoch": "a moment in seconds",
    "bool": "true or false",
    "address": "an address",
}


def _null(key: str, values: object, position: str) -> Test:
    wanted = {read_bool(each, place) == "true" for each, place in one_or_more(values, position)}
    if len(wanted) > 1:
        raise PolicyError(position, 'must be "true" or "false", not both')
    absent = wanted.pop()
    return lambda context: (not context.get(key)) == absent


def _for_any(key: str, one: Accepts, *, absent: bool) -> Test:
    """Of a key with one value, too: its value matches."""

    def test(context: Context) -> bool:
        values = context.get(key)
        if not values:
            return absent
        if len(values) == 1:
            return bool(one(values[0], context))
        return any(one(value, context) for value in values)

    return test


def _for_all(key: str, one: Accepts) -> Test:
    return lambda context: all(one(value, context) for value in context.get(key, ()))
