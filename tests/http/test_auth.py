"""`--auth`: who is served, for which tenant, what the log says, and that every refusal tells the time."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from tests.access.signed_requests import ACCOUNT, KEY, Raw, TestBook, access_key, signed
from tests.http import certificates
from tests.http.fake_service import FakeService
from tests.http.support import LIST_DOMAINS, Answer, Running, post, running
from tests.http.test_serve import ROOT, serve
from tests.support.waiting import PATIENCE_SECONDS, until
from workflowsvc.access.caller import Caller

REGION = "us-east-1"
HOST = "swf.example.org"


class Knowing(FakeService):
    """Knows Alice's key, and remembers the callers."""

    def __init__(self, *keys: Any) -> None:
        super().__init__()
        self.access_data = TestBook(*(keys or (KEY,)))
        self.callers: list[Caller] = []

    def begin(self, action: Any, caller: Caller, *rest: Any) -> None:
        self.callers.append(caller)
        super().begin(action, caller, *rest)


def sent(request: Raw, *headers: str) -> bytes:
    """The bytes of a request."""
    target = request.raw_path + (b"?" + request.query if request.query else b"")
    lines = [request.method + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.fields]
    lines += [header.encode() for header in headers]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(request.body), b"", b""]) + request.body


def now(**how: Any) -> Raw:
    return signed(**{"now_ms": int(time.time() * 1000), "region": REGION} | how)


def ask(server: Running, request: Raw, *headers: str) -> Answer:
    return server.ask(sent(request, *headers))


# --- enforce ---


def test_the_tenant_is_the_account_of_the_key_in_the_region_of_the_signature() -> None:
    service = Knowing()
    with running(service, auth="enforce", regions=f"{REGION},eu-west-1") as server:
        assert ask(server, now()).json == {"account": ACCOUNT, "region": REGION}
        assert ask(server, now(region="eu-west-1")).json == {"account": ACCOUNT, "region": "eu-west-1"}
        refused = ask(server, now(region="eu-west-2"))
        assert (refused.status, refused.code) == (400, "InvalidSignatureException")
        assert refused.json["message"] == "Credential should be scoped to a valid region, not 'eu-west-2'. "
    assert service.used_keys.keys() == {KEY.id}


