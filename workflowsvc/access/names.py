"""What users, groups and policies may be called, their ARNs, and the form of key ids: as in IAM.

Owns these forms. Must not know whether something with such a name exists.
"""

from __future__ import annotations

import re
from typing import Final

NAME_PATTERN: Final = r"[\w+=,.@-]+"
"""Letters, digits and `_+=,.@-`, as IAM has it: no space, so that a name can be a part of a stored key."""
MAX_NAME: Final = 64  # characters; IAM's limit of user names, taken for all three

KEY_ID_PATTERN: Final = r"A[KS]I[AD][A-Z0-9]{7,60}"
"""`AKIA…` and `ASIA…`, and the `AKID…` of AWS's examples. Only a text of this form is logged as a key id: some clients
and some people give a secret in its place."""

_is_name = re.compile(NAME_PATTERN, re.ASCII).fullmatch


def is_name(text: str) -> bool:
    return len(text) <= MAX_NAME and _is_name(text) is not None


def user_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:user/{name}"


def group_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:group/{name}"


def policy_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:policy/{name}"
