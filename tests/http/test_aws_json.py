"""Requests and answers have AWS's form (SWF §1.1, §1.2, §1.4), and no input is answered 500."""

from __future__ import annotations

import datetime
import email.utils
import logging
import re
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.http.fake_service import FakeService
from tests.http.support import LIST_DOMAINS, Answer, Running, post, running
from tests.support.waiting import until
from workflowsvc import __version__
from workflowsvc.clock import ManualClock
from workflowsvc.http.answer import render_head
from workflowsvc.http.connections import Connections
from workflowsvc.http.request_ids import request_ids
from workflowsvc.service.disconnect import Disconnect
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant

QUESTION = {"registrationStatus": "REGISTERED"}
REGISTER = {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"}


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [line, "Host: localhost", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "prefix", ["SimpleWorkflowService.", "com.amazonaws.swf.service.model.SimpleWorkflowService."]
)
def test_both_spellings_of_the_target_work(server: Running, prefix: str) -> None:
    assert server.ask(post("ListDomains", QUESTION, target=prefix)).status == 200


def test_the_answer_has_amazons_headers(server: Running) -> None:
    """SWF §1.2.3, §1.2.4."""
    answer = server.ask(LIST_DOMAINS)
    assert set(answer.headers) == {"x-amzn-requestid", "content-type", "content-length", "date"}
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        answer.headers["x-amzn-requestid"],
    )
    sent = email.utils.parsedate_to_datetime(answer.headers["date"])
    assert abs(datetime.datetime.now(datetime.UTC) - sent) < datetime.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("application/x-amz-json-1.0", "application/x-amz-json-1.0"),
        ("application/json", "application/json"),
        ("application/json; charset=UTF-8", "application/json"),
        ("application/x-www-form-urlencoded", "application/x-amz-json-1.0"),
    ],
)
@pytest.mark.parametrize("name", ["ListDomains", "DescribeDomain"])
def test_the_content_type_mirrors_that_of_the_request(
    server: Running, asked: str, answered: str, name: str
) -> None:
    """SWF §1.1.4, §1.2.2."""
    body = b'{"registrationStatus":"REGISTERED","name":"unknown"}'
    answer = server.ask(request(f"POST /{name} HTTP/1.1", f"Content-Type: {asked}", body=body))
    assert answer.headers["content-type"] == answered


def test_amz_1_0_is_no_compression(server: Running) -> None:
    """SWF §1.1.5."""
    assert server.ask(post("ListDomains", QUESTION, "Content-Encoding: amz-1.0")).status == 200


def test_an_action_without_output_is_answered_with_no_bytes(server: Running) -> None:
    answer = server.ask(post("RegisterDomain", REGISTER))
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    assert answer.headers["content-type"] == "application/x-amz-json-1.0"
    assert "x-amzn-requestid" in answer.headers


def test_a_fault_has_exactly_two_members(server: Running) -> None:
    answer = server.ask(post("DescribeDomain", {"name": "x"}))
    assert answer.status == 400
    assert (
        answer.body
        == b'{"__type":"com.amazonaws.swf.base.model#UnknownResourceFault","message":"Unknown domain: x"}'
    )


def test_people_with_curl_name_the_action_in_the_path(server: Running) -> None:
    """`Accept` is ignored (SWF §1.1.6)."""
    body = b'{"registrationStatus":"REGISTERED"}'
    curl = ["User-Agent: curl/8", "Accept: */*", "Content-Type: application/x-www-form-urlencoded"]
    assert server.ask(request("POST /ListDomains HTTP/1.1", *curl, body=body)).status == 200
    assert server.ask(request("POST /ListDomains?pretty HTTP/1.1", *curl, body=body)).status == 200


