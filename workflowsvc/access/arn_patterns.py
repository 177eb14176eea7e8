"""ARNs in policies: a pattern matches part by part (QUALITY §4.2).

Owns the six parts of an ARN, and which ARNs the resources of this service can have. Must not know conditions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workflowsvc.access.alternatives import Matches
from workflowsvc.access.policy import Context
from workflowsvc.access.policy_error import PolicyError, shown
from workflowsvc.access.wildcards import (
    MANY,
    Matcher,
    Token,
    Variable,
    find_plain,
    has_variables,
    matcher,
    resolve,
    tokens_of,
)

PARTS = ("arn", "partition", "service", "region", "account", "resource")
RESOURCES = {"swf": ("/domain/",), "iam": ("user/", "group/", "policy/")}
"""Service -> how the last part of its ARNs begins."""

ArnMatcher = Matches[Sequence[str]]
"""Asked with the parts of an ARN. None: a variable has no value."""

_ACCOUNT = re.compile(r"[0-9]{12}")


def split_arn(arn: str) -> list[str]:
    return arn.split(":", 5)


def any_arn(parts: Sequence[str], context: Context) -> bool:
    return True


def arn_pattern(text: str, position: str, *, variables: bool) -> ArnMatcher:
    """What an ARN operator compares with: `*`, or an ARN with wildcards and variables."""
    if text == "*":
        return any_arn
    return _compiled(_tokens_of_parts(text, position, variables=variables))


def resource_pattern(text: str, position: str, *, variables: bool) -> ArnMatcher:
    """What Resource and NotResource hold. A pattern that no resource of this service can have is refused."""
    if text == "*":
        return any_arn
    parts = _tokens_of_parts(text, position, variables=variables)
    if any(has_variables(part) for part in parts[:5]):
        raise PolicyError(position, "a variable may only stand behind the fifth colon of an ARN")
    _check_resource(parts, position)
    if not parts[3]:
        parts[3] = (MANY,)  # an ARN without a region is one of any region (QUALITY §4.1)
    return _compiled(parts)


def _tokens_of_parts(text: str, position: str, *, variables: bool) -> list[tuple[Token, ...]]:
    """The tokens of each of the six parts; a colon inside of a variable separates nothing."""
    parts: list[list[Token]] = [[]]
    for token in tokens_of(text, position, wildcards=True, variables=variables):
        if isinstance(token, str):
            first, *rest = token.split(":", 6 - len(parts)) if len(parts) < 6 else [token]
            parts[-1].append(first)
            parts.extend([each] for each in rest)
        else:
            parts[-1].append(token)
    if len(parts) != 6 or parts[0] != ["arn"]:
        raise PolicyError(
            position,
            f'{shown(text)} is no ARN: write "*" or six parts, as in "arn:aws:swf:us-east-1:123456789012:/domain/NAME"',
        )
    return [tuple(token for token in part if token) for part in parts]


def _compiled(parts: list[tuple[Token, ...]]) -> ArnMatcher:
    literals: list[tuple[int, str]] = []
    wild: list[tuple[int, Matcher]] = []
    open_parts: list[tuple[int, tuple[Token, ...]]] = []
    for index, part in enumerate(parts):
        literal = find_plain(part)
        if literal is not None:
            literals.append((index, literal))
        elif has_variables(part):
            open_parts.append((index, part))
        elif part != (MANY,):
            wild.append((index, matcher(part)))

    def matches(arn: Sequence[str], context: Context) -> bool | None:
        if len(arn) != 6:
            return False
        for index, literal in literals:
            if arn[index] != literal:
                return False
        for index, accepts in wild:
            if not accepts(arn[index]):
                return False
        return _matches_open(open_parts, arn, context) if open_parts else True

    if not open_parts:
        return matches

    def matches_resolved(arn: Sequence[str], context: Context) -> bool | None:
        if any(resolve(part, context) is None for _, part in open_parts):
            return None
        return matches(arn, context)

    return matches_resolved


def _matches_open(
    open_parts: list[tuple[int, tuple[Token, ...]]], arn: Sequence[str], context: Context
) -> bool:
    for index, part in open_parts:
        resolved = resolve(part, context)
        if resolved is None or not matcher(resolved)(arn[index]):
            return False
    return True


def _check_resource(parts: list[tuple[Token, ...]], position: str) -> None:
    """Refuses what can match no resource: a Deny with it would protect nothing."""
    _, partition, service, region, account, resource = parts
    if not _accepts(partition, "aws"):
        raise PolicyError(position, f'the partition {_written(partition)} is not "aws"')
    services = [name for name in RESOURCES if _accepts(service, name)]
    if not services:
        raise PolicyError(
            position, f'the service {_written(service)} is not "swf" (or "iam", for access itself)'
        )
    if services == ["iam"] and not _accepts(region, ""):
        raise PolicyError(position, f"an ARN of iam has no region, and this one has {_written(region)}")
    literal = find_plain(account)
    if literal is not None and not (_ACCOUNT.fullmatch(literal) or (literal == "aws" and "iam" in services)):
        raise PolicyError(position, f"{_written(account)} is no account: it has 12 digits")
    beginnings = [start for name in services for start in RESOURCES[name]]
    if not any(_may_begin(resource, start) for start in beginnings):
        wanted = " or ".join(f'"{start}NAME"' for start in beginnings)
        raise PolicyError(
            position, f"the resource {_written(resource)} can be none of this service: write {wanted}"
        )


def _accepts(part: tuple[Token, ...], text: str) -> bool:
    return matcher(part)(text)


def _may_begin(part: tuple[Token, ...], start: str) -> bool:
    """Whether a text that begins with `start`, and has more behind it, may match, as far as the part's own beginning
    tells."""
    if not part or not isinstance(part[0], str):
        return bool(part)
    literal = part[0]
    if len(part) == 1:
        return literal.startswith(start) and len(literal) > len(start)
    return literal.startswith(start) or start.startswith(literal)


def _written(part: tuple[Token, ...]) -> str:
    signs = (
        token
        if isinstance(token, str)
        else f"${{{token.key}}}"
        if isinstance(token, Variable)
        else "?*"[token.many]
        for token in part
    )
    return shown("".join(signs))
