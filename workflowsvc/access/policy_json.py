"""The text of a policy as JSON values, bounded in size and depth, with nothing in it that two readers could read
differently (QUALITY §2.4).

Owns the syntax: what is JSON, how long and how deep it may be, duplicate keys, characters. Must not know what an
element means.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn, cast

from workflowsvc.access.policy_error import PolicyError, shown

MAX_CHARACTERS = 6_144  # of a managed policy in IAM, blanks not counted (SWF §13.5.2)
MAX_TEXT = 131_072  # with blanks: what IAM's API accepts as a policy document (SWF §13.5.2)
MAX_DEPTH = 16  # the grammar of policies needs 7

_NOT_BLANK = re.compile(r"[^ \t\r\n]+")
# A string, also one that is not closed, so that no character is looked at twice; or what is no bracket.
_NO_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[^"\[\]{}]+', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Pairs(list[tuple[str, object]]):
    """An object with its keys in order, duplicates included."""


def read_json(text: str) -> object:
    """Objects as `Pairs`, numbers as `Number`. Raises PolicyError with line and column of what is not JSON."""
    if len(text) > MAX_TEXT:
        raise PolicyError(
            "policy", f"it has {len(text):,} characters; {MAX_TEXT:,} are the limit, blanks included"
        )
    length = sum(len(part) for part in _NOT_BLANK.findall(text))
    if length > MAX_CHARACTERS:
        raise PolicyError(
            "policy", f"it has {length:,} characters without blanks; {MAX_CHARACTERS:,} are the limit"
        )
    _check_depth(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=Pairs,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        raise PolicyError(_place(text, error.pos), f"this is not JSON: {error.msg}") from None


def members(value: object, position: str) -> dict[str, object]:
    """The members of a JSON object; `position` is `policy` for the outermost one."""
    if not isinstance(value, Pairs):
        raise PolicyError(position, f"must be an object, not {kind(value)}")
    prefix = "" if position == "policy" else f"{position}."
    found: dict[str, object] = {}
    lower: dict[str, str] = {}
    for key, member in value:
        check_characters(key, position)
        if key in found:
            raise PolicyError(prefix + key, "stands twice")
        if key.lower() in lower:  # to AWS they are one key (SWF §13.5.3)
            other = lower[key.lower()]
            raise PolicyError(prefix + key, f"stands twice: as {shown(other)} as well")
        lower[key.lower()] = key
        found[key] = member
    return found


def string(value: object, position: str) -> str:
    if not isinstance(value, str) or isinstance(value, Number):
        raise PolicyError(position, f"must be a string, not {kind(value)}")
    check_characters(value, position)
    return value


def strings(value: object, position: str) -> list[tuple[str, str]]:
    """One string or a list of them, each with its position; at least one."""
    return [(string(each, place), place) for each, place in one_or_more(value, position)]


def one_or_more(value: object, position: str) -> list[tuple[object, str]]:
    """The elements of a list with their positions, or the value itself."""
    items = find_items(value)
    if items is None:
        return [(value, position)]
    if not items:
        raise PolicyError(position, "must not be empty")
    return [(item, f"{position}[{index}]") for index, item in enumerate(items)]


def find_items(value: object) -> list[object] | None:
    """The elements of a JSON list; None when it is none."""
    return cast(list[object], value) if isinstance(value, list) and not isinstance(value, Pairs) else None


def kind(value: object) -> str:
    """The JSON type in words."""
    if isinstance(value, Pairs):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Number):
        return "a number"
    return "null" if value is None else "a string"


def check_characters(text: str, position: str) -> None:
    """Raises PolicyError for control characters, which no name or tag has, and for half of a surrogate pair."""
    if text.isascii() and text.isprintable():
        return
    if control := _CONTROL.search(text):
        raise PolicyError(position, f"has the control character U+{ord(control[0]):04X}")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise PolicyError(position, "has half of a surrogate pair, which is no character")


def _check_depth(text: str) -> None:
    """Before it is read, since how deep the reader can go depends on the version of Python."""
    depth = 0
    for sign in _NO_BRACKET.sub("", text):
        depth += 1 if sign in "[{" else -1
        if depth > MAX_DEPTH:
            raise PolicyError("policy", f"it is nested deeper than {MAX_DEPTH} levels")


def _place(text: str, offset: int) -> str:
    before = text[:offset]
    return f"line {before.count(chr(10)) + 1}, column {offset - before.rfind(chr(10))}"


def _no_constant(name: str) -> NoReturn:
    raise PolicyError("policy", f"this is not JSON: {name} is no number")
