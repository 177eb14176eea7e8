"""The credentials of a request name its account and region, and so whose names are meant (SWF §1.3.5)."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from interop.histories import all_histories, require_sound
from interop.server import Server, running_server
from tests.support.waiting import PATIENCE_SECONDS
from tests.tenants.play import TENANTS, Refusal, leaks, live
from workflowsvc.tenant import Tenant

DEFAULT = "333333333333"
REGION = "us-west-2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tenants")
    with running_server(folder, "--account", DEFAULT, "--region", REGION) as running:
        yield running


def client(server: Server, key_id: str, region: str) -> Any:
    return boto3.client(
        "swf",
        endpoint_url=server.endpoint,
        region_name=region,
        aws_access_key_id=key_id,
        aws_secret_access_key="secret",
        config=Config(parameter_validation=False, read_timeout=75, retries={"total_max_attempts": 1}),
    )


def test_no_tenant_hears_a_word_of_another_over_http(server: Server) -> None:
    clients = {tenant: client(server, tenant.account, tenant.region) for tenant in TENANTS.values()}

    def carry_out(tenant: Tenant, operation: str, members: dict[str, Any]) -> Any:
        try:
            answer = clients[tenant]._make_api_call(operation, members)
        except ClientError as error:
            fault = error.response["Error"]
            return Refusal(fault["Code"], fault.get("Message"))
        del answer["ResponseMetadata"]
        return answer

    assert leaks(live(carry_out)) == []
    for tenant in TENANTS.values():
        assert require_sound(all_histories(clients[tenant])) > 50


@pytest.mark.parametrize(
    ("key_id", "account"),
    [
        ("444444444444", "444444444444"),
        ("AKIDEXAMPLE", DEFAULT),
        ("local", DEFAULT),
        ("44444444444", DEFAULT),
        ("4444444444444", DEFAULT),
        ("44444444444a", DEFAULT),
    ],
)
def test_a_key_of_twelve_digits_names_its_account_and_any_other_the_default(
    server: Server, key_id: str, account: str
) -> None:
    own = client(server, key_id, "eu-north-1")
    name = f"of {key_id}"
    own.register_domain(name=name, workflowExecutionRetentionPeriodInDays="1")
    arn = own.describe_domain(name=name)["domainInfo"]["arn"]
    assert arn == f"arn:aws:swf:eu-north-1:{account}:/domain/{name}"
    by_account = client(server, account, "eu-north-1")
    assert by_account.describe_domain(name=name)["domainInfo"]["arn"] == arn
    elsewhere = client(server, account, "eu-north-2")
    with pytest.raises(ClientError, match=f"Unknown domain: {name}"):
        elsewhere.describe_domain(name=name)


@pytest.mark.parametrize(
    ("authorization", "arn"),
    [
        (None, f"arn:aws:swf:{REGION}:{DEFAULT}:/domain/d"),
        ("Bearer xyz", f"arn:aws:swf:{REGION}:{DEFAULT}:/domain/d"),
        ("AWS4-HMAC-SHA256 nonsense", f"arn:aws:swf:{REGION}:{DEFAULT}:/domain/d"),
        (
            "AWS4-HMAC-SHA256 Credential=555555555555/20120125/sa-east-1/swf/aws4_request, "
            "SignedHeaders=host, Signature=0",
            "arn:aws:swf:sa-east-1:555555555555:/domain/d",
        ),
        (
            "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0, "
            "Credential=AKID/20120125/sa-east-1/swf/aws4_request",
            f"arn:aws:swf:sa-east-1:{DEFAULT}:/domain/d",
        ),
    ],
    ids=["none", "another scheme", "no scope", "an account", "a key, and in another order"],
)
def test_what_the_header_does_not_say_is_the_servers_default(
    server: Server, authorization: str | None, arn: str
) -> None:
    register = {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"}
    status, answer = post(server, "RegisterDomain", register, authorization)
    assert status == 200 or answer["__type"].endswith("#DomainAlreadyExistsFault")
    status, answer = post(server, "DescribeDomain", {"name": "d"}, authorization)
    assert status == 200
    assert answer["domainInfo"]["arn"] == arn


def post(
    server: Server, operation: str, members: dict[str, Any], authorization: str | None
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=PATIENCE_SECONDS)
    headers = {"X-Amz-Target": f"SimpleWorkflowService.{operation}"}
    if authorization is not None:
        headers["Authorization"] = authorization
    connection.request("POST", "/", json.dumps(members).encode(), headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, json.loads(body) if body else {}


def test_domains_are_listed_by_account_and_region(server: Server) -> None:
    accounts = ("666666666666", "777777777777")
    regions = ("ap-south-1", "ap-south-2")
    for account in accounts:
        for region in regions:
            client(server, account, region).register_domain(
                name=f"{account} {region}", workflowExecutionRetentionPeriodInDays="1"
            )
    for account in accounts:
        for region in regions:
            listed = client(server, account, region).list_domains(registrationStatus="REGISTERED")
            assert [info["name"] for info in listed["domainInfos"]] == [f"{account} {region}"]
