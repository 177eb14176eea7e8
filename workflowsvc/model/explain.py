"""Why a body is refused, in AWS's words: the slow path, taken only after the fast decoder has refused it.

Owns the order of the answers (SWF §3.1): no JSON object or a wrong JSON type, then the order of the
decisions, then every broken constraint of the model at once; and the bound of its own work (QUALITY §2.4). Reads the
annotations that the decoder enforces. Must not know the rules that are not in the model: `constraints.py` and
`input_rules.py` do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple, TypeGuard, cast, get_args

import msgspec
from msgspec import inspect

from workflowsvc.faults import SerializationException
from workflowsvc.model import own_shapes, shapes, validation_text
from workflowsvc.model.input_rules import INPUT_RULES
from workflowsvc.model.shapes import Shape, ShapeClass
from workflowsvc.model.validation_text import Violation

_parse = msgspec.json.Decoder().decode
_skip = msgspec.json.Decoder(msgspec.Raw).decode
_INTEGERS = range(-(2**31), 2**31)
# msgspec describes the values of an enum in the order of the alphabet.
_model_order = {
    frozenset(get_args(alias)): get_args(alias)
    for module in (own_shapes, shapes)
    for alias in vars(module).values()
    if get_args(alias)
}

Json = dict[str, Any]

MAX_DATA_CHARACTERS = 32_768
"""The longest input, result and the like: the model's Data, FunctionInput and FunctionResult."""

# The fast decoder skips what it does not know; here everything is read, and looked at in Python. A megabyte holds half
# a million values: 27 ms to read them, in one piece, and half a second to say what is wrong with each. A list of 1,000
# activities has 15,000 values.
MAX_VALUES = 25_000

# Python reads a number of n digits in n² steps: a megabyte of numbers of 4,000 digits takes 18 ms, of 400 digits 3 ms.
# A double has at most 309, and one that is longer is refused like 1e400.
MAX_DIGITS = 400

MAX_FIRST_ERROR = 200  # characters


def explain(structure: ShapeClass, body: bytes) -> Shape:
    """Raises the fault that AWS would answer to a body that is no such structure.

    A body that only names a member twice is read after all: the last one counts (QUALITY §2.4), which the fast
    decoder sees only after it has checked the first.
    """
    try:
        body.decode()  # the parser skips over strings without looking at their bytes
    except UnicodeDecodeError as error:
        raise _no_json(error) from None
    _require_little_work(structure, body)
    request = _json_object(body)
    _require_types(_type_of(structure), request)
    rules = INPUT_RULES.get(structure)
    if rules is not None and rules.parsed is not None:
        rules.parsed(request)
    refused = validation_text.refusal(_broken(_type_of(structure), request, ""))
    if refused is not None:
        raise refused
    try:
        return msgspec.convert(request, structure)
    except msgspec.ValidationError:
        raise SerializationException from None


