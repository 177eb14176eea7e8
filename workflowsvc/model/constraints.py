"""The constraints on a request that AWS documents in prose only, not in its service model. A request that breaks one
is refused with one sentence.

Owns the constraints themselves (`constraints.toml` lists which member is under which) and the rule that an empty
string counts as an absent value. Must not know what the service model demands: the decoder has checked that before.
The texts are this project's own, since AWS's are unknown (SWF §15.17), except those about characters and those of the
visibility filters.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from workflowsvc.faults import ValidationException
from workflowsvc.model import shapes, validation_text
from workflowsvc.model.shapes import DECISIONS, ResourceTag, Shape, ShapeClass

ONE_YEAR_SECONDS = 31_536_000  # SWF §3.5; also the longest life of an execution (SWF §12.1)
MAX_RETENTION_DAYS = 90  # SWF §2.1
MAX_LAMBDA_SECONDS = 900  # SWF §9.1
MAX_TIMER_SECONDS = 99_999_999  # eight digits; a timer ends with its execution (SWF §3.5)

_illegal_character = re.compile(r"[:/|\x00-\x1f\x7f-\x9f]").search
_control_character = re.compile(r"[\x00-\x1f\x7f-\x9f]").search
_priority = re.compile(r"-?[0-9]{1,10}").fullmatch


# ---- The rules: the test of a value, and the sentence of the refusal


class Rule(NamedTuple):
    """What a value must satisfy, and how a refusal puts it."""

    kept_by: Callable[[Any], bool]
    text: str  # "": the refusal is `Invalid <member>: <value>`, without a reason, as AWS's is (SWF §3.4, §15.17)


def is_anything(value: object) -> bool:
    return True


def is_name(value: str) -> bool:
    """SWF §3.4: `arn` is forbidden as the whole string only."""
    return _illegal_character(value) is None and value.strip() == value and value != "arn"


def has_no_control_characters(value: str) -> bool:
    """What is left of SWF §3.4 for ids; some stores cannot hold U+0000."""
    return _control_character(value) is None


def is_priority(value: str) -> bool:
    """A 32-bit integer as a string (SWF §3.5)."""
    return _priority(value) is not None and -(2**31) <= int(value) < 2**31


def number_rule(unit: str, least: int, most: int, *, none: bool) -> Rule:
    """ASCII digits alone, while `int` would also take `٣٠٠`, `3_0` and ` +30`; no more than eight (SWF §3.3)."""

    def kept_by(value: str) -> bool:
        if value.isdigit() and value.isascii():
            return least <= int(value) <= most
        return none and value == "NONE"

    alternative = ", or NONE" if none else ""
    return Rule(kept_by, f"Member must be a whole number of {unit} from {least} to {most}{alternative}")


def is_tag_character(character: str) -> bool:
    """A letter, a digit, white space or one of eight more (SWF §2.6)."""
    return character in "_.:/=+-@" or unicodedata.category(character)[0] in "LNZ"


def has_legal_tags(tags: Iterable[ResourceTag]) -> bool:
    """A body may hold 80,000 tags: each character is looked at once, however often it occurs."""
    return all(map(is_tag_character, set("".join([tag.key + (tag.value or "") for tag in tags]))))


RULES: dict[str, Rule] = {
    "optional": Rule(is_anything, ""),
    "name": Rule(is_name, ""),
    "no control characters": Rule(has_no_control_characters, ""),
    "priority": Rule(is_priority, "Member must be an integer from -2147483648 to 2147483647"),
    "seconds or NONE": number_rule("seconds", 0, ONE_YEAR_SECONDS, none=True),
    "seconds of an execution": number_rule("seconds", 0, ONE_YEAR_SECONDS, none=False),
    "seconds of an execution or NONE": number_rule("seconds", 0, ONE_YEAR_SECONDS, none=True),
    "timer seconds": number_rule("seconds", 0, MAX_TIMER_SECONDS, none=False),
    "timer seconds or NONE": number_rule("seconds", 0, MAX_TIMER_SECONDS, none=True),
    "lambda seconds": number_rule("seconds", 1, MAX_LAMBDA_SECONDS, none=False),
    "retention days": number_rule("days", 0, MAX_RETENTION_DAYS, none=True),
    "resource tags": Rule(
        has_legal_tags,
        "Tags may only contain unicode letters, digits, whitespace, or these symbols: _ . : / = + - @",
    ),
}


# ---- Which members of which structure are under which rule


class BrokenRule(NamedTuple):
    """A member whose value breaks its rule."""

    member: str
    value: object
    text: str


Search = Callable[[Any], BrokenRule | None]
Check = Callable[[Any], None]

_structures = [kind for kind in vars(shapes).values() if isinstance(kind, type) and issubclass(kind, Shape)]
_attribute_of = {
    field.encode_name: field.name for structure in _structures for field in msgspec.structs.fields(structure)
}


def _search(members: dict[str, str]) -> Search:
    """Makes the function that checks one structure and its direct inner ones, and makes empty strings absent."""
    own = [
        (_attribute_of[member], RULES[rule].kept_by, member, RULES[rule])
        for member, rule in members.items()
        if "." not in member
    ]
    inner = [
        (_attribute_of[holder], _attribute_of[member], RULES[rule].kept_by, path, RULES[rule])
        for path, rule in members.items()
        for holder, _, member in [path.partition(".")]
        if member
    ]

    def search(shape: Any) -> BrokenRule | None:
        for attribute, kept_by, member, rule in own:
            value = getattr(shape, attribute)
            if value is None:
                continue
            if value == "":
                setattr(shape, attribute, None)
            elif not kept_by(value):
                return BrokenRule(member, value, rule.text)
        for holder, attribute, kept_by, path, rule in inner:
            held = getattr(shape, holder)
            if held is None:
                continue
            value = getattr(held, attribute)
            if value == "":
                setattr(held, attribute, None)
            elif value is not None and not kept_by(value):
                return BrokenRule(path, value, rule.text)
        return None

    return search


def _refusal(broken: BrokenRule, path: str = "") -> ValidationException:
    if not broken.text:
        return ValidationException(f"Invalid {broken.member}: {broken.value}")
    if not isinstance(broken.value, str):
        return ValidationException(broken.text)
    refused = validation_text.refusal(
        [validation_text.violation(broken.value, path + broken.member, broken.text)]
    )
    assert refused is not None
    return refused


MEMBERS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("constraints.toml").read_text(encoding="utf-8")
)
_searches = {structure: _search(members) for structure, members in MEMBERS.items()}
_decision_searches = {
    shape.type: (shape.attribute, f"{shape.member}.", _searches[shape.attributes.__name__])
    for shape in DECISIONS.values()
    if shape.attributes.__name__ in _searches
}


def _check_members(structure: str) -> Check:
    search = _searches[structure]

    def check(request: Shape) -> None:
        broken = search(request)
        if broken is not None:
            raise _refusal(broken)

    return check


def check_decisions(request: shapes.RespondDecisionTaskCompletedInput) -> None:
    """The attributes of each decision's own type keep their rules; those of other types are ignored."""
    for number, decision in enumerate(request.decisions or (), start=1):
        if decision.decision_type not in _decision_searches:
            continue
        attribute, member, search = _decision_searches[decision.decision_type]
        attributes = getattr(decision, attribute)
        broken = None if attributes is None else search(attributes)
        if broken is not None:
            raise _refusal(broken, f"decisions.{number}.member.{member}")


