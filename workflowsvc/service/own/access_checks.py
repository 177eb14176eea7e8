"""What the operations on users, groups, keys and policies check alike, and the texts of their refusals.

Owns these checks. Must not know an operation.
"""

from __future__ import annotations

from workflowsvc.access.managed_policies import MANAGED
from workflowsvc.access.names import NAME_PATTERN, is_name
from workflowsvc.access.policy_error import PolicyError
from workflowsvc.access.policy_text import Policy, parse_policy
from workflowsvc.faults import (
    LimitExceededFault,
    MalformedPolicyDocumentFault,
    UnknownResourceFault,
    ValidationException,
)
from workflowsvc.model import validation_text
from workflowsvc.service.access import records
from workflowsvc.service.access.records import GroupRecord, UserRecord
from workflowsvc.store.interface import Reader

# IAM has 5,000 users, 300 groups and 1,500 policies in an account, and 10 groups and policies for each user.
MAX_USERS = 10_000
MAX_GROUPS = 1_000
MAX_POLICIES = 1_500
MAX_GROUPS_OF_USER = 10
MAX_ATTACHED = 20
MAX_TAGS = 50


def check_name(name: str, member: str) -> None:
    """ValidationException for a name that IAM would refuse."""
    if not is_name(name):
        raise validation_text.one_refusal(
            name, member, f"Member must satisfy regular expression pattern: {NAME_PATTERN}"
        )


def require_user(reader: Reader, account: str, name: str) -> UserRecord:
    record = records.find_user(reader, account, name) if is_name(name) else None
    if record is None:
        raise UnknownResourceFault(f"Unknown user: {name}")
    return record


def require_group(reader: Reader, account: str, name: str) -> GroupRecord:
    record = records.find_group(reader, account, name) if is_name(name) else None
    if record is None:
        raise UnknownResourceFault(f"Unknown group: {name}")
    return record


def unknown_policy(name: str) -> UnknownResourceFault:
    return UnknownResourceFault(f"Unknown policy: {name}")


def require_policy(reader: Reader, account: str, name: str) -> None:
    """UnknownResourceFault unless the policy can be attached."""
    if name not in MANAGED and not (is_name(name) and reader.meta(records.policy_key(account, name))):
        raise unknown_policy(name)


def read_policy(text: str, *, resource_policy: bool = False) -> Policy:
    """MalformedPolicyDocumentFault with position and reason; the log gets neither, as they may quote the text."""
    try:
        return parse_policy(text, resource_policy=resource_policy)
    except PolicyError as error:
        raise MalformedPolicyDocumentFault(str(error), detail="the policy was refused") from error


def check_limit(found: int, limit: int, what: str) -> None:
    """LimitExceededFault when there are more than may be."""
    if found > limit:
        raise LimitExceededFault(f"The limit of {limit:,} {what} is reached")


def check_tags(keys: list[str], member: str) -> None:
    """ValidationException when a key is given twice."""
    if len(set(keys)) != len(keys):
        raise ValidationException(f"Duplicate tag keys found in {member}")
