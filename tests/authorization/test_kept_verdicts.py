"""A verdict is kept for the next call of the same kind, and no longer than what it depends on."""

from __future__ import annotations

import pytest

from tests.authorization.guarded import Guarded
from tests.support.access import TENANT, allow, deny
from workflowsvc.access.caller import Caller
from workflowsvc.faults import ExpiredTokenException, UnrecognizedClientException

LISTS = allow("swf:ListOpenWorkflowExecutions", "swf:CountOpenWorkflowExecutions")
CALLS = 3  # the second call keeps what the third one finds
A_MINUTE_MS = 60_000


def count(guarded: Guarded, caller: Caller) -> None:
    guarded.call("CountOpenWorkflowExecutions", caller, domain="d", startTimeFilter={"oldestDate": 0})


def test_a_key_that_expires_between_two_calls_may_do_nothing_more(guarded: Guarded) -> None:
    caller = guarded.user(LISTS, expires_at=guarded.clock.now_ms() + A_MINUTE_MS)
    for _ in range(CALLS):
        count(guarded, caller)
    guarded.clock.advance(A_MINUTE_MS)
    with pytest.raises(ExpiredTokenException):
        count(guarded, caller)


def test_a_key_that_is_switched_off_may_do_nothing_more(guarded: Guarded) -> None:
    caller = guarded.user(LISTS)
    for _ in range(CALLS):
        count(guarded, caller)
    guarded.users.change_key(caller, active=False)
    with pytest.raises(UnrecognizedClientException):
        count(guarded, caller)


def test_what_is_allowed_in_one_domain_is_asked_anew_in_another(guarded: Guarded) -> None:
    guarded.call("RegisterDomain", name="other", workflowExecutionRetentionPeriodInDays="10")
    caller = guarded.user(LISTS, deny("swf:*", on=TENANT.domain_arn("other")))
    for _ in range(CALLS):
        count(guarded, caller)
    denied = guarded.denied(
        "CountOpenWorkflowExecutions", caller, domain="other", startTimeFilter={"oldestDate": 0}
    )
    assert "with an explicit deny" in denied
