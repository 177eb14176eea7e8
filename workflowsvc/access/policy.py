"""What a policy is asked, and what it answers (SWF §13, QUALITY §4.2).

Owns the records only; reading policies is in `policy_text.py`, judging in `evaluation.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Context = Mapping[str, tuple[str, ...]]
"""Condition key in lower case -> its values; a key without a value is absent."""


class AccessRequest(NamedTuple):
    """One question: may this be done?"""

    action: str
    """`swf:StartWorkflowExecution`; a decision is `swf:ScheduleActivityTask`; our own is `workflowsvc:StartBatch`."""
    resource: str
    """ARN of the domain, or of what access operations are about."""
    context: Context


Reason = Literal["allowed", "explicit-deny", "no-allow", "session-policy"]


class Verdict(NamedTuple):
    """The answer, and by which statement it was given. `policy` and `statement` are empty when nothing matched."""

    allowed: bool
    reason: Reason
    policy: str = ""
    statement: str = ""
    """Its Sid, or `statement 2` counted from one."""
    lasts: bool = False
    """The same question gets the same answer from the same book at any time."""