@pytest.mark.parametrize(
    "data",
    [
        request("POST / HTTP/1.1"),
        request("POST /listdomains HTTP/1.1"),
        request("POST /x/ListDomains HTTP/1.1"),
        request("POST /SimpleWorkflowService.ListDomains HTTP/1.1"),
        request("PUT / HTTP/1.1"),
        request("DELETE /ListDomains HTTP/1.1"),
        request("OPTIONS * HTTP/1.1"),
        request("GET /ListDomains HTTP/1.1"),
        request("GET /nothing HTTP/1.1"),
        post("NoSuchAction", {}),
        post("", {}),
        post("listDomains", QUESTION),
        LIST_DOMAINS.replace(b"X-Amz-Target", b"X-Amz-Targets"),
        post("ListDomains", QUESTION, target=""),
        post("ListDomains", QUESTION, target="NoSuchService."),
        LIST_DOMAINS.replace(b"POST / ", b"POST /ListDomains "),
        LIST_DOMAINS.replace(b"POST / ", b"GET / "),
        LIST_DOMAINS.replace(b"ListDomains", b"ListDomains\xff"),
    ],
)
def test_what_names_no_action_is_an_unknown_operation(server: Running, data: bytes) -> None:
    answer = server.ask(data)
    assert answer.status == 400
    assert answer.json == {"__type": "com.amazon.coral.service#UnknownOperationException"}
    assert "x-amzn-requestid" in answer.headers