def _json_object(body: bytes) -> Json:
    try:
        parsed = _parse(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise _no_json(error) from None
    if not isinstance(parsed, dict):
        raise SerializationException(
            detail=f"the body is no JSON object, but of type {type(parsed).__name__}"
        )
    return cast(Json, parsed)


def _no_json(error: Exception) -> SerializationException:
    """Without a text for the caller; the log says what is wrong and where."""
    return SerializationException(detail=f"the body is no JSON: {error}")


_DIGITS_ALIKE = bytes(ord("0" if chr(byte) in "0123456789" else " ") for byte in range(256))


def _require_little_work(structure: ShapeClass, body: bytes) -> None:
    """Raises the fault for a body with more than MAX_VALUES values, or a number of more than MAX_DIGITS digits.

    Each step is one pass over the bytes. What is counted is exact up to the place where the parser stops, as strings
    end for both at the same bytes.
    """
    if _values(body) <= MAX_VALUES and not _has_long_number(body):
        return
    if b"\\" in body:
        body_without_escapes = body.replace(rb"\\", b"").replace(rb"\"", b"")
    else:
        body_without_escapes = body
    if body_without_escapes.count(b'"') <= 4 * MAX_VALUES:  # of each value and of the name before it
        outside_strings = b'"'.join(body_without_escapes.split(b'"')[::2])
        if _has_long_number(outside_strings):
            raise SerializationException(detail=f"a number has {MAX_DIGITS} digits or more")
        if _values(outside_strings) <= MAX_VALUES:
            return
    raise _too_much(structure, body)


def _too_much(structure: ShapeClass, body: bytes) -> SerializationException:
    """The first error alone, in the words of the fast decoder, which skips all that it does not know."""
    try:
        _skip(body)
    except (ValueError, RecursionError) as error:
        return _no_json(error)
    if not body.lstrip().startswith(b"{"):
        return SerializationException(detail="the body is no JSON object")
    first = ""
    try:
        msgspec.json.decode(body, type=structure)
    except ValueError as error:
        first = f". First: {error}"[:MAX_FIRST_ERROR]
    return SerializationException(
        f"The request has more than {MAX_VALUES} values, too many to list what is wrong{first}"
    )


def _values(text: bytes) -> int:
    """How many values the text has, at most: but for the first, each follows one of these, perhaps behind its name."""
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1


def _has_long_number(text: bytes) -> bool:
    return len(text) >= MAX_DIGITS and b"0" * MAX_DIGITS in text.translate(_DIGITS_ALIKE)


@cache
def _type_of(structure: type[Shape]) -> inspect.StructType:
    described = inspect.type_info(structure)
    assert isinstance(described, inspect.StructType)
    return described


@cache
def _members(structure: type[Shape]) -> dict[str, inspect.Type]:
    return {field.encode_name: _present(field.type)[0] for field in _type_of(structure).fields}


def _present(member: inspect.Type) -> tuple[inspect.Type, bool]:
    """The type of a value that is there, and whether null may stand in its place."""
    if isinstance(member, inspect.UnionType):
        (present,) = (kind for kind in member.types if not isinstance(kind, inspect.NoneType))
        return present, True
    return member, False


# ---- JSON types: the first wrong one, in the order of the body, is the answer


def _require_types(expected: inspect.Type, value: Any) -> None:
    if value is None:
        return
    if isinstance(expected, inspect.StructType):
        _require_structure(value)
        members = _members(expected.cls)
        for name, member in value.items():
            if name in members:
                _require_types(members[name], member)
    elif isinstance(expected, inspect.ListType):
        _require_list(value)
        element_type = _present(expected.item_type)[0]
        for element in value:
            _require_types(element_type, element)
    else:
        _require_scalar(expected, value)


def _require_structure(value: Any) -> None:
    if isinstance(value, list):
        raise SerializationException("Start of list found where not expected")
    if not isinstance(value, dict):
        raise SerializationException("Expected null")


def _require_list(value: Any) -> None:
    if isinstance(value, dict):
        raise SerializationException("Start of structure or map found where not expected.")
    if not isinstance(value, list):
        raise SerializationException("Expected list or null")


def _require_scalar(expected: inspect.Type, value: Any) -> None:
    if isinstance(value, list):
        raise SerializationException("Start of list found where not expected")
    if isinstance(value, dict):
        raise SerializationException("Start of structure or map found where not expected.")
    if not _converts(expected, value):
        raise SerializationException(f"{_token(value)} can not be converted to {_wanted(expected)}")


def _converts(expected: inspect.Type, value: str | float | bool) -> bool:
    if isinstance(expected, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(expected, inspect.IntType):
        return type(value) is int and value in _INTEGERS
    if isinstance(expected, inspect.FloatType):
        if expected.ge is None or expected.le is None:  # a double, which holds no more
            return _is_number(value) and abs(value) <= sys.float_info.max
        return _is_number(value) and expected.ge <= value <= expected.le
    return isinstance(value, str)


def _is_number(value: str | float | bool) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _token(value: str | float | bool) -> str:
    if isinstance(value, str):
        return "STRING_VALUE"
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "NUMBER_VALUE"


def _wanted(expected: inspect.Type) -> str:
    if isinstance(expected, inspect.BoolType):
        return "a Boolean"
    if isinstance(expected, inspect.IntType):
        return "an Integer"
    if isinstance(expected, inspect.FloatType):
        return "a Double" if expected.ge is None else "milliseconds since epoch"
    return "a String"


# ---- Constraints: every broken one, members in the order of their names


def _broken(expected: inspect.Type, value: Any, path: str) -> Iterator[Violation]:
    """The violations in a value that is there and has the right JSON type."""
    if isinstance(expected, inspect.StructType):
        yield from _broken_structure(expected, value, path)
    elif isinstance(expected, inspect.ListType):
        yield from _broken_list(expected, value, path)
    else:
        for constraint in _constraints(expected):
            if not constraint.kept_by(value):
                yield validation_text.violation(value, path, constraint.text)


def _broken_structure(expected: inspect.StructType, value: Json, path: str) -> Iterator[Violation]:
    for field in expected.fields:
        name = field.encode_name
        member = value.get(name)
        member_path = f"{path}.{name}" if path else name
        if member is not None:
            yield from _broken(_present(field.type)[0], member, member_path)
        elif field.required:
            yield validation_text.violation(None, member_path, validation_text.NOT_NULL)
    if expected.forbid_unknown_fields:
        for name in sorted(value.keys() - _members(expected.cls).keys()):
            member_path = f"{path}.{name}" if path else name
            yield validation_text.violation(value[name], member_path, validation_text.UNKNOWN)


def _broken_list(expected: inspect.ListType, elements: list[Any], path: str) -> Iterator[Violation]:
    if expected.max_length is not None and len(elements) > expected.max_length:
        yield validation_text.violation(elements, path, validation_text.at_most_long(expected.max_length))
    element_type, nullable = _present(expected.item_type)
    if isinstance(element_type, inspect.StructType):
        for number, element in enumerate(elements, start=1):
            element_path = f"{path}.{number}.member"
            if element is None:
                yield validation_text.violation(None, element_path, validation_text.NOT_NULL)
            else:
                yield from _broken(element_type, element, element_path)
        return
    constraints = _constraints(element_type)
    if not nullable:
        constraints = (*constraints, Constraint(_is_there, validation_text.NOT_NULL))
    if not all(_keeps(constraints, element, nullable=nullable) for element in elements):
        yield validation_text.violation(
            elements, path, validation_text.each(constraint.text for constraint in constraints)
        )


def _is_there(element: object) -> bool:
    return element is not None


def require_short_data(structure: ShapeClass, request: Shape, most: int) -> None:
    """Raises a ValidationException, in the same words, for data longer than `most`, a limit below the model's."""
    refused = validation_text.refusal(_long_data(_type_of(structure), request, "", most))
    if refused is not None:
        raise refused


def _long_data(expected: inspect.Type, value: Any, path: str, most: int) -> Iterator[Violation]:
    if isinstance(expected, inspect.StructType):
        for field in expected.fields:
            member = getattr(value, field.name)
            if member is not None:
                name = field.encode_name
                yield from _long_data(
                    _present(field.type)[0], member, f"{path}.{name}" if path else name, most
                )
    elif isinstance(expected, inspect.ListType):
        element_type = _present(expected.item_type)[0]
        for number, element in enumerate(value, start=1):
            if element is not None:
                yield from _long_data(element_type, element, f"{path}.{number}.member", most)
    elif (
        isinstance(expected, inspect.StrType)
        and expected.max_length == MAX_DATA_CHARACTERS
        and len(value) > most
    ):
        yield validation_text.violation(value, path, validation_text.at_most_long(most))


class Constraint(NamedTuple):
    """What a scalar must satisfy, and AWS's words for it."""

    kept_by: Callable[[Any], bool]
    text: str


def _keeps(constraints: Iterable[Constraint], element: Any, *, nullable: bool) -> bool:
    if element is None:
        return nullable
    return all(constraint.kept_by(element) for constraint in constraints)


def _constraints(expected: inspect.Type) -> tuple[Constraint, ...]:
    """The constraints of a scalar, the upper bound first as in AWS's lists."""
    if isinstance(expected, inspect.LiteralType):
        values = frozenset(map(str, expected.values))
        return (Constraint(values.__contains__, validation_text.one_of(_model_order[values])),)
    if isinstance(expected, inspect.StrType):
        return tuple(_length_constraints(expected.max_length, expected.min_length))
    if isinstance(expected, inspect.IntType):
        return tuple(_range_constraints(expected.le, expected.ge))
    return ()


def _length_constraints(most: int | None, least: int | None) -> Iterator[Constraint]:
    def short_enough(text: str) -> bool:
        return most is None or len(text) <= most

    def long_enough(text: str) -> bool:
        return least is None or len(text) >= least

    if most is not None:
        yield Constraint(short_enough, validation_text.at_most_long(most))
    if least is not None:
        yield Constraint(long_enough, validation_text.at_least_long(least))


def _range_constraints(most: int | None, least: int | None) -> Iterator[Constraint]:
    def small_enough(number: int) -> bool:
        return most is None or number <= most

    def large_enough(number: int) -> bool:
        return least is None or number >= least

    if most is not None:
        yield Constraint(small_enough, validation_text.at_most(most))
    if least is not None:
        yield Constraint(large_enough, validation_text.at_least(least))
