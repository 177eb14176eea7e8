"""Signatures equal those that botocore makes of the same request."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from workflowsvc.client.signing import Credentials, signed


class Fixed(SigV4Auth):
    """botocore's signer with the moment of a test."""

    def __init__(self, moment: str, *given: Any) -> None:
        super().__init__(*given)
        self.moment = moment

    def add_auth(self, request: Any) -> None:
        request.context["timestamp"] = self.moment
        self._modify_request_before_signing(request)
        canonical = self.canonical_request(request)
        self._inject_signature_to_request(
            request, self.signature(self.string_to_sign(request, canonical), request)
        )


@pytest.mark.parametrize("token", [None, "session-token=="])
@pytest.mark.parametrize("body", [b"{}", '{"name": "caf\u00e9"}'.encode()])
def test_a_request_is_signed_as_botocore_signs_it(token: str | None, body: bytes) -> None:
    headers = {
        "Host": "swf.eu-west-1.amazonaws.com",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "SimpleWorkflowService.ListDomains",
    }
    ours = signed(
        headers,
        body,
        credentials=Credentials("AKID", "secret/+", token),
        region="eu-west-1",
        now_ms=1_327_449_600_000,
    )
    assert ours["X-Amz-Date"] == "20120125T000000Z"
    request = AWSRequest("POST", "https://swf.eu-west-1.amazonaws.com/", headers=dict(headers), data=body)
    Fixed(ours["X-Amz-Date"], BotocoreCredentials("AKID", "secret/+", token), "swf", "eu-west-1").add_auth(
        request
    )
    assert ours["Authorization"] == request.headers["Authorization"]
