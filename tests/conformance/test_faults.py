"""Every modelled fault of every action, through boto3 over HTTP: code, exact text, and nothing written.

The table is `refusals.py`; here it is played.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.asking import Asked, ask
from tests.conformance.dump import differences, dump
from tests.conformance.fixtures import Fixtures
from tests.conformance.refusals import CANNOT_OCCUR, Refusal, modelled, refusals
from tests.scenario.over_http import Server
from tests.wire import swf_model

REFUSALS = refusals()
SWF = "com.amazonaws.swf.base.model#"


@pytest.mark.parametrize("refusal", REFUSALS, ids=[f"{one.fault}: {one.title}" for one in REFUSALS])
def test_boto3_gets_code_and_text(server: Server, over_http: Fixtures, refusal: Refusal) -> None:
    client = server.client(refusal.tenant)
    before = dump(over_http.store)
    with pytest.raises(ClientError) as refused:
        call(client, refusal.operation, over_http.filled(refusal.members))
    answer = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["Error"]["Code"] == refusal.fault
    assert answer["Error"].get("Message", "") == (over_http.filled(refusal.message) or "")
    if (refusal.operation, refusal.fault) in modelled():
        assert type(refused.value) is getattr(client.exceptions, refusal.fault)
    assert differences(before, dump(over_http.store)) == []


@pytest.mark.parametrize("refusal", REFUSALS, ids=[f"{one.fault}: {one.title}" for one in REFUSALS])
def test_the_bytes_of_the_answer_are_amazons(server: Server, over_http: Fixtures, refusal: Refusal) -> None:
    """SWF §1.4.1, §1.4.2, §1.4.6: exactly two members, or one when there is no text."""
    asked: Asked = ask(server, refusal.operation, over_http.filled(refusal.members), refusal.tenant)
    body = {"__type": SWF + refusal.fault}
    if refusal.message is not None:
        body["message"] = over_http.filled(refusal.message)
    assert (asked.status, asked.json) == (400, body)


def test_every_modelled_fault_of_every_action_is_in_the_table_or_cannot_occur() -> None:
    shown = {(refusal.operation, refusal.fault) for refusal in REFUSALS}
    assert modelled() - shown == CANNOT_OCCUR.keys()
    assert not shown & CANNOT_OCCUR.keys()


def test_a_deprecated_domain_is_a_fault_that_three_actions_have_beside_the_model() -> None:
    """SWF §2.4: SDKs surface it as a plain ClientError, the code is kept."""
    shown = {(refusal.operation, refusal.fault) for refusal in REFUSALS}
    assert shown - modelled() == {
        ("RegisterActivityType", "DomainDeprecatedFault"),
        ("RegisterWorkflowType", "DomainDeprecatedFault"),
        ("StartWorkflowExecution", "DomainDeprecatedFault"),
    }


def call(client: Any, operation: str, members: dict[str, Any]) -> Any:
    """By the name that boto3 gives an action."""
    names = {name: method for method, name in client.meta.method_to_api_mapping.items()}
    return getattr(client, names[operation])(**members)


def test_the_table_knows_all_actions() -> None:
    assert {refusal.operation for refusal in REFUSALS} == set(swf_model.OPERATIONS) - {"ListDomains"}
