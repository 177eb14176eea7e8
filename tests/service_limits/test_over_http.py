"""Throttling as a client sees it: boto3 against a real server with `--limits aws`."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from interop.server import running_server
from workflowsvc.service.actions import SWF


def test_boto3_sees_a_throttled_call_as_from_aws(tmp_path: Path) -> None:
    with running_server(tmp_path, "--limits", "aws", "--max-domains", "1") as server:
        client = server.client()
        rate = SWF.actions["RegisterDomain"].rate
        assert rate is not None
        client.register_domain(name="d", workflowExecutionRetentionPeriodInDays="1")
        seen: list[str] = []
        for _ in range(10 * rate.size):
            with pytest.raises(ClientError) as caught:
                client.register_domain(name="e", workflowExecutionRetentionPeriodInDays="1")
            error = caught.value.response["Error"]
            seen.append(error["Code"])
            if error["Code"] == "ThrottlingException":
                assert error["Message"] == "Rate exceeded"
                assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
                break
        assert seen[0] == "LimitExceededFault"
        assert seen[-1] == "ThrottlingException"
        client.describe_domain(name="d")  # another action, another bucket
