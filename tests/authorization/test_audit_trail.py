"""The audit trail: one JSON object for a refusal, floods folded and counted, nothing in it but names."""

from __future__ import annotations

import json

import pytest

from tests.authorization.guarded import Guarded, audit_lines
from tests.support.access import TENANT, allow, deny
from workflowsvc.clock import ManualClock
from workflowsvc.service import audit_trail
from workflowsvc.service.audit_trail import AuditTrail, Refusal

REFUSAL = Refusal(
    "id-1", "AKIA1", "arn:aws:iam::1:user/ann", "swf:ListDomains", "arn:d", "no-allow", "enforce"
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def trail(clock: ManualClock) -> AuditTrail:
    return AuditTrail(clock.monotonic)


def test_a_refusal_is_a_line_with_names_alone(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    caller = guarded.user(allow("swf:*", on=TENANT.domain_arn("x")))
    guarded.denied(
        "StartWorkflowExecution",
        caller,
        domain="d",
        workflowId="w",
        workflowType={"name": "n", "version": "1"},
        input="SECRET",
    )
    (record,) = [record for record in caplog.records if record.name == "workflowsvc.access"]
    assert json.loads(record.getMessage()) == {
        "event": "refused",
        "keyId": "AKIAANN",
        "principal": f"arn:aws:iam::{TENANT.account}:user/ann",
        "action": "swf:StartWorkflowExecution",
        "resource": TENANT.domain_arn("d"),
        "reason": "no-allow",
        "sourceIp": "192.0.2.7",
    }


def test_a_denial_names_policy_and_statement(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    caller = guarded.user(allow("swf:*"), deny("swf:DescribeDomain") | {"Sid": "NotThis"})
    guarded.denied("DescribeDomain", caller, name="d")
    (line,) = audit_lines(caplog)
    assert (line["reason"], line["policy"], line["statement"]) == ("explicit-deny", "of ann", "NotThis")


def test_refusals_of_a_kind_are_folded_and_counted(
    trail: AuditTrail, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        trail.refused(REFUSAL._replace(request_id=f"id-{number}"))
    (line,) = audit_lines(caplog)
    assert (line["requestId"], "more" in line) == ("id-0", False)
    assert not trail.has_ended
    clock.advance(10_000)
    assert trail.has_ended
    trail.flush()
    (line,) = audit_lines(caplog)
    assert line["more"] == 999
    assert "requestId" not in line
    assert not trail.has_ended
    trail.refused(REFUSAL)
    assert len(audit_lines(caplog)) == 1
    assert trail.refusals == {("enforce", "no-allow"): 1001}


def test_no_refusal_of_a_flood_of_kinds_is_lost(
    trail: AuditTrail, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The lines of ten seconds are bounded, and their counts add up."""
    kinds = 3 * audit_trail.MAX_KINDS
    for number in range(kinds):
        trail.refused(REFUSAL._replace(key_id=f"AKIA{number}"))
        trail.refused(REFUSAL._replace(key_id=f"AKIA{number}"))
    logged = audit_lines(caplog)
    assert len(logged) == audit_trail.MAX_LINES
    trail.close()
    folded = audit_lines(caplog)
    assert len(folded) <= audit_trail.MAX_LINES + 1
    others = sum(line["count"] for line in folded if line["event"] == "others-refused")
    assert len(logged) + sum(line.get("more", 0) for line in folded) + others == 2 * kinds


def test_names_are_cut_and_stay_on_one_line(trail: AuditTrail, caplog: pytest.LogCaptureFixture) -> None:
    trail.refused(REFUSAL._replace(resource="a\n\u2028\x1b[31m" + "x" * 5000))
    (record,) = caplog.records
    text = record.getMessage()
    assert text.isprintable()
    assert len(text) < 1000


def test_a_kind_in_another_mode_is_another_kind(trail: AuditTrail, caplog: pytest.LogCaptureFixture) -> None:
    trail.refused(REFUSAL)
    trail.refused(REFUSAL._replace(mode="log"))
    assert [line["event"] for line in audit_lines(caplog)] == ["refused", "would-refuse"]


def test_a_later_call_logs_what_was_folded(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    caller = guarded.user()
    for _ in range(3):
        guarded.denied("DescribeDomain", caller, name="d")
    assert len(audit_lines(caplog)) == 1
    guarded.clock.advance(10_000)
    guarded.call("DescribeDomain", name="d")
    assert audit_lines(caplog)[0]["more"] == 2
