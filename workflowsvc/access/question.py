"""One question of access control, with condition keys that are read when a policy asks for them.

Owns the keys that every question has, and how a key's name leads to its values (SWF §13.2, §13.3). Which keys an action
adds is in `vocabulary.py`. Must not know policies, nor where facts come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from workflowsvc.access.book import Principal
from workflowsvc.access.caller import Caller
from workflowsvc.access.vocabulary import Entry, Facts, Resource, Tags

MAX_TAGS = 50  # of one request that are held against policies: a domain has no more, and each costs time


class Unanswerable(Exception):
    """The values of a key are not told, so nothing is allowed."""


class TooManyTags(Unanswerable):
    """A request names more than a domain can have."""


class AmbiguousTag(Unanswerable):
    """Two tags differ in case alone, and names of condition keys have no case: no value would be the right one."""


@lru_cache(4)
def _spelt(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_T = TypeVar("_T")
_Global = Callable[["Question"], str]
_OF_ALL: Mapping[str, _Global] = {
    "aws:currenttime": lambda question: _spelt(question.now_ms() // 1000),
    "aws:epochtime": lambda question: str(question.now_ms() // 1000),
    "aws:principalaccount": lambda question: question.principal.account,
    "aws:principalarn": lambda question: question.principal.arn,
    "aws:userid": lambda question: question.principal.id,
    "aws:username": lambda question: question.principal.name,
}
"""`aws:MultiFactorAuthPresent` is absent, as it is for long-term keys at AWS: there is no second factor here."""
_OF_REQUESTS: Mapping[str, _Global] = {
    **_OF_ALL,
    "aws:securetransport": lambda question: "true" if question.caller.is_secure else "false",
    "aws:sourceip": lambda question: question.caller.source_ip,
    "aws:useragent": lambda question: question.caller.user_agent,
}
"""A decision has none of the last three (SWF §13.3)."""

OF_THE_MOMENT = frozenset(("aws:currenttime", "aws:epochtime"))
"""Keys whose values are others at each question."""


class Question(Mapping[str, tuple[str, ...]]):
    """May this be done? As a mapping it is the context: condition key in lower case -> its values, without the absent
    ones. Reading a key may raise what `facts` raise, or Unanswerable.
    """

    __slots__ = ("_globals", "caller", "entry", "facts", "given", "now_ms", "principal", "resource")

    def __init__(
        self,
        entry: Entry,
        resource: Resource,
        given: Any,
        facts: Facts,
        caller: Caller,
        principal: Principal,
        now_ms: Callable[[], int],
    ) -> None:
        """`given`: the input of an action, or the attributes of a decision."""
        self.entry = entry
        self.resource = resource
        self.given = given
        self.facts = facts
        self.caller = caller
        self.principal = principal
        self.now_ms = now_ms
        self._globals = _OF_ALL if entry.is_decision else _OF_REQUESTS

    def get(self, key: str, default: Any = None) -> Any:
        read = self.entry.keys.get(key)
        if read is not None:
            value = read(self)
            return default if value is None else (value,)
        read_global = self._globals.get(key)
        if read_global is not None:
            text = read_global(self)
            return (text,) if text else default
        return self._tags(key) or default

    def _tags(self, key: str) -> tuple[str, ...]:
        entry, given = self.entry, self.given
        if key == "aws:tagkeys":
            return () if entry.tag_keys is None else tuple(_few(entry.tag_keys(given)))
        prefix, _, name = key.partition("/")
        tags: Tags | None = None
        if prefix == "aws:resourcetag" and self.resource.domain:
            tags = self.facts.tags(self.resource.domain).items()
        elif prefix == "aws:requesttag" and entry.request_tags is not None:
            tags = _few(entry.request_tags(given) or ())
        elif prefix == "aws:principaltag":
            tags = self.principal.tags.items()
        return () if tags is None else _value(tags, name)

    def __getitem__(self, key: str) -> tuple[str, ...]:
        values = self.get(key)
        if values is None:
            raise KeyError(key)
        return values

    def __iter__(self) -> Iterator[str]:
        """The keys that have a value, as far as they can be told without their names: no keys of single tags."""
        known: Iterable[str] = (*self.entry.keys, *self._globals, "aws:tagkeys")
        return (key for key in known if self.get(key) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _few(given: Iterable[_T]) -> list[_T]:
    found = list(given)
    if len(found) > MAX_TAGS:
        raise TooManyTags
    return found


def _value(tags: Tags, name: str) -> tuple[str, ...]:
    """The value of the tag with this name in lower case; a tag without a value has the empty one."""
    values = tuple(value or "" for key, value in tags if key.lower() == name)
    if len(values) > 1:
        raise AmbiguousTag
    return values
