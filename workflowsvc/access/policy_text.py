"""The text of a policy, compiled; whatever is not understood in it refuses the whole policy (QUALITY §4.2).

Owns the elements of a policy and of a statement (SWF §13.5.1 to §13.5.4). Syntax is in `policy_json.py`, the values of
elements in `arn_patterns.py`, `conditions.py` and `principals.py`, judging in `evaluation.py`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workflowsvc.access.alternatives import none_of, one_of
from workflowsvc.access.arn_patterns import ArnMatcher, resource_pattern
from workflowsvc.access.conditions import Condition, Test, read_conditions
from workflowsvc.access.known_names import ACTIONS, PREFIXES
from workflowsvc.access.policy import Context
from workflowsvc.access.policy_error import PolicyError, did_you_mean, shown
from workflowsvc.access.policy_json import Pairs, find_items, kind, members, read_json, string, strings
from workflowsvc.access.principals import Principals, read_principals
from workflowsvc.access.wildcards import matcher, tokens_of

__all__ = ["Policy", "PolicyError", "Statement", "parse_policy"]

VERSIONS: Final = ("2008-10-17", "2012-10-17")

_POLICY = ("Version", "Id", "Statement")
_STATEMENT = (
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
    *("Resource", "NotResource", "Condition"),
)
_ID = re.compile(r"[ -~]{0,256}")
_SID = re.compile(r"[A-Za-z0-9]{0,256}")
_ACTION = re.compile(r"([A-Za-z0-9*?-]+):([A-Za-z0-9*?]+)")


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement, compiled."""

    name: str
    """Its Sid, or `statement 2` counted from one."""
    position: str
    """Where it stands in the policy: `Statement[1]`."""
    allows: bool
    actions: frozenset[str]
    """In lower case: every known action that its Action matches, or its NotAction does not."""
    all_but_actions: bool
    """Whether it has NotAction."""
    is_about: ArnMatcher
    """Whether its Resource matches, or its NotResource does not."""
    tests: tuple[Test, ...]
    """Of its conditions; all must hold."""
    conditions: tuple[Condition, ...]
    principals: Principals | None

    def matches(self, resource: Sequence[str], context: Context, principal_arn: str) -> bool:
        """Whether it speaks of this resource, given in its parts, in these circumstances. Its actions are not asked."""
        if self.principals is not None and not self.principals.include(principal_arn, allows=self.allows):
            return False
        if not self.is_about(resource, context):
            return False
        # A loop costs less than `all`, and every judgement passes here many times.
        for test in self.tests:  # noqa: SIM110
            if not test(context):
                return False
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A policy that was understood completely."""

    text: str
    version: str
    id: str
    statements: tuple[Statement, ...]
    is_resource_policy: bool
    denies_by_action: Mapping[str, tuple[Statement, ...]]
    """An action in lower case -> the Deny statements that have it."""
    allows_by_action: Mapping[str, tuple[Statement, ...]]

    def __repr__(self) -> str:
        return f"Policy({len(self.statements)} statements)"


def parse_policy(text: str, *, resource_policy: bool = False) -> Policy:
    """The policy, or PolicyError with the position and the reason. A resource policy is one of a domain: each of its
    statements says of which principals it speaks; no other policy may."""
    elements = members(read_json(text), "policy")
    for name in elements:
        if name not in _POLICY:
            raise PolicyError(name, f"is no element of a policy{did_you_mean(name, _POLICY)}")
    version = string(elements.get("Version", VERSIONS[0]), "Version")
    if version not in VERSIONS:
        raise PolicyError(
            "Version", f"{shown(version)} is no version of the language: write {shown(VERSIONS[1])}"
        )
    policy_id = string(elements.get("Id", ""), "Id")
    if not _ID.fullmatch(policy_id):
        raise PolicyError("Id", "may have up to 256 printable ASCII characters")
    statements = tuple(
        _statement(value, position, index, variables=version == VERSIONS[1], resource_policy=resource_policy)
        for index, (value, position) in enumerate(_statements(elements))
    )
    _check_names(statements)
    return Policy(
        text=text,
        version=version,
        id=policy_id,
        statements=statements,
        is_resource_policy=resource_policy,
        denies_by_action=_by_action(each for each in statements if not each.allows),
        allows_by_action=_by_action(each for each in statements if each.allows),
    )


def _statements(elements: Mapping[str, object]) -> list[tuple[object, str]]:
    if "Statement" not in elements:
        raise PolicyError("policy", 'has no "Statement"')
    value = elements["Statement"]
    if isinstance(value, Pairs):
        return [(value, "Statement")]
    found = find_items(value)
    if found is None:
        raise PolicyError("Statement", f"must be a list of objects, not {kind(value)}")
    if not found:
        raise PolicyError("Statement", "must not be empty")
    return [(each, f"Statement[{index}]") for index, each in enumerate(found)]


def _statement(
    value: object, position: str, index: int, *, variables: bool, resource_policy: bool
) -> Statement:
    elements = members(value, position)
    for name in elements:
        if name not in _STATEMENT:
            raise PolicyError(
                f"{position}.{name}", f"is no element of a statement{did_you_mean(name, _STATEMENT)}"
            )
    sid = string(elements.get("Sid", ""), f"{position}.Sid")
    if not _SID.fullmatch(sid):
        raise PolicyError(
            f"{position}.Sid", "may have up to 256 letters and digits of ASCII, and nothing else"
        )
    effect = string(_required(elements, "Effect", position), f"{position}.Effect")
    if effect not in ("Allow", "Deny"):
        hint = did_you_mean(effect, ("Allow", "Deny"))
        raise PolicyError(f"{position}.Effect", f'{shown(effect)} is neither "Allow" nor "Deny"{hint}')
    allows = effect == "Allow"
    action = _one_of(elements, "Action", "NotAction", position)
    resource = _one_of(elements, "Resource", "NotResource", position)
    conditions = (
        read_conditions(elements["Condition"], f"{position}.Condition", variables=variables, allows=allows)
        if "Condition" in elements
        else ()
    )
    return Statement(
        name=sid or f"statement {index + 1}",
        position=position,
        allows=allows,
        actions=_actions(elements[action], f"{position}.{action}", all_but=action == "NotAction"),
        all_but_actions=action == "NotAction",
        is_about=(none_of if resource == "NotResource" else one_of)(
            [
                resource_pattern(text, place, variables=variables)
                for text, place in strings(elements[resource], f"{position}.{resource}")
            ],
            allows=allows,
        ),
        tests=tuple(condition.test for condition in conditions),
        conditions=conditions,
        principals=_principals(elements, position, allows=allows, resource_policy=resource_policy),
    )


def _required(elements: Mapping[str, object], name: str, position: str) -> object:
    if name not in elements:
        raise PolicyError(position, f'has no "{name}"')
    return elements[name]


def _one_of(elements: Mapping[str, object], name: str, other: str, position: str) -> str:
    """Which of the two the statement has."""
    if name in elements and other in elements:
        raise PolicyError(position, f'has both "{name}" and "{other}"')
    if name not in elements and other not in elements:
        raise PolicyError(position, f'has neither "{name}" nor "{other}"')
    return name if name in elements else other


def _principals(
    elements: Mapping[str, object], position: str, *, allows: bool, resource_policy: bool
) -> Principals | None:
    if not resource_policy:
        for name in ("Principal", "NotPrincipal"):
            if name in elements:
                raise PolicyError(
                    f"{position}.{name}",
                    "stands in policies of domains alone: this one speaks of those that have it",
                )
        return None
    name = _one_of(elements, "Principal", "NotPrincipal", position)
    if name == "NotPrincipal" and allows:
        raise PolicyError(
            f"{position}.{name}", "in an Allow would give access to all principals but these: write Principal"
        )
    return read_principals(elements[name], f"{position}.{name}", excepted=name == "NotPrincipal")


def _actions(value: object, position: str, *, all_but: bool) -> frozenset[str]:
    found: set[str] = set()
    for text, place in strings(value, position):
        found.update(_matching_actions(text, place))
    return frozenset(_LOWER.difference(found) if all_but else found)


def _matching_actions(text: str, position: str) -> frozenset[str]:
    """The known actions, in lower case, that this name with wildcards matches. Raises PolicyError for none."""
    if text == "*":
        return _LOWER
    parts = _ACTION.fullmatch(text)
    if parts is None:
        raise PolicyError(
            position, f'{shown(text)} is no action: write "*" or "swf:NAME"{_near_action(text)}'
        )
    if parts[1] != "*" and parts[1].lower() not in PREFIXES:
        raise PolicyError(
            position,
            f'{shown(parts[1])} is no service here: write "swf", "workflowsvc" or "*"{_near_action(text)}',
        )
    found = _named(text.lower())
    if not found:
        raise PolicyError(position, f"no action of this service is named {shown(text)}{_near_action(text)}")
    return found


@functools.lru_cache(4_096)  # many policies name the same actions
def _named(lower: str) -> frozenset[str]:
    if "*" not in lower and "?" not in lower:
        return _LOWER & {lower}
    matches = matcher(tokens_of(lower, "", wildcards=True, variables=False))
    return frozenset(action for action in _LOWER if matches(action))


_LOWER = frozenset(action.lower() for action in ACTIONS)


def _near_action(text: str) -> str:
    return did_you_mean(text if ":" in text else f"swf:{text}", ACTIONS)


def _check_names(statements: Sequence[Statement]) -> None:
    seen: dict[str, str] = {}
    for each in statements:
        if each.name in seen:  # a Sid, which has no blank, is never "statement 2"
            raise PolicyError(
                f"{each.position}.Sid", f"{shown(each.name)} is the Sid of {seen[each.name]} as well"
            )
        seen[each.name] = each.position


def _by_action(statements: Iterable[Statement]) -> dict[str, tuple[Statement, ...]]:
    found: dict[str, list[Statement]] = {}
    for each in statements:
        for action in each.actions:
            found.setdefault(action, []).append(each)
    return {action: tuple(those) for action, those in found.items()}
