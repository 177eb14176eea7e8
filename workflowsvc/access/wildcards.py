"""Texts with wildcards and variables, and whether a text matches one of them, in a time that is linear in its length.

Owns `*`, `?` and `${…}` (SWF §13.5.6). Must not know where such a text stands in a policy. A pattern is no regular
expression: a hostile one must not make a comparison slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from workflowsvc.access.known_names import CONDITION_KEYS, TAG_KEYS, find_key
from workflowsvc.access.policy import Context
from workflowsvc.access.policy_error import PolicyError, did_you_mean, shown

Matcher = Callable[[str], bool]


# Places that are tried for a text with `?` before a regular expression is compiled for it. That takes as long as 100
# tries, so it is done neither for each pattern of a policy nor for most requests.
MAX_TRIES = 16


class Wildcard(NamedTuple):
    """`*` when `many`, else `?`."""

    many: bool


MANY = Wildcard(many=True)
ONE = Wildcard(many=False)


class Variable(NamedTuple):
    """`${key}` or `${key, 'default'}`."""

    key: str
    """In lower case."""
    default: str | None = None


Token = str | Wildcard | Variable
"""A part of a text: characters that stand for themselves, a wildcard or a variable."""

# What `${*}`, `${?}` and `${$}` stand for; the default of a variable may have any character but a quote.
_SPECIAL = {"*": "*", "?": "?", "$": "$"}
_VARIABLE = re.compile(r"\$\{([^}]*)\}?")
_INSIDE = re.compile(r"([^,'\s]+)(?:\s*,\s*'([^']*)')?")


def tokens_of(text: str, position: str, *, wildcards: bool, variables: bool) -> tuple[Token, ...]:
    """The parts of a text. Raises PolicyError for a variable that is malformed or unknown."""
    found: list[Token] = []
    start = 0
    for match in _VARIABLE.finditer(text) if variables else ():
        found += _plain(text[start : match.start()], wildcards=wildcards)
        found.append(_variable(match, position))
        start = match.end()
    found += _plain(text[start:], wildcards=wildcards)
    return _joined(found)


def _plain(text: str, *, wildcards: bool) -> list[Token]:
    if not wildcards:
        return [text]
    return [
        MANY if part == "*" else ONE if part == "?" else part for part in re.split(r"([*?])", text) if part
    ]


def _joined(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Neighbouring characters as one text, several `*` as one, nothing empty."""
    joined: list[Token] = []
    for token in tokens:
        last = joined[-1] if joined else None
        if isinstance(token, str) and isinstance(last, str):
            joined[-1] = last + token
        elif token and not (token is MANY and last is MANY):
            joined.append(token)
    return tuple(joined)


def _variable(match: re.Match[str], position: str) -> Token:
    inside = match[1]
    if not match[0].endswith("}"):
        raise PolicyError(position, "a variable begins with ${ and does not end with }")
    if inside in _SPECIAL:
        return _SPECIAL[inside]
    parts = _INSIDE.fullmatch(inside.strip(" "))
    if parts is None:
        raise PolicyError(
            position, f"{shown(match[0])} is no variable: write ${{key}} or ${{key, 'default'}}"
        )
    name, default = parts[1], parts[2]
    kind = find_key(name)
    if kind is None:
        hint = did_you_mean(name, (*CONDITION_KEYS, *TAG_KEYS))
        raise PolicyError(
            position, f"{shown(name)} in a variable is no condition key that this service knows{hint}"
        )
    if kind.many:
        raise PolicyError(position, f"{shown(name)} can have several values and so be no variable")
    return Variable(name.lower(), default)


def resolve(tokens: Sequence[Token], context: Context) -> tuple[Token, ...] | None:
    """With the values of variables in place, in which `*` and `?` are plain characters; None: one has no value."""
    found: list[Token] = []
    for token in tokens:
        if isinstance(token, Variable):
            values = context.get(token.key, ())
            if len(values) == 1:
                found.append(values[0])
            elif token.default is not None:
                found.append(token.default)
            else:
                return None
        else:
            found.append(token)
    return _joined(found)


def has_variables(tokens: Sequence[Token]) -> bool:
    return any(isinstance(token, Variable) for token in tokens)


def find_plain(tokens: Sequence[Token]) -> str | None:
    """The text that these tokens are; None when wildcards or variables are among them."""
    if not tokens:
        return ""
    first = tokens[0]
    return first if len(tokens) == 1 and isinstance(first, str) else None


def matcher(tokens: Sequence[Token]) -> Matcher:
    """Whether a whole text matches these tokens, which hold no variable.

    The time is at most proportional to the product of both lengths, at the speed of a search for a plain text.
    """
    plain = find_plain(tokens)
    if plain is not None:
        return plain.__eq__
    chunks = _chunks(tokens)
    if len(chunks) == 1:
        only = chunks[0]
        return lambda text: len(text) == only.length and only.is_at(text, 0)
    first, *inner, last = chunks
    if not inner and not any(chunk.has_gaps for chunk in chunks):
        return _around(first.text, last.text)
    least = sum(chunk.length for chunk in chunks)

    def matches(text: str) -> bool:
        end = len(text) - last.length
        if len(text) < least or not first.is_at(text, 0) or not last.is_at(text, end):
            return False
        start = first.length
        for chunk in inner:  # the leftmost place for each is the best one
            start = chunk.find(text, start, end)
            if start < 0:
                return False
            start += chunk.length
        return True

    return matches


def _around(before: str, after: str) -> Matcher:
    """What `before*after` matches."""
    if not before and not after:
        return lambda text: True
    if not after:
        return lambda text: text.startswith(before)
    least = len(before) + len(after)
    return lambda text: len(text) >= least and text.startswith(before) and text.endswith(after)


class _Chunk:
    """What stands between two `*`: characters and `?`, of one length."""

    __slots__ = ("_pieces", "has_gaps", "length", "text")

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.text = "".join(token for token in tokens if isinstance(token, str))
        self._pieces: list[tuple[int, str]] = []
        self.length = 0
        for token in tokens:
            if isinstance(token, str):
                self._pieces.append((self.length, token))
            self.length += len(token) if isinstance(token, str) else 1
        self.has_gaps = self.length > len(self.text)

    def is_at(self, text: str, start: int) -> bool:
        return all(text.startswith(piece, start + offset) for offset, piece in self._pieces)

    def find(self, text: str, start: int, end: int) -> int:
        """Its first place in `text[start:end]`, -1 if there is none."""
        if not self.has_gaps:
            return text.find(self.text, start, end)
        if not self._pieces:
            return start if start + self.length <= end else -1
        offset, anchor = max(self._pieces, key=lambda piece: len(piece[1]))
        last = end - self.length + offset + len(anchor)
        at = start + offset
        for _ in range(MAX_TRIES):
            at = text.find(anchor, at, last)
            if at < 0 or self.is_at(text, at - offset):
                return at - offset if at >= 0 else -1
            at += 1
        found = re.compile(self._expression(), re.DOTALL).search(text, at - offset, end)
        return found.start() if found else -1

    def _expression(self) -> str:
        """One length and no alternatives: there is nothing to backtrack to."""
        parts: list[str] = []
        length = 0
        for offset, piece in self._pieces:
            parts += ["." * (offset - length), re.escape(piece)]
            length = offset + len(piece)
        return "".join(parts) + "." * (self.length - length)


def _chunks(tokens: Sequence[Token]) -> list[_Chunk]:
    """The parts between the `*`; the first and the last may be empty."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token is MANY:
            parts.append([])
        else:
            parts[-1].append(token)
    return [_Chunk(part) for part in parts]