BAD_BODIES = {
    "no JSON": b"hello",
    "half an object": b'{"registrationStatus":',
    "a list": b"[]",
    "a text": b'"x"',
    "NaN": b'{"registrationStatus":NaN}',
    "UTF-16": '{"registrationStatus":"REGISTERED"}'.encode("utf-16"),
    "not UTF-8": b'{"registrationStatus":"\xff"}',
    "brackets": b"[" * 100_000,
    "a wrong type": b'{"registrationStatus":1}',
    "a long number": b'{"registrationStatus":"REGISTERED","maximumPageSize":' + b"9" * 5_000 + b"}",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_cannot_be_read_is_a_serialization_exception(server: Running, body: bytes) -> None:
    answer = server.ask(post("ListDomains", body))
    assert (answer.status, answer.code) == (400, "SerializationException")


def test_an_empty_body_is_an_empty_object(server: Running) -> None:
    answer = server.ask(post("ListDomains", b""))
    assert (answer.status, answer.code) == (400, "ValidationException")


def test_a_web_page_cannot_drive_the_service(server: Running) -> None:
    """A browser says where a page comes from; as preflights get no consent, it can send only this."""
    before = len(server.service.calls)
    data = request(
        "POST /ListDomains HTTP/1.1",
        "Origin: http://evil.example",
        "Content-Type: text/plain",
        body=b'{"registrationStatus":"REGISTERED"}',
    )
    answer = server.ask(data)
    assert (answer.status, answer.code) == (400, "AccessDeniedException")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert len(server.service.calls) == before


def test_a_bug_is_logged_with_the_request_id_and_answered_as_amazon_does(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    answer = server.ask(post("DescribeDomain", {"name": "broken"}))
    assert answer.status == 500
    assert answer.body == b'{"__type":"com.amazon.coral.service#InternalFailure"}'
    (record,) = [record for record in caplog.records if record.exc_info]
    assert answer.headers["x-amzn-requestid"] in record.getMessage()
    assert "DescribeDomain" in record.getMessage()


def test_every_request_can_be_logged_without_what_it_says(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """QUALITY §5.6."""
    caplog.set_level(logging.DEBUG, logger="workflowsvc.http.calls")
    body = {"registrationStatus": "REGISTERED", "nextPageToken": "canary", "x": "canary"}
    answer = server.ask(post("ListDomains", body, "Authorization: canary"))
    until(lambda: bool(caplog.records), "the request is logged, after its answer")
    (record,) = caplog.records
    assert answer.headers["x-amzn-requestid"] in record.getMessage()
    assert "ListDomains for 000000000000/us-east-1 answered 200 in " in record.getMessage()
    assert "canary" not in record.getMessage()


# --- whose request ---


def credential(scope: str, separator: str = ", ") -> str:
    parts = [f"Credential={scope}", "SignedHeaders=host;x-amz-date;x-amz-target", "Signature=abc"]
    return "Authorization: AWS4-HMAC-SHA256 " + separator.join(parts)


@pytest.mark.parametrize(
    ("header", "account", "region"),
    [
        (credential("AKIDEXAMPLE/20150830/eu-west-1/swf/aws4_request"), "000000000000", "eu-west-1"),
        (credential("AKIDEXAMPLE/20150830/eu-west-1/swf/aws4_request", ","), "000000000000", "eu-west-1"),
        (credential("123456789012/20150830/us-west-2/swf/aws4_request"), "123456789012", "us-west-2"),
        (credential("local/20150830/us-east-1/swf/aws4_request"), "000000000000", "us-east-1"),
        (
            "Authorization: AWS4-HMAC-SHA256 Signature=a,Credential=1/20150830/x-1/swf/aws4_request",
            "000000000000",
            "x-1",
        ),
        # of another form, service or scheme: the default tenant
        (credential("123456789012/20150830/eu-west-1/s3/aws4_request"), "000000000000", "us-east-1"),
        (credential("123456789012/20150830/eu-west-1/swf"), "000000000000", "us-east-1"),
        (credential("123456789012/2015/eu-west-1/swf/aws4_request"), "000000000000", "us-east-1"),
        (credential("123456789012/20150830/EU WEST/swf/aws4_request"), "000000000000", "us-east-1"),
        (credential("1234567890123/20150830/eu-west-1/swf/aws4_request"), "000000000000", "eu-west-1"),
        ("Authorization: Basic MTIzNDU2Nzg5MDEyOng=", "000000000000", "us-east-1"),
        ("X-Nothing: here", "000000000000", "us-east-1"),
    ],
)
def test_the_credential_scope_says_whose_names_are_meant(
    server: Running, header: str, account: str, region: str
) -> None:
    assert server.ask(post("ListDomains", QUESTION, header)).json == {"account": account, "region": region}


def test_boto3_is_understood(server: Running) -> None:
    client = boto3.client(
        "swf",
        endpoint_url=server.server.url,
        region_name="eu-central-1",
        aws_access_key_id="111122223333",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.register_domain(name="d", workflowExecutionRetentionPeriodInDays="1")
    operation, tenant, sent = server.service.calls[-1]
    assert (operation, tenant) == ("RegisterDomain", Tenant("111122223333", "eu-central-1"))
    assert sent.name == "d"
    with pytest.raises(client.exceptions.UnknownResourceFault, match="Unknown domain: x"):
        client.describe_domain(name="x")
    with pytest.raises(ClientError, match="InternalFailure"):
        client.describe_domain(name="broken")


# --- health ---


def get(server: Running, path: str) -> Answer:
    with server.client() as client:
        client.send(request(f"GET {path} HTTP/1.1"))
        return client.answer("GET")


def test_health_pages_are_plain(server: Running) -> None:
    answer = get(server, "/")
    assert answer.body.decode() == f"workflowsvc {__version__}: Amazon SWF, API version 2012-01-25\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert get(server, "/livez").status == 200
    until(lambda: get(server, "/readyz").status == 200, "the store answers within a second")


class Broken(FakeService):
    """Its store is gone."""

    async def call(self, operation: str, tenant: Tenant, request: Any, disconnect: Disconnect | None) -> Any:
        raise ConnectionError("no store")


def health(server: Running, path: str) -> int:
    return server.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).status


def test_a_service_without_a_store_lives_and_is_not_ready() -> None:
    with running(Broken()) as server:
        assert health(server, "/readyz") == 503
        assert health(server, "/livez") == 200


def test_a_service_that_stops_is_not_ready() -> None:
    with running() as server:
        until(lambda: health(server, "/readyz") == 200, "the store answers within a second")
        server.app.draining = True
        assert health(server, "/readyz") == 503


def test_a_header_of_an_answer_cannot_bring_a_second_answer() -> None:
    with pytest.raises(ValueError, match="line break"):
        render_head(200, [(b"location", b"x\r\n\r\nHTTP/1.1 200 OK")], 0, b"date: x\r\n", stays_open=True)


def test_request_ids_are_version_4_uuids_and_never_repeat() -> None:
    numbers = iter(range(10_000))

    def random_bytes(count: int) -> bytes:
        return b"".join(next(numbers).to_bytes(16, "big") for _ in range(count // 16))

    ids = request_ids(random_bytes)
    drawn = [next(ids) for _ in range(1_000)]
    assert len(set(drawn)) == 1_000
    assert all(one[14] == "4" and one[19] in "89ab" for one in drawn)


def test_the_date_is_the_clocks() -> None:
    clock = ManualClock(784_111_777_000)
    connections = Connections(Settings(), clock)
    assert connections.date_line == b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    clock.advance(1_000)
    connections.sweep(0)
    assert connections.date_line == b"date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"
