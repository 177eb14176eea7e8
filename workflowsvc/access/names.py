"""What users, groups and policies may be called, and their ARNs: as in IAM.

Owns these forms. Must not know whether something with such a name exists.
"""

from __future__ import annotations

import re
from typing import Final

NAME_PATTERN: Final = r"[\w+=,.@-]+"
"""Letters, digits and `_+=,.@-`, as IAM has it: no space, so that a name can be a part of a stored key."""
MAX_NAME: Final = 64  # characters; IAM's limit of user names, taken for all three

_is_name = re.compile(NAME_PATTERN, re.ASCII).fullmatch


def is_name(text: str) -> bool:
    return len(text) <= MAX_NAME and _is_name(text) is not None


def user_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:user/{name}"


def group_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:group/{name}"


def policy_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:policy/{name}"
