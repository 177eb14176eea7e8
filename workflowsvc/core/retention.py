"""How long closed runs are kept: the days of their domain, or those of the rule that is most about them.

Owns what a rule says, which of several holds, and their stored form. A domain without rules keeps its runs for the days
with which it was registered (SWF §8.12). It must not know where rules are kept, nor who deletes runs.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from workflowsvc.core.durations import DAY_MS, retention_ms
from workflowsvc.model.shapes import CloseStatus

MAX_DAYS = 36_500
MAX_RULES = 100  # of a domain: all of them are looked through whenever a run closes


class RetentionRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """For the closed runs of a domain, or only those of a type, or that closed in one way."""

    days: int | None
    """None: for ever."""
    put_at: int
    """When it was made or changed, in milliseconds."""
    type_name: str | None = None
    type_version: str | None = None
    close_status: CloseStatus | None = None

    @property
    def about(self) -> tuple[str | None, str | None, CloseStatus | None]:
        """Of which a domain has one rule."""
        return self.type_name, self.type_version, self.close_status

    def covers(self, type_name: str, type_version: str, close_status: CloseStatus | None) -> bool:
        """Whether it is about such runs."""
        return (
            self.type_name in (None, type_name)
            and self.type_version in (None, type_version)
            and self.close_status in (None, close_status)
        )


Rules = tuple[RetentionRule, ...]
"""Of a domain, those that are most about a run first, so that the first one that covers a run holds."""

KEEP_ALL: Rules = (RetentionRule(days=None, put_at=0),)
"""In place of rules that cannot be read: what a newer release has written must not be taken for no rules."""


def in_order(rules: Iterable[RetentionRule]) -> Rules:
    """A version of a type stands before the type, a type before all; within these, a close status before all."""
    return tuple(
        sorted(
            rules,
            key=lambda rule: (
                rule.type_version is None,
                rule.type_name is None,
                rule.close_status is None,
                rule.type_name or "",
                rule.type_version or "",
                rule.close_status or "",
            ),
        )
    )


def find_rule(
    rules: Rules, type_name: str, type_version: str, close_status: CloseStatus | None
) -> RetentionRule | None:
    """The one that holds for such runs; None: the days of the domain hold."""
    return next((rule for rule in rules if rule.covers(type_name, type_version, close_status)), None)


def purge_moment(
    rules: Rules,
    registered: str,
    min_ms: int,
    *,
    closed_at: int,
    type_name: str,
    type_version: str,
    close_status: CloseStatus | None,
) -> int | None:
    """When the retention of a closed run ends; None: never. `registered`: the days of its domain; `min_ms`: what is
    kept where that is nothing (SWF §15.22).
    """
    rule = find_rule(rules, type_name, type_version, close_status)
    if rule is None:
        return closed_at + retention_ms(registered, min_ms)
    return None if rule.days is None else closed_at + max(rule.days * DAY_MS, min_ms)


def shortest_ms(rules: Rules, registered: str, min_ms: int) -> int:
    """What closed later than this ago is kept, whatever it is."""
    periods = [max(rule.days * DAY_MS, min_ms) for rule in rules if rule.days is not None]
    return min([retention_ms(registered, min_ms), *periods])


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[RetentionRule]).decode


def encode_rules(rules: Rules) -> bytes:
    return _encode(rules)


def decode_rules(stored: bytes | None) -> Rules:
    """Those of a domain, none without a value. ValueError for what this release cannot read."""
    if not stored:
        return ()
    try:
        return in_order(_decode(stored))
    except msgspec.MsgspecError as error:
        raise ValueError(f"the rules of retention cannot be read: {error}") from error


def readable_rules(stored: bytes | None) -> Rules:
    """The same; KEEP_ALL for what this release cannot read."""
    try:
        return decode_rules(stored)
    except ValueError:
        return KEEP_ALL
