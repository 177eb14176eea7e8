"""`--auth log` checks and logs everything, and refuses nothing; without a book nothing is let in with `enforce`."""

from __future__ import annotations

import pytest

from tests.authorization.calls import CALLS
from tests.authorization.guarded import Guarded, audit_lines
from tests.support.access import TENANT, allow
from workflowsvc.access.caller import Caller
from workflowsvc.faults import AccessDeniedException, Fault, ServiceUnavailable, UnrecognizedClientException


@pytest.mark.parametrize("action", sorted(CALLS))
def test_what_would_be_refused_is_carried_out_and_logged(
    watched: Guarded, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    case = CALLS[action](watched)
    prefix, name = action.split(":")
    caller = watched.user()
    caplog.clear()
    try:
        watched.call(name if prefix == "swf" else f"WorkflowSvc.{name}", caller, **case.members)
    except AccessDeniedException:
        raise
    except Fault:
        pass  # of the action itself
    line = audit_lines(caplog)[0]
    assert line == {
        "event": "would-refuse",
        "keyId": "AKIAANN",
        "principal": f"arn:aws:iam::{TENANT.account}:user/ann",
        "action": action,
        "resource": case.resource,
        "reason": "no-allow",
        "sourceIp": "192.0.2.7",
    }


def test_a_call_is_logged_once(watched: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    watched.call("DescribeDomain", watched.user(), name="d")
    assert len(audit_lines(caplog)) == 1
    assert watched.authorization.trail.refusals == {("log", "no-allow"): 1}


def test_a_key_that_is_gone_and_a_book_that_cannot_be_read_are_logged(
    watched: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caller = watched.user(allow("swf:*"))
    watched.users.remove_key(caller)
    watched.call("DescribeDomain", caller, name="d")
    (line,) = audit_lines(caplog)
    assert line["reason"] == "UnrecognizedClientException"
    watched.users.failure = ServiceUnavailable()
    watched.call("DescribeDomain", caller, name="d")
    assert audit_lines(caplog)[0]["reason"] == "ServiceUnavailable"


def test_a_caller_whose_signature_is_not_valid_is_let_in_with_log_alone(
    watched: Guarded, guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    """Its refusal is in the audit trail already."""
    watched.call("DescribeDomain", Caller(TENANT), name="d")
    assert audit_lines(caplog) == []
    with pytest.raises(UnrecognizedClientException):
        guarded.call("DescribeDomain", Caller(TENANT), name="d")


def test_no_call_is_let_in_while_it_is_not_known_who_may_do_what(guarded: Guarded) -> None:
    guarded.users.failure = ServiceUnavailable()
    with pytest.raises(ServiceUnavailable):
        guarded.call("DescribeDomain", name="d")


def test_the_server_itself_is_asked_nothing(guarded: Guarded) -> None:
    """As for `/readyz`."""
    server = Caller(TENANT, is_server=True)
    assert guarded.call("ListDomains", server, registrationStatus="REGISTERED")["domainInfos"]