# ---- Filters that exclude each other (SWF §10.2, where the texts are from)

OpenQuery = shapes.ListOpenWorkflowExecutionsInput | shapes.CountOpenWorkflowExecutionsInput
ClosedQuery = shapes.ListClosedWorkflowExecutionsInput | shapes.CountClosedWorkflowExecutionsInput


def check_open_query(query: OpenQuery) -> None:
    _require_one_filter(
        executionFilter=query.execution_filter, typeFilter=query.type_filter, tagFilter=query.tag_filter
    )


def check_closed_query(query: ClosedQuery) -> None:
    if query.start_time_filter is None and query.close_time_filter is None:
        raise ValidationException("Must specify time filter")
    if query.start_time_filter is not None and query.close_time_filter is not None:
        raise ValidationException("Cannot specify both a startTimeFilter and a closeTimeFilter")
    _require_one_filter(
        closeStatusFilter=query.close_status_filter,
        executionFilter=query.execution_filter,
        typeFilter=query.type_filter,
        tagFilter=query.tag_filter,
    )


def _require_one_filter(**filters: Shape | None) -> None:
    given = [name for name, value in filters.items() if value is not None]
    if len(given) > 1:
        listed = ", ".join(given)
        raise ValidationException(
            f"Cannot specify more than one exclusive filters in the same query: [{listed}]"
        )


def member_checks(structure: ShapeClass) -> tuple[Check, ...]:
    """What the members of an accepted input of SWF must still pass; a check raises or returns."""
    name = structure.__name__
    return (_check_members(name),) if name in MEMBERS and getattr(shapes, name) is structure else ()
