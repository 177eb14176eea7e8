"""The names that a policy may use: actions, and condition keys with what is known of their values (QUALITY §4.1).

Owns which names exist. Which action has which key, and with which value, is in `vocabulary.py`; where a name stands in
a policy in `policy_text.py`. An operation that is added to a service model appears here by itself.
"""

from __future__ import annotations

from typing import NamedTuple

from workflowsvc.model import own_shapes, shapes

SWF_OPERATIONS = tuple(f"swf:{name}" for name in shapes.OPERATIONS)
# The 13th decision, ScheduleLambdaFunction, is no action of policies (QUALITY §4.1).
SWF_DECISIONS = tuple(f"swf:{name}" for name in shapes.DECISIONS if name != "ScheduleLambdaFunction")
OWN_OPERATIONS = tuple(f"workflowsvc:{name}" for name in own_shapes.OPERATIONS)
ACTIONS = (*SWF_OPERATIONS, *SWF_DECISIONS, *OWN_OPERATIONS)
PREFIXES = ("swf", "workflowsvc")

TAG_POSITIONS = range(5)  # tags of an execution (SWF §13.2)


class KeyKind(NamedTuple):
    """What is known of a condition key before any request."""

    values: str
    """`string`, `arn`, `date`, `epoch`, `bool`, `address`, or `tag`, whose value may be written as any of them."""
    many: bool = False
    """Whether it can have several values, so that a condition must say which of them it means."""


_STRING = KeyKind("string")
CONDITION_KEYS: dict[str, KeyKind] = {
    **dict.fromkeys(
        (
            "swf:activityType.name",
            "swf:activityType.version",
            "swf:defaultTaskList.name",
            "swf:name",
            "swf:tagFilter.tag",
            "swf:taskList.name",
            "swf:typeFilter.name",
            "swf:typeFilter.version",
            "swf:version",
            "swf:workflowType.name",
            "swf:workflowType.version",
            "swf:workflowTypeVersion",
            *(f"swf:tagList.member.{position}" for position in TAG_POSITIONS),
            *(f"swf:tagList.{position}" for position in TAG_POSITIONS),
            "aws:PrincipalAccount",
            "aws:UserAgent",
            "aws:userid",
            "aws:username",
        ),
        _STRING,
    ),
    "aws:CurrentTime": KeyKind("date"),
    "aws:EpochTime": KeyKind("epoch"),
    "aws:MultiFactorAuthPresent": KeyKind("bool"),
    "aws:PrincipalArn": KeyKind("arn"),
    "aws:SecureTransport": KeyKind("bool"),
    "aws:SourceIp": KeyKind("address"),
    "aws:TagKeys": KeyKind("string", many=True),
}
"""Without those that end with the name of a tag."""
TAG_KEYS: dict[str, KeyKind] = {
    "aws:PrincipalTag/": KeyKind("tag"),
    "aws:RequestTag/": KeyKind("tag"),
    "aws:ResourceTag/": KeyKind("tag"),
}
"""What is before the name of the tag."""

MAX_TAG_KEY = 128  # characters, as of a tag of a domain (SWF §3.3)

_ACTION_BY_LOWER = {action.lower(): action for action in ACTIONS}
_KEY_BY_LOWER = {key.lower(): kind for key, kind in CONDITION_KEYS.items()}
_TAG_KEY_BY_LOWER = {key.lower(): kind for key, kind in TAG_KEYS.items()}


def find_action(name: str) -> str | None:
    """The action as it is written in the service model; names are the same in any case."""
    return _ACTION_BY_LOWER.get(name.lower())


def find_key(name: str) -> KeyKind | None:
    """What is known of this condition key, whose name is the same in any case; None: no such key."""
    lower = name.lower()
    if kind := _KEY_BY_LOWER.get(lower):
        return kind
    prefix, slash, tag = lower.partition("/")
    return _TAG_KEY_BY_LOWER.get(prefix + slash) if 0 < len(tag) <= MAX_TAG_KEY else None