def test_the_caller_is_known_with_all_that_policies_ask_for() -> None:
    service = Knowing()
    with running(service, auth="enforce", trusted_proxies="127.0.0.1") as server:
        ask(server, now(), "User-Agent: tests/1", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https")
        ask(server, now())
    forwarded, direct = service.callers
    assert forwarded == Caller((ACCOUNT, REGION), KEY, "203.0.113.7", "tests/1", is_secure=True)  # type: ignore[arg-type]
    assert direct == Caller((ACCOUNT, REGION), KEY, "127.0.0.1", "", is_secure=False)  # type: ignore[arg-type]


def test_requests_without_a_right_signature_never_reach_the_service() -> None:
    with running(Knowing(), auth="enforce") as server:
        answers = [
            server.ask(LIST_DOMAINS),
            ask(server, now(secret="wrong")),
            ask(server, now(key_id="AKIDOTHER")),
            ask(server, now(now_ms=int(time.time() * 1000) - 301_000)),
            ask(server, now(), "X-Amz-Target: SimpleWorkflowService.DeprecateDomain"),
            ask(server, now(), "Authorization: x"),
            server.ask(sent(now()).replace(b"REGISTERED", b"DEPRECATED")),
        ]
        assert [answer.code for answer in answers] == [
            "MissingAuthenticationTokenException",
            "InvalidSignatureException",
            "InvalidSignatureException",
            "InvalidSignatureException",
            "MalformedHttpRequestException",
            "MalformedHttpRequestException",
            "InvalidSignatureException",
        ]
        assert {answer.status for answer in answers} == {400}
        assert answers[1].body == answers[2].body
        assert not server.service.calls


def test_every_answer_says_what_time_it_is() -> None:
    """SDKs correct their clocks by it (QUALITY §3.3)."""
    with running(Knowing(), auth="enforce") as server:
        for data in (
            LIST_DOMAINS,
            sent(now()),
            sent(now(now_ms=1)),
            b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
        ):
            assert server.ask(data).headers["date"].endswith(" GMT")


def test_a_body_in_pieces_is_verified_like_a_whole_one() -> None:
    body = json.dumps({"registrationStatus": "REGISTERED", "x": "y" * 900_000}).encode()
    request = now(body=body)
    with running(Knowing(), auth="enforce") as server, server.client() as client:
        for last in (body[-1:], b" "):
            data = sent(request)[:-1] + last
            for start in range(0, len(data), 100_000):
                client.send(data[start : start + 100_000])
            assert (client.answer().status == 200) == (last == body[-1:])
        head = sent(request).partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
        client.send(head + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        assert client.answer().status == 200


def test_a_key_signs_for_the_paths_that_curl_calls() -> None:
    with running(Knowing(), auth="enforce") as server:
        request = now(url="https://swf.example.org/ListDomains", headers={"X-Amz-Target": "x"})
        assert ask(server, request).code == "UnknownOperationException"  # two names
        for target in (
            b"/ListDomains",
            b"/./ListDomains",
            b"//ListDomains",
            b"/%4cistDomains",
            b"/ListDomains?x=y",
        ):
            assert server.ask(sent(request).replace(b"/ListDomains HTTP", target + b" HTTP")).status == 400
        assert not server.service.calls


def test_access_data_that_cannot_be_read_lets_no_call_in() -> None:
    service = Knowing()
    service.access_data = None
    with running(service, auth="enforce") as server:
        answer = ask(server, now())
        assert (answer.status, answer.code) == (503, "ServiceUnavailable")
        assert server.ask(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
        assert not service.calls


def test_a_signature_says_that_its_sender_meant_the_request() -> None:
    """A page that is open in a browser has no key, so neither names nor origins are asked for."""
    with running(Knowing(), auth="enforce") as server:
        assert ask(server, now(), "Origin: https://example.org", "Sec-Fetch-Site: cross-site").status == 200
        assert server.ask(post("ListDomains", {}, "Origin: https://example.org")).status == 400


def test_the_log_says_who_was_refused_and_why_and_holds_no_signature(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO), running(Knowing(), auth="enforce") as server:
        request = now(key_id="AKIAOTHERKEY")
        ask(server, request)
        ask(server, now().with_authorization(b"Credential=", b"Credentials="))
        for text in (
            "the access key does not exist (key AKIAOTHERKEY, from 127.0.0.1)",
            "requires 'Credential' parameter. (key not named, from 127.0.0.1)",
        ):
            until(lambda text=text: text in caplog.text, f"the log has {text}")
        assert "Signature=" not in caplog.text
        assert (request.header(b"authorization") or b"")[-64:].decode() not in caplog.text


def test_an_sdk_calls_with_a_key_and_with_a_temporary_one() -> None:
    token = "token of the session"
    keys = KEY, access_key("ASIATEMP", "secret", token=token, expires_at=int(time.time() * 1000) + 600_000)
    with running(Knowing(*keys), auth="enforce") as server:
        for key_id, secret, given in (
            (KEY.id, KEY.secret.decode(), None),
            ("ASIATEMP", "secret", token),
        ):
            assert sdk(server, key_id, secret, given).list_domains(registrationStatus="REGISTERED")
        for key_id, secret, given, code in (
            (KEY.id, "wrong", None, "InvalidSignatureException"),
            ("AKIDOTHER", "wrong", None, "InvalidSignatureException"),
            (KEY.id, KEY.secret.decode(), token, "UnrecognizedClientException"),
            ("ASIATEMP", "secret", None, "UnrecognizedClientException"),
            ("ASIATEMP", "secret", "another", "UnrecognizedClientException"),
        ):
            with pytest.raises(ClientError) as refused:
                sdk(server, key_id, secret, given).list_domains(registrationStatus="REGISTERED")
            assert refused.value.response["Error"]["Code"] == code


def sdk(server: Running, key_id: str, secret: str, token: str | None) -> Any:
    session = Session()
    session.set_credentials(key_id, secret, token)
    config = Config(retries={"total_max_attempts": 1})
    return session.create_client("swf", REGION, endpoint_url=server.server.url, config=config)


# --- log ---


def test_log_serves_what_off_serves_and_says_what_would_be_refused() -> None:
    service = Knowing()
    with running(service, auth="log", allowed_hosts=HOST) as server:
        assert ask(server, now()).json == {"account": ACCOUNT, "region": REGION}
        assert server.ask(LIST_DOMAINS).json == {"account": "000000000000", "region": REGION}
        other = now(key_id="999999999999", region="eu-west-9")
        assert ask(server, other).json == {"account": "999999999999", "region": "eu-west-9"}
        assert server.ask(post("ListDomains", {}, "Origin: x")).code == "AccessDeniedException"
    assert [caller.key for caller in service.callers] == [KEY, None, None]
    assert [(each.reason, each.mode, each.source_ip) for each in service.refusals] == [
        ("Request is missing Authentication Token", "log", "127.0.0.1"),
        ("the signature is for another region", "log", "127.0.0.1"),
    ]


def test_log_goes_on_without_access_data() -> None:
    service = Knowing()
    service.access_data = None
    with running(service, auth="log", allowed_hosts=HOST) as server:
        assert ask(server, now()).status == 200


# --- off ---


def test_off_asks_for_no_key() -> None:
    service = Knowing()
    with running(service, allowed_hosts=HOST) as server:
        assert ask(server, now(secret="wrong")).json == {"account": "000000000000", "region": REGION}
    assert service.callers[0].key is None
    assert not service.used_keys


# --- the command ---


def test_enforce_may_listen_on_any_address_and_warns_without_tls(tmp_path: Path) -> None:
    with serve(tmp_path, "--host", "0.0.0.0", "--auth", "enforce") as served:
        assert "0.0.0.0 can be reached from other machines without TLS" in served.said
        assert "Auth      enforce: calls are signed with an access key" in served.said
        assert "export AWS_ACCESS_KEY_ID=YOUR_KEY_ID AWS_SECRET_ACCESS_KEY=YOUR_SECRET" in served.said
    with serve(tmp_path, "--host", "0.0.0.0", "--auth", "enforce", "--trusted-proxies", "10.0.0.1") as served:
        assert "without TLS" not in served.said


def test_enforce_says_how_to_make_the_first_key_until_there_is_one(tmp_path: Path) -> None:
    key_file, store = tmp_path / "master.key", f"sqlite:{tmp_path / 'a.db'}"
    at = ["--store", store, "--master-key-file", str(key_file)]
    command(tmp_path, "access", "master-key", str(key_file))
    with serve(tmp_path, "--auth", "enforce", *at) as served:
        assert "There is no access key yet. To make the first, stop this server and run" in served.said
        assert f"workflowsvc access user create NAME --policy SwfFullAccess --store {store}" in served.said
        assert served.ask(LIST_DOMAINS).code == "MissingAuthenticationTokenException"
    command(tmp_path, "access", "user", "create", "ann", "--policy", "SwfFullAccess", *at)
    made = command(tmp_path, "access", "key", "create", "ann", *at)
    key = dict(re.findall(r"(AWS_[A-Z_]+)=(\S+)", made))
    files = certificates.make(tmp_path)
    options = [f"--{name.replace('_', '-')}={path}" for name, path in files.settings().items()]
    with serve(tmp_path, "--auth", "enforce", *at, *options) as served:
        assert "There is no access key yet" not in served.said
        session = Session()
        session.set_credentials(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"])
        url = f"https://localhost:{served.port}"
        client = session.create_client("swf", REGION, endpoint_url=url, verify=str(files.certificate))
        assert client.list_domains(registrationStatus="REGISTERED")["domainInfos"] == []
    with serve(tmp_path, "--auth", "enforce", "--store", "memory") as served:
        assert "a store in memory cannot be given one" in served.said


def command(folder: Path, *arguments: str) -> str:
    """What a command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "workflowsvc", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0", "--auth", "log"], "--auth log refuses no request; listen on 127.0.0.1"),
        (["--trusted-proxies", "10.0.0.1/8"], "'10.0.0.1/8' is neither an address nor a network"),
        (["--tls-key", "x"], "--tls-key needs --tls-certificate"),
        (["--signature-window-seconds", "901"], "901 is not between 1 and 900 seconds"),
        (["--regions", "a,,b"], "is not a list of region names"),
        (["--auth", "on"], "'on' is not one of off, log, enforce"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_start(tmp_path: Path, options: list[str], message: str) -> None:
    with serve(tmp_path, *options) as served:
        assert served.process.wait(PATIENCE_SECONDS) == 2
        assert message in served.said
