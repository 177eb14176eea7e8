"""The cases of AWS's own test suite: the verifier finds the signature right that AWS gives (QUALITY §3.4)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.access.signed_requests import ALICE, NOW_MS, Raw, TestBook
from workflowsvc.access.book import AccessKey
from workflowsvc.access.sigv4 import Verifier
from workflowsvc.faults import Fault

SECRET = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthA"
    "x7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY"
    "9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


class Vector(NamedTuple):
    name: str
    request: Raw
    """Without its signature."""
    signed: tuple[bytes, ...]
    signature: bytes

    def signed_request(self) -> Raw:
        return self.request.with_header(
            b"Authorization",
            b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
            + b";".join(sorted(self.signed))
            + b", Signature="
            + self.signature,
        )

    def book(self) -> TestBook:
        token = self.request.header(b"x-amz-security-token")
        digest = None if token is None else hashlib.sha256(token).digest()
        return TestBook(AccessKey("AKIDEXAMPLE", ALICE, SECRET, active=True, session_token=digest))


def vectors() -> list[Vector]:
    text = Path(__file__).with_name("vectors.txt").read_text(encoding="utf-8")
    blocks = [block.splitlines() for block in text.split("\n\n") if not block.startswith("#")]
    return [_vector(*block) for block in blocks]


def _vector(name: str, request_line: str, *lines: str) -> Vector:
    method, _, target = request_line.partition(" ")
    path, _, query = target.partition("?")
    fields = [(b"Host", b"example.amazonaws.com"), (b"X-Amz-Date", b"20150830T123600Z")]
    signed = {b"host", b"x-amz-date"}
    body = signature = b""
    for line in lines:
        word, _, rest = line.partition(" ")
        if not word:
            fields[-1] = (fields[-1][0], fields[-1][1] + b"\r\n" + line.encode())
        elif word == "body":
            body = rest.encode()
        elif word == "signature":
            signature = rest.encode()
        else:
            field, _, value = (rest if word == "unsigned" else line).partition(":")
            fields.append((field.encode(), value.replace("TOKEN", TOKEN).encode()))
            if word != "unsigned":
                signed.add(field.lower().encode())
    fields = [(field, value if b"\n" in value else value.removeprefix(b" ")) for field, value in fields]
    raw = Raw(method.encode(), path.encode(), query.encode(), fields, body)
    return Vector(name, raw, tuple(signed), signature)


VECTORS = vectors()


def verifier() -> Verifier:
    return Verifier(300, ["us-east-1"], service="service")


def test_the_suite_is_whole() -> None:
    assert len({vector.name for vector in VECTORS}) == 34


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_signature_that_aws_gives_is_right(vector: Vector) -> None:
    signer = verifier().verify(vector.signed_request(), NOW_MS, vector.book())
    assert signer.key.principal == ALICE
    assert signer.region == "us-east-1"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_no_other_signature_is(vector: Vector) -> None:
    last = b"0" if vector.signature[-1:] != b"0" else b"1"
    other = vector._replace(signature=vector.signature[:-1] + last)
    with pytest.raises(Fault, match="does not match"):
        verifier().verify(other.signed_request(), NOW_MS, vector.book())
