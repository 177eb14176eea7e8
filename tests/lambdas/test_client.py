"""The HTTP side of a Lambda task: what is sent, what each answer means, and what cannot hold it up (QUALITY §5.5)."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lambdas.function_server import Behave, answer, forever, send, serving
from workflowsvc.clock import SystemClock
from workflowsvc.engine.invoker import Ending, Failed, Invocation, Returned
from workflowsvc.lambdas import function_map
from workflowsvc.lambdas.client import LambdaClient
from workflowsvc.model.explain import MAX_DATA_CHARACTERS
from workflowsvc.tenant import Tenant

CLOCK = SystemClock()
PATIENCE_SECONDS = 60.0  # an ending that takes longer would be a time-out


def call(
    entries: dict[str, Any], folder: Path, *, name: str = "f", payload: str = "{}", seconds: float = 0
) -> Ending | None:
    """How a function of this map ends."""
    path = folder / "functions.json"
    path.write_text(json.dumps(entries))
    deadline = CLOCK.monotonic() + (seconds or PATIENCE_SECONDS)
    client = LambdaClient(function_map.read(str(path)), CLOCK)
    invocation = Invocation(
        run=1, scheduled_id=5, name=name, payload=payload, tenant=Tenant().key, deadline=deadline
    )
    return uvloop.run(asyncio.wait_for(client(invocation), PATIENCE_SECONDS + 5))


def ending(behave: Behave, folder: Path, seconds: float = 0) -> Ending | None:
    """What a function ends with that answers like this."""
    with serving(behave) as server:
        return call({"f": server.url}, folder, seconds=seconds)


# --- what is sent ---


def test_a_plain_url_is_posted_to_as_it_stands(tmp_path: Path) -> None:
    with serving(answer(b'"done"')) as server:
        entries = {"f": f"{server.url}/hooks/f%20g?key=1"}
        assert call(entries, tmp_path, payload='{"a":"ä"}') == Returned('"done"')
    [request] = server.requests
    assert request.line == "POST /hooks/f%20g?key=1 HTTP/1.1"
    assert request.body == '{"a":"ä"}'.encode()
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == "10"


@pytest.mark.parametrize(
    ("entry", "name", "path"),
    [
        ({}, "f", "/2015-03-31/functions/f/invocations"),
        ({"name": "function"}, "f", "/2015-03-31/functions/function/invocations"),
        (
            {},
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/invocations",
        ),
        ({}, "a/../b?c#d", "/2015-03-31/functions/a%2F..%2Fb%3Fc%23d/invocations"),
        ({}, "a\r\nX: y", "/2015-03-31/functions/a%0D%0AX%3A%20y/invocations"),
        ({}, "häuser", "/2015-03-31/functions/h%C3%A4user/invocations"),
    ],
)
def test_an_invoke_api_is_asked_for_the_function(
    tmp_path: Path, entry: dict[str, str], name: str, path: str
) -> None:
    with serving(answer(b"1")) as server:
        assert call({"*": {"lambda": f"{server.url}/"} | entry}, tmp_path, name=name) == Returned("1")
    [request] = server.requests
    assert request.path == path
    assert request.headers["x-amz-invocation-type"] == "RequestResponse"


def test_an_invoke_api_may_stand_under_a_path(tmp_path: Path) -> None:
    with serving(answer(b"1")) as server:
        call({"f": {"lambda": f"{server.url}/lambda/"}}, tmp_path)
    assert server.requests[0].path == "/lambda/2015-03-31/functions/f/invocations"


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_would_lead_elsewhere_is_no_function(tmp_path: Path, name: str) -> None:
    with serving(answer()) as server:
        ended = call({"*": {"lambda": server.url}}, tmp_path, name=name)
        assert isinstance(ended, Failed)
        assert ended.reason == "ResourceNotFoundException"
        assert not server.requests


def test_nothing_ambient_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no password file, no AWS credentials."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    for name, value in {
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "NETRC": str(netrc),
        "AWS_ACCESS_KEY_ID": "AKIDSECRET",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    with serving(answer()) as server:
        assert call({"f": server.url}, tmp_path) == Returned("null")
    [request] = server.requests
    assert "authorization" not in request.headers
    assert "secret" not in str(request).lower()


# --- what answers mean ---


@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        (answer(b'{"a":1}'), Returned('{"a":1}')),
        (answer(b"", status="204 No Content"), Returned(None)),
        (answer("ü".encode(), status="201 Created"), Returned("ü")),
        (send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n42\r\n0\r\n\r\n"), Returned("42")),
        (send(b"HTTP/1.0 200 OK\r\n\r\n42"), Returned("42")),
        (
            send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n42"),
            Returned("42"),
        ),
    ],
    ids=["json", "nothing", "text", "chunked", "until the end", "continued"],
)
def test_an_answer_is_the_result(tmp_path: Path, behave: Behave, expected: Ending) -> None:
    assert ending(behave, tmp_path) == expected


@pytest.mark.parametrize("word", ["Handled", "Unhandled"])
def test_a_function_error_is_the_reason_and_its_payload_the_details(tmp_path: Path, word: str) -> None:
    payload = '{"errorMessage":"no","errorType":"E"}'
    behave = answer(payload.encode(), X_Amz_Function_Error=word)
    assert ending(behave, tmp_path) == Failed(word, payload)


def test_a_function_error_without_a_word_is_unhandled(tmp_path: Path) -> None:
    assert ending(answer(b"", X_Amz_Function_Error=""), tmp_path) == Failed("Unhandled", None)


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (
            answer(
                b'{"Type":"User"}',
                status="404 Not Found",
                X_Amzn_ErrorType="ResourceNotFoundException:http://internal.amazon.com/coral/",
            ),
            "ResourceNotFoundException",
        ),
        (
            answer(b'{"__type":"com.amazonaws#TooManyRequestsException"}', status="429 -"),
            "TooManyRequestsException",
        ),
        (answer(b'{"code":"ServiceException"}', status="500 -"), "ServiceException"),
        (answer(b'{"code":"no such code!"}', status="500 -"), "HTTP 500"),
        (answer(b'{"code":7}', status="500 -"), "7"),
        (answer(b"[1]", status="502 -"), "HTTP 502"),
        (answer(b"<html>", status="503 -"), "HTTP 503"),
        (answer(b"[" * 5_000, status="503 -"), "HTTP 503"),
    ],
)
def test_an_error_of_the_invocation_is_its_code(tmp_path: Path, behave: Behave, reason: str) -> None:
    ended = ending(behave, tmp_path)
    assert isinstance(ended, Failed)
    assert ended.reason == reason
    assert ended.details


@pytest.mark.parametrize("status", ["301 -", "302 -", "307 -", "308 -"])
def test_a_redirect_is_not_followed(tmp_path: Path, status: str) -> None:
    with serving(answer()) as elsewhere:
        ended = ending(answer(b"", status=status, Location=elsewhere.url), tmp_path)
        assert ended == Failed(f"HTTP {status[:3]}", None)
        assert not elsewhere.requests


def test_a_function_that_is_not_in_the_map_is_not_found(tmp_path: Path) -> None:
    assert call({"g": "http://127.0.0.1:1"}, tmp_path) == Failed(
        "ResourceNotFoundException", "Function not found: f"
    )


# --- what goes wrong ---


def reason_of(behave: Behave, folder: Path, seconds: float = 0) -> str:
    ended = ending(behave, folder, seconds)
    assert isinstance(ended, Failed)
    return ended.reason


@pytest.mark.parametrize(
    "behave",
    [
        answer(b"x" * (4 * MAX_DATA_CHARACTERS + 1)),
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 200_000),
        forever(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        forever(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1_000),
    ],
    ids=["long", "announced", "endless chunks", "endless"],
)
def test_an_answer_that_is_too_long_is_not_read_to_its_end(tmp_path: Path, behave: Behave) -> None:
    assert reason_of(behave, tmp_path) == "ResponseTooLarge"


@pytest.mark.parametrize(
    "behave",
    [
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123"),
        send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123"),
        send(b"SSH-2.0-OpenSSH\r\n"),
        send(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1_000 + b"\r\n"),
        forever(b"HTTP/1.1 200 OK\r\n", b"a: " + b"b" * 1_000),
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe"),
    ],
    ids=["cut short", "cut in a chunk", "no HTTP", "many headers", "an endless header", "no text"],
)
def test_an_answer_that_cannot_be_understood_says_so(tmp_path: Path, behave: Behave) -> None:
    assert reason_of(behave, tmp_path) == "InvalidResponse"


def test_a_connection_that_ends_without_an_answer_has_failed(tmp_path: Path) -> None:
    assert reason_of(send(b""), tmp_path) == "ConnectionFailed"


def test_a_closed_port_has_failed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ended = call({"f": f"http://127.0.0.1:{port}"}, tmp_path)
    assert isinstance(ended, Failed)
    assert (ended.reason, ended.details) == ("ConnectionFailed", "Connection refused")


def test_an_unknown_host_has_failed(tmp_path: Path) -> None:
    ended = call({"f": "http://function.invalid/"}, tmp_path)
    assert isinstance(ended, Failed)
    assert ended.reason == "ConnectionFailed"


@pytest.mark.parametrize(
    "behave",
    [
        forever(b"", b"", 0.02),
        forever(b"HTTP/1.1 200 OK\r\nA: ", b"x", 0.02),
        forever(b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n", b"x", 0.02),
        forever(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.02),
    ],
    ids=["silent", "trickling headers", "a trickling body", "trickling chunks"],
)
def test_a_slow_answer_is_given_up_once_the_task_has_timed_out(tmp_path: Path, behave: Behave) -> None:
    assert ending(behave, tmp_path, seconds=0.4) is None


def test_a_server_that_takes_no_input_is_given_up_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        entries = {"f": f"http://127.0.0.1:{deaf.getsockname()[1]}"}
        assert call(entries, tmp_path, payload="x" * 32_000_000, seconds=0.4) is None


# --- TLS ---


def certificate(folder: Path, host: str) -> Path:
    """A certificate that has signed itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.mark.parametrize(
    ("host", "trusted", "expected"),
    [("localhost", True, Returned("7")), ("localhost", False, None), ("elsewhere", True, None)],
    ids=["trusted", "unknown", "of another host"],
)
def test_a_certificate_must_be_trusted_and_that_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, trusted: bool, expected: Ending | None
) -> None:
    path = certificate(tmp_path, host)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with serving(answer(b"7"), tls) as server:
        ended = call({"f": f"https://localhost:{server.port}"}, tmp_path)
        assert bool(server.requests) == (expected is not None)
    if expected is not None:
        assert ended == expected
    else:
        assert isinstance(ended, Failed)
        assert ended.reason == "ConnectionFailed"
        assert "CERTIFICATE_VERIFY_FAILED" in (ended.details or "")
